/**
 * One HTTP/2 session to an APNs host, from connect to close. It knows nothing of queues and retries: it says when it
 * is ready, how many streams it may have open, and for each request either the answer or whether Apple may have seen
 * it. Every timer is our own: Bun's stream timeouts fire late, and a dead peer never fires anything.
 */
import http2 from 'node:http2'
import { isIP, type LookupFunction, type Socket } from 'node:net'
import { connect, type TLSSocket } from 'node:tls'
import { codeOf, OutsideError } from '../../log.ts'
import type { Clock } from '../../store/clock.ts'
import type { Result } from '../outbox/provider.ts'
import { parseAnswer } from './reasons.ts'

export interface LinkTls {
  readonly ca?: string
  readonly cert?: string
  readonly key?: string
  readonly pfx?: Buffer
  readonly passphrase?: string
}

export interface LinkTimes {
  /** From connect to the peer's first SETTINGS. */
  readonly connectMs: number
  /** From a request on the wire to its whole answer. */
  readonly answerMs: number
  /** Silence after which an idle connection is asked for a sign of life; a busy one after `lateMs`. */
  readonly idleMs: number
  readonly lateMs: number
  /** Time that the PING may take. */
  readonly pingMs: number
  /** Stream id after which a connection is replaced: they end at 2^31, and none may be used twice. */
  readonly lastStreamId: number
}

export const LINK_TIMES: LinkTimes = {
  connectMs: 10_000,
  answerMs: 15_000,
  idleMs: 20_000,
  lateMs: 5_000,
  pingMs: 5_000,
  lastStreamId: 2 ** 30,
}

export interface LinkOptions {
  readonly clock: Clock
  readonly times: LinkTimes
  readonly firstAlone: boolean
  /** Without it the system's resolver is asked, at each connect: Bun's own memory of names does not stand before it. */
  readonly lookup?: LookupFunction | undefined
  readonly tunnel?: Socket
  /** Characters of an answer that are read. */
  readonly longestAnswer?: number | undefined
}

export interface Answer {
  readonly status: number
  readonly apnsId: string | undefined
  readonly uniqueId: string | undefined
  /** Of a broadcast channel that was made. */
  readonly channelId?: string | undefined
  readonly body: string
  /** The other side's clock (ms), where it told the time. */
  readonly date?: number | undefined
  /** The Retry-After header, as it stands. */
  readonly retryAfter?: string | undefined
}

/** No answer came. `processed` is 'no' only where HTTP/2 guarantees it. */
export class TransportError extends Error {
  constructor(
    readonly processed: 'no' | 'unknown',
    message: string,
    cause?: unknown,
  ) {
    super(message, { cause })
    this.name = 'TransportError'
  }
}

/** Result of a push without an answer. */
export function unanswered({ processed }: TransportError): Result & { is: 'retry' } {
  const untouched = processed === 'no'
  return { is: 'retry', reason: untouched ? 'NoConnection' : 'NoAnswer', untouched }
}

export interface LinkEvents {
  /** Room for more requests: settings came or changed, or a stream ended. */
  room(link: Link): void
  /** No new requests from now on; those under way may still finish. */
  leaving(link: Link, cause: string): void
  /** Over; every request has been told. */
  closed(link: Link): void
}

export type Headers = Readonly<Record<string, string>>
type Done = (result: Answer | TransportError) => void

interface Exchange {
  readonly stream: http2.ClientHttp2Stream
  readonly done: Done
  /** By the clock's monotonic time. */
  readonly until: number
}

/**
 * Bun counts late frames on streams that have ended as invalid and ends the session at 1,000 of them: after about as
 * many pushes to a Bun server; nginx sends none. The option is Node's, but its types do not know it.
 */
const PATIENCE = { maxSessionInvalidFrames: 2 ** 31 - 1 }

/** An answer is a few hundred bytes; what is longer is none of a push service's. */
const LONGEST_ANSWER = 4_096

export class Link {
  readonly #session: http2.ClientHttp2Session
  readonly #exchanges = new Set<Exchange>()
  readonly #timers = new Set<() => void>()
  #ready = false
  #answered = false
  #leaving = false
  /** A clock runs for the first of the exchanges. */
  #expecting = false
  #closed = false
  #broken = false
  #proven: boolean
  #heard: number
  #lastId = Number.POSITIVE_INFINITY
  #cause: unknown

