/**
 * What was read of bookmarks before. The list of old clients is made anew of all items with each that changes: reading a
 * thousand of them each time would hold the loop. A sequence number stands for one publication for ever, so nothing
 * that is remembered under it can become wrong.
 */
import type { Trip, World } from '../../routing/transit.ts'

/** An item as the list has it. */
export interface WrittenEntry {
  readonly room: string
  readonly text: string
}

/** Characters that are remembered of all accounts together, of items and of lists; the oldest give way. */
const REMEMBERED = 8_000_000
/** What the table itself needs for an entry. */
const OVERHEAD = 100

class Memory<V> {
  readonly #values = new Map<number, V>()
  readonly #sizeOf: (value: V) => number
  #size = 0

  constructor(sizeOf: (value: V) => number) {
    this.#sizeOf = (value) => OVERHEAD + sizeOf(value)
  }

  /** `read` is called for what is not known. */
  get(seq: number, read: () => V): V {
    const known = this.#values.get(seq)
    if (known !== undefined) return known
    const value = read()
    this.learn(seq, value)
    return value
  }

  /** A number that is new. */
  learn(seq: number, value: V): void {
    this.#values.set(seq, value)
    this.#size += this.#sizeOf(value)
    for (const [oldest, old] of this.#values) {
      if (this.#size <= REMEMBERED) break
      this.#values.delete(oldest)
      this.#size -= this.#sizeOf(old)
    }
  }
}

export interface BookmarkMemory {
  /** Items as the list has them; null is one that is no room. */
  readonly entries: Memory<WrittenEntry | null>
  /** What in lists is no room, part by part. */
  readonly rests: Memory<readonly string[]>
}

const memories = new WeakMap<World, BookmarkMemory>()

export function memoryOf({ world }: Trip): BookmarkMemory {
  const known = memories.get(world)
  if (known) return known
  const entries = new Memory<WrittenEntry | null>((entry) =>
    entry ? entry.room.length + entry.text.length : 0,
  )
  const rests = new Memory<readonly string[]>((parts) => parts.reduce((sum, { length }) => sum + length, 0))
  const memory = { entries, rests }
  memories.set(world, memory)
  return memory
}
