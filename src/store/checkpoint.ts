/**
 * Keeps the WAL small: a Worker copies frames into the database file (PASSIVE, no lock needed), and once enough of
 * them are copied the loop itself restarts the WAL between two turns, which is quick then. Without RESTART a busy WAL
 * never resets and grows without end.
 *
 * A copy needs no lock of ours, but it does need the disk: its fsync and the next COMMIT's wait for each other. So
 * copies are few and large under load, and otherwise come at leisure, when nobody waits for the disk.
 */
import { statSync } from 'node:fs'
import { getLogger } from '../log.ts'
import type { Clock } from './clock.ts'
import type { Db } from './db.ts'

const log = getLogger('checkpoint')

export interface CheckpointLimits {
  /** Frames not copied yet (a page each, see db.ts) at which the Worker is asked. */
  askFrames: number
  /** Milliseconds without a commit after which whatever is not copied is copied. */
  leisure: number
  /** Copied frames at which the WAL is restarted, once no more than `leftFrames` remain for the loop to copy. */
  restartFrames: number
  leftFrames: number
  alarmBytes: number
}

const MIB = 1024 * 1024
const LIMITS: CheckpointLimits = {
  askFrames: 32_000,
  leisure: 5_000,
  restartFrames: 16_000,
  leftFrames: 2_000,
  alarmBytes: 256 * MIB,
}
/** Bytes before each page in the WAL. */
const FRAME_HEADER = 24
const NOTHING = { log: 0, checkpointed: 0 }
const ALARM_AGAIN_MS = 60_000
const MORE_ROUNDS = 3

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
  readonly #look
  readonly #frameBytes: number
  #asked = false
  #cancelLeisure: (() => void) | undefined
  #committedAt = 0
  #restart = false
  #rounds = 0
  #alarmedAt = Number.NEGATIVE_INFINITY
  /** For tests and metrics: called with each answer of the Worker. */
  reported: ((report: CheckpointReport) => void) | undefined

  constructor(db: Db, clock: Clock, alarm: (bytes: number) => void, limits = LIMITS) {
    this.#limits = limits
    this.#db = db
    this.#clock = clock
    this.#alarm = alarm
    // Changes nothing and takes no lock: 2 µs (SQLite 3.52 and later).
    this.#look = db.raw.query<{ log: number; checkpointed: number }, []>('PRAGMA wal_checkpoint(NOOP)')
    const page = db.raw.query<{ page_size: number }, []>('PRAGMA page_size').get()
    this.#frameBytes = (page?.page_size ?? 0) + FRAME_HEADER
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
    this.#cancelLeisure?.()
    this.#db.turn.between = undefined
    this.#worker?.terminate()
  }

  #between(): void {
    if (this.#restart) this.#startAnew()
    const { log: frames, checkpointed } = this.#look.get() ?? NOTHING
    const bytes = frames * this.#frameBytes
    if (bytes >= this.#limits.alarmBytes) this.#raise(bytes)
    if (frames - checkpointed >= this.#limits.askFrames) this.#ask()
    this.#committedAt = this.#clock.monotonic()
    this.#cancelLeisure ??= this.#clock.after(this.#limits.leisure, () => this.#quiet())
  }

  /** RESTART copies what is left in the loop itself, so the Worker goes again while much is left: a few times. */
  #startAnew(): void {
    this.#restart = false
    if (this.#waiting() > this.#limits.leftFrames && this.#rounds++ < MORE_ROUNDS) return this.#ask()
    this.#rounds = 0
    // Busy (a reader still uses the old WAL) is no failure: the next report asks again.
    this.#db.raw.query('PRAGMA wal_checkpoint(RESTART)').get()
  }

  /** Frames of the WAL that the database file does not have yet. */
  #waiting(): number {
    const { log: frames, checkpointed } = this.#look.get() ?? NOTHING
    return frames - checkpointed
  }

  /** One timer for as long as there are commits: looks how long the last one is ago. */
  #quiet(): void {
    const left = this.#committedAt + this.#limits.leisure - this.#clock.monotonic()
    this.#cancelLeisure = left > 0 ? this.#clock.after(left, () => this.#quiet()) : undefined
    // Amid a turn SQLite cannot look; its commit starts the clock anew.
    if (left <= 0 && !this.#db.raw.inTransaction && this.#waiting() > 0) this.#ask()
  }

  #ask(): void {
    if (this.#asked) return
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

/** Bytes of the WAL beyond which it is copied back in the loop. */
const LARGE = 64 * MIB

/** For a command on stopped data, which nobody waits for: no Worker, and a WAL that stays small however much is written. */
export function copyBackInLoop({ file, raw, turn }: Db, large = LARGE): void {
  if (file === ':memory:') return
  turn.between = () => {
    const bytes = statSync(`${file}-wal`, { throwIfNoEntry: false })?.size ?? 0
    if (bytes > large) raw.query('PRAGMA wal_checkpoint(TRUNCATE)').get()
  }
}
