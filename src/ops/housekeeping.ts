/** What must be done now and then: old rows deleted in small batches, figures for the metrics. */
import { getLogger } from '../log.ts'
import { offlineMessages } from '../metrics.ts'
import type { Config } from '../config.ts'
import type { Clock } from '../store/clock.ts'
import type { Store } from '../store/store.ts'

const log = getLogger('housekeeping')

const FIGURES_MS = 15_000
const PURGE_MS = 10 * 60_000
/** Rows per trip, so that no trip holds the loop. */
const BATCH = 500
/** Invitations stay in the list for a while after their end; also for who was let in just before it. */
const INVITES_KEPT = 24 * 3_600_000

export interface Household {
  readonly store: Store
  readonly limits: Config['limits']
  /** How long the archive keeps a message (ms). */
  readonly archiveKeep: number
  readonly clock: Clock
  /** The door to the turn. */
  readonly run: <T>(f: () => T) => Promise<T>
  /** Further figures to take at each round. */
  readonly figures: () => void
}

export function startHousekeeping(household: Household): () => void {
  const { store, clock, figures } = household
  let stopped = false
  let cancelFigures: () => void = () => {}
  let cancelPurge: () => void = () => {}

  const measure = (): void => {
    offlineMessages.set(store.messages.totalOffline())
    figures()
    cancelFigures = clock.after(FIGURES_MS, measure)
  }
  const purge = (): void => {
    purgeOnce(household).then(
      (more) => {
        if (!stopped) cancelPurge = clock.after(more ? 100 : PURGE_MS, purge)
      },
      (error: unknown) => {
        log.warn('old rows could not be deleted', { error })
        if (!stopped) cancelPurge = clock.after(PURGE_MS, purge)
      },
    )
  }
  cancelFigures = clock.after(1_000, measure)
  cancelPurge = clock.after(60_000, purge)
  return () => {
    stopped = true
    cancelFigures()
    cancelPurge()
  }
}

/** Deletes one batch of each kind; true when there may be more. */
export async function purgeOnce({ store, limits, archiveKeep, clock, run }: Household): Promise<boolean> {
  const { origin_id_keep, offline_keep } = limits
  const { accounts, invites, messages } = store
  const deleted = await run(() => {
    const now = clock.now()
    const origins = keeps(origin_id_keep) ? messages.purgeOrigins(now - origin_id_keep, BATCH) : 0
    const offline = keeps(offline_keep) ? messages.purgeOffline(now - offline_keep, BATCH) : 0
    const archived = keeps(archiveKeep) ? messages.purgeArchive(now - archiveKeep, BATCH) : 0
    const invited = invites.purge(now - INVITES_KEPT, BATCH)
    return Math.max(origins, offline, archived, invited, accounts.purgeDeparted(BATCH))
  })
  return deleted === BATCH
}

function keeps(ms: number): boolean {
  return ms !== Number.POSITIVE_INFINITY
}
