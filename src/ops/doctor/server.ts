/** The running server: whether it does its work, whose it is, and what it would like somebody to know. */
import { VERSION } from '../../version.ts'
import { type DoctorCheck, type DoctorWorld, fail, megabytes, ok, skip, some, unless, warn } from './check.ts'

export const SERVER_CHECKS: readonly DoctorCheck[] = [
  { id: 'server.running', look: running },
  { id: 'server.ready', needs: ['server'], look: ready },
  { id: 'server.degraded', needs: ['server'], look: degraded },
  { id: 'server.alarms', needs: ['server'], look: alarms },
  { id: 'server.version', needs: ['server'], look: version },
  { id: 'server.admin', needs: ['server'], look: admin },
  { id: 'server.admin_accounts', needs: ['server'], look: adminAccounts },
  { id: 'server.sessions', needs: ['server'], look: sessions },
  { id: 'server.memory', needs: ['server'], look: memory },
  { id: 'server.loop', needs: ['server'], look: loop },
  { id: 'server.bans', needs: ['server'], look: bans },
  { id: 'server.full_boxes', needs: ['server'], look: fullBoxes },
  { id: 'server.unread', needs: ['server'], look: unread },
]

function running({ live, offline }: DoctorWorld) {
  if (live) return ok(`for ${Math.floor(live.uptime / 60_000)} min`)
  return offline
    ? skip('no server is asked offline')
    : warn(
        'no server runs with this data',
        'systemctl start belfry, or belfry serve; why it ended: journalctl -u belfry',
      )
}

const told = ({ name, detail }: { readonly name: string; readonly detail?: string }): string =>
  detail === undefined ? name : `${name}: ${detail}`

function ready({ live }: DoctorWorld) {
  const bad = live?.readiness.filter((check) => !check.ok).map(told) ?? []
  return unless(
    bad,
    some(live?.readiness.map(({ name }) => name) ?? [], 8),
    fail,
    'see the log: journalctl -u belfry',
  )
}

function degraded({ live }: DoctorWorld) {
  const bad = live?.readiness.filter((check) => check.ok && check.degraded === true).map(told) ?? []
  return unless(bad, 'all of it works', warn, 'the parts that are named rest; the others work on')
}

function alarms({ live }: DoctorWorld) {
  return unless(live?.alarms ?? [], 'none', fail, 'each says what to do; belfry status lists them all')
}

/** An executable that was replaced does nothing before a restart. */
function version({ live }: DoctorWorld) {
  return live?.version === VERSION
    ? ok(VERSION)
    : warn(`the server is ${live?.version ?? ''}, this executable ${VERSION}`, 'systemctl restart belfry')
}

function admin({ live }: DoctorWorld) {
  return live?.hasAdmin
    ? ok('there is one')
    : warn(
        'nobody administers this server',
        'open the link that the start printed: journalctl -u belfry | grep "first admin"',
      )
}

function adminAccounts({ live, config }: DoctorWorld) {
  if (config.admins.length === 0) return skip('none is named')
  const [first = ''] = live?.adminsWithoutAccount ?? []
  return unless(
    (live?.adminsWithoutAccount ?? []).map((jid) => `${jid} has no account`),
    some(config.admins),
    warn,
    `belfry user add ${first}`,
  )
}

function sessions({ live, config: { limits } }: DoctorWorld) {
  const count = live?.sessions ?? 0
  const most = limits.connections
  return most > 0 && count > most * 0.9
    ? warn(`${count} of ${most} sessions`, 'raise limits.connections, and LimitNOFILE with it')
    : ok(`${count} sessions`)
}

/** Bytes for a start, and for each session with its buffers. */
const BASE = 400 << 20
const SESSION = 256 << 10

function memory({ live }: DoctorWorld) {
  return ofMemory(process.memoryUsage.rss(), live?.sessions ?? 0)
}

export function ofMemory(bytes: number, count: number) {
  const why = `${megabytes(bytes)} with ${count} sessions`
  return bytes > BASE + count * SESSION
    ? warn(why, 'look how it goes on (belfry status); a restart frees it, sessions are kept')
    : ok(why)
}

/** ms; beyond it people feel it. */
const SLOW = 200

async function loop() {
  const waits: number[] = []
  for (let i = 0; i < 3; i++) {
    const asked = performance.now()
    await new Promise((resolve) => setTimeout(resolve, 20))
    waits.push(performance.now() - asked - 20)
  }
  return ofLag(waits.toSorted((a, b) => a - b)[1] ?? 0)
}

export function ofLag(ms: number) {
  return ms > SLOW
    ? warn(
        `what is due comes ${Math.round(ms)} ms late`,
        'look at the load of the machine, then at belfry status',
      )
    : ok(`${Math.max(0, Math.round(ms))} ms late`)
}

function bans({ live }: DoctorWorld) {
  const count = live?.bans ?? 0
  return count > 100
    ? warn(
        `${count} addresses are banned: somebody guesses passwords`,
        'belfry ban list; a firewall rule for their networks',
      )
    : ok(`${count} addresses are banned`)
}

async function fullBoxes({ live, config: { limits } }: DoctorWorld) {
  const count = (await live?.crowded())?.boxes ?? 0
  return count > 0
    ? warn(
        `${count} accounts have a full box (${limits.offline_messages} messages or ${megabytes(limits.offline_bytes)}): more are refused`,
        'raise limits.offline_messages or offline_bytes, or disable accounts that nobody uses',
      )
    : ok('no box is full')
}

async function unread({ live, config: { limits } }: DoctorWorld) {
  const count = (await live?.crowded())?.unread ?? 0
  return count > 0
    ? warn(
        `${count} accounts have ${limits.unread_per_user} unread messages: their badge stands still`,
        'they have not read for long; disable accounts that nobody uses',
      )
    : ok('every unread message is counted')
}
