/** Contents of the files that the configuration names, looked at as the server would, but all of them at once. */
import type { Config } from '../config/config.ts'
import { loadApp } from '../push/apns/credentials.ts'
import { loadCertificates } from '../stream/tls.ts'
import { Jid, JidError } from '../xmpp/jid.ts'
import { checkApp } from './app.ts'

export interface Findings {
  /** The server would not start. */
  readonly problems: string[]
  /** It would, and say this. */
  readonly warnings: string[]
}

const said = (error: unknown): string => (error instanceof Error ? error.message : String(error))

export async function checkContents(config: Config, now: Date): Promise<Findings> {
  const problems: string[] = []
  const warnings: string[] = []
  const { tls, hosts, data_dir } = config
  try {
    // Our own pair is made at the start; a look must not make it.
    if (tls.cert !== undefined) {
      warnings.push(...(await loadCertificates({ tls, dataDir: data_dir, hosts })).warnings())
    }
  } catch {
    // The first fault ended it: each pair by itself tells its own.
    problems.push(...(await faultsOfPairs(config)))
  }
  for (const app of config.push.apps) {
    try {
      loadApp(app)
    } catch (error) {
      problems.push(said(error))
      continue
    }
    const found = await checkApp(app, now)
    warnings.push(...found.map((text) => `push app ${app.topic}: ${text}`))
  }
  for (const admin of config.admins) {
    const host = domainOf(admin)
    if (host === undefined || !hosts.includes(host))
      warnings.push(`the admin ${admin} is of no host of this server (${hosts.join(', ')})`)
  }
  return { problems, warnings }
}

async function faultsOfPairs({ tls, data_dir }: Config): Promise<string[]> {
  const faults: string[] = []
  for (const { cert, key } of [tls, ...tls.hosts]) {
    if (cert === undefined || key === undefined) continue
    try {
      await loadCertificates({ tls: { ...tls, cert, key, hosts: [] }, dataDir: data_dir, hosts: [] })
    } catch (error) {
      faults.push(said(error))
    }
  }
  return faults
}

function domainOf(address: string): string | undefined {
  try {
    return Jid.parse(address).domain
  } catch (error) {
    if (error instanceof JidError) return undefined
    throw error
  }
}
