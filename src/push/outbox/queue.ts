/** The rows of one provider that share their fate: a queue, a bound on what is under way, and pauses. */
import type { Clock } from '../../store/clock.ts'
import type { Job } from '../../store/push.ts'
import { Fifo } from './fifo.ts'
import type { Provider } from './provider.ts'

/** For people; times in ms. */
export interface LaneState {
  readonly lane: string
  readonly waiting: number
  readonly under_way: number
  /** Why it rests, and until when; null while it works. */
  readonly paused: string | null
  readonly until: number | null
  /** Trouble that stands in the way of a connection, while there is none. */
  readonly detail?: string
}

export class Lane {
  readonly #queue = new Fifo<Job>()
  #open = 0
  #probing = false
  #failures = 0
  #cancel: (() => void) | undefined
  #reason = ''
  readonly #bound: number
  pausedUntil = 0
  /** The lane rests for a fault of what its group shares. */
  restsShared = false
  /** Pauses in a row. */
  pauses = 0

  constructor(
    readonly name: string,
    readonly provider: Provider | undefined,
    private readonly clock: Clock,
    private readonly wake: () => void,
    /** Lanes that rest together when what they share is at fault. */
    readonly group = name,
  ) {
    this.#bound = provider?.bound?.(name) ?? provider?.laneConcurrency ?? 0
  }

  get length(): number {
    return this.#queue.length
  }

  /** Nothing waits, nothing is under way, nothing needs remembering. */
  get idle(): boolean {
    const well = this.pausedUntil === 0 && this.pauses === 0 && this.#failures === 0
    return well && this.length === 0 && this.#open === 0
  }

  push(job: Job): void {
    this.#queue.push(job)
  }

  unshift(job: Job): void {
    this.#queue.unshift(job)
  }

  /** The next row to send, if one may go now. After a pause one goes alone until something succeeds. */
  next(): Job | undefined {
    const bound = this.#probing ? 1 : this.#bound
    if (this.pausedUntil > 0 || this.#open >= bound) return undefined
    const job = this.#queue.shift()
    if (job) this.#open++
    return job
  }

  finished(): void {
    this.#open--
  }

  /** Returns true when this ends a time of pauses. */
  succeeded(): boolean {
    const mended = this.pauses > 0
    this.#probing = false
    this.#failures = 0
    this.pauses = 0
    return mended
  }

  /** The provider itself failed; returns how often in a row. */
  failed(): number {
    return ++this.#failures
  }

  /** Returns false when it rests already: the rest of a burst that met the same fault. */
  pause(reason: string, until: number, shared = false): boolean {
    if (this.pausedUntil > 0) return false
    this.restsShared = shared
    this.pauses++
    this.#probing = true
    this.#rest(reason, until)
    return true
  }

  /** Another lane met a fault of what both share. */
  restWith(other: Lane): void {
    if (this.pausedUntil > 0) return
    this.restsShared = true
    this.pauses = other.pauses
    this.#probing = true
    this.#rest(other.#reason, other.pausedUntil)
  }

  /** The row must go before all others, and not before `until`. */
  block(job: Job, until: number): void {
    this.unshift(job)
    if (this.pausedUntil === 0) this.#rest('retry', until)
  }

  resume(): void {
    this.restsShared = false
    this.#cancel?.()
    this.#cancel = undefined
    this.pausedUntil = 0
  }

  stop(): void {
    this.#cancel?.()
  }

  state(): LaneState {
    const rests = this.pausedUntil > 0
    return {
      lane: this.name,
      waiting: this.length,
      under_way: this.#open,
      paused: rests ? this.#reason : null,
      until: rests ? this.pausedUntil : null,
    }
  }

  #rest(reason: string, until: number): void {
    this.#reason = reason
    this.pausedUntil = until
    this.#cancel = this.clock.after(Math.max(0, until - this.clock.now()), () => {
      this.resume()
      this.wake()
    })
  }
}