  constructor(
    origin: string,
    tls: LinkTls,
    private readonly options: LinkOptions,
    private readonly events: LinkEvents,
  ) {
    this.#proven = !options.firstAlone
    this.#heard = options.clock.monotonic()
    const { tunnel, lookup } = options
    this.#session = http2.connect(origin, {
      ...tls,
      ...(tunnel ? { createConnection: () => secured(tunnel, origin, tls) } : {}),
      ...(lookup ? { lookup } : {}),
      ...PATIENCE,
      settings: { enablePush: false },
    })
    this.#listen()
    const impatient = options.clock.after(options.times.connectMs, () => {
      if (!this.#ready) this.destroy(new OutsideError('no HTTP/2 settings within the connect deadline'))
    })
    this.#timers.add(impatient)
  }

  get open(): number {
    return this.#exchanges.size
  }

  get usable(): boolean {
    return this.#ready && !this.#leaving
  }

  /** Whether any request was ever answered here. */
  get answered(): boolean {
    return this.#answered
  }

  /** The connection ended by a fault while somebody waited for an answer. */
  get broken(): boolean {
    return this.#broken
  }

  get failure(): unknown {
    return this.#cause
  }

  /** Number of requests that may be started now. Apple allows one until a valid provider token was seen. */
  room(): number {
    if (!this.usable) return 0
    const allowed = this.#session.remoteSettings.maxConcurrentStreams ?? 100
    return (this.#proven ? allowed : Math.min(1, allowed)) - this.#exchanges.size
  }

  start(headers: Headers, body: string | Uint8Array, done: Done): void {
    const { clock, times } = this.options
    let stream: http2.ClientHttp2Stream
    try {
      stream = this.#session.request({ ':method': 'POST', ...headers })
    } catch (error) {
      this.leave('the session refused a request')
      done(new TransportError('no', 'the connection took no request', error))
      return
    }
    const exchange: Exchange = { stream, done, until: clock.monotonic() + times.answerMs }
    this.#exchanges.add(exchange)
    this.#expect()
    this.#hear(exchange)
    stream.end(body)
    if ((stream.id ?? 0) > times.lastStreamId) this.leave('stream ids run out')
  }

  /** No new requests; closes once the open ones are done. */
  leave(cause: string): void {
    if (this.#leaving) return
    this.#leaving = true
    this.events.leaving(this, cause)
    if (this.#exchanges.size === 0) this.destroy()
  }

  destroy(cause?: unknown): void {
    if (this.#closed) return
    this.#closed = true
    this.#cause ??= cause
    this.#broken = this.#cause !== undefined && this.#exchanges.size > 0
    for (const cancel of this.#timers) cancel()
    if (!this.#leaving) {
      this.#leaving = true
      this.events.leaving(this, describe(this.#cause))
    }
    for (const exchange of [...this.#exchanges]) this.#fail(exchange, this.#cause)
    this.#session.destroy()
    this.events.closed(this)
  }

  #listen(): void {
    const session = this.#session
    session.on('remoteSettings', () => {
      this.#alive()
      if (!this.#ready) {
        this.#ready = true
        this.#watch()
      }
      this.events.room(this)
    })
    session.on('goaway', (code: number, lastId: number, data?: Uint8Array) => {
      this.#lastId = Math.min(this.#lastId, lastId)
      const reason =
        data && data.length < LONGEST_ANSWER ? parseAnswer(Buffer.from(data).toString()).reason : undefined
      this.leave(`GOAWAY ${code}${reason ? ` ${reason}` : ''}`)
    })
    // Without these listeners a reset would end the process.
    session.on('error', (error) => this.destroy(error))
    session.on('connect', () => {
      // Bun's session.socket refuses some methods of a socket; `on` is allowed.
      session.socket.on('error', (error) => this.destroy(error))
    })
    session.on('close', () => this.destroy(new OutsideError('the peer closed the connection')))
  }

  #hear(exchange: Exchange): void {
    const { stream } = exchange
    const { longestAnswer: longest = LONGEST_ANSWER } = this.options
    let status = 0
    let apnsId: string | undefined
    let uniqueId: string | undefined
    let channelId: string | undefined
    let date: number | undefined
    let retryAfter: string | undefined
    let body = ''
    let ended = false
    stream.setEncoding('utf8')
    stream.on('response', (headers) => {
      status = headers[':status'] ?? 0
      apnsId = single(headers['apns-id'])
      uniqueId = single(headers['apns-unique-id'])
      channelId = single(headers['apns-channel-id'])
      const told = Date.parse(headers.date ?? '')
      if (Number.isFinite(told)) date = told
      retryAfter = headers['retry-after']
      this.#alive()
    })
    stream.on('data', (chunk: string) => {
      body += chunk.slice(0, longest - body.length)
      if (body.length < longest) return
      // The rest of an endless answer is not listened to.
      this.#finish(exchange, { status, apnsId, uniqueId, channelId, body, date, retryAfter })
      stream.close(http2.constants.NGHTTP2_CANCEL)
    })
    stream.on('end', () => {
      ended = true
    })
    let failure: unknown
    stream.on('error', (error) => {
      failure = error
    })
    stream.on('close', () => {
      if (status === 0 || (!ended && stream.rstCode !== 0)) this.#fail(exchange, failure)
      else this.#finish(exchange, { status, apnsId, uniqueId, channelId, body, date, retryAfter })
    })
  }

  #finish(exchange: Exchange, result: Answer | TransportError): void {
    if (!this.#exchanges.delete(exchange)) return
    if (!(result instanceof TransportError)) {
      this.#answered = true
      // 403 says nothing about the limit: it stays at one stream until a token was valid.
      if (result.status !== 403) this.#proven = true
    }
    exchange.done(result)
    if (this.#leaving && this.#exchanges.size === 0) this.destroy()
    else this.events.room(this)
  }

  #fail(exchange: Exchange, cause: unknown): void {
    const { stream } = exchange
    const code = codeOf(cause)
    // RFC 9113 §6.8 and §8.7: above GOAWAY's last id, or refused, or never sent: surely not processed.
    const untouched =
      !this.#ready ||
      stream.id === undefined ||
      stream.id > this.#lastId ||
      stream.rstCode === http2.constants.NGHTTP2_REFUSED_STREAM ||
      code === 'ERR_HTTP2_GOAWAY_SESSION'
    const error = new TransportError(untouched ? 'no' : 'unknown', describe(cause), cause)
    this.#finish(exchange, error)
  }

  /** One clock for all exchanges: the one that was begun first is late first. */
  #expect(): void {
    if (this.#expecting || this.#closed) return
    const [first] = this.#exchanges
    if (!first) return
    const { clock } = this.options
    this.#expecting = true
    const cancel = clock.after(Math.max(0, Math.ceil(first.until - clock.monotonic())), () => {
      this.#timers.delete(cancel)
      this.#expecting = false
      const now = clock.monotonic()
      for (const exchange of [...this.#exchanges]) {
        if (exchange.until > now) break
        this.#finish(exchange, new TransportError('unknown', 'no answer within the deadline'))
        exchange.stream.close(http2.constants.NGHTTP2_CANCEL)
        this.#ping()
      }
      this.#expect()
    })
    this.#timers.add(cancel)
  }

  #alive(): void {
    this.#heard = this.options.clock.monotonic()
  }

  #watch(): void {
    const { clock, times } = this.options
    // So that silence is noticed before it has lasted much longer.
    const every = Math.min(times.lateMs, times.idleMs) / 2
    const cancel = clock.after(every, () => {
      this.#timers.delete(cancel)
      if (this.#closed) return
      const silent = clock.monotonic() - this.#heard
      if (silent >= (this.#exchanges.size > 0 ? times.lateMs : times.idleMs)) this.#ping()
      this.#watch()
    })
    this.#timers.add(cancel)
  }

  #pinging = false
  #ping(): void {
    if (this.#closed || this.#pinging) return
    this.#pinging = true
    const { clock, times } = this.options
    const dead = clock.after(times.pingMs, () => this.destroy(new OutsideError('no answer to PING')))
    this.#timers.add(dead)
    const finish = (error: Error | null): void => {
      this.#pinging = false
      this.#timers.delete(dead)
      dead()
      if (error) this.destroy(error)
      else this.#alive()
    }
    try {
      this.#session.ping(finish)
    } catch (error) {
      this.destroy(error)
    }
  }
}

/** TLS to the far end, through a proxy's tunnel. */
function secured(tunnel: Socket, origin: string, tls: LinkTls): TLSSocket {
  const { hostname } = new URL(origin)
  const host = hostname.replace(/^\[|\]$/g, '')
  const name = isIP(host) ? {} : { servername: host }
  return connect({ ...tls, ...name, socket: tunnel, host, ALPNProtocols: ['h2'], minVersion: 'TLSv1.2' })
}

const single = (value: string | string[] | undefined): string | undefined =>
  Array.isArray(value) ? value[0] : value

function describe(cause: unknown): string {
  if (!(cause instanceof Error)) return cause === undefined ? 'closed without an answer' : 'failed'
  const inner = cause.cause instanceof Error ? `: ${cause.cause.message}` : ''
  return `${cause.message}${inner}`
}
