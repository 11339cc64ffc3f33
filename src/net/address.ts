/**
 * Internet addresses as values: every decision about an address (whose it is, how it counts, whether it may be reached)
 * is taken on its bits, never on its look. `node:net` says what is an address in the strict spelling that sockets and
 * RFC 5952 use; ipaddr.js alone would also read "127.1" and "0x7f.0.0.1".
 */
import { isIP } from 'node:net'
import ipaddr from 'ipaddr.js'

type Address = ipaddr.IPv4 | ipaddr.IPv6

/** An address without brackets, zone and blanks; IPv4 in IPv6 clothes is the IPv4 address. Undefined: no address. */
export function parseAddress(text: string): Address | undefined {
  const bare = undressed(text)
  return isIP(bare) === 0 ? undefined : ipaddr.process(withoutQuad(bare))
}

/** IPv6 in hexadecimal only: ipaddr.js takes "::127.0.0.1", which is an address of its own, for "::ffff:127.0.0.1". */
const withoutQuad = (text: string): string =>
  text.replace(/:(\d+)\.(\d+)\.(\d+)\.(\d+)$/, (_quad, ...bytes) => {
    const [a = 0, b = 0, c = 0, d = 0] = bytes.slice(0, 4).map(Number)
    return `:${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`
  })

/** One spelling per address (RFC 5952); what is no address comes back in lower case. */
export function plainAddress(text: string): string {
  const address = parseAddress(text)
  if (!address) return undressed(text).toLowerCase()
  return address.kind() === 'ipv4' ? address.toString() : (address as ipaddr.IPv6).toRFC5952String() // kind() says so
}

/** Blanks around it, the brackets of a URL, and the interface of a link-local address (RFC 4007 §11). */
const undressed = (text: string): string =>
  text
    .trim()
    .replace(/^\[(.*)\]$/, '$1')
    .replace(/%.*$/, '')

export const isAddress = (text: string): boolean => parseAddress(text) !== undefined

/** 127.0.0.0/8 or ::1; a name that merely begins like one is not. */
export const isLoopback = (text: string): boolean => parseAddress(text)?.range() === 'loopback'

/** 0.0.0.0 or ::, by which a listener means every address of its machine. */
export const isAnyAddress = (text: string): boolean => parseAddress(text)?.range() === 'unspecified'

/** 2000::/3 is all that is routed on the Internet today (RFC 4291 §2.4); names of addresses in it have exceptions. */
const GLOBAL_UNICAST: [ipaddr.IPv6, number] = [ipaddr.IPv6.parse('2000::'), 3]

/** An address that the whole Internet knows: no private, local, reserved or translated one, and no text that is none. */
export function isPublic(text: string): boolean {
  const address = parseAddress(text)
  if (address?.range() !== 'unicast') return false
  return address.kind() === 'ipv4' || address.match(GLOBAL_UNICAST)
}

/** The name under which strangers are counted: IPv4 as it is, IPv6 by its /64, which one household or server has at least. */
export function networkOf(text: string): string {
  const address = parseAddress(text)
  if (!address) return text
  if (address.kind() === 'ipv4') return address.toString()
  const { parts } = address as ipaddr.IPv6 // kind() says so
  return `${new ipaddr.IPv6([...parts.slice(0, 4), 0, 0, 0, 0]).toRFC5952String()}/64`
}

/** Bytes in network order, for certificates and PROXY headers. */
export const addressBytes = (text: string): number[] => parseAddress(text)?.toByteArray() ?? []

/** The other way round; 4 or 16 of them. */
export const addressOf = (bytes: Uint8Array): string =>
  plainAddress(ipaddr.fromByteArray([...bytes]).toString())

/** "10.0.0.0/8" or a single address. Undefined where the text is neither. */
function parseNetwork(text: string): readonly [Address, number] | undefined {
  const [address = '', bits, ...rest] = text.split('/')
  const family = isIP(address)
  if (family === 0 || rest.length > 0) return undefined
  const most = family === 4 ? 32 : 128
  if (bits !== undefined && (!/^\d{1,3}$/.test(bits) || Number(bits) > most)) return undefined
  const parsed = ipaddr.parse(withoutQuad(address))
  const length = bits === undefined ? most : Number(bits)
  // A mapped network is the IPv4 network inside it: its clients are counted and compared as IPv4.
  if (parsed.kind() === 'ipv6' && length >= 96) {
    const inner = ipaddr.process(withoutQuad(address))
    if (inner.kind() === 'ipv4') return [inner, length - 96]
  }
  return [parsed, length]
}

/** Whether a configuration may name this network; "!" in front denies. */
export const isNetwork = (text: string): boolean => parseNetwork(text.replace(/^!/, '')) !== undefined

/** A list of networks in which the first match wins and "!" denies; an address that no entry covers is not covered. */
export class Networks {
  readonly #rules: readonly { readonly network: readonly [Address, number]; readonly covers: boolean }[]

  constructor(networks: readonly string[]) {
    this.#rules = networks.flatMap((text) => {
      const network = parseNetwork(text.replace(/^!/, ''))
      return network ? [{ network, covers: !text.startsWith('!') }] : []
    })
  }

  covers(text: string): boolean {
    const address = parseAddress(text)
    if (!address) return false
    const found = this.#rules.find(
      ({ network: [base, bits] }) => base.kind() === address.kind() && address.match(base, bits),
    )
    return found?.covers ?? false
  }
}
