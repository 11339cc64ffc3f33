/**
 * Brings what COMMIT wrote to the disk. SQLite would do it inside COMMIT (synchronous=FULL) and hold the loop for as
 * long as the disk takes; here a thread of the pool waits, and the loop goes on. What it promises is the same: a
 * transaction counts as committed once the fdatasync of the log that was started behind it has come back.
 */
import { closeSync, fdatasync, fdatasyncSync, openSync } from 'node:fs'

/** For a store without a disk there is none. */
export interface DiskSync {
  /** `done` gets what went wrong, or undefined. It comes later, never at once. */
  start(done: (error: unknown) => void): void
  /** The same, and the loop waits. Throws what went wrong. */
  now(): void
  close(): void
}

export class WalSync implements DiskSync {
  readonly #file: string
  #fd: number | undefined

  /** `file` is the database's. SQLite itself syncs the log's header and directory when it begins the log. */
  constructor(file: string) {
    this.#file = `${file}-wal`
  }

  start(done: (error: unknown) => void): void {
    try {
      fdatasync(this.#open(), (error) => done(error ?? undefined))
    } catch (error) {
      setImmediate(() => done(error))
    }
  }

  now(): void {
    fdatasyncSync(this.#open())
  }

  close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd)
    this.#fd = undefined
  }

  /** One descriptor for good: an error of the disk is told to those that were open when it happened. */
  #open(): number {
    return (this.#fd ??= openSync(this.#file, 'r'))
  }
}
