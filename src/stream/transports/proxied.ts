/** A connection to a listener that expects the PROXY protocol, until its header has been read. */
import type { Networks } from '../../net/address.ts'
import { readProxyHeader } from '../../net/proxy-protocol.ts'
import type { Clock } from '../../store/clock.ts'

export interface ProxyOptions {
  /** Proxies whose word is taken. */
  readonly from: Networks
  readonly clock: Clock
  /** Milliseconds for the header. */
  readonly within: number
}

export class ProxyGreeting {
  readonly #done: (client: string | undefined, rest: Buffer) => void
  readonly #failed: (why: string) => void
  readonly #cancel: () => void
  #bytes = Buffer.alloc(0)
  #over = false

  constructor(
    { clock, within }: ProxyOptions,
    done: (client: string | undefined, rest: Buffer) => void,
    failed: (why: string) => void,
  ) {
    this.#done = done
    this.#failed = failed
    this.#cancel = clock.after(within, () => this.#end(() => failed('no header in time')))
  }

  /** A header that is not over yet is shorter than 5 KB, so that no more than one read is kept beside it. */
  feed(bytes: Uint8Array): void {
    if (this.#over) return
    this.#bytes = Buffer.concat([this.#bytes, bytes])
    const header = readProxyHeader(this.#bytes)
    if (header.kind === 'part') return
    this.#end(() => {
      if (header.kind === 'bad') this.#failed(header.why)
      else this.#done(header.client, this.#bytes.subarray(header.length))
    })
  }

  /** The connection is gone. */
  cancel(): void {
    this.#end(() => {})
  }

  #end(then: () => void): void {
    if (this.#over) return
    this.#over = true
    this.#cancel()
    then()
  }
}
