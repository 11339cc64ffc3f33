/** Contents of the files that the configuration names, looked at as the server would, but all of them at once. */
import type { Config } from '../config/config.ts'
import type { Path } from '../config/positions.ts'
import type { Fault } from '../ops/ports-check.ts'
import { loadApp } from '../push/apns/credentials.ts'
import { checkApp } from '../push/diagnose/check-app.ts'
import { loadCertificates } from '../stream/tls.ts'
import { isHere, uploadBase } from '../uploads/address.ts'
import { Jid } from '../xmpp/jid.ts'

export interface Findings {
  /** The server would not start; each with the key that it is about. */
  readonly problems: readonly Fault[]
  /** The warning that it would write. */
  readonly warnings: string[]
}

/** The keys by which a table names files. */
const FILES = [
  'cert',
  'key',
  'key_file',
  'cert_file',
  'cert_key_file',
  'p12_password_file',
  'p12_file',
  'ca_file',
] as const

const said = (error: unknown): string => (error instanceof Error ? error.message : String(error))

export async function checkContents(config: Config, now: Date): Promise<Findings> {
  const problems: Fault[] = []
  const warnings: string[] = []
  const { tls, hosts, data_dir } = config
  try {
    // Our own pair is made at the start; a look must not make it.
    if (tls.cert !== undefined) {
      const look = { tls, dataDir: data_dir, hosts, now: () => now.getTime() }
      warnings.push(...(await loadCertificates(look)).warnings())
    }
  } catch {
    // The first fault ended it: each pair by itself tells its own.
    problems.push(...(await faultsOfPairs(config)))
  }
  for (const [i, app] of config.push.apps.entries()) {
    try {
      loadApp(app)
    } catch (error) {
      problems.push(faultOf(['push', 'apps', i], app, said(error)))
      continue
    }
    const found = await checkApp(app, now, config.push.certificate_alarm)
    warnings.push(...found.map((text) => `push app ${app.topic}: ${text}`))
  }
  for (const admin of config.admins) {
    const host = Jid.tryParse(admin)?.domain
    if (host === undefined || !hosts.includes(host))
      warnings.push(`the admin ${admin} is of no host of this server (${hosts.join(', ')})`)
  }
  if (config.upload.enabled && uploadBase(config, hosts[0] ?? '') === undefined)
    warnings.push(
      'nobody can send files: set [http] public_url or [upload] url to an https address, or [upload] enabled = false',
    )
  const { storage, s3 } = config.upload
  const endpoint = s3.endpoint === undefined ? undefined : new URL(s3.endpoint)
  if (storage === 's3' && endpoint?.protocol === 'http:' && !isHere(endpoint.hostname))
    warnings.push('files cross the network in the clear: [upload.s3] endpoint is not https')
  return { problems, warnings }
}

async function faultsOfPairs({ tls, data_dir }: Config): Promise<Fault[]> {
  const faults: Fault[] = []
  const named = tls.hosts.map((pair, i) => ({ pair, path: ['tls', 'hosts', i] }))
  for (const { pair, path } of [{ pair: tls, path: ['tls'] }, ...named]) {
    const { cert, key } = pair
    if (cert === undefined || key === undefined) continue
    try {
      await loadCertificates({ tls: { ...tls, cert, key, hosts: [] }, dataDir: data_dir, hosts: [] })
    } catch (error) {
      faults.push(faultOf(path, { cert, key }, said(error)))
    }
  }
  return faults
}

/** At the key whose file the message names first, else at the table. */
function faultOf(
  path: Path,
  table: Partial<Record<(typeof FILES)[number], unknown>>,
  message: string,
): Fault {
  const places = FILES.flatMap((key) => {
    const file = table[key]
    const at = typeof file === 'string' ? message.indexOf(`${file} `) : -1
    return at < 0 ? [] : [{ key, at }]
  })
  const first = places.sort((a, b) => a.at - b.at)[0]
  return { path: first ? [...path, first.key] : path, message }
}
