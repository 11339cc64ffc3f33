/** The certificate that Belfry signs itself while the operator has none: it makes TLS work, not trust. */
import { createPrivateKey, randomBytes, X509Certificate } from 'node:crypto'
import { chmodSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { isIP } from 'node:net'
import { join } from 'node:path'
import { domainToASCII } from 'node:url'

const DAY = 86_400_000
/** The longest that Apple's platforms accept from anyone. */
const VALIDITY = 825 * DAY
const RENEW_BEFORE = 30 * DAY

export interface PairFiles {
  cert: string
  key: string
}

/** Makes sure that DATA_DIR/tls holds a pair for these hosts that lasts; an existing one that fits is kept. */
export async function ensureSelfSigned(dataDir: string, hosts: string[], now: number): Promise<PairFiles> {
  const directory = join(dataDir, 'tls')
  const files = { cert: join(directory, 'self-signed.crt'), key: join(directory, 'self-signed.key') }
  const names = [...new Set([...hosts.map(toAscii), 'localhost'])]
  if (fits(files, names, now)) return files
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  const { cert, key } = await createSelfSigned(names, now)
  // The key first: a crash in between leaves a pair that does not fit and is made anew.
  replace(files.key, key)
  replace(files.cert, cert)
  return files
}

function fits(files: PairFiles, names: string[], now: number): boolean {
  try {
    const certificate = new X509Certificate(readFileSync(files.cert))
    chmodSync(files.key, 0o600)
    const dns = certificate.subjectAltName?.split(', ') ?? []
    const covered = names.every((name) =>
      isIP(name) ? certificate.checkIP(name) !== undefined : dns.includes(`DNS:${name}`),
    )
    const key = readFileSync(files.key)
    return covered && Date.parse(certificate.validTo) > now + RENEW_BEFORE && keyFits(certificate, key)
  } catch {
    return false
  }
}

function keyFits(certificate: X509Certificate, pem: Buffer): boolean {
  return certificate.checkPrivateKey(createPrivateKey(pem))
}

/** Hosts are U-labels inside Belfry and A-labels in certificates; an IP literal loses its brackets. */
function toAscii(host: string): string {
  const plain = host.replace(/^\[(.*)\]$/, '$1')
  return isIP(plain) ? plain : domainToASCII(plain) || plain
}

function replace(file: string, content: string): void {
  const fresh = `${file}.new`
  rmSync(fresh, { force: true })
  writeFileSync(fresh, content, { mode: 0o600, flag: 'wx' })
  renameSync(fresh, file)
}

export interface Pems {
  cert: string
  key: string
}

export async function createSelfSigned(names: string[], now: number): Promise<Pems> {
  provideMetadata()
  // Loaded only here: most starts have a certificate and need no ASN.1 writer.
  const x509 = await import('@peculiar/x509')
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
  const keys = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
  const serial = randomBytes(16)
  serial[0] = (serial[0] ?? 0) & 0x7f // RFC 5280 §4.1.2.2: positive
  const alternatives = [...names, '127.0.0.1', '::1'].map((value) => ({
    type: isIP(value) ? ('ip' as const) : ('dns' as const),
    value,
  }))
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: serial.toString('hex'),
    name: [{ CN: [(names[0] ?? 'localhost').slice(0, 64)] }],
    notBefore: new Date(now - DAY),
    notAfter: new Date(now - DAY + VALIDITY),
    signingAlgorithm: algorithm,
    keys,
    extensions: [
      new x509.SubjectAlternativeNameExtension(alternatives),
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
    ],
  })
  const pkcs8 = Buffer.from(await crypto.subtle.exportKey('pkcs8', keys.privateKey))
  return {
    cert: `${certificate.toString('pem')}\n`,
    key: x509.PemConverter.encode(pkcs8, 'PRIVATE KEY') + '\n',
  }
}

/**
 * COMPAT(tsyringe, 4): a dependency of @peculiar/x509 that refuses to load without these three functions of a
 * proposal that no engine has. They keep what its decorators store, and nothing else uses them.
 */
function provideMetadata(): void {
  if ('getMetadata' in Reflect) return
  const stored = new WeakMap<object, Map<unknown, unknown>>()
  const own = (key: unknown, target: object): unknown => stored.get(target)?.get(key)
  Object.assign(Reflect, {
    defineMetadata(key: unknown, value: unknown, target: object): void {
      const entries = stored.get(target) ?? new Map<unknown, unknown>()
      stored.set(target, entries.set(key, value))
    },
    getOwnMetadata: own,
    getMetadata(key: unknown, target: object): unknown {
      for (let at: object | null = target; at !== null; at = Reflect.getPrototypeOf(at)) {
        const value = own(key, at)
        if (value !== undefined) return value
      }
      return undefined
    },
  })
}
