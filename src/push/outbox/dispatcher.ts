/**
 * Drains the outbox. Rows come by memory after their commit and live here until their answer is recorded; the table is
 * read only at start and after an overflow, and written only when an answer is there. Whatever has no recorded answer
 * when the process ends is due again at the next start, with the same ids: at least once, shown once.
 */
import { getLogger } from '../../log.ts'
import { pushQueue, pushUnderWay } from '../../metrics/metrics.ts'
import type { Clock, Random } from '../../store/clock.ts'
import type { Job } from '../../store/push.ts'
import type { RunTrip } from '../../store/tx.ts'
import { Afterthoughts } from './amendments.ts'
import { type Answer, recordAnswer } from './record-result.ts'
import { Crowd } from './coalesce.ts'
import { isAnswer, lastLook, type Look, Pacing } from './last-look.ts'
import { Lane, type LaneState } from './queue.ts'
import { backoff, type Provider, providerOf, type Providers, type Result } from './provider.ts'
import { tally } from './metrics.ts'
import { LoopShare } from './share.ts'

const log = getLogger('push')

export interface DispatcherOptions extends Look, Providers {
  readonly run: RunTrip
  readonly clock: Clock
  readonly random: Random
  /** Rows kept in memory (limits.push_queue); more wait in the table. */
  readonly capacity?: number
  readonly retry?: { readonly firstMs: number; readonly capMs: number }
}

/** A lane that the operator must mend is probed after this, doubling up to the second figure. */
const PAUSE_MS = 60_000
const PAUSE_CAP_MS = 15 * 60_000
const PAGE = 500
/** Answers written in one trip at most. */
const BATCH = 100
/** Time (ms) after which the rest of them, or of the requests that are due, is left to the next pass of the loop. */
const HOLDS = 2
/** A row that waited longer than this is looked up again before it is sent. */
const STALE_MS = 1_000
/** Pause before answers that could not be recorded are recorded again. */
const RECORD_AGAIN_MS = 1_000
/** Failures of a provider in a row after which its lane rests. */
const ILL = 10

export class Dispatcher {
  readonly #options: DispatcherOptions
  readonly #share: LoopShare
  readonly #capacity: number
  readonly #lanes = new Map<string, Lane>()
  readonly #inFlight = new Map<Provider, number>()
  /** Rows in memory by id: waiting, delayed or under way. */
  readonly #rows = new Map<number, { readonly job: Job; readonly due: number; cancel: () => void }>()
  #refilling = false
  #missed = false
  readonly #underWay = new Set<number>()
  readonly #afterthoughts = new Afterthoughts()
  readonly #crowd = new Crowd()
  readonly #pacing = new Pacing()
  #answers: Answer[] = []
  #recording = false
  #lastId = 0
  /** The table holds rows after #lastId that are not here: at start, and after an overflow. */
  #behind = true
  #running = false
  #pumping = false
  #idle: (() => void) | undefined

  constructor(options: DispatcherOptions) {
    this.#options = options
    this.#share = new LoopShare(options.clock, HOLDS, () => this.notify())
    this.#capacity = options.capacity ?? 100_000
  }

  start(): void {
    this.#running = true
    this.#options.push.queued = (job) => this.#take(job)
    this.#options.push.recall = (id) => this.#recall(id)
    this.#options.push.reworded = (id, words) =>
      this.#afterthoughts.reword(id, words, this.#rows.get(id)?.job, this.#refilling)
    this.notify()
  }

