/** Time and randomness, injected everywhere so that a play can hold both still. */
import { randomBytes, randomUUID } from 'node:crypto'

export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number
  /** Milliseconds from an arbitrary start that never runs backwards. */
  monotonic(): number
  /** Calls `fn` once after `ms`; the returned function cancels it. */
  after(ms: number, fn: () => void): () => void
}

export interface Random {
  bytes(n: number): Buffer
  uuid(): string
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(ms, fn) {
    // setTimeout treats anything over 2^31-1 ms as 1 ms; such a wait is as good as never.
    if (ms > 0x7fffffff) return () => {}
    const timer = setTimeout(fn, ms)
    return () => clearTimeout(timer)
  },
}

export const systemRandom: Random = {
  bytes: (n) => randomBytes(n),
  uuid: () => randomUUID(),
}
