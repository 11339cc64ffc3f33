/** Why pushes went or did not, as the API, the command line and the web admin show it. */
import { ringsSomething } from '../config/web-push.ts'
import { findings } from '../push/diagnose/findings.ts'
import { restsFor } from '../push/diagnose/paused.ts'
import { inWords } from '../push/rules/reasons-text.ts'
import { sessionOf } from '../push/registration/whose.ts'
import type { Account } from '../store/accounts.ts'
import type { VerdictRow, WaitingRow } from '../store/push-reports.ts'
import type { HttpDeps } from './deps.ts'
import { listDevices } from './devices.ts'
import { HttpError } from './problem.ts'
import { iso } from './schemas.ts'

/** Devices of one message are few; rows of an account are read newest first. */
const ROWS = 500

export function explainAccount(deps: HttpDeps, account: Account, limit: number) {
  const { pushReports } = deps.world.store
  const verdicts = pushReports.verdictsOf(account.id, limit)
  const waiting = pushReports.waitingFor(account.id, limit)
  return explanation(deps, account, undefined, verdicts, waiting)
}

/** `message` is the id under which it is archived (XEP-0359 stanza-id). */
export function explainMessage(deps: HttpDeps, message: string) {
  const { pushReports, accounts } = deps.world.store
  const verdicts = pushReports.verdictsAbout(message, ROWS)
  const waiting = pushReports.waitingAbout(message, ROWS)
  const jid = verdicts[0]?.jid ?? waiting[0]?.jid
  if (jid === undefined) {
    const ofRoom = explainSaid(deps, message)
    if (ofRoom) return ofRoom
  }
  const account = jid === undefined ? undefined : accounts.find(jid)
  if (!account) {
    const why = 'nothing was decided about it, or it is over 14 days ago. Try the address of the account.'
    throw new HttpError(404, 'no-such-push', `No push for message ${message}: ${why}`)
  }
  return explanation(deps, account, message, verdicts, waiting)
}

/** `message` may be the id under which a room keeps it: then of each of its members. */
function explainSaid({ world }: HttpDeps, message: string) {
  const id = /^\d{1,16}$/.test(message) ? Number(message) : 0
  const verdicts = world.store.pushReports.verdictsAboutSaid(id, ROWS)
  const room = verdicts[0]?.room
  if (room === undefined || room === null) return undefined
  const accounts = new Set(verdicts.map(({ jid }) => jid)).size
  const finding = `A message of the room ${room}: decided for ${accounts} of its members with a phone.`
  return {
    jid: room,
    message,
    findings: [finding],
    devices: [],
    waiting: [],
    verdicts: verdicts.map(verdictView),
  }
}

function explanation(
  deps: HttpDeps,
  account: Account,
  message: string | undefined,
  verdicts: readonly VerdictRow[],
  waiting: readonly WaitingRow[],
) {
  return {
    jid: account.jid,
    message: message ?? null,
    findings: findings({
      target: targetOf(deps),
      running: deps.online,
      disabled: account.disabled,
      devices: deps.world.store.push.devices.of(account.id),
      awake: [...deps.world.sessions.of(account.jid)]
        .filter(({ available, hibernating, delivery }) => available && !hibernating && !delivery.unresponsive)
        .map(({ jid, outlet }) => `${jid.resource} (${outlet.kind})`),
      own: ownSessions(deps, account),
      paused: restsFor(account.jid, deps.push?.lanes() ?? []),
      waiting: waiting.filter(({ state }) => state !== 'dead').length,
      message: message !== undefined,
      verdicts: message === undefined ? verdicts : verdicts.toReversed(),
    }),
    devices: listDevices(deps, account),
    waiting: waiting.map(waitingView),
    verdicts: verdicts.map(verdictView),
  }
}

/** Devices whose own app is there, and as which session. */
const ownSessions = ({ world }: HttpDeps, account: Account) =>
  world.store.push.devices.of(account.id).flatMap((device) => {
    const session = sessionOf(world, account, device)
    return session ? [{ id: device.id, session: session.jid.resource }] : []
  })

function targetOf({ world }: HttpDeps): 'off' | 'simulator' | 'services' {
  const { push } = world.config
  if (push.simulator) return 'simulator'
  return ringsSomething(push) ? 'services' : 'off'
}

/** Of a token only its end is shown. */
export const verdictView = ({
  at,
  device,
  token,
  message,
  verdict,
  rule,
  reason,
  apnsId,
  apnsUniqueId,
  ...rest
}: VerdictRow) => ({
  at: iso(at),
  jid: rest.jid,
  message,
  device:
    device === null ? 'webhook' : token === null ? `${device} (removed)` : `${device} …${token.slice(-6)}`,
  verdict,
  rule,
  reason,
  meaning: inWords({ verdict, rule, reason }),
  apns_id: apnsId,
  apns_unique_id: apnsUniqueId,
  room: rest.room,
  room_rule: roomRule(rest),
})

/** The account's rule for that room, whose it is, and whether the message was meant for it. */
function roomRule({ roomRule: rule, chosen, mentioned }: Partial<VerdictRow>): string | null {
  if (!rule) return null
  return `${rule}, ${chosen ? 'by the account' : 'by default'}${mentioned ? ', mentioned' : ''}`
}

export const waitingView = (row: WaitingRow) => ({
  jid: row.jid,
  message: row.message,
  apns_id: row.apnsId,
  device: row.device === null ? 'webhook' : String(row.device),
  topic: row.topic,
  environment: row.environment,
  state: row.state,
  kind: row.kind,
  from: row.sender,
  attempts: row.attempts,
  created: iso(row.created),
  next: iso(row.next),
  expires: iso(row.expires),
})
