/**
 * A pass of the loop: all streams that are readable in it share one time. Each has its own share, but a thousand that
 * come at once, as after a restart, would hold the loop for all of theirs together.
 */
const SHARE_MS = 5

interface Clock {
  monotonic(): number
}

export class Pass {
  #since: number | undefined
  readonly #clock: Clock

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Whether the rest must wait for the next pass; the first of a pass never does. */
  get isOver(): boolean {
    const now = this.#clock.monotonic()
    if (this.#since === undefined) {
      this.#since = now
      // It runs before whatever is put off from here on.
      setImmediate(() => (this.#since = undefined))
    }
    return now - this.#since > SHARE_MS
  }
}

const passes = new WeakMap<Clock, Pass>()

export function passOf(clock: Clock): Pass {
  let pass = passes.get(clock)
  if (!pass) passes.set(clock, (pass = new Pass(clock)))
  return pass
}
