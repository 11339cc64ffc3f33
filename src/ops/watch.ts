/** Checks that turn red and green again, one line of the log each time, however often it is looked at meanwhile. */
import { getLogger, OutsideError } from '../log.ts'
import { reloadSuccess } from '../metrics/metrics.ts'
import type { Clock } from '../store/clock.ts'
import { type Check, freeBytes } from './readiness.ts'

const log = getLogger('readiness')

/** Milliseconds without a failure after which storing is said to work again: on a full disk small rows come and go. */
const STEADY_MS = 10_000

/** The disk as those who write to it find it. */
export class StorageWatch {
  readonly #clock: Clock
  readonly #file: string
  #failing = false
  #cancel: (() => void) | undefined

  /** `file` is the database's. */
  constructor(clock: Clock, file: string) {
    this.#clock = clock
    this.#file = file
  }

  fails(cause: unknown): void {
    this.#cancel?.()
    this.#cancel = undefined
    if (this.#failing) return
    this.#failing = true
    log.error('messages cannot be stored and are refused', { ...this.#place(), error: cause })
  }

  stores(): void {
    if (!this.#failing) return
    this.#cancel ??= this.#clock.after(STEADY_MS, () => {
      this.#cancel = undefined
      this.#failing = false
      log.error('messages are stored again', this.#place())
    })
  }

  #place(): { file: string; free_bytes: number | undefined } {
    return { file: this.#file, free_bytes: freeBytes(this.#file) }
  }
}

const serverLog = getLogger('server')

/** Reloads of the configuration: whether the last one was good. */
export class ReloadWatch {
  readonly #clock: Clock
  #refused: { readonly at: number; readonly error: string } | undefined

  constructor(clock: Clock) {
    this.#clock = clock
    reloadSuccess.set(1)
  }

  good<T>(facts: T): T {
    this.#refused = undefined
    reloadSuccess.set(1)
    return facts
  }

  refused(error: unknown): void {
    serverLog.error('the new configuration is not used', { error })
    this.#refused = { at: this.#clock.now(), error: error instanceof Error ? error.message : String(error) }
    reloadSuccess.set(0)
  }

  /** Reads the configuration anew, as a signal does; the command that serves says how. Names what changed. */
  ask: () => Promise<readonly string[]> = () =>
    Promise.reject(new OutsideError('nothing reads the configuration'))

  alarms(): string[] {
    if (!this.#refused) return []
    const { at, error } = this.#refused
    return [`the configuration of ${new Date(at).toISOString()} is not used, that before stays: ${error}`]
  }
}

/** The checks of readiness. */
export class ReadinessWatch {
  readonly #red = new Set<string>()

  /** To be told of every look at them. */
  note(checks: readonly Check[]): void {
    for (const { name, ok, detail } of checks) {
      if (ok === !this.#red.has(name)) continue
      if (ok) this.#red.delete(name)
      else this.#red.add(name)
      if (ok) log.error('ready again', { check: name, detail })
      else log.error('not ready', { check: name, detail })
    }
  }
}
