/** Places of old messages among the ids of the archive, which are their times: the same at every run. */

/** µs; what a second is cut into where a source knows no more than that. */
const SLOTS = 1_000

export interface Timed {
  readonly at: number
  readonly coarse?: boolean
}

export class Places {
  #owner = ''
  #at = 0
  #same = 0

  /**
   * The id to begin with. Messages of one owner and one time keep their order; those of a whole second get a stretch of it
   * by their owner, so that they seldom meet those of others.
   */
  first(owner: string, { at, coarse = false }: Timed): number {
    this.#same = owner === this.#owner && at === this.#at ? this.#same + 1 : 0
    this.#owner = owner
    this.#at = at
    const stretch = coarse ? Number(Bun.hash.xxHash64(owner) % BigInt(SLOTS)) * SLOTS : 0
    return at + stretch + this.#same
  }
}
