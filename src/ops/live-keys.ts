/** Which keys of the configuration a running server takes over at a reload, and which wait for a restart. */
import type { Config } from '../config/config.ts'

/** Read anew at each use, or put in force by the reload itself. */
const LIVE = new Set([
  'tls.cert',
  'tls.key',
  'tls.hosts',
  'acme',
  'push.apps',
  'webhook',
  'log',
  'admins',
  'archive.max_bytes',
])

/** The keys that changed but stay as they were, as they are spelt in the file. */
export function needsRestart(running: Config, next: Config): string[] {
  const keys = changes('', running, next).filter((key) => !isLive(key))
  // Where pushes go is advertised to clients, and they are told once.
  if (pushes(running) !== pushes(next)) keys.push('push.apps')
  return [...new Set(keys)].sort()
}

/** Puts the live keys in force: they are read where they are used. Returns those that changed, as they are spelt in the file. */
export function takeOver(running: Config, next: Config): string[] {
  const waiting = new Set(needsRestart(running, next))
  const taken = changes('', running, next).filter((key) => !waiting.has(key))
  const { cert, key, hosts } = next.tls
  Object.assign(running.tls, { cert, key, hosts })
  if (pushes(running) === pushes(next)) running.push.apps = next.push.apps
  running.acme = next.acme
  running.webhook = next.webhook
  running.archive.max_bytes = next.archive.max_bytes
  running.admins = next.admins
  running.log = next.log
  return taken.sort()
}

const pushes = ({ push }: Config): boolean => push.apps.length > 0

const isLive = (key: string): boolean => [...LIVE].some((live) => key === live || key.startsWith(`${live}.`))

function changes(prefix: string, a: object, b: object): string[] {
  const old = new Map<string, unknown>(Object.entries(a))
  const fresh = new Map<string, unknown>(Object.entries(b))
  return [...new Set([...old.keys(), ...fresh.keys()])].flatMap((key) => {
    const [was, is] = [old.get(key), fresh.get(key)]
    const path = prefix === '' ? key : `${prefix}.${key}`
    if (path === 'source') return []
    if (isTable(was) && isTable(is)) return changes(path, was, is)
    return Bun.deepEquals(was, is) ? [] : [path]
  })
}

const isTable = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
