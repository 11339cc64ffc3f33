/**
 * One XML stream over one transport (RFC 6120 §4): reads elements fairly, writes behind the commit, and ends by the
 * letter. What the elements mean is the business of a subclass.
 */
import { failureEvent, getLogger } from '../log.ts'
import { limitsHit, streamErrors } from '../metrics/metrics.ts'
import type { Clock } from '../store/clock.ts'
import type { Turn } from '../store/turn.ts'
import { DatabaseBusy } from '../store/write-lock.ts'
import { StreamError } from '../xmpp/errors.ts'
import type { Element } from '../xmpp/xml.ts'
import { type ElementSource, type Framing, oneDocument } from './framing.ts'
import type { ReaderEvent, ReaderLimits } from '../xml/reader.ts'
import { type Pass, passOf } from './pass.ts'
import type { Transport } from './transports/transport.ts'

const log = getLogger('stream')

/** A stream is served this many elements or milliseconds a turn; the rest waits, with the socket paused. */
const SHARE = { elements: 32, ms: 2 }
/** After the last word a peer gets this long to close its side. */
const LINGER_MS = 5_000

export interface StreamLimits {
  readonly reader: ReaderLimits
  readonly sendBuffer: number
}

export type StreamEvent = Extract<ReaderEvent, { kind: 'open' }>

export abstract class Stream {
  protected reader: ElementSource
  readonly #framing: Framing
  #headerSent = false
  #closing = false
  #closed = false
  #waiting = false
  #paused = false
  #scheduled = false
  /** Read, and to be served once the write lock of the database is free. */
  #again: ReaderEvent | undefined
  /** Bytes of the largest answer above the limit that may not have left yet. */
  #largest = 0
  /** Monotonic ms of the last bytes, whitespace included. */
  lastHeard: number
  readonly #pass: Pass

  constructor(
    readonly transport: Transport,
    protected readonly turn: Turn,
    readonly clock: Clock,
    protected limits: StreamLimits,
  ) {
    this.#framing = transport.framing ?? oneDocument
    this.#pass = passOf(clock)
    this.reader = this.#framing.source(limits.reader)
    this.lastHeard = clock.monotonic()
  }

  protected abstract opened(header: StreamEvent): void
  protected abstract element(el: Element): void
  /** Milliseconds that the peer must wait before its next element is read; without one, for its bytes alone. */
  protected abstract owes(el: Element | undefined): number
  /** The transport is gone; called once. */
  protected abstract gone(): void
  /** Attributes of our own header (RFC 6120 §4.7). */
  protected abstract headerAttrs(): Record<string, string>

  /** The peer closed its side of the stream (RFC 6120 §4.4). */
  protected goodbye(): void {
    this.close()
  }

  get isClosed(): boolean {
    return this.#closed || this.#closing
  }

