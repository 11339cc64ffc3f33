/** Keeps the certificate that Belfry signs itself while the operator has none: DATA_DIR/tls/self-signed.*. */
import { createPrivateKey, X509Certificate } from 'node:crypto'
import { chmodSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { isIP } from 'node:net'
import { join } from 'node:path'
import { domainToASCII } from 'node:url'
import { createSelfSigned } from '../self-signed.ts'

const DAY = 86_400_000
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
  const { cert, key } = createSelfSigned(names, now)
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
