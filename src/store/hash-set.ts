/**
 * A set of 64-bit hashes in 16 to 32 bytes each: open addressing with linear probing, in shards that grow one by one, so
 * that no `add` copies more than a 256th of the whole.
 */
export interface Hash {
  /** Unsigned integers of 32 bits. */
  readonly high: number
  readonly low: number
}

const SHARDS = 256
/** Slots of a shard at first. */
const SLOTS = 16

export class HashSet {
  readonly #shards: Shard[] = Array.from({ length: SHARDS }, () => new Shard())

  has(hash: Hash): boolean {
    return this.#of(hash).find(hash.high, hash.low) >= 0
  }

  /** False where it is there already. */
  add({ high, low }: Hash): boolean {
    return this.#of({ high, low }).add(high, low)
  }

  delete(hash: Hash): void {
    this.#of(hash).delete(hash.high, hash.low)
  }

  #of({ high }: Hash): Shard {
    return this.#shards[high & (SHARDS - 1)] as Shard
  }
}

/** Slots are pairs of words; the pair of zeros is an empty one, so that the hash of all zeros stands as (0, 1). */
class Shard {
  #words = new Uint32Array(2 * SLOTS)
  #used = 0

  find(high: number, low: number): number {
    const words = this.#words
    const wanted = filled(high, low)
    for (let slot = this.#home(wanted); ; slot = this.#next(slot)) {
      const [h, l] = [words[2 * slot], words[2 * slot + 1]]
      if (h === high && l === wanted) return slot
      if (h === 0 && l === 0) return -1
    }
  }

  add(high: number, low: number): boolean {
    if (this.find(high, low) >= 0) return false
    if (2 * ++this.#used > this.#words.length / 2) this.#grow()
    this.#put(high, filled(high, low))
    return true
  }

  /** Moves what stands behind the gap and belongs at or before it, so that no search ends too early. */
  delete(high: number, low: number): void {
    let gap = this.find(high, low)
    if (gap < 0) return
    this.#used--
    const words = this.#words
    const mask = words.length / 2 - 1
    for (let slot = this.#next(gap); ; slot = this.#next(slot)) {
      const [h, l] = [words[2 * slot] ?? 0, words[2 * slot + 1] ?? 0]
      if (h === 0 && l === 0) break
      const fromHome = (slot - this.#home(l)) & mask
      if (fromHome < ((slot - gap) & mask)) continue
      words[2 * gap] = h
      words[2 * gap + 1] = l
      gap = slot
    }
    words[2 * gap] = words[2 * gap + 1] = 0
  }

  #put(high: number, low: number): void {
    const words = this.#words
    let slot = this.#home(low)
    while (words[2 * slot] !== 0 || words[2 * slot + 1] !== 0) slot = this.#next(slot)
    words[2 * slot] = high
    words[2 * slot + 1] = low
  }

  #grow(): void {
    const old = this.#words
    this.#words = new Uint32Array(2 * old.length)
    for (let i = 0; i < old.length; i += 2) {
      const [high, low] = [old[i] ?? 0, old[i + 1] ?? 0]
      if (high !== 0 || low !== 0) this.#put(high, low)
    }
  }

  #home(low: number): number {
    return low & (this.#words.length / 2 - 1)
  }

  #next(slot: number): number {
    return (slot + 1) & (this.#words.length / 2 - 1)
  }
}

const filled = (high: number, low: number): number => (high === 0 && low === 0 ? 1 : low)
