/**
 * Unread messages of members: the newest of the room less how far each has read. Reading writes one number, speaking is
 * known by the archive, and a message writes nothing for those who have not read it.
 */
import type { Trip } from '../routing/transit.ts'
import type { AffiliationRow } from '../store/room-affiliations.ts'
import type { Room } from './room.ts'

/** The user has seen everything up to that message, named by its id in the room's archive; any other id says nothing. */
export function markRead(t: Trip, room: Room, user: string, id: string): void {
  const known = /^\d{1,16}$/.test(id) && t.store.roomArchive.get(room.id, Number(id)) !== undefined
  if (known) t.store.roomAffiliations.read(room.id, user, Number(id))
}

type Reader = Pick<AffiliationRow, 'user' | 'readId'>

/** Numbers for members of one room, in their order; who has spoken has read what was there. */
export function unreadOf(t: Trip, roomId: number, readers: readonly Reader[]): number[] {
  const least = Math.min(...readers.map(({ readId }) => readId))
  if (readers.length === 0) return []
  const newest = t.store.roomArchive.newest(roomId, least, t.config.limits.room_unread)
  return readers.map(({ user, readId }) => {
    let unread = 0
    for (const message of newest) {
      if (message.id <= readId || (message.user === user && message.counts === 1)) break
      unread += message.counts
    }
    return unread
  })
}