  /** Something may have changed: look at the lanes after this turn. */
  notify(): void {
    if (this.#pumping || !this.#running) return
    this.#pumping = true
    queueMicrotask(() => {
      this.#pumping = false
      if (!this.#running) return
      this.#refill()
      for (const lane of this.#lanes.values()) this.#serve(lane)
      pushQueue.set(this.#rows.size)
      pushUnderWay.set(this.#underWay.size)
    })
  }

  /** Rows here without a recorded answer. */
  get size(): number {
    return this.#rows.size
  }

  /** Every lane that has something to do or to wait for, for people. */
  lanes(): LaneState[] {
    return [...this.#lanes.values()].map((lane) => {
      const state = lane.state()
      const detail = lane.provider?.trouble?.(lane.name) ?? null
      return detail === null ? state : { ...state, paused: state.paused ?? 'NoConnection', detail }
    })
  }

  /** Since when the push is due that waits longest (ms); undefined while nothing waits. */
  oldest(): number | undefined {
    // Rows come in order and keep their place until they are answered.
    for (const { due } of this.#rows.values()) return due
    return undefined
  }

  /** The operator changed something (a reload): paused lanes are tried at once. */
  resume(): void {
    for (const lane of this.#lanes.values()) lane.resume()
    this.notify()
  }

  /** Starts nothing new, lets what is under way finish for up to `drainMs`, and records every answer that came. */
  async stop(drainMs: number): Promise<void> {
    this.#running = false
    const { push, providers = {}, webhook } = this.#options
    push.queued = push.recall = push.reworded = undefined
    for (const row of this.#rows.values()) row.cancel()
    for (const lane of this.#lanes.values()) lane.stop()
    await Promise.all([...Object.values(providers), webhook].map(async (provider) => provider?.stop(drainMs)))
    if ([...this.#inFlight.values()].every((n) => n === 0) && this.#answers.length === 0 && !this.#recording)
      return
    await new Promise<void>((resolve) => {
      const cancel = this.#options.clock.after(drainMs, resolve)
      this.#idle = () => {
        cancel()
        resolve()
      }
    })
  }

  /** A row is about to be deleted: it must not be sent from memory either. */
  #recall(id: number): (() => void) | undefined {
    if (this.#underWay.has(id)) return undefined
    return this.#comes(id) || this.#refilling ? this.#afterthoughts.recall(id) : () => undefined
  }

  /** Whether a row is here or will be handed over; others are only in the table. */
  #comes(id: number): boolean {
    return this.#rows.has(id) || (id > this.#lastId && !this.#behind)
  }

  #take(job: Job): void {
    if (this.#behind || this.#rows.size >= this.#capacity) {
      // The row is in the table, behind the last one known here: it comes with a later page, in order.
      this.#behind = true
      this.#missed = true
    } else if (job.id > this.#lastId) {
      this.#lastId = job.id
      this.#keep(job)
    }
    this.notify()
  }

  /**
   * Reads on in the table while there is room; half of the memory is left before it is worth a query. It is a trip of
   * its own, so that the rows are on disk when they arrive here: a plain read would see what an open turn may undo.
   */
  #refill(): void {
    if (!this.#behind || this.#refilling || this.#rows.size > this.#capacity / 2) return
    this.#refilling = true
    this.#missed = false
    const limit = Math.min(PAGE, this.#capacity - this.#rows.size)
    this.#options
      .run(({ store }) => store.push.waiting(this.#lastId, limit))
      .then(
        (jobs) => {
          this.#refilling = false
          if (!this.#running) return
          for (const job of jobs) {
            this.#lastId = job.id
            this.#keep(this.#afterthoughts.apply(job))
          }
          this.#behind = jobs.length === limit || this.#missed
          this.#afterthoughts.paged((id) => this.#comes(id))
          this.notify()
        },
        (error: unknown) => {
          log.error('the outbox could not be read', { error })
          this.#options.clock.after(RECORD_AGAIN_MS, () => {
            this.#refilling = false
            this.notify()
          })
        },
      )
  }

  #keep(job: Job): void {
    this.#rows.set(job.id, { job, due: dueOf(job), cancel: () => undefined })
    this.#lane(job)?.push(job)
  }

  /** Undefined where nobody can send it: then it is answered at once. */
  #lane(job: Job): Lane | undefined {
    const provider = providerOf(job, this.#options)
    if (!provider) {
      const nobody = new Lane('none', undefined, this.#options.clock, () => undefined)
      this.#answer({ job, lane: nobody, result: { is: 'drop', reason: 'NotConfigured' } })
      return undefined
    }
    const name = provider.lane(job)
    let lane = this.#lanes.get(name)
    if (!lane) {
      const group = provider.group ? `${provider.name} ${provider.group(job)}` : name
      lane = new Lane(name, provider, this.#options.clock, () => this.notify(), group)
      // Where the others rest a new one does not try anew.
      const resting = provider.group && this.#sharing(lane).find((other) => other.restsShared)
      if (resting) lane.restWith(resting)
      this.#lanes.set(name, lane)
    }
    return lane
  }

  #serve(lane: Lane): void {
    const { provider } = lane
    if (!provider) return
    for (;;) {
      const busy = this.#inFlight.get(provider) ?? 0
      if (busy >= provider.concurrency || this.#share.isUp()) return
      const job = lane.next()
      if (!job) break
      this.#inFlight.set(provider, busy + 1)
      void this.#send(lane, provider, job)
    }
    if (lane.idle) this.#lanes.delete(lane.name)
  }

  async #send(lane: Lane, provider: Provider, job: Job): Promise<void> {
    let result: Result
    try {
      // A provider that lingers asks again when the request leaves: until then the push can be taken back.
      const hindered = provider.lingers ? this.#hinder(job, false) : this.#leaves(job)
      result = hindered ?? (await provider.send(job, () => this.#leaves(job)))
    } catch (error) {
      log.error('a push could not be sent', { provider: provider.name, error })
      result = { is: 'retry', reason: 'InternalError' }
    }
    this.#inFlight.set(provider, (this.#inFlight.get(provider) ?? 1) - 1)
    this.#underWay.delete(job.id)
    lane.finished()
    this.#answer({ job, lane, result })
    this.notify()
  }

  /** The same for what goes on the wire: it cannot be taken back from here on. */
  #leaves(job: Job): Result | undefined {
    const hindered = this.#hinder(job, true)
    if (!hindered) this.#underWay.add(job.id)
    return hindered
  }

  /** Why it is not sent now although its time has come; `looks`: at what it rests on, which costs queries. */
  #hinder(job: Job, looks: boolean): Result | undefined {
    const now = this.#options.clock.now()
    if (this.#afterthoughts.meet(job.id)) return { is: 'drop', reason: 'Withdrawn', unsent: true }
    if (job.expiresAt <= now) return { is: 'drop', reason: 'Expired', unsent: true }
    // What was under way before went without success, and nobody has been told of what came about meanwhile.
    const stale = now - job.createdAt > STALE_MS || job.attempts > 0 || this.#underWay.has(job.id)
    const { device } = job
    return lastLook(job, this.#options, looks && stale) ?? (device && this.#pacing.look(device, now))
  }

  #answer(answer: Answer): void {
    const { job, lane, result } = answer
    // Any answer about the push itself proves that the credential works.
    if (isAnswer(result) && lane.succeeded()) log.info('push goes on again', { lane: lane.name })
    if (result.is === 'retry') this.#delay(job, lane, result)
    if (result.is === 'pause') this.#pause(job, lane, result)
    const provider = lane.provider?.name ?? 'none'
    tally(provider, result, this.#options.clock.now() - this.#due(job))
    // An untouched row is as it was: there is nothing to record.
    if (result.is === 'pause' || (result.is === 'retry' && result.untouched)) return this.#checkIdle()
    this.#answers.push(answer)
    this.#record()
  }

  #due(job: Job): number {
    return this.#rows.get(job.id)?.due ?? job.createdAt
  }

  #delay(job: Job, lane: Lane, result: Result & { is: 'retry' }): void {
    const { clock, random, retry } = this.#options
    if (!result.untouched) job.attempts++
    const { firstMs, capMs } = retry ?? { firstMs: 1_000, capMs: 5 * 60_000 }
    const own = backoff(Math.max(1, job.attempts), firstMs, capMs, random)
    const wait = result.afterMs === undefined ? own : Math.max(result.afterMs, job.attempts > 1 ? own : 0)
    job.nextAt = clock.now() + Math.ceil(wait)
    if (result.whole && job.device && !result.untouched) this.#pacing.wait(job.device, job.nextAt)
    if (!this.#running || (result.whole && this.#merge(job, lane))) return
    if (lane.provider?.ordered) return lane.block(job, job.nextAt)
    // The provider is ill: a few requests find out when it is well again, not each new message.
    if (!result.whole && lane.failed() >= ILL) {
      const rest = backoff(lane.pauses + 1, firstMs, 60_000, random)
      if (this.#rest(lane, result.reason, clock.now() + rest, true))
        log.warn('push rests: the provider fails', { lane: lane.name, reason: result.reason })
    }
    // Never sleep past the end: an expired row is dropped on time.
    const cancel = clock.after(Math.min(wait, Math.max(0, job.expiresAt - clock.now())), () => {
      if (!this.#rows.has(job.id)) return
      this.#crowd.leave(job)
      this.#lane(job)?.push(job)
      this.notify()
    })
    const row = this.#rows.get(job.id)
    if (row) row.cancel = cancel
  }

  /** Merges pushes of one chat that wait for a busy phone into the newest; true where `job` was merged. */
  #merge(job: Job, lane: Lane): boolean {
    const merged = this.#crowd.add(job, (id) => this.#afterthoughts.isRecalled(id))
    if (!merged) return false
    const { older, newer } = merged
    this.#rows.get(older.id)?.cancel()
    this.#answer({ job: older, lane, result: { is: 'merged', into: newer } })
    return older === job
  }

  #pause(job: Job, lane: Lane, result: Result & { is: 'pause' }): void {
    const wait = result.afterMs ?? Math.min(PAUSE_CAP_MS, PAUSE_MS * 2 ** Math.min(lane.pauses, 10))
    const until = this.#options.clock.now() + wait
    const fresh = this.#rest(lane, result.reason, until, result.shared === true)
    lane.unshift(job)
    if (!fresh) return
    const fields = {
      lane: lane.name,
      reason: result.reason,
      again_in_s: Math.round(wait / 1000),
      waiting: lane.length,
    }
    if (result.operator) log.error('push paused: the configuration needs the operator', fields)
    else log.warn('push paused', fields)
  }

  /** False where it rests already. */
  #rest(lane: Lane, reason: string, until: number, shared: boolean): boolean {
    const fresh = lane.pause(reason, until, shared)
    if (fresh && shared) for (const other of this.#sharing(lane)) other.restWith(lane)
    return fresh
  }

  #sharing(lane: Lane): Lane[] {
    return [...this.#lanes.values()].filter((other) => other !== lane && other.group === lane.group)
  }

  /** All answers that came meanwhile are written in one trip; a failed write keeps them, and nothing is sent twice. */
  #record(): void {
    if (this.#recording || this.#answers.length === 0) return
    this.#recording = true
    queueMicrotask(() => {
      const batch = this.#answers.splice(0, BATCH)
      const { clock, run } = this.#options
      void run(({ store }) => {
        const until = clock.monotonic() + HOLDS
        for (const [i, answer] of batch.entries()) {
          recordAnswer(store.push, answer, clock.now())
          if (clock.monotonic() > until) return i + 1
        }
        return batch.length
      }).then(
        (recorded) => {
          this.#answers = [...batch.splice(recorded), ...this.#answers]
          for (const { job, result } of batch) if (result.is !== 'retry') this.#rows.delete(job.id)
          this.#recording = false
          this.#record()
          this.#checkIdle()
          this.notify()
        },
        (error: unknown) => {
          log.error('answers could not be recorded; they are kept', { answers: batch.length, error })
          this.#answers = [...batch, ...this.#answers]
          this.#options.clock.after(RECORD_AGAIN_MS, () => {
            this.#recording = false
            this.#record()
          })
        },
      )
    })
  }

  #checkIdle(): void {
    if (!this.#idle || this.#recording || this.#answers.length > 0) return
    if ([...this.#inFlight.values()].some((n) => n > 0)) return
    this.#idle()
  }
}

/** A row that was put off or is sent again is due from then on, not since its message came. */
const dueOf = (job: Job): number => (job.attempts === 0 ? Math.max(job.createdAt, job.nextAt) : job.createdAt)
