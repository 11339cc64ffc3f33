/** Housekeeping of rooms: old messages go, and what only says that a room was there. */
import type { Config } from '../config/config.ts'
import { roomDomain } from '../config/muc.ts'
import type { Store } from '../store/store.ts'

export interface RoomHousehold {
  readonly hosts: Config['hosts']
  readonly archive: Config['archive']
  readonly muc: Config['muc']
  readonly push: Pick<Config['push'], 'keep_verdicts'>
}

/** Rows per trip, and rooms that one trip looks at. */
const BATCH = 500
const ROOMS = 50

/** One batch of each kind; `place.room` is where the next trip goes on. True where there may be more. */
export function purgeRooms(
  store: Pick<Store, 'rooms' | 'roomArchive' | 'roomVerdicts'>,
  household: RoomHousehold,
  now: number,
  place: { room: number },
): boolean {
  const forgotten = store.rooms.forgotten(now - household.muc.tombstone, ROOMS)
  for (const { id } of forgotten) store.rooms.forget(id)
  const verdicts = store.roomVerdicts.purge(now - household.push.keep_verdicts, BATCH)
  const more = purgeArchives(store, household, now, place)
  return more || forgotten.length === ROOMS || verdicts === BATCH
}

/** Of a room that is no more whatever a stop has left there goes as well. */
function purgeArchives(
  { rooms, roomArchive }: Pick<Store, 'rooms' | 'roomArchive'>,
  household: RoomHousehold,
  now: number,
  place: { room: number },
): boolean {
  let left = BATCH
  for (let n = 0; n < ROOMS; n++) {
    const id = roomArchive.roomBehind(place.room)
    if (id === undefined) {
      place.room = 0
      return false
    }
    const row = rooms.byId(id)
    const before = row && !row.gone ? now - keepOf(household, row.domain) : Number.POSITIVE_INFINITY
    if (before !== Number.NEGATIVE_INFINITY) left -= roomArchive.purge(id, before, left)
    if (left <= 0) return true
    place.room = id
  }
  return true
}

/** As the host's own archive, beside which the rooms are. */
function keepOf({ hosts, archive, muc }: RoomHousehold, domain: string): number {
  const host = hosts.find((one) => roomDomain(muc, one) === domain)
  return archive.hosts.find(({ name }) => name === host)?.keep ?? archive.keep
}
