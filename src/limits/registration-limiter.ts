/** One limiter for every door through which an account can be made: in-band, HTTP and invites (ejabberd's
 * `ip_access` and `registration_timeout`). */
import { BoundedMap } from '../bounded-map.ts'
import { type Networks, networkOf } from '../net/address.ts'
import type { Clock } from '../store/clock.ts'

/** Networks in mind; the one that registered longest ago is forgotten, and may register again. */
const REMEMBERED = 10_000

/** One account per address and interval; IPv6 addresses count by their /64. */
export class RegistrationLimiter {
  readonly #last = new BoundedMap<string, number>(REMEMBERED)
  readonly #clock: Clock
  readonly #allowed: Networks
  readonly #interval: number

  constructor(clock: Clock, allowed: Networks, intervalMs: number) {
    this.#clock = clock
    this.#allowed = allowed
    this.#interval = intervalMs
  }

  /** Whether an address may register at all (`registration.ip_access`). */
  mayRegister(ip: string): boolean {
    return this.#allowed.covers(ip)
  }

  /** Milliseconds until the address may register again; 0 when it may now. */
  waitFor(ip: string): number {
    if (!this.#limits) return 0
    const last = this.#last.get(networkOf(ip))
    return last === undefined ? 0 : Math.max(0, last + this.#interval - this.#clock.monotonic())
  }

  /** Counts a registration and returns how to take that back. */
  take(ip: string): () => void {
    if (!this.#limits) return () => {}
    const key = networkOf(ip)
    const before = this.#last.get(key)
    this.#last.set(key, this.#clock.monotonic())
    return () => {
      if (before === undefined) this.#last.delete(key)
      else this.#last.set(key, before)
    }
  }

  get #limits(): boolean {
    return this.#interval > 0 && this.#interval !== Number.POSITIVE_INFINITY
  }
}
