/**
 * The side at fault where a service refuses a credential or an address: that of a few, who have registered something
 * wrong, or ours. Accounts count, not pushes: nobody can stop the pushes of others by what he registers.
 */
import { BoundedMap } from '../../bounded-map.ts'

/** Accounts that must be refused, and their part of all that were answered, for the fault to be ours. */
const LEAST = 5
const PART = 0.2
/** Accounts after which the counting begins anew, so that it follows the present. */
const COUNTED = 1_000
const PLACES = 1_000

interface Count {
  readonly well: Set<number>
  readonly refused: Set<number>
}

export class Blame {
  readonly #counts = new BoundedMap<string, Count>(PLACES)

  took(place: string, account: number): void {
    const { well, refused } = this.#count(place)
    well.add(account)
    refused.delete(account)
  }

  /** True where the fault is ours: so many cannot all be wrong. */
  refused(place: string, account: number): boolean {
    const { well, refused } = this.#count(place)
    refused.add(account)
    return refused.size >= LEAST && refused.size > (well.size + refused.size) * PART
  }

  /** Whether anybody was taken there lately. */
  works(place: string): boolean {
    return this.#count(place).well.size > 0
  }

  #count(place: string): Count {
    const known = this.#counts.use(place)
    if (known && known.well.size + known.refused.size < COUNTED) return known
    const fresh = { well: new Set<number>(), refused: new Set<number>() }
    this.#counts.set(place, fresh)
    return fresh
  }
}
