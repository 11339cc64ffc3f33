/** Credentials of an app, as far as this machine can see without asking Apple. */
import { createPrivateKey, X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createSecureContext } from 'node:tls'
import type { Config } from '../../config/config.ts'
import { certificateEnd } from '../apns/certificate-end.ts'
import { readPassphrase, readPem } from '../apns/credentials.ts'
import { readSigningKey } from '../apns/token.ts'

type App = Config['push']['apps'][number]

/** Faults, each a sentence; also what ends `soon` (ms). */
export async function checkApp(app: App, now: Date, soon = 0): Promise<string[]> {
  const wrong: string[] = []
  type Complaint = string | undefined
  const attempt = async (what: string, test: () => Complaint | Promise<Complaint>): Promise<void> => {
    try {
      const complaint = await test()
      if (complaint) wrong.push(complaint)
    } catch (error) {
      wrong.push(`${what}: ${error instanceof Error ? error.message : String(error)}`)
    }
  }
  const { key_file, cert_file, cert_key_file, p12_file, p12_password_file } = app
  if (key_file) {
    await attempt(key_file, () => {
      readSigningKey(readPem(key_file))
      return undefined
    })
  }
  if (cert_file) {
    await attempt(cert_file, () => {
      const certificate = new X509Certificate(readPem(cert_file))
      const end = ending(cert_file, new Date(certificate.validTo), now, soon)
      if (end !== undefined) return end
      if (!cert_key_file) return undefined
      const fits = certificate.checkPrivateKey(createPrivateKey(readPem(cert_key_file)))
      return fits ? undefined : `${cert_key_file} does not belong to ${cert_file}`
    })
  }
  if (p12_file) {
    await attempt(p12_file, async () => {
      const tls = { pfx: readFileSync(p12_file), passphrase: readPassphrase(p12_password_file) }
      createSecureContext(tls)
      const end = new Date(await certificateEnd(tls.pfx, tls.passphrase))
      return ending(p12_file, end, now, soon)
    })
  }
  return wrong
}

function ending(file: string, end: Date, now: Date, soon: number): string | undefined {
  if (end.getTime() - now.getTime() > soon) return undefined
  return `${file} ${end < now ? 'ended' : 'ends'} on ${end.toUTCString()}; renew it at Apple`
}
