/** The client at the other end: the address behind trusted proxies, and whether the way is safe for a password. */
import type { Config } from '../config/config.ts'
import { isLoopback, type Networks, parseAddress, plainAddress } from '../net/address.ts'
import type { Peer } from './context.ts'

/** The name in a Host header: without the port and the root's dot. */
export const hostName = (host: string): string => plainAddress(host.replace(/:\d+$/, '').replace(/\.$/, ''))

export interface Client {
  readonly ip: string
  /** The client's own connection is TLS: with us, or with a trusted proxy that says https. */
  readonly https: boolean
  /** The same, or loopback. */
  readonly encrypted: boolean
  /** The same, or c2s.require_tls is off. */
  readonly secure: boolean
}

type ForwardedBy = Config['http']['forwarded_by'][number]

const FORWARDED = ['x-forwarded-for', 'forwarded', 'x-real-ip', 'x-forwarded-proto'] as const

/**
 * Lists of addresses are read from the right, the only end that a proxy of ours wrote, up to the first address that is
 * not one of ours. Anything else in them was sent by a stranger.
 */
export function clientOf(peer: Peer, headers: Headers, proxies: Networks, config: Config): Client {
  if (peer.kind === 'socket') return { ip: 'socket', https: false, encrypted: true, secure: true }
  let ip = plainAddress(peer.address)
  const made = (https: boolean, encrypted = https): Client => ({
    ip,
    https,
    encrypted,
    secure: encrypted || !config.c2s.require_tls,
  })
  // A proxy that hands on any of these stands between us and somebody, also where the header is not the one that counts.
  const proxied = proxies.covers(ip) && FORWARDED.some((name) => headers.has(name))
  if (!proxied) return made(peer.tls, peer.tls || isLoopback(ip))
  const hops = hopsOf(headers, config.http.forwarded_by)
  for (const { address } of [...hops].reverse()) {
    if (address === undefined) break
    ip = address
    if (!proxies.covers(address)) break
  }
  // Of several words the last is that of the nearest proxy; the others may be a stranger's.
  const proto = headers.get('x-forwarded-proto') ?? hops.at(-1)?.proto ?? ''
  return made(proto.split(',').at(-1)?.trim().toLowerCase() === 'https')
}

interface Hop {
  /** Undefined: hidden, or not readable. */
  readonly address: string | undefined
  readonly proto?: string | undefined
}

function hopsOf(headers: Headers, readable: readonly ForwardedBy[]): Hop[] {
  const name = readable.find((one) => headers.has(one))
  const value = name === undefined ? null : headers.get(name)
  if (value === null) return []
  if (name === 'forwarded') return forwarded(value)
  const addresses = name === 'x-real-ip' ? [value] : value.split(',')
  return addresses.filter((text) => text.trim() !== '').map((text) => ({ address: addressIn(text) }))
}

/** "192.0.2.1", "192.0.2.1:4711", "2001:db8::1", "[2001:db8::1]:4711"; some proxies add the client's port. */
function addressIn(text: string): string | undefined {
  const bare = text.trim()
  const withPort = /^(\[[^\]]*\]|[^:]*):\d{1,5}$/.exec(bare)?.[1] ?? bare
  return parseAddress(withPort) && plainAddress(withPort)
}

/** RFC 7239 §4: elements behind commas, pairs behind semicolons; names in any case, values as tokens or quoted. */
function forwarded(value: string): Hop[] {
  const hops: Hop[] = []
  for (const element of outsideQuotes(value, ',')) {
    const pairs = new Map(
      outsideQuotes(element, ';').map((pair) => {
        const at = pair.indexOf('=')
        return [pair.slice(0, at).trim().toLowerCase(), unquoted(pair.slice(at + 1).trim())]
      }),
    )
    const node = pairs.get('for')
    // §6: "unknown" and "_hidden" name nobody.
    hops.push({ address: node === undefined ? undefined : addressIn(node), proto: pairs.get('proto') })
  }
  return hops
}

const outsideQuotes = (text: string, mark: ',' | ';'): string[] =>
  (
    text.match(mark === ',' ? /(?:"(?:[^"\\]|\\.)*"?|[^",])+/g : /(?:"(?:[^"\\]|\\.)*"?|[^";])+/g) ?? []
  ).filter((part) => part.trim() !== '')

const unquoted = (text: string): string =>
  text.startsWith('"') ? text.replace(/^"|"$/g, '').replace(/\\(.)/g, '$1') : text
