/** A certificate authority of our own and one server certificate under it, made in memory. */
import { randomBytes } from 'node:crypto'
import { isIP } from 'node:net'
import './reflect-metadata.ts'

export interface SelfSigned {
  /** PEM of the authority that a client must trust. */
  readonly ca: string
  readonly cert: string
  readonly key: string
}

const P256 = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
const DAY = 86_400_000

/** `names` are DNS names and IP addresses. */
export async function selfSigned(names: readonly string[], now: number, days = 825): Promise<SelfSigned> {
  const x509 = await import('@peculiar/x509')
  x509.cryptoProvider.set(crypto)
  const make = () => crypto.subtle.generateKey(P256, true, ['sign', 'verify'])
  const [caKeys, keys] = await Promise.all([make(), make()])
  const validity = { notBefore: new Date(now - DAY), notAfter: new Date(now + days * DAY) }
  const caName = `CN=Belfry local authority ${randomBytes(4).toString('hex')}`
  const ca = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: serial(),
    name: caName,
    ...validity,
    signingAlgorithm: P256,
    keys: caKeys,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(caKeys.publicKey),
    ],
  })
  const cert = await x509.X509CertificateGenerator.create({
    serialNumber: serial(),
    subject: `CN=${names[0] ?? 'localhost'}`,
    issuer: caName,
    ...validity,
    signingAlgorithm: P256,
    publicKey: keys.publicKey,
    signingKey: caKeys.privateKey,
    extensions: [
      new x509.BasicConstraintsExtension(false),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension(
        names.map((value) => ({ type: isIP(value) ? ('ip' as const) : ('dns' as const), value })),
      ),
      await x509.AuthorityKeyIdentifierExtension.create(caKeys.publicKey),
    ],
  })
  const pkcs8 = await crypto.subtle.exportKey('pkcs8', keys.privateKey)
  return {
    ca: ca.toString('pem'),
    cert: cert.toString('pem'),
    key: x509.PemConverter.encode(pkcs8, 'PRIVATE KEY'),
  }
}

// RFC 5280 §4.1.2.2: positive, at most 20 octets.
const serial = (): string => `01${randomBytes(15).toString('hex')}`
