/** A token bucket: so many a second on average, so many at once on top. Infinite rates cost nothing. */
import type { Clock } from '../store/clock.ts'

export class Rate {
  readonly #clock: Clock
  readonly #perSecond: number
  readonly #burst: number
  #tokens: number
  #at: number

  constructor(clock: Clock, perSecond: number, burst: number) {
    this.#clock = clock
    this.#perSecond = perSecond
    this.#burst = burst
    this.#tokens = burst
    this.#at = perSecond === Number.POSITIVE_INFINITY ? 0 : clock.monotonic()
  }

  /** Takes `n` and returns how many milliseconds the payer must wait until the debt is paid; 0 = go on. */
  take(n: number): number {
    if (this.#perSecond === Number.POSITIVE_INFINITY || this.#burst === Number.POSITIVE_INFINITY) return 0
    const now = this.#clock.monotonic()
    this.#tokens = Math.min(this.#burst, this.#tokens + ((now - this.#at) / 1000) * this.#perSecond) - n
    this.#at = now
    return this.#tokens >= 0 ? 0 : (-this.#tokens / this.#perSecond) * 1000
  }
}
