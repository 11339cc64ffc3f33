/**
 * Bookmarks as they were read before. The list of old clients is made anew of all items with each that changes: reading a
 * thousand of them each time would hold the loop. A sequence number stands for one publication for ever, so nothing
 * that is remembered under it can become wrong.
 */
import { BoundedMap } from '../../bounded-map.ts'
import type { Trip, World } from '../../routing/transit.ts'

/** An item as the list has it. */
export interface WrittenEntry {
  readonly room: string
  readonly text: string
}

/** Characters that are remembered of all accounts together, of items and of lists; what was read first gives way. */
const REMEMBERED = 8_000_000
/** Characters that the table itself needs for an entry. */
const OVERHEAD = 100

export interface BookmarkMemory {
  /** Items as the list has them; null is one that is no room. */
  readonly entries: BoundedMap<number, WrittenEntry | null>
  /** Parts of lists that are no rooms. */
  readonly rests: BoundedMap<number, readonly string[]>
}

const memories = new WeakMap<World, BookmarkMemory>()

export function memoryOf({ world }: Trip): BookmarkMemory {
  let memory = memories.get(world)
  if (!memory) {
    memory = {
      entries: new BoundedMap(
        REMEMBERED,
        (entry) => OVERHEAD + (entry ? entry.room.length + entry.text.length : 0),
      ),
      rests: new BoundedMap(REMEMBERED, (parts) => parts.reduce((sum, { length }) => sum + length, OVERHEAD)),
    }
    memories.set(world, memory)
  }
  return memory
}
