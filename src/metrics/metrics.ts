/**
 * Metrics in Prometheus' text format. Labels come from small closed sets, never from a JID, an address or anything
 * else that a stranger can choose: each label value is memory for ever.
 * Figures that are counted with each message are `hotCounter`s.
 */
import { Counter, Gauge, Histogram, Registry } from 'prom-client'
import { HotCounter } from './hot-counter.ts'
import { addProcessMetrics } from './process.ts'

export const registry = new Registry()

const counter = <L extends string = never>(name: string, help: string, labelNames: L[] = []) =>
  new Counter({ name: `belfry_${name}`, help, labelNames, registers: [registry] })
const hotCounter = <L extends string>(name: string, help: string, labelNames: L[]) =>
  new HotCounter({ name: `belfry_${name}`, help, labelNames, registers: [registry] })
const gauge = <L extends string = never>(name: string, help: string, labelNames: L[] = []) =>
  new Gauge({ name: `belfry_${name}`, help, labelNames, registers: [registry] })
const histogram = <L extends string = never>(
  name: string,
  help: string,
  buckets: number[],
  labelNames: L[] = [],
) => new Histogram({ name: `belfry_${name}`, help, buckets, labelNames, registers: [registry] })

const FAST = [0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1]
const SLOW = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60]

export const buildInfo = gauge('build_info', 'Version of this server; always 1.', ['version', 'runtime'])

/** Streams in the state open, before their login too (transport: starttls, tls, websocket, bosh); sessions detached (none). */
export const sessions = gauge(
  'sessions',
  'Open streams by transport, and sessions that wait for a stream (detached).',
  ['transport', 'state'],
)
/** listener: a transport of `sessions`; result: accepted, refused (which limit: belfry_limits_hit_total) */
export const connections = counter(
  'connections_total',
  'Connections of clients by transport, accepted or refused by a limit.',
  ['listener', 'result'],
)
/** Addresses, or accounts at an address, that are not heard after too many failed logins. */
export const authBans = gauge('auth_bans', 'Bans from logins in force.')
/** Results of a login, whichever door it came by. */
const LOGIN_RESULTS = {
  ok: 'logged in',
  failed: 'wrong name, password or token',
  disabled: 'right, but the account is disabled',
  expired: 'right, but the token is too old',
  aborted: 'taken back by the client',
  invalid: 'no login that could be tried: its mechanism, form or address, or no TLS',
  limited: 'not tried after too many failures',
  busy: 'not tried while too many passwords were being checked',
  error: 'not decided for a fault of the server',
} as const
export type LoginResult = keyof typeof LOGIN_RESULTS
export const authentications = counter(
  'auth_total',
  'Logins by mechanism (one of SASL, or http: a password over HTTP) and result: ' +
    `${Object.entries(LOGIN_RESULTS)
      .map(([result, text]) => `${result} (${text})`)
      .join(', ')}.`,
  ['mechanism', 'result'],
)
export const countLogin = (mechanism: string, result: LoginResult): void =>
  authentications.inc({ mechanism, result })
/** door: in-band, http; result: created, refused (by address, interval or a missing invitation) */
export const registrations = counter(
  'registrations_total',
  'Accounts that people made, and attempts that were refused.',
  ['door', 'result'],
)

/** kind: message, presence, iq; of what comes in 'other', of what goes out the names of our nonzas. direction: in, out */
export const stanzas = hotCounter('stanzas_total', 'Stanzas by kind and direction.', ['kind', 'direction'])
export const streamErrors = counter('stream_errors_total', 'Streams that Belfry ended with an error.', [
  'condition',
])
export const limitsHit = counter('limits_hit_total', 'Times that a limit of [limits] was reached.', ['limit'])

/** state: stored, occupied */
export const rooms = gauge(
  'rooms',
  'Rooms that there are (stored), and those with somebody in them (occupied).',
  ['state'],
)
export const roomOccupants = gauge(
  'room_occupants',
  'Occupants of all rooms; one may be there with several clients.',
)
export const roomMessages = counter('room_messages_total', 'Messages that were said to all of a room.')
export const roomDeliveries = counter(
  'room_deliveries_total',
  'Copies of them to clients that are in the room.',
)

export const offlineMessages = gauge('offline_messages', 'Messages waiting for accounts.')
/** result: stored, full */
export const offlineStored = hotCounter('offline_total', 'Messages to absent accounts.', ['result'])

export const commitSeconds = histogram('db_commit_seconds', 'Duration of COMMIT, fsync included.', FAST)
export const commitRows = histogram(
  'db_turn_stanzas',
  'Writing stanzas per transaction.',
  [1, 2, 4, 8, 16, 32, 64, 128, 256],
)
/** cause: SQLite's code, held-lock (by another process), unknown-outcome (the process ends), other */
export const commitFailures = counter(
  'db_commit_failures_total',
  'Writes and commits that failed, by their cause.',
  ['cause'],
)
export const walBytes = gauge('db_wal_bytes', 'Size of the write-ahead log.')
export const databaseBytes = gauge('db_size_bytes', 'Size of the database file.')
export const diskFree = gauge('disk_free_bytes', 'Free space of the volume that holds the data.')

