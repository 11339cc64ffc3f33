/** A connection without a network. What the server writes is there when it is flushed. */
import type {
  Batch,
  Identity,
  TlsFacts,
  Transport,
  TransportEvents,
} from '../../src/stream/transports/transport.ts'

export const TEST_IDENTITY: Identity = {
  certPem: '',
  keyPem: '',
  endPointHash: new Uint8Array(32).fill(1),
}

/** Bytes that both ends of a pretended TLS 1.3 connection would export. */
export const EXPORTED = Buffer.alloc(32, 9)

export class MemoryTransport implements Transport {
  readonly kind = 'memory'
  tls: TlsFacts | undefined
  events: TransportEvents = { data() {}, secured() {}, closed() {} }
  paused = false
  closed = false
  /** The peer reads nothing: what is flushed stays in the buffer. */
  stalled = false
  /** Whether the peer goes through with the TLS handshake. */
  handshakes = true
  /** How many times bytes left: one per turn. */
  writes = 0
  #text = ''
  #onOutput: (text: string) => void = () => {}
  #onClose: () => void = () => {}
  readonly #batch: Batch

  constructor(
    batch: Batch,
    readonly ip: string,
    secure: boolean,
    private readonly version: 'TLSv1.2' | 'TLSv1.3' = 'TLSv1.3',
  ) {
    this.#batch = batch
    if (secure) this.#secure()
  }

  listen(onOutput: (text: string) => void, onClose: () => void): void {
    this.#onOutput = onOutput
    this.#onClose = onClose
  }

  get buffered(): number {
    return this.#text.length
  }

  write(text: string): void {
    if (this.closed) return
    this.#text += text
    this.#batch.mark(this)
  }

  flush(): void {
    if (this.#text === '' || this.stalled) return
    const text = this.#text
    this.#text = ''
    this.writes++
    this.#onOutput(text)
  }

  startTls(): void {
    if (!this.handshakes) return
    this.#secure()
    queueMicrotask(() => this.events.secured())
  }

  pause(): void {
    this.paused = true
  }

  resume(): void {
    this.paused = false
  }

  end(): void {
    this.flush()
    this.destroy()
  }

  /** How often a proxy was shown that the connection lives. */
  keptAlive = 0
  keepAlive(): void {
    this.keptAlive++
  }

  destroy(): void {
    if (this.closed) return
    this.closed = true
    this.events.closed()
    this.#onClose()
  }

  #secure(): void {
    this.tls = { version: this.version, endPointHash: TEST_IDENTITY.endPointHash, exporter: () => EXPORTED }
  }
}
