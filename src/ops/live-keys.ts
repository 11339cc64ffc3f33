/** Which keys of the configuration a running server takes over at a reload, and which wait for a restart. */
import type { Config } from '../config/config.ts'

/** Read anew at each use, or put in force by the reload itself. */
const LIVE = new Set([
  'tls.cert',
  'tls.key',
  'tls.hosts',
  'acme',
  'push.apps',
  'push.fcm',
  'push.webpush',
  'webhook',
  'log',
  'admins',
  'archive.max_bytes',
])

/** The keys that changed but stay as they were, as they are spelt in the file. */
export function needsRestart(running: Config, next: Config): string[] {
  const keys = changes('', running, next).filter((key) => !isLive(key))
  // Where pushes go is advertised to clients, and they are told once.
  for (const [key, on] of PUSHES) if (on(running) !== on(next)) keys.push(key)
  return [...new Set(keys)].sort()
}

/** Puts the live keys in force: they are read where they are used. Returns those that changed, as they are spelt in the file. */
export function takeOver(running: Config, next: Config): string[] {
  const waiting = needsRestart(running, next)
  const waits = (key: string): boolean => waiting.some((one) => key === one || key.startsWith(`${one}.`))
  const same = (key: string): boolean => !waits(key)
  const taken = changes('', running, next).filter(same)
  const { cert, key, hosts } = next.tls
  Object.assign(running.tls, { cert, key, hosts })
  if (same('push.apps')) running.push.apps = next.push.apps
  if (same('push.fcm')) running.push.fcm = next.push.fcm
  if (same('push.webpush')) running.push.webpush = next.push.webpush
  running.acme = next.acme
  running.webhook = next.webhook
  running.archive.max_bytes = next.archive.max_bytes
  running.admins = next.admins
  running.log = next.log
  return taken.sort()
}

/** Ways to ring, which may come and go only at a start. */
const PUSHES: readonly (readonly [key: string, on: (config: Config) => boolean])[] = [
  ['push.apps', ({ push }) => push.apps.length > 0],
  ['push.fcm', ({ push }) => push.fcm.length > 0],
  ['push.webpush', ({ push }) => push.webpush.contact !== undefined],
]

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
