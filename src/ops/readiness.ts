/** Whether the server can do its work, in checks that a person can read. */
import { statfsSync } from 'node:fs'
import { diskFree } from '../metrics.ts'
import type { Store } from '../store/store.ts'

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
/** Where the last commit failed, asking for readiness writes; not more often than this. */
const PROBE_MS = 1_000

/** A disk that has not answered for so long answers nobody else either. */
const STUCK_MS = 5_000

/** `run` is the door to the turn. */
export class StoreCheck {
  readonly #store: Pick<Store, 'turn' | 'settings'>
  readonly #run: (f: () => void) => Promise<void>
  readonly #now: () => number
  #probing: Promise<void> | undefined
  #probed = Number.NEGATIVE_INFINITY

  constructor(
    store: Pick<Store, 'turn' | 'settings'>,
    run: (f: () => void) => Promise<void>,
    now: () => number,
  ) {
    this.#store = store
    this.#run = run
    this.#now = now
  }

  /** After a failed commit nobody may be writing any more, so that only a write of our own can tell that it works. */
  async look(): Promise<Check> {
    const { turn } = this.#store
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
    const { heldMs } = turn.lock
    const seconds = (heldMs / 1000).toFixed(1)
    const why =
      heldMs > 0
        ? `another process holds the write lock of the database, for ${seconds} s by now`
        : 'is the disk full?'
    return { name: 'store', ok: false, detail: `cannot write since ${since}; ${why}` }
  }

  async #probe(): Promise<void> {
    if (!this.#probing && this.#now() - this.#probed < PROBE_MS) return
    this.#probed = this.#now()
    // A commit that fails sets `failure` anew; its refusal is the answer and needs no other handling.
    this.#probing ??= this.#run(() => this.#store.settings.set('probe', Buffer.from(String(this.#now()))))
      .catch(() => undefined)
      .finally(() => (this.#probing = undefined))
    await this.#probing
  }
}

export function checkDisk(directory: string): Check {
  const { bavail, bsize } = statfsSync(directory)
  const free = bavail * bsize
  diskFree.set(free)
  return { name: 'disk', ok: free >= LEAST_FREE, detail: `${Math.floor(free / 1024 ** 2)} MB free` }
}
