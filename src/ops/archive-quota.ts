/** Quota of archives, `archive.max_bytes`: the oldest messages go, some at a time. */
import type { Config } from '../config/config.ts'
import { getLogger } from '../log.ts'
import type { Clock } from '../store/clock.ts'
import type { RunTrip, WriteTx } from '../store/tx.ts'

const log = getLogger('housekeeping')

/** Between two looks while there is nothing to do. */
const LOOK_MS = 5_000
/** Between two trips: ten thousands of messages are counted in a second, and the loop is free in between. */
const PAUSE_MS = 20
/** Messages that one trip counts: about a millisecond. */
const COUNTED = 500
/** Messages that one trip deletes: some milliseconds. */
const DELETED = 200
/** Share that is left of an archive that was too large, so that not every message has to delete one. */
const LEFT = 0.95

export interface QuotaDeps {
  readonly archive: Pick<Config['archive'], 'max_bytes'>
  readonly clock: Clock
  readonly run: RunTrip
}

export class ArchiveQuota {
  readonly #deps: QuotaDeps
  /** The account whose archive is being cut, which goes on below the quota. */
  #cut: number | undefined

  constructor(deps: QuotaDeps) {
    this.#deps = deps
  }

  /** Looks from now on; the result ends it. */
  start(): () => void {
    const { clock } = this.#deps
    let stopped = false
    let cancel: () => void = () => {}
    const look = (): void => {
      this.step().then(
        (more) => next(more ? PAUSE_MS : LOOK_MS),
        (error: unknown) => {
          log.warn('archives are not held within their quota', { error })
          next(LOOK_MS)
        },
      )
    }
    const next = (ms: number): void => {
      if (!stopped) cancel = clock.after(ms, look)
    }
    next(LOOK_MS)
    return () => {
      stopped = true
      cancel()
    }
  }

  /** One trip; true where another one has something to do. */
  async step(): Promise<boolean> {
    const { archive, run } = this.#deps
    const most = archive.max_bytes
    if (most === Number.POSITIVE_INFINITY) return false
    const { counted, cut } = await run((t) => ({
      counted: t.store.archiveSizes.count(COUNTED),
      cut: this.#trim(t, most),
    }))
    this.#cut = cut
    return counted === COUNTED || cut !== undefined
  }

  /** The account that the next trip goes on with. */
  #trim({ store: { archiveSizes, history } }: WriteTx, most: number): number | undefined {
    const accountId = this.#cut ?? archiveSizes.largest(most)
    if (accountId === undefined) return undefined
    const more = history.trim(accountId, Math.floor(most * LEFT), DELETED)
    return more ? accountId : archiveSizes.largest(most)
  }
}
