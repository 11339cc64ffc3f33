/** One BOSH session (XEP-0124): a stream's transport made of requests that are answered when there is something to say. */
import type { Clock } from '../../../store/clock.ts'
import { StreamError } from '../../../xmpp/errors.ts'
import { xml } from '../../../xmpp/xml.ts'
import { type BoshCondition, BoshError, type BoshRequest, terminal, versionFor, writeBody } from './body.ts'
import { BoshRequests, type Held } from './requests.ts'
import { type ElementSource, type Framing, opening, standalone } from '../../framing.ts'
import type { ReaderEvent, ReaderLimits } from '../../../xml/reader.ts'
import {
  type Batch,
  TLS_ELSEWHERE,
  type TlsFacts,
  type Transport,
  type TransportEvents,
} from '../transport.ts'

/** Terms agreed at the creation of the session; seconds. */
export interface BoshTerms {
  readonly wait: number
  readonly hold: number
  readonly requests: number
  readonly inactivity: number
  readonly polling: number
  readonly maxpause: number
}

export interface BoshOptions {
  readonly clock: Clock
  readonly batch: Batch
  /** Runs `f` behind the commit of the open turn. */
  readonly after: (f: () => void) => void
  /** The session is over. */
  readonly closed: (session: BoshSession) => void
}

/** Bodies that were read and are not served yet: the events of a stream, and where each request ends. */
class Bodies implements ElementSource {
  readonly #events: (ReaderEvent | Held)[] = []
  #fresh = true

  /** `served` is called once the stream has taken everything of a request. */
  constructor(
    public limits: ReaderLimits,
    private readonly served: (held: Held) => void,
  ) {}

  feed(): void {
    // The session has read the bytes already; it adds the events.
  }

  add(event: ReaderEvent | Held): void {
    this.#events.push(event)
  }

