/** Housekeeping: old rows deleted in small batches, figures for the metrics. */
import { getLogger } from '../log.ts'
import { offlineMessages, uploadBytes } from '../metrics/metrics.ts'
import type { Config } from '../config/config.ts'
import type { Clock } from '../store/clock.ts'
import type { Store } from '../store/store.ts'
import type { ReadStore, RunTrip } from '../store/tx.ts'
import { purgeRooms, type RoomHousehold } from './room-housekeeping.ts'
import { ArchiveQuota } from './archive-quota.ts'

const log = getLogger('housekeeping')

const FIGURES_MS = 15_000
const PURGE_MS = 10 * 60_000
/** Rows per trip, so that no trip holds the loop. */
const BATCH = 500
/** Invitations stay in the list for a while after their end; also for who was let in just before it. */
const INVITES_KEPT = 24 * 3_600_000

export interface Household extends RoomHousehold {
  readonly audit: Config['audit']
  readonly store: ReadStore
  readonly limits: Config['limits']
  readonly clock: Clock
  readonly run: RunTrip
  /** Further figures to take at each round. */
  readonly figures: () => void
}

/** Place where the next trip goes on with the archives: which host, behind which account, and behind which room. */
interface Place {
  host: number
  after: string
  room: number
}

export function startHousekeeping(household: Household): () => void {
  const { store, clock, figures } = household
  const place: Place = { host: 0, after: '', room: 0 }
  let stopped = false
  let cancelFigures: () => void = () => {}
  let cancelPurge: () => void = () => {}

  const measure = (): void => {
    offlineMessages.set(store.messages.totalOffline())
    uploadBytes.set(store.uploads.total())
    figures()
    cancelFigures = clock.after(FIGURES_MS, measure)
  }
  const purge = (): void => {
    purgeOnce(household, place).then(
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
  const endQuota = new ArchiveQuota(household).start()
  return () => {
    stopped = true
    endQuota()
    cancelFigures()
    cancelPurge()
  }
}

/** Deletes one batch of each kind, and fills in one of what an upgrade left open; true when there may be more. */
export function purgeOnce(
  household: Omit<Household, 'store' | 'figures'>,
  place: Place = { host: 0, after: '', room: 0 },
): Promise<boolean> {
  const { limits, hosts, archive, audit, clock } = household
  const { origin_id_keep, offline_keep } = limits
  return household.run(({ store }) => {
    const { accounts, history, invites, messages, origins, skeletons } = store
    const now = clock.now()
    const sent = origins.purge(
      keeps(origin_id_keep) ? now - origin_id_keep : Number.NEGATIVE_INFINITY,
      limits.origin_ids,
      BATCH,
    )
    const offline = keeps(offline_keep) ? messages.purgeOffline(now - offline_keep, BATCH) : 0
    const invited = invites.purge(now - INVITES_KEPT, BATCH)
    const departed = accounts.purgeDeparted(BATCH)
    const answers = keeps(limits.idempotency_keep)
      ? store.answers.purge(now - limits.idempotency_keep, BATCH)
      : 0
    const changes = store.audit.purge(now - audit.keep, audit.max_rows, BATCH)
    const most = Math.max(changes, answers, sent, offline, invited, departed, skeletons.fill(BATCH))
    const rooms = purgeRooms(store, household, now, place)
    return purgeArchives(history, hosts, archive, now, place) || rooms || most === BATCH
  })
}

/** Each host's archive by its own age; true where a further trip must go on. */
function purgeArchives(
  history: Store['history'],
  hosts: Config['hosts'],
  archive: Config['archive'],
  now: number,
  place: Place,
): boolean {
  for (; place.host < hosts.length; place.host++, place.after = '') {
    const host = hosts[place.host] ?? ''
    const keep = archive.hosts.find(({ name }) => name === host)?.keep ?? archive.keep
    const next = keeps(keep) ? history.purge(host, now - keep, place.after, BATCH) : undefined
    if (next === undefined) continue
    place.after = next
    return true
  }
  Object.assign(place, { host: 0, after: '' })
  return false
}

function keeps(ms: number): boolean {
  return ms !== Number.POSITIVE_INFINITY
}
