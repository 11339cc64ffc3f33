/**
 * Changes of status in a large room: each would go to everybody in it, so they are gathered for a second, and only the
 * newest of each occupant is told. Whoever asked hears of it at once (XEP-0045 §7.2.2), moderators are told of at once,
 * and so is whoever comes, goes, or gets another nick, role or affiliation: clients follow these one by one.
 */
import type { Trip, World } from '../routing/transit.ts'
import type { Occupant, Room } from './room.ts'
import { AS_IT_IS, isShown, type News, show, tell, tellOthers } from './tell.ts'

const GATHERED_MS = 1_000

const waiting = new WeakMap<Room, Set<Occupant>>()

/** Tells of what an occupant's client says of itself. */
export function tellStatus(t: Trip, room: Room, occupant: Occupant, news: News): void {
  if (room.size <= t.config.limits.room_presence_at_once || occupant.role === 'moderator')
    return tell(t, room, occupant, news)
  show(t, room, occupant, occupant, news)
  t.after(() => gather(t.world, room, occupant))
}

function gather(world: World, room: Room, occupant: Occupant): void {
  const others = waiting.get(room)
  if (others) return void others.add(occupant)
  waiting.set(room, new Set([occupant]))
  world.clock.after(GATHERED_MS, () => {
    const gathered = [...(waiting.get(room) ?? [])]
    waiting.delete(room)
    // One a trip: a full room hears of it in a thousand stanzas.
    for (const one of gathered) world.insist((t) => tellNewest(t, room, one))
  })
}

function tellNewest(t: Trip, room: Room, occupant: Occupant): void {
  // Gone meanwhile, and told of already.
  if (room.byNick(occupant.nick) === occupant && isShown(room, occupant))
    tellOthers(t, room, occupant, AS_IT_IS)
}
