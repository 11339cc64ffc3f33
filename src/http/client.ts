/** Who is at the other end: the address behind trusted proxies, and whether the way is safe for a password. */
import { BlockList, isIP } from 'node:net'
import type { Config } from '../config.ts'
import type { Peer } from './context.ts'

/** One spelling per address: no IPv4 in IPv6 clothes, no zone, lower case. */
export function plainAddress(text: string): string {
  const address = text
    .trim()
    .replace(/^\[|\]$/g, '')
    .replace(/%.*$/, '')
    .toLowerCase()
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/.exec(address)
  return mapped?.[1] ?? address
}

/** The name in a Host header: without the port and the root's dot. */
export const hostName = (host: string): string => plainAddress(host.replace(/:\d+$/, '').replace(/\.$/, ''))

export const isLoopback = (address: string): boolean => /^127\./.test(address) || address === '::1'

export class Proxies {
  readonly #list = new BlockList()

  constructor(networks: readonly string[]) {
    for (const network of networks) {
      const [address = '', bits] = network.split('/')
      const family = isIP(address) === 6 ? 'ipv6' : 'ipv4'
      if (bits === undefined) this.#list.addAddress(address, family)
      else this.#list.addSubnet(address, Number(bits), family)
    }
  }

  trusts(address: string): boolean {
    const family = isIP(address)
    return family !== 0 && this.#list.check(address, family === 6 ? 'ipv6' : 'ipv4')
  }
}

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
export function clientOf(peer: Peer, headers: Headers, proxies: Proxies, config: Config): Client {
  if (peer.kind === 'socket') return { ip: 'socket', https: false, encrypted: true, secure: true }
  let ip = plainAddress(peer.address)
  const proxied = proxies.trusts(ip) && (headers.has('x-forwarded-for') || headers.has('x-forwarded-proto'))
  const made = (https: boolean, encrypted = https): Client => ({
    ip,
    https,
    encrypted,
    secure: encrypted || !config.c2s.require_tls,
  })
  if (!proxied) return made(peer.tls, peer.tls || isLoopback(ip))
  const hops = (headers.get('x-forwarded-for') ?? '').split(',').map(plainAddress).filter(Boolean)
  for (const hop of hops.reverse()) {
    if (!isIP(hop)) break
    ip = hop
    if (!proxies.trusts(hop)) break
  }
  return made(headers.get('x-forwarded-proto')?.trim().toLowerCase() === 'https')
}
