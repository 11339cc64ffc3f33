/** The end of a destroyed room, and of a deleted account in its rooms. */
import { stopAutojoin } from '../accounts/pep/room-bookmark.ts'
import type { Trip } from '../routing/transit.ts'
import type { RoomRow } from '../store/rooms.ts'
import type { Jid } from '../xmpp/jid.ts'
import { departed } from './affiliations.ts'
import { eraseArchive } from './leave.ts'
import { roomsOf } from './registry.ts'
import { forgetSubscribers } from './subscriptions.ts'

/** Members of a destroyed room that one trip lets go: each may have a bookmark to be written anew. */
const PARTED = 20
/** Rooms whose end a start goes on with. */
const BATCH = 50
/** Rooms of a deleted account that hear of it; the rows of all others go all the same. */
const HEARING = 10_000

/**
 * Takes away what is left of a destroyed room, some a trip: its members do not enter it by themselves any more. How far
 * that has come is in the rows, for a start in the midst of it.
 */
export function windUp(t: Trip, row: RoomRow): void {
  const left = t.store.roomAffiliations.all(row.id, PARTED)
  for (const { user } of left) {
    const account = t.store.accounts.find(user)
    if (account) stopAutojoin(t, account, row.jid)
    t.store.roomAffiliations.drop(row.id, user)
  }
  if (left.length === PARTED) return t.insist((next) => windUp(next, row))
  eraseArchive(t, row.id)
}

/** Goes on at a start with the ends that the stop before has interrupted. */
export function resumeWindingUp(t: Trip): void {
  for (const row of t.store.rooms.unfinished(BATCH)) t.insist((next) => windUp(next, row))
}

/** An account stands to no room in any way, and has left those that it was in. */
export function purgeAccount(t: Trip, user: Jid): void {
  const rooms = roomsOf(t.world)
  const stoodTo = new Set(t.store.roomAffiliations.roomsOf(user.bare, HEARING).map(({ jid }) => jid))
  t.store.roomAffiliations.purge(user.bare)
  // Rooms remember their subscribers by address, which a later account may have.
  for (const room of rooms.remembered()) if (room.subscribers?.has(user.bare)) forgetSubscribers(t, room)
  for (const room of rooms.occupied) {
    const stood = stoodTo.has(room.jid.bare)
    const [seated] = room.occupantsOf(user.bare)
    // One a trip: a full room hears of it in a thousand stanzas.
    if (stood || seated) t.insist((next) => departed(next, room, user, stood))
  }
}