  received(bytes: Uint8Array): void {
    if (this.isClosed) return
    this.lastHeard = this.clock.monotonic()
    this.reader.feed(bytes)
    if (!this.#waiting && !this.#scheduled) this.pump()
  }

  transportClosed(): void {
    if (this.#closed) return
    this.#closed = true
    this.#closing = true
    this.gone()
  }

  /** Queues one element behind the commit of the open turn. */
  say(el: Element): void {
    this.turn.after(() => this.send(el))
  }

  /** Writes an element that is committed; the bytes leave at the end of the flush. */
  send(el: Element): void {
    this.sendRaw(this.#framing.element(el))
  }

  protected sendRaw(text: string): void {
    if (this.#closed) return
    const { transport } = this
    const most = this.limits.sendBuffer
    if (transport.buffered === 0) this.#largest = 0
    if (text.length > most) this.#largest = Math.max(this.#largest, Buffer.byteLength(text))
    transport.write(text)
    // What only waits for the end of the turn is not the client's fault.
    if (transport.buffered > most) transport.flush()
    // A single large answer, such as a roster, is no reason either: it would end the connection at each login.
    if (transport.buffered > most + this.#largest) {
      limitsHit.inc({ limit: 'send_buffer_bytes' })
      log.warn('a client does not read and is dropped', { ip: transport.ip, limit: 'send_buffer_bytes' })
      transport.destroy()
    }
  }

  /** Ends the stream (RFC 6120 §4.4), after what was said before. */
  close(error?: StreamError): void {
    if (this.#closing) return
    this.#closing = true
    if (error) streamErrors.inc({ condition: error.condition })
    this.turn.after(() => {
      // §4.9.1.2: an error before our header still needs one in front of it.
      if (!this.#headerSent) this.sendHeader()
      if (error) this.sendRaw(this.#framing.element(error.toElement()))
      this.sendRaw(this.#framing.footer)
      this.transport.end()
      this.clock.after(LINGER_MS, () => this.transport.destroy())
    })
  }

  protected sendHeader(): void {
    this.#headerSent = true
    this.sendRaw(this.#framing.header({ ...this.headerAttrs(), version: '1.0', 'xml:lang': 'en' }))
  }

  /** A new stream on the same transport, after STARTTLS or SASL (RFC 6120 §5.4.3.3, §6.4.6). */
  protected restart(limits: StreamLimits): void {
    this.limits = limits
    this.#headerSent = false
    this.reader.limits = limits.reader
    this.reader.reset()
  }

  /** Other limits for what comes next on the same stream (XEP-0388 §2.6.1: it is not restarted). */
  protected relax(limits: StreamLimits): void {
    this.limits = limits
    this.reader.limits = limits.reader
  }

  /** Serves nothing more until `go`. */
  protected wait(): void {
    this.#waiting = true
  }

  /** The same, and the socket is not read either: something slow must be answered first. */
  pauseReading(): void {
    this.wait()
    this.#pause()
  }

  resumeReading(): void {
    this.#waiting = false
    if (!this.#scheduled) this.pump()
  }

  /** Serves what was read, up to this stream's share of the turn. */
  protected pump(): void {
    const start = this.clock.monotonic()
    this.#pass.begins(start, this.turn.ticks)
    try {
      this.#serve(start)
    } catch (error) {
      if (error instanceof StreamError) return this.close(error)
      log.error(failureEvent('a stream', error), { error })
      this.close(new StreamError('internal-server-error'))
    } finally {
      this.#pass.ends(this.clock.monotonic())
    }
  }

  #serve(start: number): void {
    for (let served = 0; !this.isClosed && !this.#waiting; served++) {
      const now = served === 0 ? start : this.clock.monotonic()
      const isOver = served === SHARE.elements || now - start > SHARE.ms || this.#pass.isOver(now)
      if (isOver) return this.#resumeAfter(0)
      const event = this.#again ?? this.reader.next()
      this.#again = undefined
      if (!event) {
        const debt = this.owes(undefined)
        if (debt > 0) return this.#resumeAfter(debt)
        break
      }
      const debt = this.#served(event)
      if (debt === undefined) return
      if (debt > 0) return this.#resumeAfter(debt)
    }
    this.#unpause()
  }

  /** Milliseconds that the peer owes for it; undefined where it is put off. */
  #served(event: ReaderEvent): number | undefined {
    try {
      return this.#handle(event)
    } catch (error) {
      if (!(error instanceof DatabaseBusy)) throw error
      this.#again = event
      this.pauseReading()
      this.turn.lock.whenFree(() => this.resumeReading())
      return undefined
    }
  }

  #handle(event: ReaderEvent): number {
    if (event.kind === 'open') this.opened(event)
    else if (event.kind === 'close') this.goodbye()
    else {
      this.element(event.element)
      return this.owes(event.element)
    }
    return 0
  }

  #resumeAfter(ms: number): void {
    this.#scheduled = true
    this.#pause()
    const next = () => {
      this.#scheduled = false
      if (!this.isClosed && !this.#waiting) this.pump()
    }
    if (ms > 0) this.clock.after(ms, next)
    else setImmediate(next)
  }

  #pause(): void {
    if (this.#paused || this.#closed) return
    this.#paused = true
    this.transport.pause()
  }

  #unpause(): void {
    if (!this.#paused || this.#closed || this.#waiting) return
    this.#paused = false
    this.transport.resume()
  }
}
