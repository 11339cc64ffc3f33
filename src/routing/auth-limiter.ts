/**
 * Failed logins, for every door where a password is checked. An account is never locked as a whole, since that would
 * let strangers lock people out (XEP-0205 §4): what counts is account and address together, and the address alone.
 */
import { networkOf } from '../net/address.ts'
import type { Clock } from '../store/clock.ts'

export interface AuthLimits {
  readonly auth_failures: number
  readonly auth_delay_max: number
  readonly auth_failures_per_ip: number
  readonly auth_window: number
  readonly auth_ban: number
}

interface Count {
  readonly failures: number
  /** The first of them: a window does not grow with what falls into it. */
  readonly since: number
  /** The last. */
  readonly at: number
}

/** Addresses and pairs that are remembered; the oldest give way, so that a spray cannot fill the memory. */
const REMEMBERED = 100_000

export class AuthLimiter {
  readonly #clock: Clock
  readonly #limits: AuthLimits
  readonly #pairs = new Map<string, Count>()
  readonly #addresses = new Map<string, Count>()

  constructor(clock: Clock, limits: AuthLimits) {
    this.#clock = clock
    this.#limits = limits
  }

  /** Whether the address has failed too often to be heard at all. */
  isBanned(ip: string): boolean {
    const count = this.#addresses.get(networkOf(ip))
    if (!count || count.failures < this.#limits.auth_failures_per_ip) return false
    return this.#clock.monotonic() - count.at < this.#limits.auth_ban
  }

  /** Milliseconds by which the answer to this address about this account is held back. */
  delay(ip: string, account: string): number {
    const failures = this.#current(this.#pairs, pair(ip, account))?.failures ?? 0
    const over = failures - this.#limits.auth_failures
    return over < 0 ? 0 : Math.min(1000 * 2 ** Math.min(over, 20), this.#limits.auth_delay_max)
  }

  failed(ip: string, account: string): void {
    this.#add(this.#pairs, pair(ip, account))
    this.#add(this.#addresses, networkOf(ip))
  }

  /** The right password clears the pair, not the address: one known account must not pay for a spray. */
  succeeded(ip: string, account: string): void {
    this.#pairs.delete(pair(ip, account))
  }

  #current(table: Map<string, Count>, key: string): Count | undefined {
    const count = table.get(key)
    return count && this.#clock.monotonic() - count.since < this.#limits.auth_window ? count : undefined
  }

  #add(table: Map<string, Count>, key: string): void {
    const now = this.#clock.monotonic()
    const { failures, since } = this.#current(table, key) ?? { failures: 0, since: now }
    table.delete(key)
    table.set(key, { failures: failures + 1, since, at: now })
    if (table.size <= REMEMBERED) return
    const oldest = table.keys().next()
    if (!oldest.done) table.delete(oldest.value)
  }
}

function pair(ip: string, account: string): string {
  return `${networkOf(ip)} ${account}`
}
