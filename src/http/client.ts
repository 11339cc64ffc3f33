/** Who is at the other end: the address behind trusted proxies, and whether the way is safe for a password. */
import type { Config } from '../config.ts'
import { isAddress, isLoopback, type Networks, plainAddress } from '../net/address.ts'
import type { Peer } from './context.ts'

/** The name in a Host header: without the port and the root's dot. */
export const hostName = (host: string): string => plainAddress(host.replace(/:\d+$/, '').replace(/\.$/, ''))

export interface Client {
  readonly ip: string
  /** Its own connection is TLS: with us, or with a trusted proxy that says https. */
  readonly https: boolean
  /** The same, or loopback. */
  readonly encrypted: boolean
  /** The same, or c2s.require_tls is off. */
  readonly secure: boolean
}

/**
 * X-Forwarded-For is read from the right, the only end that a proxy of ours wrote, up to the first address that is
 * not one of ours. Anything else in it was sent by a stranger.
 */
export function clientOf(peer: Peer, headers: Headers, proxies: Networks, config: Config): Client {
  if (peer.kind === 'socket') return { ip: 'socket', https: false, encrypted: true, secure: true }
  let ip = plainAddress(peer.address)
  const proxied = proxies.covers(ip) && (headers.has('x-forwarded-for') || headers.has('x-forwarded-proto'))
  const made = (https: boolean, encrypted = https): Client => ({
    ip,
    https,
    encrypted,
    secure: encrypted || !config.c2s.require_tls,
  })
  if (!proxied) return made(peer.tls, peer.tls || isLoopback(ip))
  const hops = (headers.get('x-forwarded-for') ?? '').split(',').map(plainAddress).filter(Boolean)
  for (const hop of hops.reverse()) {
    if (!isAddress(hop)) break
    ip = hop
    if (!proxies.covers(hop)) break
  }
  return made(headers.get('x-forwarded-proto')?.trim().toLowerCase() === 'https')
}
