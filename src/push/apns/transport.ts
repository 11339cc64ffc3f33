/**
 * The way to one APNs host with one credential: a queue, at most one connection that takes new requests, and beside it
 * those that Apple told us to leave and that still finish. Requests that were surely not processed are sent again at
 * once and unseen; everything else is told to the caller, who knows about expirations.
 */
import type { LookupFunction, Socket } from 'node:net'
import { OutsideError } from '../../log.ts'
import type { Clock, Random } from '../../store/clock.ts'
import { Fifo } from '../outbox/fifo.ts'
import { backoff } from '../outbox/provider.ts'
import { LoopShare } from '../outbox/share.ts'
import {
  type Answer,
  type Headers,
  Link,
  type LinkEvents,
  LINK_TIMES,
  type LinkTimes,
  type LinkTls,
  TransportError,
} from './link.ts'
import { openTunnel } from './proxy.ts'

export interface TransportOptions {
  readonly origin: string
  readonly tls: LinkTls
  /** http:// or https:// address of a proxy that knows CONNECT. */
  readonly proxy?: string | undefined
  /** Finds the address of Apple's name, or of the proxy's, anew for each connection. */
  readonly lookup?: LookupFunction | undefined
  /** Token authentication: the first request on a connection goes alone. */
  readonly firstAlone: boolean
  readonly longestAnswer?: number | undefined
  readonly clock: Clock
  readonly random: Random
  readonly times?: Partial<TransportTimes>
  readonly log?: (event: string, fields: Record<string, unknown>) => void
}

export interface TransportTimes extends LinkTimes {
  /** Time for which a request may wait for a connection. */
  readonly queueMs: number
  /** First and longest pause between two attempts to connect. */
  readonly backoffMs: number
  readonly backoffCapMs: number
}

const TIMES: TransportTimes = { ...LINK_TIMES, queueMs: 30_000, backoffMs: 1_000, backoffCapMs: 60_000 }
/** A request that was refused this often is the caller's problem. */
const REFUSALS = 20
/** Time (ms) of each pass of the loop in which requests that waited for room are begun. */
const HOLDS = 2
const CAUSE_CHARS = 200

/** Makes the request at the moment when it leaves; undefined: it need not go any more. */
export type Compose = () => { readonly headers: Headers; readonly body: string | Uint8Array } | undefined

interface PendingRequest {
  readonly compose: Compose
  /** A person waits for the result: the first failure to connect is the answer. */
  readonly impatient: boolean
  readonly resolve: (answer: Answer | undefined) => void
  readonly reject: (error: unknown) => void
  refused: number
  tooLate: () => void
}

export class ApnsTransport {
  readonly #options: TransportOptions
  readonly #times: TransportTimes
  readonly #share: LoopShare
  readonly #links = new Set<Link>()
  readonly #cameOver = new WeakMap<Answer, Link>()
  readonly #queue = new Fifo<PendingRequest>()
  #current: Link | undefined
  #failures = 0
  #tunnelling = false
  #cancelBackoff: (() => void) | undefined
  #lastFailure: unknown
  #trouble: string | undefined
  #stopped = false
  #drained: (() => void) | undefined

  constructor(options: TransportOptions) {
    this.#options = options
    this.#times = { ...TIMES, ...options.times }
    this.#share = new LoopShare(options.clock, HOLDS, () => this.#pump())
  }

  /** Trouble while there is no connection and none can be made. */
  get trouble(): string | undefined {
    return this.#trouble
  }

