/** Whether the server can do its work, in checks that a person can read. */
import { statfsSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { diskFree } from '../metrics/metrics.ts'
import type { ReadStore, RunTrip } from '../store/tx.ts'

export interface Check {
  readonly name: string
  readonly ok: boolean
  /** The server works, but this does not: no reason to send its clients elsewhere. */
  readonly degraded?: boolean
  /** Shown only over the Unix socket and with a token. */
  readonly detail?: string
}

/** With less than this SQLite cannot grow its log for long: say so while there is still time. */
const LEAST_FREE = 32 * 1024 * 1024
/** Interval at which asking for readiness writes where the last commit failed. */
const PROBE_MS = 1_000

/** A disk that has not answered for so long answers nobody else either. */
const STUCK_MS = 5_000

export class StoreCheck {
  readonly #turn: ReadStore['turn']
  readonly #run: RunTrip
  readonly #now: () => number
  #probing: Promise<void> | undefined
  #probed = Number.NEGATIVE_INFINITY

  constructor({ turn }: Pick<ReadStore, 'turn'>, run: RunTrip, now: () => number) {
    this.#turn = turn
    this.#run = run
    this.#now = now
  }

  /** After a failed commit nobody may be writing any more, so that only a write of our own can tell that it works. */
  async look(): Promise<Check> {
    const turn = this.#turn
    const waited = turn.waitedMs
    if (waited >= STUCK_MS)
      return {
        name: 'store',
        ok: false,
        detail: `the disk has not answered for ${Math.floor(waited / 1000)} s`,
      }
    if (turn.failure && !turn.dead && !turn.lock.isAwaited) await this.#probe()
    const { failure } = turn
    if (!failure) return { name: 'store', ok: true, detail: 'writes' }
    const since = new Date(failure.at).toISOString()
    const { busyMs } = turn.lock
    const seconds = (busyMs / 1000).toFixed(1)
    const why =
      busyMs > 0
        ? `another process holds the write lock of the database, for ${seconds} s by now`
        : 'is the disk full?'
    return { name: 'store', ok: false, detail: `cannot write since ${since}; ${why}` }
  }

  async #probe(): Promise<void> {
    if (!this.#probing && this.#now() - this.#probed < PROBE_MS) return
    this.#probed = this.#now()
    // A commit that fails sets `failure` anew; its refusal is the answer and needs no other handling.
    this.#probing ??= this.#run((t) => t.store.settings.set('probe', Buffer.from(String(this.#now()))))
      .catch(() => undefined)
      .finally(() => (this.#probing = undefined))
    await this.#probing
  }
}

/** Bytes that may still be written beside that file; undefined where not even that can be told. */
export function freeBytes(file: string): number | undefined {
  try {
    const { bavail, bsize } = statfsSync(dirname(file))
    return bavail * bsize
  } catch {
    return undefined
  }
}

/** Whether the database's file is still the one that was opened: one that was deleted is served from memory alone. */
export class FileCheck {
  readonly #file: string
  readonly #inode: number | undefined

  constructor(file: string) {
    this.#file = file
    this.#inode = inodeOf(file)
  }

  look(): Check {
    const name = 'database'
    const inode = inodeOf(this.#file)
    if (inode === this.#inode) return { name, ok: true, detail: this.#file }
    const what = inode === undefined ? 'was deleted' : 'was replaced'
    return {
      name,
      ok: false,
      detail: `${this.#file} ${what} while the server runs: what it stores now is lost at its end. Make a backup by \`belfry user export\`, or stop it and restore one`,
    }
  }
}

function inodeOf(file: string): number | undefined {
  return statSync(file, { throwIfNoEntry: false })?.ino
}

export function checkDisk(directory: string): Check {
  const { bavail, bsize } = statfsSync(directory)
  const free = bavail * bsize
  diskFree.set(free)
  return { name: 'disk', ok: free >= LEAST_FREE, detail: `${Math.floor(free / 1024 ** 2)} MB free` }
}
