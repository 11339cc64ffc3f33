/**
 * Keeps the WAL small without ever making a commit wait for it: a Worker copies frames into the database file
 * (PASSIVE, no lock needed), and once enough of them are copied the loop itself restarts the WAL between two turns,
 * which is quick then. Without RESTART a busy WAL never resets and grows without end.
 */
import { statSync } from 'node:fs'
import type { Clock } from './clock.ts'
import type { Db } from './db.ts'

/** Committed turns after which the Worker is asked again. */
const EVERY = 200
/** Copied frames (4 KiB each) at which the WAL is restarted. */
const RESTART_FRAMES = 8_000
const ALARM_BYTES = 256 * 1024 * 1024

export interface CheckpointReport {
  /** Frames in the WAL and frames already copied into the database file. */
  frames: number
  copied: number
}

export class Checkpointer {
  readonly #db: Db
  readonly #clock: Clock
  readonly #alarm: (bytes: number) => void
  readonly #worker: Worker | undefined
  #turns = 0
  #asked = false
  #restart = false
  #alarmedAt = Number.NEGATIVE_INFINITY

  constructor(db: Db, clock: Clock, alarm: (bytes: number) => void) {
    this.#db = db
    this.#clock = clock
    this.#alarm = alarm
    db.turn.between = () => this.#between()
    if (db.file === ':memory:') return
    this.#worker = new Worker(new URL('./checkpoint-worker.ts', import.meta.url).href)
    this.#worker.onmessage = (event: MessageEvent<CheckpointReport>) => this.#reported(event.data)
    this.#worker.unref()
    this.#worker.postMessage({ open: db.file })
  }

  /** Bytes of the WAL file now. */
  walBytes(): number {
    if (this.#db.file === ':memory:') return 0
    return statSync(`${this.#db.file}-wal`, { throwIfNoEntry: false })?.size ?? 0
  }

  /** Ends the Worker; called before the store closes. */
  stop(): void {
    this.#db.turn.between = undefined
    this.#worker?.terminate()
  }

  #between(): void {
    if (this.#restart) {
      this.#restart = false
      // Busy (a reader still uses the old WAL) is no failure: the next report asks again.
      this.#db.raw.query('PRAGMA wal_checkpoint(RESTART)').get()
    }
    if (++this.#turns < EVERY || this.#asked || !this.#worker) return
    this.#turns = 0
    this.#asked = true
    this.#worker.postMessage({ checkpoint: true })
  }

  #reported(report: CheckpointReport): void {
    this.#asked = false
    if (report.copied >= RESTART_FRAMES) this.#restart = true
    const bytes = this.walBytes()
    if (bytes < ALARM_BYTES || this.#clock.monotonic() - this.#alarmedAt < 60_000) return
    this.#alarmedAt = this.#clock.monotonic()
    this.#alarm(bytes)
  }
}
