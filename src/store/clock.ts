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

const LONGEST_TIMEOUT = 0x7fffffff

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(ms, fn) {
    // setTimeout takes anything over 2^31-1 ms (25 days) for 1 ms, so a longer wait goes in stages.
    let left = ms
    let timer: ReturnType<typeof setTimeout>
    const next = (): void => {
      const stage = Math.min(left, LONGEST_TIMEOUT)
      left -= stage
      timer = setTimeout(left > 0 ? next : fn, stage)
    }
    next()
    return () => clearTimeout(timer)
  },
}

export const systemRandom: Random = {
  bytes: (n) => randomBytes(n),
  uuid: () => randomUUID(),
}
