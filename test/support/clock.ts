/** A clock that stands still until it is advanced, and randomness that repeats. */
import { createHash } from 'node:crypto'
import type { Clock, Random } from '../../src/store/clock.ts'

interface Timer {
  readonly at: number
  readonly order: number
  readonly fn: () => void
}

export class FakeClock implements Clock {
  #epoch: number
  #elapsed = 0
  #order = 0
  #timers: Timer[] = []

  constructor(start = Date.UTC(2026, 0, 1)) {
    this.#epoch = start
  }

  now(): number {
    return Math.floor(this.#epoch + this.#elapsed)
  }

  monotonic(): number {
    return this.#elapsed
  }

  after(ms: number, fn: () => void): () => void {
    const timer = { at: this.#elapsed + ms, order: this.#order++, fn }
    if (ms !== Number.POSITIVE_INFINITY) this.#timers.push(timer)
    return () => (this.#timers = this.#timers.filter((other) => other !== timer))
  }

  /** Timers that wait. */
  get pending(): number {
    return this.#timers.length
  }

  /** Lets time pass; timers run in order, each at its own moment. */
  advance(ms: number): void {
    const end = this.#elapsed + ms
    for (;;) {
      const next = this.#timers
        .filter((timer) => timer.at <= end)
        .sort((a, b) => a.at - b.at || a.order - b.order)[0]
      if (!next) break
      this.#timers = this.#timers.filter((timer) => timer !== next)
      // A timer may let time pass itself; it never runs backwards.
      this.#elapsed = Math.max(this.#elapsed, next.at)
      next.fn()
    }
    this.#elapsed = Math.max(this.#elapsed, end)
  }

  /** The wall clock is set; what is measured by it jumps, timers do not. */
  jump(ms: number): void {
    this.#epoch += ms
  }
}

/** The same bytes for the same seed. */
export function seededRandom(seed: number): Random {
  let count = 0
  const block = () => createHash('sha256').update(`${seed}/${count++}`).digest()
  const bytes = (n: number): Buffer => {
    const blocks: Buffer[] = []
    for (let have = 0; have < n; have += 32) blocks.push(block())
    return Buffer.concat(blocks).subarray(0, n)
  }
  return {
    bytes,
    uuid() {
      const hex = bytes(16).toString('hex')
      return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`
    },
  }
}
