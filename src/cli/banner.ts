/** The few lines that a start prints for whoever looks on: where the server is, what it does, and how to begin. */
import type { Config } from '../config/config.ts'
import { ringsSomething } from '../config/web-push.ts'
import { isAnyAddress } from '../net/address.ts'
import { maskAddresses } from '../net/mask-address.ts'
import { VERSION } from '../version.ts'

export interface Listening {
  readonly name: string
  readonly host: string
  readonly port: number
}

const address = ({ host, port }: Listening): string =>
  host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`

/** `setupPath`: of the link for the first administrator, where there is none yet. */
export function banner(config: Config, listening: readonly Listening[], setupPath?: string): string {
  const open = listening.filter((entry) => entry.port > 0)
  const names = [...new Set(open.map((entry) => entry.name))]
  const listeners = names.map(
    (name) =>
      `${name} ${open
        .filter((entry) => entry.name === name)
        .map(address)
        .join(' ')}`,
  )
  const facts: [string, string][] = [
    ['hosts', config.hosts.join(', ')],
    ...listeners.map((text, i): [string, string] => [i === 0 ? 'listening' : '', text]),
    ...webFacts(config, open, setupPath),
    ['certificate', config.tls.cert ?? 'self-signed: apps must be told to trust it; set [tls] cert and key'],
    ['push', pushTarget(config)],
    ['data', config.data_dir],
    ['config', config.source.file ?? 'built-in defaults; write a file with: belfry config init'],
  ]
  const lines = facts.map(([name, value]) => `  ${name.padEnd(12)} ${value}`)
  return [`Belfry ${VERSION}`, ...lines, ''].join('\n')
}

/** Address for a browser; none if nothing listens for it. */
function webFacts(config: Config, open: readonly Listening[], setupPath?: string): [string, string][] {
  const base = config.http.public_url?.replace(/\/+$/, '') ?? ownUrl(config, open)
  if (base === undefined) return []
  const web: [string, string] = ['web', `${base}/`]
  if (setupPath === undefined) return [web]
  return [web, ['first admin', `${base}${setupPath}`], ['', 'open it once, to choose the name and password']]
}

/** Over TLS by the name in the certificate, in the clear by an address from which credentials are taken. */
function ownUrl({ hosts }: Config, open: readonly Listening[]): string | undefined {
  const listener = open.find(({ name }) => name === 'https') ?? open.find(({ name }) => name === 'http')
  if (!listener) return undefined
  const { name, host, port } = listener
  if (!isAnyAddress(host)) return `${name}://${address(listener)}`
  return `${name}://${name === 'https' ? (hosts[0] ?? 'localhost') : 'localhost'}:${port}`
}

/** The place alone: a banner need not even say that there is more. */
function withoutSecrets(address: string): string {
  const { origin, pathname } = new URL(address)
  return origin + pathname
}

function pushTarget({ push, webhook }: Config): string {
  const hook = webhook.url ? `; webhook ${withoutSecrets(webhook.url)}` : ''
  if (push.simulator) return `*** SIMULATOR: no phone rings ***${hook}`
  if (!ringsSomething(push)) return `off: no [[push.apps]] is configured${hook}`
  const instead = (endpoint?: string): string => (endpoint ? `, ${maskAddresses(endpoint)}` : '')
  const targets = [
    ...push.apps.map((app) => `${app.topic} (${app.environment}${instead(app.endpoint)})`),
    ...push.fcm.map((app) => `${app.topic} (FCM${instead(app.endpoint)})`),
    ...(push.webpush.contact === undefined ? [] : ['Web Push']),
  ]
  return targets.join(', ') + hook
}
