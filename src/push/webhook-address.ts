/**
 * Which addresses a webhook may reach. The name is resolved here and the connection goes to the very address that was
 * checked, so that a name which changes its mind between check and use gains nothing.
 */
import { lookup } from 'node:dns/promises'
import { BlockList, isIP } from 'node:net'

const forbidden = new BlockList()
for (const [network, prefix] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 3],
] as const)
  forbidden.addSubnet(network, prefix, 'ipv4')
for (const [network, prefix] of [
  ['::', 96], // unspecified, loopback and IPv4-compatible
  ['64:ff9b::', 96], // NAT64: an IPv4 address in disguise
  ['64:ff9b:1::', 48],
  ['100::', 64],
  ['2001::', 23], // Teredo and other special purposes
  ['2002::', 16], // 6to4
  ['fc00::', 7],
  ['fe80::', 10],
  ['fec0::', 10],
  ['ff00::', 8],
] as const)
  forbidden.addSubnet(network, prefix, 'ipv6')

/** Whether an address is one that only this machine or its own network knows, or no unicast address at all. */
export function isPrivate(address: string): boolean {
  const mapped = /^::ffff:(?:0:)?(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1]
  if (mapped) return isPrivate(mapped)
  const family = isIP(address)
  if (family === 0) return true
  // IPv4 in hexadecimal behind ::ffff: is not worth reading: nobody's public name resolves to it.
  if (family === 6 && /^(0{0,4}:){0,5}:?(0{0,4}:)*ffff:/i.test(address)) return true
  return forbidden.check(address, family === 4 ? 'ipv4' : 'ipv6')
}

export type Resolve = (host: string) => Promise<readonly string[]>

export const systemResolve: Resolve = async (host) => {
  const found = await lookup(host, { all: true })
  return found.map((entry) => entry.address)
}

export class ForbiddenAddress extends Error {}

/** The address to connect to; throws ForbiddenAddress where none of the name's addresses may be reached. */
export async function allowedAddress(host: string, allowPrivate: boolean, resolve: Resolve): Promise<string> {
  const literal = host.replace(/^\[|\]$/g, '')
  const all = isIP(literal) ? [literal] : await resolve(literal)
  const first = all.find((address) => allowPrivate || !isPrivate(address))
  if (first !== undefined) return first
  if (all.length === 0) throw new Error('the name has no address')
  throw new ForbiddenAddress('the address belongs to a private network')
}
