/**
 * The turn: all trips between two flushes share one transaction, and nothing they say is heard before it is on
 * disk. This is the only file that says BEGIN, SAVEPOINT and COMMIT.
 *
 * A trip that throws is rolled back to its savepoint: its rows, its output and, by `undo`, its memory. When SQLite
 * drops the whole transaction (FULL, IOERR and NOMEM do), every trip of the turn is undone and refused. When the
 * fsync of COMMIT fails the outcome is unknown: nothing is answered and the process must end.
 */
import type { Database } from 'bun:sqlite'
import { StanzaError } from '../xmpp/errors.ts'
import { type Clock, systemClock } from './clock.ts'

export interface TurnLimits {
  /** Writing trips per transaction. */
  trips: number
  /** Milliseconds that a turn may stay open. */
  ms: number
}

export interface TurnHost {
  /** Output of the turn was handed over: every socket with something to say writes once. */
  flushed(): void
  /** The outcome of a COMMIT is unknown: close every stream unanswered and exit (a failed fsync is never retried). */
  fatal(cause: unknown): void
  /** A commit took `ms`; `rows` trips were in it. For metrics. */
  committed?(ms: number, trips: number): void
}

interface Trip {
  readonly undo: (() => void)[]
  readonly refuse: ((cause: StanzaError) => void) | undefined
  firstOutput: number
  wrote: boolean
}

/** Thrown out of a trip whose whole turn failed; its sender has been answered already. */
export class TurnFailed extends Error {
  constructor(readonly refusal: StanzaError) {
    super('the turn failed', { cause: refusal })
  }
}

export class Turn {
  #trips: Trip[] = []
  #output: (() => void)[] = []
  #current: Trip | undefined
  #writing = 0
  #openedAt = 0
  #scheduled = false
  #notBefore = 0
  #dead = false
  /** The last failure to commit, until a commit succeeds: readiness is red while it is set. */
  failure: { at: number; cause: unknown } | undefined
  /** Called between turns, with no transaction open. */
  between: (() => void) | undefined

  readonly #db: Database
  readonly #host: TurnHost
  readonly #clock: Clock
  readonly #limits: TurnLimits

  constructor(
    db: Database,
    host: TurnHost,
    clock: Clock = systemClock,
    limits: TurnLimits = { trips: 64, ms: 5 },
  ) {
    this.#db = db
    this.#host = host
    this.#clock = clock
    this.#limits = limits
    this.#begin = db.prepare('BEGIN IMMEDIATE')
    this.#commit = db.prepare('COMMIT')
    this.#savepoint = db.prepare('SAVEPOINT trip')
    this.#release = db.prepare('RELEASE trip')
  }
  readonly #begin
  readonly #commit
  readonly #savepoint
  readonly #release

