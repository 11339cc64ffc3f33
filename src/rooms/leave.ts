/** Leaving a room: of one's own accord, thrown out, or because the room ends (XEP-0045 §7.14, §8.2, §9.1, §10.9). */
import type { Trip } from '../routing/transit.ts'
import type { Occupant, Room, Seat } from './room.ts'
import { roomsOf } from './registry.ts'
import { subscribersOf } from './subscriptions.ts'
import { AS_IT_IS, isShown, type News, show, showSeat, tell, tellOthers } from './tell.ts'

/** Removes an occupant with all clients; everybody hears why. */
export function remove(t: Trip, room: Room, occupant: Occupant, news: Omit<News, 'type'>): void {
  const shown = isShown(room, occupant)
  const told = { ...news, type: 'unavailable' } as const
  // §8.2: who is thrown out hears of it first.
  show(t, room, occupant, occupant, told)
  const seats = [...occupant.seats.values()]
  for (const seat of seats) room.unseat(t, occupant, seat)
  if (shown) tellOthers(t, room, occupant, told)
  closeIfEmpty(t, room)
}

/** One client leaves, with what it says at the end; the occupant stays while another is there. */
export function leave(t: Trip, room: Room, occupant: Occupant, seat: Seat, news: Omit<News, 'type'>): void {
  if (occupant.seats.size === 1) return remove(t, room, occupant, news)
  showSeat(t, room, occupant, occupant, seat, { ...news, type: 'unavailable' })
  const { shown } = occupant
  room.unseat(t, occupant, seat)
  // §7.2.8: what the others see is the presence of those that are left.
  if (shown === seat) tell(t, room, occupant, AS_IT_IS)
}

/** A room that nobody is in ends, if it was never configured or is not to stay (§10.1.1, §7.14). */
export function closeIfEmpty(t: Trip, room: Room): void {
  if (!room.isEmpty) return
  const stays = room.settings.persistent || subscribersOf(t, room).size > 0
  if (room.row.locked || !stays) erase(t, room)
  else roomsOf(t.world).release(t, room)
}

/** Messages of a room that one trip deletes. */
const BATCH = 500

/** The room and all that is kept of it; nobody is in it any more. */
export function erase(t: Trip, room: Room): void {
  room.cancelUnlock?.()
  roomsOf(t.world).release(t, room)
  t.store.rooms.delete(room.row)
  eraseArchive(t, room.id)
}

export function eraseArchive(t: Trip, id: number): void {
  if (t.store.rooms.eraseArchive(id, BATCH)) t.insist((next) => eraseArchive(next, id))
}
