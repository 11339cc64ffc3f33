/**
 * What was read or counted in rows and would be the same if it were read again. Whoever changes the rows says so in the
 * same trip; if the trip is taken back, what was remembered goes with it.
 */
import type { Turn } from './turn.ts'

export class Remembered<K, V> {
  readonly #turn: Turn
  readonly #most: number
  readonly #values = new Map<K, V>()

  /** Beyond `most` keys all are forgotten: reading again is cheap, knowing which are worth keeping is not. */
  constructor(turn: Turn, most = 20_000) {
    this.#turn = turn
    this.#most = most
  }

  /** `read` is called for what is not known. */
  get(key: K, read: (key: K) => V): V {
    const known = this.#values.get(key)
    if (known !== undefined) return known
    const value = read(key)
    if (this.#values.size >= this.#most) this.#values.clear()
    this.#values.set(key, value)
    return value
  }

  /** The rows of this key are about to change, or have just changed. Within a trip. */
  forget(key: K): void {
    this.#values.delete(key)
    this.#turn.undo(() => this.#values.delete(key))
  }

  /** The rows have changed in a way of which the result is known. Within a trip. */
  change(key: K, f: (value: V) => V): void {
    const known = this.#values.get(key)
    if (known === undefined) return this.forget(key)
    this.#values.set(key, f(known))
    this.#turn.undo(() => this.#values.delete(key))
  }

  /** Rows of any key have changed. Within a trip. */
  forgetAll(): void {
    this.#values.clear()
    this.#turn.undo(() => this.#values.clear())
  }
}