export const loopLag = histogram(
  'loop_lag_seconds',
  'How late the event loop ran a timer.',
  [...FAST, 0.015, 0.02, 5].sort((a, b) => a - b),
)

/** provider: apns, simulator, webhook; result: sent, retried, dropped, merged; reason: one of the provider's closed set */
export const pushes = hotCounter('push_total', 'Push requests by outcome.', ['provider', 'result', 'reason'])
export const pushLatency = histogram('push_latency_seconds', 'From commit to the provider’s answer.', SLOW, [
  'provider',
])
/** verdict and rule: our own closed sets */
export const pushVerdicts = hotCounter(
  'push_verdicts_total',
  'Decisions about devices, and answers for them.',
  ['verdict', 'rule'],
)
/** type: Apple's push types; result: queued, suppressed, refused */
export const pushSends = counter('push_sends_total', 'Pushes that back ends have asked for.', [
  'type',
  'result',
])
export const pushUnderWay = gauge('push_under_way', 'Push requests that are on the wire.')
/** event: opened, left, failed; cause: see push/apns/connections.ts */
export const pushConnections = counter(
  'push_connections_total',
  'Connections to Apple that were opened, left, or could not be made.',
  ['event', 'cause'],
)
export const pushQueue = gauge('push_queue', 'Push requests without an answer yet.')
export const pushOldest = gauge(
  'push_oldest_seconds',
  'Age of the push that waits longest; 0 while none waits.',
)
export const pushDead = gauge('push_dead', 'Webhook rows that were given up and wait for a replay.')
export const pushPaused = gauge('push_paused_lanes', 'Ways to a provider that rest after a fault.')
export const pushDevices = gauge('push_devices', 'Registered devices.')
/** age: day, week, month, older, never */
export const pushDevicesBySuccess = gauge(
  'push_devices_by_success',
  'Registered devices by the age of their last success.',
  ['age'],
)
/** topic and environment are those of the configuration. */
export const pushKeyAge = gauge('push_key_age_seconds', 'Age of the provider token in use.', [
  'topic',
  'environment',
])
export const pushCertificateExpiry = gauge(
  'push_cert_expiry_timestamp_seconds',
  'When a push certificate ends.',
  ['topic', 'environment'],
)
export const pushAlarms = gauge('push_alarms', 'Alarms about push that are raised now.')

/** route is the pattern of the route, not the path of the request. */
export const httpRequests = counter('http_requests_total', 'HTTP requests.', ['method', 'route', 'status'])
export const httpAborted = counter(
  'http_aborted_total',
  'HTTP requests whose client went away before their end.',
)
/** Results of the upload of a file. */
const UPLOAD_RESULTS = {
  stored: 'stored',
  unknown: 'no such slot',
  again: 'stored before, or under way',
  late: 'the slot was over',
  mismatch: 'other size or type than the slot',
  full: 'no room, by a quota or on the disk',
  aborted: 'the client went away',
  error: 'a fault of the server',
} as const
export type UploadResult = keyof typeof UPLOAD_RESULTS
export const uploads = counter(
  'uploads_total',
  `Uploads of files (XEP-0363) by result: ${Object.entries(UPLOAD_RESULTS)
    .map(([name, meaning]) => `${name} (${meaning})`)
    .join(', ')}.`,
  ['result'],
)
export const uploadBytes = gauge('upload_bytes', 'Bytes of all stored files.')
export const httpSeconds = histogram('http_request_seconds', 'Duration of HTTP requests.', SLOW, ['route'])

export const backupSuccess = gauge(
  'backup_last_success_timestamp_seconds',
  'When the last backup of this data was made that is whole; 0: there is none.',
)
export const backupBytes = gauge('backup_bytes', 'Size of that backup, files that are links included.')

export const certificateExpiry = gauge('cert_expiry_timestamp_seconds', 'When a certificate ends.', ['host'])
export const certificateAlarms = gauge('cert_alarms', 'Certificates about which an alarm is raised now.')
/** result: issued, rate-limited, refused (a name could not be proved), unreachable, failed */
export const acmeOrders = counter('acme_orders_total', 'Orders of certificates at an authority, by result.', [
  'result',
])
export const acmeNext = gauge(
  'acme_next_timestamp_seconds',
  'When a certificate is ordered next; 0: none is fetched.',
)
export const reloadSuccess = gauge('config_last_reload_success', '1 if the last reload was good.')

const LAG_INTERVAL = 100

/** Starts what measures by itself (process figures, loop lag); returns what stops it. */
export function startMetrics(version: string): () => void {
  buildInfo.labels(version, `bun ${Bun.version}`).set(1)
  reloadSuccess.set(1)
  let due = performance.now() + LAG_INTERVAL
  const timer = setInterval(() => {
    const now = performance.now()
    loopLag.observe(Math.max(0, now - due) / 1000)
    due = now + LAG_INTERVAL
  }, LAG_INTERVAL)
  timer.unref()
  return () => clearInterval(timer)
}

export async function exposition(): Promise<{ readonly type: string; readonly text: string }> {
  // Figures of the process itself are taken when they are asked for; who asks for none pays for none.
  if (!registry.getSingleMetric('process_cpu_seconds_total')) addProcessMetrics(registry)
  return { type: registry.contentType, text: await registry.metrics() }
}
