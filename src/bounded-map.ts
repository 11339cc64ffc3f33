/**
 * A table that forgets: beyond its bound the oldest entry goes, never more than that. The age of an entry begins at its
 * last `set` (first in, first out); a table that is read by `use` forgets the least recently used.
 *
 * Entries are linked in the order of their age. The order of a plain Map would do, but for the way to its first key:
 * that passes everything deleted since the last rehash, 0.1 ms in a table of 100,000.
 */
interface Entry<K, V> {
  readonly key: K
  value: V
  older: Entry<K, V> | undefined
  newer: Entry<K, V> | undefined
}

/** Of a trip: takes back what it changed in memory. */
interface Undoing {
  undo(fn: () => void): void
}

export class BoundedMap<K, V> {
  readonly #entries = new Map<K, Entry<K, V>>()
  readonly #most: number
  readonly #weigh: (value: V) => number
  #weight = 0
  #oldest: Entry<K, V> | undefined
  #newest: Entry<K, V> | undefined

  /** `most` is a number of entries, or of whatever `weigh` counts. */
  constructor(most: number, weigh: (value: V) => number = () => 1) {
    this.#most = most
    this.#weigh = weigh
  }

  get size(): number {
    return this.#entries.size
  }

  has(key: K): boolean {
    return this.#entries.has(key)
  }

  get(key: K): V | undefined {
    return this.#entries.get(key)?.value
  }

  /** Reads an entry and makes it the newest. */
  use(key: K): V | undefined {
    const entry = this.#entries.get(key)
    if (entry && entry !== this.#newest) {
      this.#unlink(entry)
      this.#append(entry)
    }
    return entry?.value
  }

  /** The value of a key; where there is none, what `make` returns, which is set. */
  getOr(key: K, make: (key: K) => V): V {
    const entry = this.#entries.get(key)
    if (entry) return entry.value
    const value = make(key)
    this.#put(key, value)
    return value
  }

  set(key: K, value: V): void {
    this.#put(key, value)
  }

  /** Sets an entry within a trip: if that is undone, the value of before is back, and what was forgotten for it. */
  setIn(t: Undoing, key: K, value: V): void {
    const known = this.#entries.get(key)
    const before = known && { value: known.value }
    const forgotten = this.#put(key, value)
    t.undo(() => {
      if (before) this.set(key, before.value)
      else this.delete(key)
      for (const entry of forgotten.toReversed()) this.#putBack(entry)
    })
  }

  delete(key: K): boolean {
    const entry = this.#entries.get(key)
    if (entry) this.#remove(entry)
    return entry !== undefined
  }

  clear(): void {
    this.#entries.clear()
    this.#weight = 0
    this.#oldest = this.#newest = undefined
  }

  /** From the oldest to the newest. An entry may be deleted as soon as it is here. */
  *values(): Generator<V> {
    for (let entry = this.#oldest; entry;) {
      const { newer, value } = entry
      yield value
      entry = newer
    }
  }

  /** Returns what had to be forgotten, the oldest first. */
  #put(key: K, value: V): readonly Entry<K, V>[] {
    const known = this.#entries.get(key)
    if (known) this.#remove(known)
    const entry = { key, value, older: undefined, newer: undefined }
    this.#entries.set(key, entry)
    this.#weight += this.#weigh(value)
    this.#append(entry)
    if (this.#weight <= this.#most) return NOTHING
    const forgotten: Entry<K, V>[] = []
    while (this.#oldest && this.#weight > this.#most) {
      forgotten.push(this.#oldest)
      this.#remove(this.#oldest)
    }
    return forgotten
  }

  #putBack(entry: Entry<K, V>): void {
    if (this.#entries.has(entry.key)) return
    this.#entries.set(entry.key, entry)
    this.#weight += this.#weigh(entry.value)
    entry.older = undefined
    entry.newer = this.#oldest
    if (this.#oldest) this.#oldest.older = entry
    else this.#newest = entry
    this.#oldest = entry
  }

  #remove(entry: Entry<K, V>): void {
    this.#entries.delete(entry.key)
    this.#weight -= this.#weigh(entry.value)
    this.#unlink(entry)
  }

  #append(entry: Entry<K, V>): void {
    entry.older = this.#newest
    entry.newer = undefined
    if (this.#newest) this.#newest.newer = entry
    else this.#oldest = entry
    this.#newest = entry
  }

  #unlink({ older, newer }: Entry<K, V>): void {
    if (older) older.newer = newer
    else this.#oldest = newer
    if (newer) newer.older = older
    else this.#newest = older
  }
}

const NOTHING: readonly never[] = []
