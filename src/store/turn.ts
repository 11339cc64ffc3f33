/**
 * The turn: all trips between two flushes share one transaction, and nothing they say is heard before it is on
 * disk. Only this file and savepoint.ts say BEGIN, SAVEPOINT and COMMIT.
 *
 * One turn at a time is on its way to the disk, and the next takes in what comes meanwhile: a slow disk makes turns larger.
 *
 * A trip that throws is rolled back to its savepoint (the first that writes: to the beginning): its rows, its output and,
 * by `undo`, its memory. When SQLite drops the whole transaction (FULL, IOERR and NOMEM do), every trip of the turn is
 * undone and refused. When the sync of a COMMIT fails the outcome is unknown: nothing is answered and the process must end.
 *
 * Output outside of any trip (a stream's header, the answer to a trip that failed by itself) rests on no row.
 * It waits in the same buffer, so that order is kept, but a failed turn does not take it away.
 */
import type { Database } from 'bun:sqlite'
import type { StanzaError } from '../xmpp/errors.ts'
import { type Clock, systemClock } from './clock.ts'
import { caught, guard, runReversed } from './guarded.ts'
import { Savepoint } from './savepoint.ts'
import { isOutOfRoom, isUnknownOutcome, refusal, TurnFailed } from './turn-failed.ts'
import type { Syncing, TurnHost, TurnLimits, TurnTrip } from './turn-host.ts'
import type { DiskSync } from './wal-sync.ts'
import { DatabaseBusy, WriteLock } from './write-lock.ts'

/** `end` follows the turns that its own flush opens, but not for ever. */
const FOLLOW = 1_000
/** Trips that may wait behind a turn that is on its way to the disk; beyond that the loop waits, and with it the senders. */
const BEHIND = 2_000

export class Turn {
  #trips: TurnTrip[] = []
  #output: (() => void)[] = []
  #current: TurnTrip | undefined
  /** Whether this turn has said BEGIN. SQLite may have dropped the transaction since. */
  #begun = false
  #writing = 0
  #openedAt = 0
  /** Set while a turn is open: takes back the wake-up that will end it. */
  #cancelTick: (() => void) | undefined
  #syncing: Syncing | undefined
  /** The open turn would have ended but for the one that is on its way to the disk. */
  #due = false
  #flushing = false
  #endAfterFlush = false
  #notBefore = Number.NEGATIVE_INFINITY
  #dead = false
  /** The last failure to write, until a commit succeeds: readiness is red while it is set. */
  failure: { at: number; cause: unknown } | undefined
  /** Called now and then after a commit, with no transaction open. */
  between: (() => void) | undefined
  readonly lock: WriteLock

  readonly #db: Database
  readonly #host: TurnHost
  readonly #clock: Clock
  readonly #limits: TurnLimits
  readonly #sync: DiskSync | undefined
  readonly #commit
  readonly #savepoint: Savepoint

