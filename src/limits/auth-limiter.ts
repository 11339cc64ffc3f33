/**
 * Failed logins, for every door where a password is checked. An account is never locked as a whole, since that would
 * let strangers lock people out (XEP-0205 §4): what counts is account and address together, and the address alone.
 * One account's failures count for its address only until its own answers are delayed: many people may share an
 * address (a proxy, a mobile network), and one of them with a wrong password must not lock out the others.
 */
import { BoundedMap } from '../bounded-map.ts'
import { getLogger } from '../log.ts'
import { authBans } from '../metrics/metrics.ts'
import { Networks, networkOf } from '../net/address.ts'
import type { Clock } from '../store/clock.ts'

const log = getLogger('auth')

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
}

/** An address that is not heard, or not about one account. Times are milliseconds since the epoch. */
export interface Ban {
  /** IPv4 address or IPv6 network. */
  readonly address: string
  /** Undefined: none is heard about. */
  readonly account: string | undefined
  readonly failures: number
  readonly since: number
  readonly until: number
}

/** Addresses, pairs and bans that are remembered; those that failed longest ago give way, so that a spray cannot fill the memory. */
const REMEMBERED = 100_000

export class AuthLimiter {
  readonly #clock: Clock
  readonly #limits: AuthLimits
  readonly #neverBanned: Networks
  readonly #pairs = new BoundedMap<string, Count>(REMEMBERED)
  readonly #addresses = new BoundedMap<string, Count>(REMEMBERED)
  /** In order of their ends, since all are of one length. `due` is of the monotonic clock, which nobody sets. */
  readonly #bans = new BoundedMap<string, { readonly ban: Ban; readonly due: number }>(REMEMBERED)

  constructor(clock: Clock, limits: AuthLimits, neverBanned: readonly string[]) {
    this.#clock = clock
    this.#limits = limits
    this.#neverBanned = new Networks(neverBanned)
  }

  /** Whether the address has failed too often to be heard at all, or about this account. */
  isBanned(ip: string, account?: string): boolean {
    return this.banLeft(ip, account) > 0
  }

  /** Milliseconds until such a ban ends; 0 where there is none. */
  banLeft(ip: string, account?: string): number {
    if (this.#bans.size === 0) return 0
    this.sweep()
    const address = networkOf(ip)
    const found = [address, ...(account === undefined ? [] : [keyOf(address, account)])].map(
      (key) => this.#bans.get(key)?.due ?? 0,
    )
    return Math.max(0, Math.max(...found) - this.#clock.monotonic())
  }

  /** Milliseconds by which the answer to this address about this account is delayed. */
  delay(ip: string, account: string): number {
    const failures = this.#current(this.#pairs, pair(ip, account))?.failures ?? 0
    const over = failures - this.#limits.auth_failures
    return over < 0 ? 0 : Math.min(1000 * 2 ** Math.min(over, 20), this.#limits.auth_delay_max)
  }

  /** Whether this address failed lately, about this account or any: its passwords are checked behind those of others. */
  isSuspect(ip: string, account: string): boolean {
    return this.#current(this.#pairs, pair(ip, account)) !== undefined || this.#hasFailed(ip)
  }

  /** Whether its handshakes come behind those of others. An address that is never banned stands for too many people. */
  isSlowed(ip: string): boolean {
    return !this.#neverBanned.covers(ip) && (this.#hasFailed(ip) || this.isBanned(ip))
  }

  failed(ip: string, account: string): void {
    const { auth_failures, auth_failures_per_ip: most } = this.#limits
    const address = networkOf(ip)
    const ofPair = this.#add(this.#pairs, pair(ip, account))
    const ofAddress = ofPair > auth_failures ? 0 : this.#add(this.#addresses, address)
    if (this.#limits.auth_ban === 0 || this.#neverBanned.covers(ip)) return
    if (ofAddress >= most) this.#ban(address, undefined, ofAddress)
    else if (ofPair >= most) this.#ban(address, account, ofPair)
  }

  /** The right password clears the pair, not the address: one known account must not pay for a spray. */
  succeeded(ip: string, account: string): void {
    this.#pairs.delete(pair(ip, account))
  }

  /** Bans in force, the oldest first. */
  bans(): Ban[] {
    this.sweep()
    return [...this.#bans.values()].map(({ ban }) => ban)
  }

  /** Bans by hand, for as long as others are; false where there are no bans, or none of that address. */
  ban(ip: string, account?: string): boolean {
    const address = networkOf(ip.replace(/\/64$/, ''))
    if (this.#limits.auth_ban === 0 || this.#neverBanned.covers(address.replace(/\/64$/, ''))) return false
    this.#ban(address, account, 0)
    return true
  }

  /** Ends what is banned at an address, all of it or about one account; returns how many bans that were. */
  pardon(ip: string, account?: string): number {
    const address = networkOf(ip.replace(/\/64$/, ''))
    const found = this.bans().filter(
      (ban) => ban.address === address && (account === undefined || ban.account === account),
    )
    for (const ban of found) {
      this.#pairs.delete(pairOf(address, ban.account ?? ''))
      if (ban.account === undefined) this.#addresses.delete(address)
      this.#end(ban, 'the operator')
    }
    return found.length
  }

  /** Ends the bans whose time is over. Called every few seconds too, so that the log tells of it in time. */
  sweep(): void {
    const now = this.#clock.monotonic()
    for (const { ban, due } of this.#bans.values()) {
      if (due > now) break
      this.#end(ban, 'time')
    }
  }

  #ban(address: string, account: string | undefined, failures: number): void {
    const key = keyOf(address, account)
    if (this.#bans.has(key)) return
    const { auth_ban } = this.#limits
    const since = this.#clock.now()
    const ban: Ban = { address, account, failures, since, until: since + auth_ban }
    this.#bans.set(key, { ban, due: this.#clock.monotonic() + auth_ban })
    authBans.set(this.#bans.size)
    log.warn('an address is banned from logins', {
      ip: address,
      account,
      failures,
      seconds: auth_ban / 1000,
    })
  }

  #end({ address, account }: Ban, by: string): void {
    this.#bans.delete(keyOf(address, account))
    authBans.set(this.#bans.size)
    log.info('a ban from logins has ended', { ip: address, account, by })
  }

  #current(table: BoundedMap<string, Count>, key: string): Count | undefined {
    const count = table.get(key)
    return count && this.#clock.monotonic() - count.since < this.#limits.auth_window ? count : undefined
  }

  #hasFailed(ip: string): boolean {
    return this.#current(this.#addresses, networkOf(ip)) !== undefined
  }

  /** Counts one more and returns how many there are. */
  #add(table: BoundedMap<string, Count>, key: string): number {
    const { failures, since } = this.#current(table, key) ?? {
      failures: 0,
      since: this.#clock.monotonic(),
    }
    table.set(key, { failures: failures + 1, since })
    return failures + 1
  }
}

const pairOf = (address: string, account: string): string => `${address} ${account}`
const pair = (ip: string, account: string): string => pairOf(networkOf(ip), account)
const keyOf = (address: string, account: string | undefined): string =>
  account === undefined ? address : pairOf(address, account)

/** Addresses that are never banned: a ban of a proxy would lock out everybody behind it. */
export const neverBanned = (config: {
  readonly auth: { readonly never_ban: readonly string[] }
  readonly c2s: { readonly trusted_proxies: readonly string[] }
  readonly http: { readonly trusted_proxies: readonly string[] }
}): string[] => [...config.auth.never_ban, ...config.c2s.trusted_proxies, ...config.http.trusted_proxies]
