/**
 * A pass of the loop: all streams that are readable in it share one time. Each has its own share, but a thousand that
 * come at once, as after a restart, would hold the loop for all of theirs together. A timer for each pass would cost the
 * relay a sixth of its CPU, so that its end is that of a turn, or what lies between two streams: nothing within one.
 */
import { perObject } from '../per-object.ts'

const SHARE_MS = 5
/** Time between two streams after which the loop has done something else meanwhile. */
const GAP_MS = 0.3

export class Pass {
  #since: number | undefined
  #left = Number.NEGATIVE_INFINITY
  #ticks = 0
  #isEnding = false

  /** A stream begins to be served at `now` (monotonic ms); `ticks` rise wherever a pass is known to have ended. */
  begins(now: number, ticks: number): void {
    if (this.#since === undefined || ticks !== this.#ticks || now - this.#left > GAP_MS) this.#since = now
    this.#ticks = ticks
  }

  /** Whether the rest of the stream must wait for the next pass. */
  isOver(now: number): boolean {
    if (this.#since === undefined || now - this.#since <= SHARE_MS) return false
    if (!this.#isEnding) {
      this.#isEnding = true
      // It runs before whatever is put off from here on.
      setImmediate(() => {
        this.#isEnding = false
        this.#since = undefined
      })
    }
    return true
  }

  /** The stream has been served, up to `now`. */
  ends(now: number): void {
    this.#left = now
  }
}

/** The pass of a loop, which is known by its clock. */
export const passOf = perObject((_: object) => new Pass())