  constructor(
    db: Database,
    host: TurnHost,
    clock: Clock = systemClock,
    { limits = { trips: 256, ms: 5 }, sync }: { limits?: TurnLimits; sync?: DiskSync | undefined } = {},
  ) {
    this.#db = db
    this.#host = host
    this.#clock = clock
    this.#limits = limits
    this.#sync = sync
    this.lock = new WriteLock(db, clock, () => this.#begins())
    this.#commit = db.prepare('COMMIT')
    this.#savepoint = new Savepoint(db)
  }

  /**
   * Runs `f` as one trip. Its writes are atomic and its output waits for the turn's commit.
   * `refuse` answers the trip's sender if the whole turn is lost later; it may only call `after`. Throws, after rolling
   * back, what `f` throws, DatabaseBusy where it is to be run again by `lock.whenFree`, `resource-constraint` where there was
   * no room for it, or TurnFailed where the turn itself went down.
   */
  trip<T>(f: () => T, refuse?: (cause: StanzaError) => void): T {
    if (this.#current) throw new Error('a trip runs inside a trip')
    if (this.#dead) throw new TurnFailed(refusal(this.failure?.cause))
    if (this.lock.isAwaited) throw this.lock.isCrowded ? refusal(new DatabaseBusy()) : new DatabaseBusy()
    this.#open()
    const first = this.#output.length
    const trip: TurnTrip = { undo: [], refuse, first, end: first, level: 1, open: 0, begins: false }
    this.#trips.push(trip)
    this.#current = trip
    try {
      const result = f()
      // An error that `f` caught may have cost the whole transaction.
      if (this.#isDropped()) throw new Error('SQLite dropped the transaction')
      if (trip.open > 0 && !trip.begins) this.#savepoint.release()
      trip.end = this.#output.length
      this.#current = undefined
      return result
    } catch (error) {
      trip.end = this.#output.length
      this.#current = undefined
      this.#rollBack(trip, error)
      throw error
    } finally {
      if (this.#isFull()) this.#end()
    }
  }

  /**
   * Runs `f` as a part of the trip that may fail by itself: what it wrote, said and changed in memory is taken back, and
   * the trip goes on. Throws what `f` throws; parts do not nest.
   */
  part<T>(f: () => T): T {
    const trip = this.#current
    if (trip?.level !== 1) throw new Error('a part stands in a trip')
    const first = this.#output.length
    const undos = trip.undo.length
    trip.level = 2
    try {
      const result = f()
      if (trip.open === 2 && !this.#isDropped()) this.#savepoint.release()
      return result
    } catch (error) {
      // Beyond a dropped transaction the trip fails, with all that it has in `undo`.
      if (this.#isDropped()) throw error
      if (trip.open === 2) this.#savepoint.takeBack()
      this.#output.length = first
      runReversed(trip.undo.splice(undos))
      throw error
    } finally {
      trip.level = 1
      trip.open = Math.min(trip.open, 1)
    }
  }

  /**
   * A statement that writes is about to run: opens the transaction and the trip's savepoint on first use.
   * Throws DatabaseBusy while another process holds the write lock, `resource-constraint` when that takes too long.
   */
  writes(): void {
    const trip = this.#current
    if (!trip) throw new Error('a write outside a trip')
    // Beyond a dropped transaction every statement would commit by itself.
    if (this.#isDropped()) throw new TurnFailed(refusal(undefined))
    if (trip.open >= trip.level) return
    const first = trip.open === 0
    try {
      if (!this.#begun) {
        this.lock.take()
        this.#begun = trip.begins = true
        trip.open = 1
      }
      for (; trip.open < trip.level; trip.open++) this.#savepoint.open()
    } catch (cause) {
      this.#failed(cause)
      throw cause instanceof DatabaseBusy ? cause : refusal(cause)
    }
    if (first) this.#writing++
  }

  /** Output or another effect outside the store: runs in order after the commit, never if the trip is undone. */
  after(effect: () => void): void {
    if (this.#dead) return
    this.#open()
    this.#output.push(effect)
  }

  /** Functions that take back what this trip changed in memory; run in reverse order. */
  undo(fn: () => void): void {
    if (!this.#current) throw new Error('undo outside a trip')
    this.#current.undo.push(fn)
  }

  /** Takes the write lock for what comes next in this pass of the loop; false where that is to be put off. */
  isWritable(): boolean {
    try {
      if (!this.#begun) this.lock.take()
    } catch (error) {
      return !(error instanceof DatabaseBusy)
    }
    this.#begins()
    return true
  }

  /** Whether output or rows wait for the end of the turn. */
  get isOpen(): boolean {
    return this.#cancelTick !== undefined || this.#syncing !== undefined
  }

  /** For how long (ms) the disk has owed its word on the turn that is on its way; 0 where none is. */
  get waitedMs(): number {
    return this.#syncing ? this.#clock.monotonic() - this.#syncing.start : 0
  }

  /** Ends of passes of the loop that a turn has seen: what was readable then has been served. */
  ticks = 0

  /** True once the outcome of a commit is unknown: no statement may touch the database any more. */
  get dead(): boolean {
    return this.#dead
  }

  /** Ends the open turn now, waits for the disk, and so for the turns that the flush opens: for an orderly stop. */
  end(): void {
    if (this.#current) throw new Error('the turn ends inside a trip')
    if (this.#flushing) {
      this.#endAfterFlush = true
      return
    }
    for (let i = 0; i < FOLLOW && this.isOpen; i++) {
      if (this.#cancelTick) this.#end()
      else this.#await()
    }
  }

  /** The write lock was waited for and is ours: what waited comes into this turn. */
  #begins(): void {
    this.#open()
    this.#begun = true
  }

  #open(): void {
    if (this.#cancelTick) return
    this.#openedAt = this.#clock.monotonic()
    // The sockets that are readable now have been served when setImmediate fires.
    const immediate = setImmediate(this.#tick)
    this.#cancelTick = () => clearImmediate(immediate)
  }

  readonly #tick = (): void => {
    this.ticks++
    const wait = this.#begun ? this.#notBefore - this.#clock.monotonic() : 0
    if (this.#begun && this.#syncing) this.#due = true
    else if (wait > 0) this.#cancelTick = this.#clock.after(wait, this.#tick)
    else this.#end()
  }

  #isFull(): boolean {
    // The rest of a flush goes out before what its own effects set off.
    if (!this.#cancelTick || this.#flushing) return false
    if (this.#begun && this.#syncing) return this.#trips.length >= BEHIND
    const now = this.#clock.monotonic()
    if (this.#begun && now < this.#notBefore) return false
    return this.#writing >= this.#limits.trips || now - this.#openedAt >= this.#limits.ms
  }

  #isDropped(): boolean {
    return this.#begun && !this.#db.inTransaction
  }

  #rollBack(trip: TurnTrip, error: unknown): void {
    if (trip.open > 0 && !this.#isDropped()) this.#takeBack(trip)
    if (this.#isDropped()) {
      this.#fail(error)
      throw new TurnFailed(refusal(error))
    }
    this.#output.length = trip.first
    runReversed(trip.undo)
    // The trip is over and nothing of it is left, so a later failure of the turn has nothing to refuse.
    this.#trips.pop()
    // Some statements are undone alone where there is no room, those that may fail in their midst.
    if (isOutOfRoom(error)) {
      this.#failed(error)
      throw refusal(error)
    }
  }

  /** A transaction that cannot be taken back must not be committed either. */
  #takeBack({ begins }: TurnTrip): void {
    if (!begins) return this.#savepoint.takeBack()
    const failed = caught(() => this.#savepoint.rollBack())
    if (failed && this.#db.inTransaction) return this.#die(failed.cause)
    // The next write begins another transaction.
    this.#begun = false
    this.#writing = 0
  }

  #end(): void {
    if (this.#begun && this.#syncing) this.#await()
    this.#cancelTick?.()
    this.#cancelTick = undefined
    this.#due = false
    if (this.#dead) return
    const output = this.#output
    if (!this.#begun) {
      this.#forget()
      // A trip without rows may have read what is not on disk yet.
      if (this.#syncing) for (const effect of output) this.#syncing.output.push(effect)
      else this.#flush(output)
      return
    }
    const trips = this.#writing
    const start = this.#clock.monotonic()
    const failed = caught(() => this.#commit.run())
    // Pacing: where the writing itself takes d ms it gets at most half of the loop's time.
    this.#notBefore = 2 * this.#clock.monotonic() - start
    if (failed) return this.#commitFailed(failed.cause)
    this.#forget()
    this.#toDisk({ output, start, trips })
  }

  /** Work that belongs between two transactions is done while the disk works. */
  #toDisk(turn: Syncing): void {
    if (this.#sync) {
      this.#syncing = turn
      this.#sync.start((error) => {
        // Unless the loop has waited for it meanwhile.
        if (this.#syncing === turn) this.#onDisk(turn, error)
      })
    }
    const { between } = this
    if (between) guard('work between two turns failed', between)
    if (!this.#sync) this.#onDisk(turn, undefined)
  }

  #onDisk({ output, start, trips }: Syncing, error: unknown): void {
    this.#syncing = undefined
    if (error !== undefined) return this.#die(error)
    if (this.failure) this.#host.stores?.()
    this.failure = undefined
    guard('a commit could not be counted', () =>
      this.#host.committed?.(this.#clock.monotonic() - start, trips),
    )
    this.#flush(output)
    if (this.#due) this.#end()
  }

  /** The loop waits for the turn that is on its way to the disk. */
  #await(): void {
    const turn = this.#syncing
    if (!turn) return
    this.#due = false
    this.#onDisk(turn, caught(() => this.#sync?.now())?.cause)
  }

  #commitFailed(error: unknown): void {
    const { inTransaction } = this.#db
    if (isUnknownOutcome(error, inTransaction)) return this.#die(error)
    if (inTransaction) this.#savepoint.rollBack()
    this.#fail(error)
    // What the refusals opened.
    this.#end()
  }

  #failed(cause: unknown): void {
    this.failure = { at: this.#clock.now(), cause }
    if (!(cause instanceof DatabaseBusy)) this.#host.fails?.(cause)
  }

  #die(cause: unknown): void {
    this.#dead = true
    this.#failed(cause)
    this.#cancelTick?.()
    this.#cancelTick = undefined
    this.#forget()
    this.#host.fatal(cause)
  }

  /**
   * Nothing of this turn is on disk: undo every trip, tell each sender so, and keep what no trip said. The turn goes
   * on without a transaction, and its words leave at its end.
   */
  #fail(cause: unknown): void {
    const trips = this.#trips
    const output = this.#output
    this.#failed(cause)
    for (let i = trips.length - 1; i >= 0; i--) runReversed(trips[i]?.undo ?? [])
    this.#forget()
    const error = refusal(cause)
    let at = 0
    for (const { first, end, refuse } of trips) {
      this.#output.push(...output.slice(at, first))
      at = end
      if (refuse) guard('a refusal failed', () => refuse(error))
    }
    this.#output.push(...output.slice(at))
  }

  #forget(): void {
    this.#trips = []
    this.#output = []
    this.#writing = 0
    this.#begun = false
  }

  #flush(output: readonly (() => void)[]): void {
    this.#flushing = true
    // One bad effect must not cost the others: what they say is committed.
    for (const effect of output) guard('an effect after the commit failed', effect)
    guard('the sockets could not be flushed', () => this.#host.flushed())
    this.#flushing = false
    if (!this.#endAfterFlush) return
    this.#endAfterFlush = false
    this.end()
  }
}