  next(): ReaderEvent | null {
    let event = this.#events.shift()
    for (; event && 'rid' in event; event = this.#events.shift()) this.served(event)
    if (!event) return null
    // XEP-0206 §5: after the login a restart and nothing else; a stream under way is not restarted.
    if (event.kind === 'element' && this.#fresh) throw new StreamError('not-authorized')
    if (event.kind === 'open') {
      if (!this.#fresh) throw new StreamError('bad-format')
      this.#fresh = false
    }
    return event
  }

  reset(): void {
    this.#fresh = true
  }

  discard(): number {
    return this.#events.splice(0).length
  }
}

export class BoshSession implements Transport {
  readonly kind = 'bosh'
  readonly ip: string
  readonly tls: TlsFacts | undefined
  readonly framing: Framing
  events: TransportEvents = { data() {}, secured() {}, closed() {} }
  readonly #options: BoshOptions
  readonly #terms: BoshTerms
  readonly #requests: BoshRequests
  #bodies: Bodies | undefined
  /** Bytes of bodies that the stream has not got to, because it has paused reading. */
  #backlog = 0
  #output: string[] = []
  /** UTF-16 units of the output. */
  #size = 0
  #failed = false
  #paused = false
  #ending = false
  #closed = false
  /** The newest request of which everything is on disk. */
  #answered = 0
  #restTimer: (() => void) | undefined
  /** Seconds without a request that end the session; a pause changes it until the next one. */
  #patience: number
  /** Monotonic ms of the newest request, and whether it was empty and has got nothing for an answer. */
  #last = { at: Number.NEGATIVE_INFINITY, empty: false }

  constructor(
    readonly sid: string,
    client: { ip: string; encrypted: boolean },
    first: BoshRequest,
    terms: BoshTerms,
    options: BoshOptions,
  ) {
    this.ip = client.ip
    this.tls = client.encrypted ? TLS_ELSEWHERE : undefined
    this.#options = options
    this.#terms = terms
    this.#requests = new BoshRequests(first, terms.requests)
    this.#patience = terms.inactivity
    this.framing = {
      source: (limits) => (this.#bodies = new Bodies(limits, (held) => this.#served(held))),
      // What a header says stands in the answer to the first request.
      header: () => '',
      element: (el) => {
        if (el.name === 'stream:error') this.#failed = true
        return standalone(el)
      },
      footer: '',
    }
  }

  /** Limits of a body of this session now. */
  get limits(): ReaderLimits | undefined {
    return this.#bodies?.limits
  }

  /** A request with all its bytes; `answer` is called once. Nobody is there any more when `gone` fires. */
  take(request: BoshRequest, bytes: Uint8Array, answer: (text: string) => void, gone: AbortSignal): void {
    const { rid } = request
    const held: Held = { rid, request, at: this.#now, answer, answered: false, overdue: false, cancel() {} }
    gone.addEventListener('abort', () => this.#abandoned(held, answer))
    try {
      const ready = this.#requests.take(held)
      this.#stirs()
      for (const each of ready) this.#serve(each)
      this.#guard(bytes.length)
      // Those that came again or early count too: they are bytes and a sign of life.
      this.events.data(bytes)
      this.#options.after(() => this.#options.batch.mark(this))
    } catch (error) {
      if (!(error instanceof BoshError)) throw error
      answer(terminal(error.condition))
      this.#end('other-request')
    }
  }

  get buffered(): number {
    return this.#size
  }

  write(text: string): void {
    if (this.#closed || text === '') return
    this.#output.push(text)
    this.#size += text.length
    this.#options.batch.mark(this)
  }

  /** §8: answers while there is something to say, more is held than was agreed, or one has waited for long. */
  flush(): void {
    const { waiting } = this.#requests
    while (!this.#closed) {
      const oldest = waiting[0]
      if (!oldest) break
      if (this.#ending && this.#requests.attended) return this.#goodbye()
      // An answer says that the request's stanzas were taken, so it waits for that.
      if (!oldest.answered) break
      const overdue = waiting.some((held) => held.overdue)
      const due = waiting.length > this.#terms.hold && !this.#paused
      const creates = oldest.request.sid === undefined
      if (this.#output.length === 0 && !overdue && (!due || creates)) break
      // The client repeats the request that broke; meanwhile what is to be said goes out with another one.
      if (oldest.answer === undefined && (this.#requests.attended || overdue)) this.#answer('')
      else if (oldest.answer === undefined && !due) break
      else this.#answer(this.#taken())
    }
    this.#rest()
  }

  pause(): void {
    this.#paused = true
  }

  resume(): void {
    this.#paused = false
    this.#backlog = 0
    this.#options.after(() => this.flush())
  }

  end(): void {
    if (this.#closed) return
    this.#ending = true
    this.flush()
  }

  destroy(): void {
    this.#end('remote-connection-failed')
  }

  get #now(): number {
    return this.#options.clock.monotonic()
  }

  /** A body that names this session and cannot be read. */
  refuse(): void {
    this.#end('other-request')
  }

  /** Turns a request into what the stream is to read, and lets it wait. */
  #serve(held: Held): void {
    const { request } = held
    this.#judge(held)
    held.cancel = this.#options.clock.after(this.#terms.wait * 1000, () => {
      held.overdue = true
      this.flush()
    })
    const { attrs } = request
    const bodies = this.#bodies
    if (request.pause !== undefined) {
      if (request.pause > this.#terms.maxpause) throw new BoshError('policy-violation')
      return bodies?.add(held)
    }
    if (request.sid === undefined || request.restart) {
      const header = xml('stream', { to: attrs.to, from: attrs.from, version: request.version ?? '1.0' })
      bodies?.add(opening(header))
    }
    // XEP-0206 §5: what stands in a restart is ignored.
    if (!request.restart) for (const element of request.payloads) bodies?.add({ kind: 'element', element })
    if (request.terminate) bodies?.add({ kind: 'close' })
    bodies?.add(held)
  }

  /** The stream has taken everything of a request; it is answered once that is on disk. */
  #served(held: Held): void {
    this.#options.after(() => {
      held.answered = true
      this.#answered = held.rid
      if (held.request.pause !== undefined) this.#takeBreak(held, held.request.pause)
      // At the end of the turn, so that one answer tells of all requests in it.
      this.#options.batch.mark(this)
    })
  }

  /** §11, §12: too many at once, or empty ones too often. */
  #judge({ request, at, rid }: Held): void {
    const { polling, requests, hold } = this.#terms
    const unanswered = this.#requests.waiting.filter((held) => held.rid <= rid).length
    const excused = request.terminate || request.pause !== undefined
    const empty = request.payloads.length === 0 && !request.restart && request.sid !== undefined
    const soon = at - this.#last.at < polling * 1000
    const tooOften = empty && soon && (hold === 0 ? this.#last.empty : unanswered === requests)
    this.#last = { at, empty }
    if (!excused && (unanswered > requests || tooOften)) throw new BoshError('policy-violation')
  }

  /** A stream that has paused reading takes no more than two bodies' worth. */
  #guard(bytes: number): void {
    if (!this.#paused) return
    this.#backlog += bytes
    if (this.#backlog > 2 * (this.#bodies?.limits.bytes ?? 0)) throw new BoshError('policy-violation')
  }

  /** §10: everything is answered with nothing, and the client may stay away for a while. */
  #takeBreak(held: Held, seconds: number): void {
    const { waiting } = this.#requests
    while (waiting.includes(held)) this.#answer('', waiting[0] !== held)
    this.#patience = seconds
  }

  #abandoned(held: Held, answer: (text: string) => void): void {
    // The request may have come again on another connection since.
    if (held.answer === answer) held.answer = undefined
    this.#rest()
  }

  /** §10: with nobody to answer, the session ends after a while. */
  #rest(): void {
    if (this.#closed || this.#restTimer || this.#requests.attended) return
    const end = () => this.#end('item-not-found')
    this.#restTimer = this.#options.clock.after(this.#patience * 1000, end)
  }

  #stirs(): void {
    this.#restTimer?.()
    this.#restTimer = undefined
    this.#patience = this.#terms.inactivity
  }

  #answer(payload: string, keep = true): void {
    const oldest = this.#requests.waiting[0]
    if (!oldest) return
    if (payload !== '') this.#last.empty = false
    // §9.1: not where it would only repeat the request.
    const ack = this.#answered === oldest.rid ? undefined : this.#answered
    const attrs = oldest.request.sid === undefined ? this.#creation(oldest) : { ack }
    this.#requests.answer(writeBody(attrs, payload), keep)
  }

  /** §7.2, XEP-0206 §4 */
  #creation({ rid, request }: Held): Record<string, string | number | undefined> {
    const { wait, hold, requests, inactivity, polling, maxpause } = this.#terms
    return {
      sid: this.sid,
      wait,
      requests,
      hold,
      inactivity,
      polling,
      maxpause,
      ver: versionFor(request),
      ack: rid,
      from: request.attrs.to,
      'xmpp:version': '1.0',
      'xmpp:restartlogic': 'true',
    }
  }

  #taken(): string {
    const text = this.#output.join('')
    this.#output = []
    this.#size = 0
    return text
  }

  /** §13: the oldest hears how it ended, the others that it is over for them. */
  #goodbye(): void {
    const [oldest, ...others] = this.#requests.drain().filter(({ answer }) => answer !== undefined)
    const condition = this.#failed ? 'remote-stream-error' : undefined
    oldest?.answer?.(terminal(condition, this.#taken()))
    for (const held of others) held.answer?.(writeBody({}))
    this.#gone()
  }

  #end(condition: BoshCondition): void {
    for (const held of this.#requests.drain()) held.answer?.(terminal(condition))
    this.#gone()
  }

  #gone(): void {
    if (this.#closed) return
    this.#closed = true
    this.#restTimer?.()
    this.#options.closed(this)
    this.events.closed()
  }
}
