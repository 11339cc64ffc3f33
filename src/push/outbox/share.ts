/** A share of the loop: work that comes in floods (answers of a provider, a queue behind a new connection) goes on in the next pass. */
import type { Clock } from '../../store/clock.ts'

export class LoopShare {
  readonly #clock: Pick<Clock, 'monotonic'>
  readonly #ms: number
  /** End of what this pass may take; 0 before its first piece of work. */
  #until = 0
  #isUp = false
  readonly #goOn: () => void

  /** `ms` of each pass of the loop, in pieces that take no time worth speaking of; `goOn` is called in the pass behind one that had its share. */
  constructor(clock: Pick<Clock, 'monotonic'>, ms: number, goOn: () => void) {
    this.#clock = clock
    this.#ms = ms
    this.#goOn = goOn
  }

  /** Whether this pass has had its share; who asks then need do nothing more. */
  isUp(): boolean {
    if (this.#isUp) return true
    if (this.#until === 0) {
      this.#until = this.#clock.monotonic() + this.#ms
      setImmediate(() => this.#begin())
    }
    if (this.#clock.monotonic() <= this.#until) return false
    this.#isUp = true
    return true
  }

  /** A new pass. */
  #begin(): void {
    const wasUp = this.#isUp
    this.#until = 0
    this.#isUp = false
    if (wasUp) this.#goOn()
  }
}