  /**
   * Runs `f` as one trip. Its writes are atomic and its output waits for the turn's commit.
   * `refuse` answers the trip's sender if the whole turn is lost later; it may only call `after`.
   * Throws what `f` throws, after rolling back; throws TurnFailed when the turn itself went down.
   */
  trip<T>(f: () => T, refuse?: (cause: StanzaError) => void): T {
    if (this.#current) throw new Error('a trip runs inside a trip')
    if (this.#dead) throw new TurnFailed(new StanzaError('resource-constraint'))
    if (!this.#scheduled) this.#schedule()
    const trip: Trip = { undo: [], refuse, firstOutput: this.#output.length, wrote: false }
    this.#trips.push(trip)
    this.#current = trip
    try {
      const result = f()
      if (trip.wrote) this.#release.run()
      this.#current = undefined
      return result
    } catch (error) {
      this.#current = undefined
      this.#rollBack(trip, error)
      throw error
    } finally {
      if (this.#isFull()) this.#end()
    }
  }

  /** A statement that writes is about to run: opens the transaction and the trip's savepoint on first use. */
  writes(): void {
    const trip = this.#current
    if (!trip) throw new Error('a write outside a trip')
    if (trip.wrote) return
    if (this.#writing === 0) this.#begin.run()
    this.#writing++
    trip.wrote = true
    this.#savepoint.run()
  }

  /** Output or another effect outside the store: runs in order after the commit, never if the trip is undone. */
  after(effect: () => void): void {
    this.#output.push(effect)
    if (!this.#scheduled) this.#schedule()
  }

  /** How to take back what this trip changed in memory; run in reverse order. */
  undo(fn: () => void): void {
    if (!this.#current) throw new Error('undo outside a trip')
    this.#current.undo.push(fn)
  }

  get inTrip(): boolean {
    return this.#current !== undefined
  }

  /** Ends the open turn now, whatever the pacing says: for an orderly stop. */
  end(): void {
    if (this.#scheduled) this.#end()
  }

  #isFull(): boolean {
    if (this.#dead || !this.#scheduled) return false
    const now = this.#clock.monotonic()
    if (now < this.#notBefore) return false
    return this.#writing >= this.#limits.trips || now - this.#openedAt >= this.#limits.ms
  }

  #schedule(): void {
    this.#scheduled = true
    this.#openedAt = this.#clock.monotonic()
    setImmediate(this.#tick)
  }

  // The sockets that were readable have been served when setImmediate fires.
  readonly #tick = (): void => {
    if (!this.#scheduled) return
    const wait = this.#writing > 0 ? this.#notBefore - this.#clock.monotonic() : 0
    if (wait > 0) this.#clock.after(wait, this.#tick)
    else this.#end()
  }

  #rollBack(trip: Trip, error: unknown): void {
    if (this.#writing > 0 && !this.#db.inTransaction) {
      this.#fail(error)
      throw new TurnFailed(refusal(error))
    }
    if (trip.wrote) this.#db.run('ROLLBACK TO trip; RELEASE trip')
    this.#output.length = trip.firstOutput
    runReversed(trip.undo)
    // The trip is over and nothing of it is left, so a later failure of the turn has nothing to refuse.
    this.#trips.pop()
  }

  #end(): void {
    if (this.#current) throw new Error('the turn ends inside a trip')
    if (this.#dead) return
    const trips = this.#writing
    if (trips > 0) {
      const start = this.#clock.monotonic()
      try {
        this.#commit.run()
      } catch (error) {
        return this.#commitFailed(error)
      }
      const took = this.#clock.monotonic() - start
      // Pacing: a disk that needs d ms per commit gets at most half of the loop's time.
      this.#notBefore = start + 2 * took
      this.failure = undefined
      this.#host.committed?.(took, trips)
    }
    this.#flush()
    if (trips > 0) this.between?.()
  }

  #commitFailed(error: unknown): void {
    if (isUnknownOutcome(error)) {
      this.#dead = true
      this.#trips = []
      this.#output = []
      this.#host.fatal(error)
      return
    }
    if (this.#db.inTransaction) this.#db.run('ROLLBACK')
    this.#fail(error)
  }

  /** Nothing of this turn is on disk: undo every trip and tell each sender so. */
  #fail(cause: unknown): void {
    const trips = this.#trips
    this.failure = { at: this.#clock.now(), cause }
    this.#output = []
    for (let i = trips.length - 1; i >= 0; i--) runReversed(trips[i]?.undo ?? [])
    const error = refusal(cause)
    for (const trip of trips) trip.refuse?.(error)
    this.#flush()
  }

  #flush(): void {
    const output = this.#output
    this.#output = []
    this.#trips = []
    this.#writing = 0
    this.#scheduled = false
    for (const effect of output) effect()
    this.#host.flushed()
  }
}

function runReversed(undo: (() => void)[]): void {
  for (let i = undo.length - 1; i >= 0; i--) undo[i]?.()
}

function refusal(cause: unknown): StanzaError {
  return new StanzaError('resource-constraint', 'The server cannot store this at the moment.', { cause })
}

/** After an I/O error during COMMIT the row may or may not be on disk; FULL and NOMEM are certain. */
function isUnknownOutcome(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  return !code.startsWith('SQLITE_FULL') && !code.startsWith('SQLITE_NOMEM')
}
