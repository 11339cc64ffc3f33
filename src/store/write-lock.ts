/**
 * The write lock of the database, which another process may hold for a while (a backup, a shell of SQLite). Nobody is
 * refused for that: a trip that finds it taken is put off and the loop goes on, up to a limit.
 */
import type { Database } from 'bun:sqlite'
import { getLogger } from '../log.ts'
import type { Clock } from './clock.ts'
import { guard } from './guarded.ts'

const log = getLogger('turn')

/** Milliseconds between two looks whether the lock is free. */
const LOOK_MS = 5
/** Work that may wait for the lock; streams stop reading, so that this is only reached by many programs at once. */
const MOST_WAITING = 10_000

/** Thrown out of a trip that has changed nothing: it is to be run again by `WriteLock.whenFree`. */
export class DatabaseBusy extends Error {
  constructor() {
    super('another process holds the write lock of the database')
  }
}

export class WriteLock {
  readonly #db: Database
  readonly #clock: Clock
  /** The lock was taken by a look of ours: the turn goes on with it. */
  readonly #began: () => void
  readonly #begin
  /** Milliseconds for which work is put off; 0: it is refused at once. */
  #patience = 0
  #waiting: (() => void)[] = []
  /** Monotonic ms at which the lock was found taken; undefined while it is not known to be. */
  #since: number | undefined
  #cancel: (() => void) | undefined

  constructor(db: Database, clock: Clock, began: () => void) {
    this.#db = db
    this.#clock = clock
    this.#began = began
    this.#begin = db.prepare('BEGIN IMMEDIATE')
  }

  /** A statement that finds it taken waits inside SQLite for up to `ms`, and the loop with it: at start, at the stop, in a command. */
  block(ms: number): void {
    this.#patience = 0
    this.#db.run(`PRAGMA busy_timeout = ${ms}`)
    this.#release()
  }

  /** A trip that finds it taken is put off for up to `ms`, while the loop goes on. */
  putOff(ms: number): void {
    this.#db.run('PRAGMA busy_timeout = 0')
    this.#patience = ms
  }

  /** For how long another process has been seen to hold it (ms); 0 where none is. */
  get busyMs(): number {
    return this.#since === undefined ? 0 : this.#clock.monotonic() - this.#since
  }

  /** Whether work is being put off: what comes now must not overtake it. */
  get isAwaited(): boolean {
    return this.#cancel !== undefined
  }

  /** So much waits already that the rest is refused. */
  get isCrowded(): boolean {
    return this.#waiting.length >= MOST_WAITING
  }

  /** Takes it. Throws DatabaseBusy where the work is to be put off, else what SQLite says. */
  take(): void {
    if (this.isAwaited) throw new DatabaseBusy()
    try {
      this.#begin.run()
    } catch (cause) {
      if (!isBusy(cause) || this.#patience === 0) throw cause
      this.#since ??= this.#clock.monotonic()
      if (this.busyMs >= this.#patience) throw cause
      log.warn('another process holds the write lock of the database; messages wait', {
        file: this.#db.filename,
      })
      this.#look()
      throw new DatabaseBusy()
    }
    this.#since = undefined
  }

  /** Runs `f` once the lock is ours, or has been another's for too long; in the order of asking. */
  whenFree(f: () => void): void {
    this.#waiting.push(f)
    if (!this.isAwaited) this.#release()
  }

  #look(): void {
    this.#cancel = this.#clock.after(LOOK_MS, () => {
      try {
        this.#begin.run()
      } catch (cause) {
        if (isBusy(cause) && this.busyMs < this.#patience) return this.#look()
        log.error('the write lock of the database is not to be had; messages are refused', {
          file: this.#db.filename,
          seconds: Math.round(this.busyMs / 1000),
          error: cause,
        })
        return this.#release()
      }
      log.warn('the write lock of the database is free again', { ms: Math.round(this.busyMs) })
      this.#since = undefined
      this.#began()
      this.#release()
    })
  }

  #release(): void {
    this.#cancel?.()
    this.#cancel = undefined
    for (const f of this.#waiting.splice(0)) guard('work that waited for the write lock failed', f)
  }
}

const isBusy = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && String(error.code).startsWith('SQLITE_BUSY')
