/** A share of the loop: work that comes in floods (answers of a provider, a queue behind a new connection) goes on in the next pass. */
import type { Clock } from '../../store/clock.ts'

export class LoopShare {
  readonly #clock: Pick<Clock, 'monotonic'>
  readonly #ms: number
  /** End of what this pass may take; 0 before its first piece of work. */
  #until = 0
  #next: (() => void) | undefined

  /** `ms` of each pass of the loop, in pieces that take no time worth speaking of. */
  constructor(clock: Pick<Clock, 'monotonic'>, ms: number) {
    this.#clock = clock
    this.#ms = ms
  }

  /** Whether this pass has had its share; then, and only then, `next` is called in the pass behind it, once for all who asked. */
  isUp(next: () => void): boolean {
    if (this.#next) return true
    if (this.#until === 0) {
      this.#until = this.#clock.monotonic() + this.#ms
      setImmediate(() => this.#begin())
    }
    if (this.#clock.monotonic() <= this.#until) return false
    this.#next = next
    return true
  }

  /** A new pass. */
  #begin(): void {
    const next = this.#next
    this.#until = 0
    this.#next = undefined
    next?.()
  }
}
