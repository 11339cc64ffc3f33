/**
 * The PROXY protocol, versions 1 and 2 (haproxy's "The PROXY protocol", 2020): a header in front of the first byte of a
 * connection, in which a proxy says who the client is. It is taken from trusted proxies only, and by listeners only that
 * were told to expect it: a listener that guessed would let anybody say who he is.
 */
import { addressOf, isAddress, plainAddress } from './address.ts'

/** §2.1: the longest line of version 1, with its end. */
const LINE = 107
/** §2.2 */
const SIGNATURE = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1')
const FIXED = 16
/** Version 2 may have 64 KiB of extras behind the addresses, such as certificates; none of them is used here. */
const EXTRAS = 4096
const COMMAND = { local: 0, proxy: 1 }
/** §2.2: address family and transport in one byte. Others are unspecified, UDP and Unix sockets. */
const FAMILY = { tcp4: 0x11, tcp6: 0x21 }

export type ProxyHeader =
  /** A header that goes on beyond these bytes. */
  | { readonly kind: 'part' }
  | { readonly kind: 'bad'; readonly why: string }
  /** `client` is undefined where the proxy speaks for itself, as with health checks. */
  | { readonly kind: 'whole'; readonly length: number; readonly client: string | undefined }

const bad = (why: string): ProxyHeader => ({ kind: 'bad', why })

/** Reads the header at the start of these bytes. */
export function readProxyHeader(bytes: Buffer): ProxyHeader {
  const known = Math.min(bytes.length, SIGNATURE.length)
  if (bytes.subarray(0, known).equals(SIGNATURE.subarray(0, known)))
    return known < SIGNATURE.length ? { kind: 'part' } : binary(bytes)
  return line(bytes)
}

/** §2.1: "PROXY TCP4 source destination port port", or "PROXY UNKNOWN" and anything. */
function line(bytes: Buffer): ProxyHeader {
  const start = bytes.subarray(0, 6).toString('latin1')
  if (!'PROXY '.startsWith(start)) return bad('no PROXY header')
  const end = bytes.subarray(0, LINE).indexOf('\r\n')
  if (end < 0) return bytes.length < LINE ? { kind: 'part' } : bad('a line of version 1 that does not end')
  const length = end + 2
  const [, family, source = '', destination = '', ...ports] = bytes.toString('latin1', 0, end).split(' ')
  if (family === 'UNKNOWN') return { kind: 'whole', length, client: undefined }
  const isIpv6 = family === 'TCP6'
  const fits = (text: string): boolean =>
    /^[\da-f.:]+$/i.test(text) && isAddress(text) && text.includes(':') === isIpv6
  if ((family !== 'TCP4' && !isIpv6) || !fits(source) || !fits(destination))
    return bad('addresses of version 1')
  if (ports.length !== 2 || ports.some((port) => !/^\d{1,5}$/.test(port) || Number(port) > 65_535))
    return bad('ports of version 1')
  return { kind: 'whole', length, client: plainAddress(source) }
}

function binary(bytes: Buffer): ProxyHeader {
  if (bytes.length < FIXED) return { kind: 'part' }
  const version = (bytes[12] ?? 0) >> 4
  const command = (bytes[12] ?? 0) & 0x0f
  const length = FIXED + bytes.readUInt16BE(14)
  if (version !== 2) return bad(`version ${version}`)
  if (command !== COMMAND.local && command !== COMMAND.proxy) return bad(`command ${command}`)
  if (length > FIXED + EXTRAS) return bad('too long')
  if (bytes.length < length) return { kind: 'part' }
  const size = command === COMMAND.local ? undefined : sizeOf(bytes[13])
  if (size === undefined) return { kind: 'whole', length, client: undefined }
  // Two addresses and two ports.
  if (length - FIXED < 2 * size + 4) return bad('addresses of version 2')
  return { kind: 'whole', length, client: addressOf(bytes.subarray(FIXED, FIXED + size)) }
}

function sizeOf(family: number | undefined): number | undefined {
  if (family === FAMILY.tcp4) return 4
  return family === FAMILY.tcp6 ? 16 : undefined
}
