/**
 * The pace of long work in a Worker: it shares disk and processor with the loop, whose next fdatasync waits for
 * whatever the disk was given before. So work is done in pieces, each on disk before the next, with rests between.
 */
import { readlinkSync } from 'node:fs'
import { setPriority } from 'node:os'
import { systemClock } from '../clock.ts'

/** Of nice(2): behind everything that people wait for. */
const LAST = 15
/** Milliseconds of the longest rest. */
const LONGEST = 250

export interface Step {
  readonly label: string
  readonly done: number
  readonly total: number
}

/** Milliseconds between two reports. */
const REPORT_MS = 100

export class Pace {
  readonly #rate: number
  readonly #report: (step: Step) => void
  #began = systemClock.monotonic()
  #reportedAt = 0
  /** No rests while this holds: what waits for the end of the work costs more than they spare. */
  hurry: () => boolean = () => false

  /** `rate`: most bytes a second; Infinity: no rests at all. */
  constructor(rate: number, report: (step: Step) => void = () => {}) {
    this.#rate = rate
    this.#report = report
  }

  /** Behind a piece of `bytes`: rests as long as that took, and longer where it was faster than the rate. */
  piece(bytes: number, step: Step): void {
    const took = systemClock.monotonic() - this.#began
    this.tell(step)
    if (Number.isFinite(this.#rate) && !this.hurry())
      Bun.sleepSync(Math.min(LONGEST, Math.max(took, (bytes / this.#rate) * 1000 - took)))
    this.#began = systemClock.monotonic()
  }

  tell(step: Step): void {
    const now = systemClock.monotonic()
    if (now - this.#reportedAt < REPORT_MS && step.done < step.total) return
    this.#reportedAt = now
    this.#report(step)
  }
}

/** Puts this thread behind the others of the process; Linux has a priority for each. */
export function stepBack(): void {
  try {
    const thread = Number(readlinkSync('/proc/thread-self').split('/').at(-1))
    setPriority(thread, LAST)
  } catch {
    // Without /proc it goes on as it is.
  }
}