  /**
   * Undefined where `compose` said that it need not go. Rejects with a TransportError, or with what `compose` has
   * thrown. `impatient`: tries to connect now, and once.
   */
  request(compose: Compose, impatient = false): Promise<Answer | undefined> {
    if (this.#stopped) return Promise.reject(new TransportError('no', 'stopping'))
    return new Promise<Answer | undefined>((resolve, reject) => {
      const job: PendingRequest = {
        compose,
        impatient,
        resolve,
        reject,
        refused: 0,
        tooLate: () => undefined,
      }
      this.#queue.push(job)
      if (impatient) this.#cancelBackoff?.()
      if (impatient) this.#cancelBackoff = undefined
      this.#pump()
      // Most leave at once.
      if (this.#queue.last === job) this.#limit(job)
    })
  }

  /**
   * The connection that gave this answer is of no more use: the next request opens a new one, unless that is there
   * already because of an earlier such answer.
   */
  reconnect(answer: Answer, cause: string): void {
    this.#cameOver.get(answer)?.leave(cause)
  }

  /** Ends every connection; what is on the wire gets `ms` to finish, what waits is given back untouched. */
  async stop(ms: number): Promise<void> {
    this.#stopped = true
    this.#cancelBackoff?.()
    for (const job of this.#queue.drain()) {
      job.tooLate()
      job.reject(new TransportError('no', 'stopping'))
    }
    for (const link of [...this.#links]) link.leave('stopping')
    if (this.#links.size === 0) return
    await new Promise<void>((resolve) => {
      this.#drained = resolve
      const cancel = this.#options.clock.after(ms, () => {
        for (const link of [...this.#links]) link.destroy(new OutsideError('stopping'))
        resolve()
      })
      this.#drained = () => {
        cancel()
        resolve()
      }
    })
  }

  /** Time for which it may wait. */
  #limit(job: PendingRequest): void {
    job.tooLate()
    job.tooLate = this.#options.clock.after(this.#times.queueMs, () => {
      if (!this.#queue.remove(job)) return
      job.reject(new TransportError('no', 'no connection within the deadline', this.#lastFailure))
    })
  }

  /** A connection has failed: impatient requests do not wait for the next one. */
  #disappoint(): void {
    for (const job of this.#queue.drain()) {
      if (!job.impatient) {
        this.#queue.push(job)
        continue
      }
      job.tooLate()
      job.reject(new TransportError('no', 'no connection', this.#lastFailure))
    }
  }

  #pump(): void {
    if (this.#queue.length === 0) return
    if (!this.#current) {
      this.#connect()
      return
    }
    let room = this.#current.room()
    while (room > 0 && this.#current && !this.#share.isUp()) {
      const job = this.#queue.shift()
      if (!job) break
      job.tooLate()
      if (this.#start(this.#current, job)) room--
    }
  }

  /** False where nothing went. */
  #start(link: Link, job: PendingRequest): boolean {
    let request: ReturnType<Compose>
    try {
      request = job.compose()
    } catch (error) {
      job.reject(error)
      return false
    }
    if (!request) {
      job.resolve(undefined)
      return false
    }
    link.start(request.headers, request.body, (result) => {
      if (!(result instanceof TransportError)) {
        this.#failures = 0
        this.#cameOver.set(result, link)
        job.resolve(result)
      } else if (result.processed === 'no' && job.refused++ < REFUSALS && !this.#stopped) {
        this.#queue.push(job)
        this.#limit(job)
        // Not within the link's own loop over its requests.
        queueMicrotask(() => this.#pump())
      } else job.reject(result)
    })
    return true
  }

  #connect(): void {
    if (this.#cancelBackoff || this.#stopped || this.#tunnelling) return
    const { proxy, origin, clock, lookup } = this.#options
    if (proxy === undefined) return this.#open()
    this.#tunnelling = true
    openTunnel(proxy, origin, this.#times.connectMs, clock, lookup).then(
      (tunnel) => {
        this.#tunnelling = false
        if (this.#stopped) tunnel.destroy()
        else this.#open(tunnel)
      },
      (error: unknown) => {
        this.#tunnelling = false
        this.#failed(error)
      },
    )
  }

  #open(tunnel?: Socket): void {
    const { clock, origin, tls, firstAlone, log, lookup, longestAnswer } = this.#options
    let wasReady = false
    const events: LinkEvents = {
      room: (link) => {
        if (!wasReady) log?.('connected', { endpoint: origin })
        wasReady = true
        this.#trouble = undefined
        if (link.usable) this.#pump()
      },
      leaving: (link, cause) => {
        if (this.#current === link) this.#current = undefined
        if (wasReady) log?.('connection left', { endpoint: origin, cause })
        queueMicrotask(() => this.#pump())
      },
      closed: (link) => {
        this.#links.delete(link)
        if (!link.answered) this.#failed(link.failure)
        // Told to leave it, or idle: nothing is wrong with that.
        else if (link.broken) this.#trouble = causeOf(link.failure)
        if (this.#links.size === 0) this.#drained?.()
      },
    }
    try {
      this.#current = new Link(
        origin,
        tls,
        { clock, times: this.#times, firstAlone, lookup, longestAnswer, ...(tunnel ? { tunnel } : {}) },
        events,
      )
      this.#links.add(this.#current)
    } catch (error) {
      // A certificate or key that OpenSSL cannot read throws here.
      this.#failed(error)
    }
  }

  /** A connection never came up, or ended before its first answer: wait 1, 2, 4 … 60 s, of which a random half, so that many servers do not knock in step. */
  #failed(cause: unknown): void {
    this.#lastFailure = cause
    this.#trouble = causeOf(cause)
    this.#disappoint()
    const { clock, random, log, origin } = this.#options
    const { backoffMs, backoffCapMs } = this.#times
    const wait = backoff(++this.#failures, backoffMs, backoffCapMs, random)
    log?.('cannot connect', { endpoint: origin, cause, retry_ms: Math.round(wait) })
    if (this.#stopped) return
    this.#cancelBackoff = clock.after(wait, () => {
      this.#cancelBackoff = undefined
      this.#pump()
    })
  }
}

/** For people, in one line. */
function causeOf(cause: unknown): string {
  if (!(cause instanceof Error)) return 'the connection was closed'
  return cause.message.split('\n', 1)[0]?.slice(0, CAUSE_CHARS) || cause.name
}
