/** A disk whose syncs come back when the test says so. */
import type { DiskSync } from '../../src/store/wal-sync.ts'

export class HeldDisk implements DiskSync {
  readonly started: ((error: unknown) => void)[] = []
  waits = 0
  broken: Error | undefined

  /** While it is not `held` each sync comes back by itself in the next pass of the loop. */
  constructor(public held = true) {}

  start(done: (error: unknown) => void): void {
    if (this.held) this.started.push(done)
    else setImmediate(() => done(undefined))
  }
  now(): void {
    this.waits++
    if (this.broken) throw this.broken
  }
  close(): void {}
  /** The oldest sync comes back. */
  done(error?: Error): void {
    this.started.shift()?.(error)
  }
}
