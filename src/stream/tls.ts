/** Certificate material: read, checked, and chosen by name. `server/certificates.ts` replaces it while running. */
import { createHash, createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { isIP } from 'node:net'
import { domainToASCII } from 'node:url'
import { codeOf, OutsideError } from '../log.ts'
import { ensureSelfSigned, type PairFiles } from './self-signed.ts'

/** RFC 9325 §4.2: of TLS 1.2 only what keeps old sessions secret and proves what it decrypts; TLS 1.3 has nothing else. */
export const CIPHERS = ['AES128-GCM-SHA256', 'AES256-GCM-SHA384', 'CHACHA20-POLY1305']
  .flatMap((cipher) => [`ECDHE-ECDSA-${cipher}`, `ECDHE-RSA-${cipher}`])
  .join(':')

/**
 * COMPAT(iOS 8, Android 4.4): their TLS 1.2 knows no GCM. These keep old sessions secret too, but have CBC with its history
 * of padding attacks, so that the operator must ask for them. The runtime's TLS (BoringSSL) has no AES256-SHA384: whoever
 * knows that one knows the others.
 */
const OLD_CIPHERS = ['AES128-SHA256', 'AES128-SHA', 'AES256-SHA']
  .flatMap((cipher) => [`ECDHE-ECDSA-${cipher}`, `ECDHE-RSA-${cipher}`])
  .join(':')

/** The part of [tls] that a handshake goes by. */
export interface TlsRules {
  readonly min: '1.2' | '1.3'
  readonly compat: 'none' | 'old'
}

/** Better ones come first; by STARTTLS and HTTPS it is the client's order that counts. */
const ciphersOf = ({ compat }: TlsRules): string => (compat === 'old' ? `${CIPHERS}:${OLD_CIPHERS}` : CIPHERS)

/** Terms that are agreed on, in the words of Bun's native sockets. */
export const nativeTls = (rules: TlsRules) => ({
  minVersion: rules.min === '1.2' ? 0x0303 : 0x0304,
  ciphers: ciphersOf(rules),
})

/** The same in those of node:tls. */
export const nodeTls = (rules: TlsRules) =>
  ({ minVersion: `TLSv${rules.min}`, ciphers: ciphersOf(rules) }) as const

/** Names the file and the remedy. */
export class CertificateError extends OutsideError {}

export interface CertificateConfig {
  tls: {
    cert?: string | undefined
    key?: string | undefined
    hosts?: readonly { name: string; cert: string; key: string }[]
  }
  /** Files of an authority's certificates, each with its key, by host. */
  fetched?: readonly { name: string; file: string }[]
  dataDir: string
  hosts: readonly string[]
  now?: () => number
}

export interface Material {
  readonly certPem: string
  readonly keyPem: string
  /** The channel binding tls-server-end-point (RFC 5929 §4). */
  readonly endPointHash: Uint8Array
  readonly notBefore: Date
  readonly notAfter: Date
  /** The DNS names that the certificate is for, as A-labels. */
  readonly names: readonly string[]
  readonly serial: string
  readonly issuer: string
}

/** Source of a pair: files of the operator's, an authority that was asked, or ourselves. */
export type Origin = 'files' | 'acme' | 'self-signed'

/** A pair of files and the name it was configured for; `default` is used where no name fits. */
interface Source extends PairFiles {
  readonly name: string
  readonly origin: Origin
}

export interface Pair {
  readonly name: string
  readonly origin: Origin
  /** File of the certificate. */
  readonly cert: string
  readonly material: Material
}

interface Loaded {
  readonly byName: ReadonlyMap<string, Material>
  readonly pairs: readonly { readonly source: Source; readonly material: Material }[]
  readonly fallback: Material
}

const DEFAULT = 'default'

/** Milliseconds before its end from which on a certificate of whatever age is told of: 30 days. */
const MOST_NOTICE = 30 * 86_400_000

export async function loadCertificates(config: CertificateConfig): Promise<CertificateStore> {
  const { tls, hosts, now = Date.now } = config
  const named = (tls.hosts ?? []).map(({ name, cert, key }) => ({
    ...{ name: toAscii(name), cert, key, origin: 'files' as const },
  }))
  const fetched = (config.fetched ?? []).map(({ name, file }) => ({
    ...{ name: toAscii(name), cert: file, key: file, origin: 'acme' as const },
  }))
  const first = fetched.find(({ name }) => name === toAscii(hosts[0] ?? ''))
  const fallback = first ?? (await defaultPair(config, now()))
  return new CertificateStore([...named, ...fetched.filter((pair) => pair !== first), fallback], hosts, now)
}

async function defaultPair({ tls, dataDir, hosts }: CertificateConfig, now: number): Promise<Source> {
  if (tls.cert !== undefined && tls.key !== undefined)
    return { name: DEFAULT, origin: 'files', cert: tls.cert, key: tls.key }
  return { name: DEFAULT, origin: 'self-signed', ...(await ensureSelfSigned(dataDir, [...hosts], now)) }
}

export class CertificateStore {
  private readonly loaded: Loaded

  constructor(
    sources: readonly Source[],
    private readonly hosts: readonly string[],
    private readonly now: () => number,
  ) {
    this.loaded = load(sources)
  }

  /** By the exact name, then by a wildcard for its left-most label (RFC 9525 §6.3), then the default. */
  forName(name: string): Material {
    const ascii = toAscii(name)
    const { byName, fallback } = this.loaded
    const dot = ascii.indexOf('.')
    return byName.get(ascii) ?? (dot > 0 ? byName.get(`*${ascii.slice(dot)}`) : undefined) ?? fallback
  }

  /** All pairs with the names they were configured for, that for unknown names last. */
  list(): Pair[] {
    return this.loaded.pairs.map(({ source: { name, origin, cert }, material }) => ({
      ...{ name, origin, cert, material },
    }))
  }

  /** Warnings that are no refusal: pairs at their end and hosts that no certificate names. */
  warnings(): string[] {
    const now = this.now()
    const expired = this.list()
      .filter(({ material }) => isOld(material, now))
      .map(({ cert, material: { notAfter } }) => {
        const verb = notAfter.getTime() <= now ? 'expired' : 'expires'
        return `${cert} ${verb} on ${notAfter.toISOString().slice(0, 10)}: renew it.`
      })
    const unnamed = this.hosts
      .filter((host) => isIP(bare(host)) === 0 && !covers(this.forName(host), toAscii(host)))
      .map((host) => `No certificate names ${host}: clients that check will refuse to connect.`)
    return [...expired, ...unnamed]
  }
}

/** ACME clients renew with a third of the lifetime left; a sixth left says that this does not work. */
function isOld({ notBefore, notAfter }: Material, now: number): boolean {
  const end = notAfter.getTime()
  return end - now <= Math.min((end - notBefore.getTime()) / 6, MOST_NOTICE)
}

/** An IP literal without the brackets that it has in an address. */
const bare = (host: string): string => host.replace(/^\[(.*)\]$/, '$1')

function covers(material: Material, ascii: string): boolean {
  return material.names.includes(ascii) || material.names.includes(ascii.replace(/^[^.]+/, '*'))
}

function load(sources: readonly Source[]): Loaded {
  const pairs = sources.map((source) => ({ source, material: readPair(source) }))
  const fallback = pairs[pairs.length - 1]?.material
  if (!fallback) throw new CertificateError('No certificate is configured.')
  const byName = new Map<string, Material>()
  // What the operator named counts more than what a certificate says, and the first pair more than later ones.
  for (const { source, material } of pairs) {
    if (source.name !== DEFAULT && !byName.has(source.name)) byName.set(source.name, material)
  }
  for (const { material } of pairs) {
    for (const name of material.names) if (!byName.has(name)) byName.set(name, material)
  }
  return { byName, pairs, fallback }
}

/** Certificates alone: a file may have the key beside them. */
const CERTIFICATES = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g

function readPair(files: PairFiles): Material {
  const certPem = read(files.cert)
  const keyPem = read(files.key)
  const certificate = parseCertificate(files.cert, certPem)
  const key = parseKey(files.key, keyPem)
  if (!certificate.checkPrivateKey(key)) {
    throw new CertificateError(
      `${files.key} is not the key of the first certificate in ${files.cert}: name the pair that belongs together, the server's own certificate first.`,
    )
  }
  return {
    certPem: certPem.match(CERTIFICATES)?.join('\n') ?? certPem,
    keyPem,
    endPointHash: endPointHash(certificate),
    notBefore: new Date(certificate.validFrom),
    notAfter: new Date(certificate.validTo),
    names: dnsNames(certificate),
    serial: certificate.serialNumber.toLowerCase(),
    issuer: certificate.issuer,
  }
}

function read(file: string): string {
  let text: string
  try {
    // Editors of other systems begin a text with a byte order mark.
    text = readFileSync(file, 'utf8').replace(/^\ufeff/, '')
  } catch (error) {
    throw new CertificateError(`${file} ${remedy(error)}`)
  }
  if (text.trim() === '') throw new CertificateError(`${file} is empty: write the PEM text into it.`)
  return text
}

function remedy(error: unknown): string {
  switch (codeOf(error)) {
    case 'ENOENT':
      return 'does not exist: correct the path in [tls], or remove cert and key to use a self-signed one.'
    case 'EACCES':
    case 'EPERM':
      return 'may not be read: let the user that runs belfry read it (chown or setfacl), or use LoadCredential=.'
    case 'EISDIR':
      return 'is a directory: name the PEM file in it.'
    default:
      return `cannot be read: ${error instanceof Error ? error.message : String(error)}`
  }
}

function parseCertificate(file: string, pem: string): X509Certificate {
  if (!pem.includes('-----BEGIN CERTIFICATE-----')) {
    throw new CertificateError(
      pem.includes('PRIVATE KEY-----')
        ? `${file} holds a private key, not a certificate: are cert and key swapped?`
        : `${file} holds no PEM certificate: convert it with "openssl x509 -inform der -outform pem".`,
    )
  }
  try {
    return new X509Certificate(pem)
  } catch {
    throw new CertificateError(`${file} holds a damaged certificate: write it again from its source.`)
  }
}

function parseKey(file: string, pem: string): KeyObject {
  if (/-----BEGIN ENCRYPTED PRIVATE KEY-----|Proc-Type: 4,ENCRYPTED/.test(pem)) {
    throw new CertificateError(
      `${file} is encrypted: decrypt it with "openssl pkey -in ${file} -out NEW_FILE".`,
    )
  }
  try {
    return createPrivateKey(pem)
  } catch {
    throw new CertificateError(
      pem.includes('-----BEGIN CERTIFICATE-----') && !pem.includes('PRIVATE KEY-----')
        ? `${file} holds a certificate, not a private key: are cert and key swapped?`
        : `${file} holds no private key that can be used: expected is PEM, "BEGIN PRIVATE KEY".`,
    )
  }
}

/** RFC 9525 §6.1: names come from the subject alternative names only, never from the common name. */
function dnsNames(certificate: X509Certificate): string[] {
  const entries = certificate.subjectAltName?.split(', ') ?? []
  return entries.filter((entry) => entry.startsWith('DNS:')).map((entry) => entry.slice(4).toLowerCase())
}

const OID = {
  pss: Buffer.from('06092a864886f70d01010a', 'hex'),
  sha384: Buffer.from('0609608648016503040202', 'hex'),
  sha512: Buffer.from('0609608648016503040203', 'hex'),
}

/** RFC 5929 §4.1: the hash of the signature, but SHA-256 instead of MD5 and SHA-1 (and where there is none). */
function endPointHash(certificate: X509Certificate): Uint8Array {
  const algorithm = certificate.signatureAlgorithm ?? ''
  let hash = /sha-?(?:256|384|512)/i.exec(algorithm)?.[0].toLowerCase().replace('-', '') ?? 'sha256'
  if (/pss/i.test(algorithm)) {
    // RSASSA-PSS names its hash in parameters; those of the signature follow the last mention of its OID.
    const parameters = certificate.raw.subarray(certificate.raw.lastIndexOf(OID.pss)).subarray(0, 48)
    hash = parameters.includes(OID.sha512) ? 'sha512' : parameters.includes(OID.sha384) ? 'sha384' : 'sha256'
  }
  return createHash(hash).update(certificate.raw).digest()
}

/** Certificates and SNI speak A-labels, XMPP speaks U-labels; a wildcard's star stays. */
function toAscii(name: string): string {
  const plain = name.toLowerCase().replace(/\.$/, '')
  return /^[\x21-\x7E]*$/.test(plain) ? plain : domainToASCII(plain) || plain
}
