/**
 * XMPP over WebSocket (RFC 7395): one text frame, one element. The HTTP server upgrades the request and hands over
 * the socket; TLS ended there or in a proxy, so that there is no STARTTLS and nothing for channel binding.
 */
import { StreamError } from '../../xmpp/errors.ts'
import { NS } from '../../xmpp/namespaces.ts'
import type { Element } from '../../xmpp/xml.ts'
import { type ElementSource, type Framing, opening, standalone, written } from '../framing.ts'
import { Reader, type ReaderEvent, type ReaderLimits } from '../../xml/reader.ts'
import {
  type Batch,
  TLS_ELSEWHERE,
  type TlsFacts,
  type Transport,
  type TransportEvents,
} from './transport.ts'

/** Close codes of RFC 6455 §7.4.1 and the registry it opened. */
const CODE = { normal: 1000, notText: 1003, tryLater: 1013 }
/** Bytes given to the runtime before the kernel has taken the earlier ones. */
const IN_FLIGHT = 65_536

const framing: Framing = {
  source: (limits) => new Frames(limits),
  header: (attrs) => `<open${written({ xmlns: NS.framing, ...attrs })}/>`,
  element: standalone,
  footer: `<close xmlns='${NS.framing}'/>`,
}

/** Frames as a stream's source; each must be one whole element (§3.3). */
class Frames implements ElementSource {
  readonly #frames: Uint8Array[] = []
  readonly #reader: Reader
  /** The next element opens a stream (§3.4, §3.7). */
  #fresh = true

  constructor(limits: ReaderLimits) {
    this.#reader = new Reader(limits, 'documents')
  }

  get limits(): ReaderLimits {
    return this.#reader.limits
  }

  set limits(limits: ReaderLimits) {
    this.#reader.limits = limits
  }

  feed(bytes: Uint8Array): void {
    this.#frames.push(bytes)
  }

  next(): ReaderEvent | null {
    const frame = this.#frames.shift()
    if (!frame) return null
    const element = this.#whole(frame)
    if (element.attrs.xmlns === NS.framing) return this.#frame(element)
    if (this.#fresh || element.attrs.xmlns === '') throw new StreamError('invalid-namespace')
    return { kind: 'element', element }
  }

  reset(): void {
    this.#fresh = true
  }

  discard(): number {
    return this.#frames.splice(0).reduce((sum, frame) => sum + frame.length, 0)
  }

  #whole(frame: Uint8Array): Element {
    // §3.3: a frame begins with "<"; white space as a sign of life is gone with the frames (§3.8).
    if (frame[0] !== 0x3c) throw new StreamError('bad-format', 'A frame must begin with an element.')
    if (frame[1] === 0x3f) throw new StreamError('bad-format', 'A frame holds no XML declaration.')
    this.#reader.feed(frame)
    const event = this.#reader.next()
    if (event?.kind !== 'element')
      throw new StreamError('not-well-formed', 'A frame must hold a whole element.')
    if (this.#reader.next() || !this.#reader.idle)
      throw new StreamError('bad-format', 'A frame may hold only one element.')
    return event.element
  }

  #frame(element: Element): ReaderEvent {
    if (element.name === 'close') return { kind: 'close' }
    if (element.name !== 'open' || !this.#fresh) throw new StreamError('bad-format')
    this.#fresh = false
    return opening(element)
  }
}

/** The part of the runtime's socket that we use; Bun 1.4.5 can pause one, but its types do not say so. */
interface Socket {
  send(text: string): number
  getBufferedAmount(): number
  cork(f: () => void): void
  ping(): number
  close(code?: number): void
  terminate(): void
  pause(): void
  resume(): void
}

/** Whether a frame is the peer's last (§3.6); what stands in it is the reader's business. */
const isClose = (frame: string): boolean => /^<close[\s/>]/.test(frame)

export interface WebSocketOptions {
  readonly batch: Batch
  accept(transport: Transport): TransportEvents | undefined
}

export class WebSocketTransport implements Transport {
  readonly kind = 'websocket'
  readonly framing = framing
  readonly ip: string
  readonly tls: TlsFacts | undefined
  events: TransportEvents = { data() {}, secured() {}, closed() {} }
  readonly #options: WebSocketOptions
  #socket: Socket | undefined
  #frames: string[] = []
  /** UTF-16 units of the frames. */
  #size = 0
  #ending = false
  #closed = false

  constructor({ ip, encrypted }: { ip: string; encrypted: boolean }, options: WebSocketOptions) {
    this.ip = ip
    this.tls = encrypted ? TLS_ELSEWHERE : undefined
    this.#options = options
  }

  /** The upgrade is done. */
  opened(socket: object): void {
    this.#socket = socket as Socket // see there
    const events = this.#options.accept(this)
    if (events) this.events = events
    else this.#leave(CODE.tryLater)
  }

  message(data: string | Uint8Array): void {
    if (this.#closed) return
    if (typeof data !== 'string') return this.#leave(CODE.notText)
    // §3.6: we have closed our side; what is awaited is the other's.
    if (this.#ending) {
      if (isClose(data)) this.#leave(CODE.normal)
      return
    }
    this.#peerClosed ||= isClose(data)
    this.events.data(Buffer.from(data))
  }
  #peerClosed = false

  get buffered(): number {
    return this.#size + (this.#socket?.getBufferedAmount() ?? 0)
  }

  write(text: string): void {
    if (this.#closed || this.#ending) return
    this.#frames.push(text)
    this.#size += text.length
    this.#options.batch.mark(this)
  }

  flush(): void {
    const socket = this.#socket
    if (this.#closed || !socket) return
    let sent = 0
    socket.cork(() => {
      for (const frame of this.#frames) {
        if (socket.getBufferedAmount() > IN_FLIGHT) break
        socket.send(frame)
        this.#size -= frame.length
        sent++
      }
    })
    this.#frames = this.#frames.slice(sent)
    if (this.#ending && this.#peerClosed && this.#frames.length === 0) this.#leave(CODE.normal)
  }

  pause(): void {
    if (!this.#closed) this.#socket?.pause()
  }

  resume(): void {
    if (!this.#closed) this.#socket?.resume()
  }

  /** Closes once the peer has closed its side too; the stream does not wait for that forever. */
  end(): void {
    if (this.#closed) return
    this.#ending = true
    // A stream that ends while it has paused reading must still hear the other's goodbye.
    this.#socket?.resume()
    this.flush()
  }

  /** Pings below XMPP (RFC 6455 §5.5.2): every browser answers them by itself. */
  keepAlive(): void {
    if (!this.#closed) this.#socket?.ping()
  }

  destroy(): void {
    if (this.#closed) return
    this.#socket?.terminate()
    this.gone()
  }

  gone(): void {
    if (this.#closed) return
    this.#closed = true
    this.events.closed()
  }

  #leave(code: number): void {
    this.#socket?.close(code)
    this.gone()
  }
}
