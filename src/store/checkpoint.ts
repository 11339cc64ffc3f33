/**
 * Keeps the WAL small without ever making a commit wait for it: a Worker copies frames into the database file
 * (PASSIVE, no lock needed), and once enough of them are copied the loop itself restarts the WAL between two turns,
 * which is quick then. Without RESTART a busy WAL never resets and grows without end.
 */
import { statSync } from 'node:fs'
import { getLogger } from '../log.ts'
import type { Clock } from './clock.ts'
import type { Db } from './db.ts'

const log = getLogger('checkpoint')

export interface CheckpointLimits {
  /** The Worker is asked again after so many committed turns, or sooner when the WAL file has grown by so much. */
  everyTurns: number
  everyBytes: number
  /** Copied frames (4 KiB each) at which the WAL is restarted. */
  restartFrames: number
  alarmBytes: number
}

const MIB = 1024 * 1024
const LIMITS: CheckpointLimits = {
  everyTurns: 200,
  everyBytes: 8 * MIB,
  restartFrames: 8_000,
  alarmBytes: 256 * MIB,
}
const ALARM_AGAIN_MS = 60_000

export interface CheckpointRequest {
  file: string
}

export interface CheckpointReport {
  /** Frames in the WAL and frames already copied into the database file. */
  frames: number
  copied: number
  error?: string
}

export class Checkpointer {
  readonly #db: Db
  readonly #clock: Clock
  readonly #alarm: (bytes: number) => void
  readonly #limits: CheckpointLimits
  #worker: Worker | undefined
  #stopped = false
  #turns = 0
  #askedAtBytes = 0
  #asked = false
  #restart = false
  #alarmedAt = Number.NEGATIVE_INFINITY
  /** For tests and metrics: called with each answer of the Worker. */
  reported: ((report: CheckpointReport) => void) | undefined

  constructor(db: Db, clock: Clock, alarm: (bytes: number) => void, limits = LIMITS) {
    this.#limits = limits
    this.#db = db
    this.#clock = clock
    this.#alarm = alarm
    if (db.file === ':memory:') return
    db.turn.between = () => this.#between()
    // At once: for what the last run left in the WAL, and so that a build without its Worker is noticed at start.
    this.#ask()
  }

  /** Bytes of the WAL file now. */
  walBytes(): number {
    if (this.#db.file === ':memory:') return 0
    return statSync(`${this.#db.file}-wal`, { throwIfNoEntry: false })?.size ?? 0
  }

  /** Ends the Worker; called before the store closes. */
  stop(): void {
    this.#stopped = true
    this.#db.turn.between = undefined
    this.#worker?.terminate()
  }

  #between(): void {
    if (this.#restart) {
      this.#restart = false
      // Busy (a reader still uses the old WAL) is no failure: the next report asks again.
      this.#db.raw.query('PRAGMA wal_checkpoint(RESTART)').get()
    }
    // Below its largest size a WAL file is written over, so a file that does not grow is bounded by itself.
    const bytes = this.walBytes()
    const { everyTurns, everyBytes, alarmBytes } = this.#limits
    if (bytes >= alarmBytes) this.#raise(bytes)
    if (bytes < this.#askedAtBytes) this.#askedAtBytes = bytes
    if (++this.#turns < everyTurns && bytes - this.#askedAtBytes < everyBytes) return
    if (this.#asked) return
    this.#turns = 0
    this.#askedAtBytes = bytes
    this.#ask()
  }

  #ask(): void {
    const request: CheckpointRequest = { file: this.#db.file }
    this.#asked = true
    this.#worker ??= this.#start()
    this.#worker.postMessage(request)
  }

  /** COMPAT(Bun, 1.4.5): the executable is built with this directory as its root, so the URL is right in both. */
  #start(): Worker {
    const worker = new Worker(new URL('./checkpoint-worker.ts', import.meta.url).href)
    worker.onmessage = (event: MessageEvent<CheckpointReport>) => this.#reported(event.data)
    worker.onerror = (event) => this.#lost(event.message)
    worker.unref()
    return worker
  }

  #reported(report: CheckpointReport): void {
    this.#asked = false
    if (report.error !== undefined) log.error('a checkpoint failed', { error: report.error })
    else log.debug('write-ahead log copied', { frames: report.frames, copied: report.copied })
    if (report.copied >= this.#limits.restartFrames) this.#restart = true
    this.reported?.(report)
  }

  /** The Worker is gone; the next round starts another. */
  #lost(error: string): void {
    if (this.#stopped) return
    log.error('the checkpoint worker ended', { error })
    this.#worker?.terminate()
    this.#worker = undefined
    this.#asked = false
  }

  #raise(bytes: number): void {
    const now = this.#clock.monotonic()
    if (now - this.#alarmedAt < ALARM_AGAIN_MS) return
    this.#alarmedAt = now
    this.#alarm(bytes)
  }
}
