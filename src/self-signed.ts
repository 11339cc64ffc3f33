/**
 * Certificates that Belfry signs itself: its own while the operator has none, and the simulator's. They make TLS
 * work, not trust: whoever should trust one is given it as its own authority.
 */
import { randomBytes } from 'node:crypto'
import { isIP } from 'node:net'

const DAY = 86_400_000
/** The longest that Apple's platforms accept from anyone. */
const VALIDITY = 825 * DAY

export interface Pems {
  readonly cert: string
  readonly key: string
}

/** `names` are DNS names and IP addresses; loopback is always among them. */
export async function createSelfSigned(names: readonly string[], now: number): Promise<Pems> {
  provideMetadata()
  // Loaded only here: most starts have a certificate and need no ASN.1 writer.
  const x509 = await import('@peculiar/x509')
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
  const keys = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
  const serial = randomBytes(16)
  serial[0] = (serial[0] ?? 0) & 0x7f // RFC 5280 §4.1.2.2: positive
  const alternatives = [...new Set([...names, '127.0.0.1', '::1'])].map((value) => ({
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
