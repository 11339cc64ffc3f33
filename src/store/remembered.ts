/**
 * Values read or counted in rows, which would be the same if they were read again. Whoever changes the rows says so in the
 * same trip; if the trip is taken back, what was remembered goes with it.
 */
import { BoundedMap } from '../bounded-map.ts'
import type { Turn } from './turn.ts'

export class Remembered<K, V> {
  readonly #turn: Turn
  readonly #values: BoundedMap<K, V>

  /** Beyond `most` keys the one that was read or changed longest ago is forgotten: reading it again is cheap. */
  constructor(turn: Turn, most = 20_000) {
    this.#turn = turn
    this.#values = new BoundedMap(most)
  }

  /** `read` is called for what is not known. */
  get(key: K, read: (key: K) => V): V {
    return this.#values.getOr(key, read)
  }

  /** The rows of this key are about to change, or have just changed. */
  forget(key: K): void {
    this.#values.delete(key)
    this.#turn.undo(() => this.#values.delete(key))
  }

  /** The rows have changed in a way of which the result is known. */
  change(key: K, f: (value: V) => V): void {
    const known = this.#values.get(key)
    if (known === undefined) return this.forget(key)
    this.#values.set(key, f(known))
    this.#turn.undo(() => this.#values.delete(key))
  }
}
