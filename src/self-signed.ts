/**
 * Certificates that Belfry signs itself: its own while the operator has none, and the simulator's. They make TLS
 * work, not trust: whoever should trust one is given it as its own authority.
 * The forty lines of DER are ours because a library for all of X.509 takes longer to load than the server to start.
 */
import { generateKeyPairSync, randomBytes, sign } from 'node:crypto'
import { addressBytes, isAddress } from './net/address.ts'

const DAY = 86_400_000
/** The longest that Apple's platforms accept from anyone. */
const VALIDITY = 825 * DAY

export interface Pems {
  readonly cert: string
  readonly key: string
}

/** `names` are DNS names and IP addresses; loopback is always among them. */
export function createSelfSigned(names: readonly string[], now: number): Pems {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const name = sequence(set(sequence(OID.commonName, der(0x0c, (names[0] ?? 'localhost').slice(0, 64)))))
  // RFC 5280 §4.1
  const toBeSigned = sequence(
    der(0xa0, der(0x02, '\x02')), // version 3
    der(0x02, serial()),
    sequence(OID.ecdsaWithSha256),
    name,
    sequence(time(now - DAY), time(now - DAY + VALIDITY)),
    name,
    publicKey.export({ type: 'spki', format: 'der' }),
    der(0xa3, sequence(...extensions(new Set([...names, '127.0.0.1', '::1'])))),
  )
  const signature = sign('sha256', toBeSigned, { key: privateKey, dsaEncoding: 'der' })
  const certificate = sequence(toBeSigned, sequence(OID.ecdsaWithSha256), bits(signature))
  return {
    cert: pem('CERTIFICATE', certificate),
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  }
}

const OID = {
  commonName: Buffer.from('0603550403', 'hex'),
  ecdsaWithSha256: Buffer.from('06082a8648ce3d040302', 'hex'),
  subjectAltName: Buffer.from('0603551d11', 'hex'),
  basicConstraints: Buffer.from('0603551d13', 'hex'),
  keyUsage: Buffer.from('0603551d0f', 'hex'),
  extendedKeyUsage: Buffer.from('0603551d25', 'hex'),
  serverAuth: Buffer.from('06082b06010505070301', 'hex'),
}
const CRITICAL = Buffer.from('0101ff', 'hex')
/** digitalSignature, the first of the bits. */
const DIGITAL_SIGNATURE = Buffer.from('03020780', 'hex')

function extensions(names: ReadonlySet<string>): Buffer[] {
  const alternatives = [...names].map((name) =>
    isAddress(name) ? der(0x87, Buffer.from(addressBytes(name))) : der(0x82, name),
  )
  return [
    sequence(OID.subjectAltName, octets(sequence(...alternatives))),
    sequence(OID.basicConstraints, CRITICAL, octets(sequence())), // no authority
    sequence(OID.keyUsage, CRITICAL, octets(DIGITAL_SIGNATURE)),
    sequence(OID.extendedKeyUsage, octets(sequence(OID.serverAuth))),
  ]
}

/** X.690 §8.1: tag, length in the shortest form (§10.1), contents. */
function der(tag: number, ...contents: readonly (Buffer | string)[]): Buffer {
  const body = Buffer.concat(contents.map((part) => Buffer.from(part)))
  const { length } = body
  const head =
    length < 0x80
      ? [tag, length]
      : length < 0x100
        ? [tag, 0x81, length]
        : [tag, 0x82, length >> 8, length & 0xff]
  return Buffer.concat([Buffer.from(head), body])
}

const sequence = (...parts: readonly Buffer[]): Buffer => der(0x30, ...parts)
const set = (...parts: readonly Buffer[]): Buffer => der(0x31, ...parts)
const octets = (content: Buffer): Buffer => der(0x04, content)
const bits = (content: Buffer): Buffer => der(0x03, '\0', content)

/** RFC 5280 §4.1.2.5: two digits for the year up to 2049, four after. */
function time(ms: number): Buffer {
  const text = `${new Date(ms).toISOString().replace(/\D/g, '').slice(0, 14)}Z`
  return text < '2050' ? der(0x17, text.slice(2)) : der(0x18, text)
}

/** RFC 5280 §4.1.2.2: positive; the second bit keeps it from beginning with an empty octet. */
function serial(): Buffer {
  const bytes = randomBytes(16)
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40
  return bytes
}

const pem = (label: string, bytes: Buffer): string =>
  `-----BEGIN ${label}-----\n${bytes.toString('base64').replace(/.{1,64}/g, '$&\n')}-----END ${label}-----\n`
