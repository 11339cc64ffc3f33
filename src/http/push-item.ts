/** One item of POST /v1/push/send: composed, aimed, checked against each device, and queued. */
import { checkSize, compose, type Composed, Refusal } from '../push/direct/compose.ts'
import { directData, directWeb, wordsOf } from '../push/direct/web.ts'
import { kindOf, TYPES } from '../push/direct/types.ts'
import { callPayload } from '../push/apns/request.ts'
import { mostBytes } from '../push/webpush/endpoint.ts'
import { encodedSize } from '../push/rules/text.ts'
import { stillFor } from '../push/schedule/silence.ts'
import type { Trip } from '../routing/transit.ts'
import type { DirectFacts, Job, NewPush, PushType } from '../store/push.ts'
import { Jid } from '../xmpp/jid.ts'
import { type Aim, aimAt, type Goal } from './push-targets.ts'
import type { Asked, Sent } from './push-send-schemas.ts'

/** Google counts keys and values; that these stand as JSON is on the safe side. */
const GOOGLE_BYTES = 4_000

type Pushed = Sent['pushes'][number]

/** `id`: under which `push explain` finds it. */
export function sendOne(t: Trip, asked: Asked, id: string): Sent {
  const { ref = null, to } = asked
  const { ring_time: ringMs, expiration: keepMs } = t.config.push
  let composed: Composed
  let aim: Aim
  try {
    composed = compose(asked, { now: t.now, ringMs, keepMs })
    aim = aimAt(t.store, t.config, to, { type: asked.type, kind: composed.token, name: composed.name })
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    const { code, message: detail, bytes = null } = error
    return { ref, id, result: 'refused', code, detail, bytes, pushes: [] }
  }
  const decided = new Map<number, ReadonlySet<number | null>>()
  const before = ({ account }: Goal) => {
    const known = decided.get(account.id) ?? t.store.push.decidedFor(account.id, id)
    decided.set(account.id, known)
    return known
  }
  const misses = aim.misses.map(({ asked: what, code, why }): Pushed => {
    const where = 'jid' in to ? { jid: what } : 'devices' in to ? { device: what } : { token: what }
    return { jid: null, device: null, token: null, ...where, result: 'refused', code, detail: why }
  })
  const pushes = [
    ...aim.goals.map((goal) => push(t, { asked, composed, id }, goal, before(goal).has(goal.device.id))),
    ...misses,
  ]
  const isAny = (one: Pushed['result']) => pushes.some(({ result }) => result === one)
  const result = isAny('queued') ? 'queued' : isAny('suppressed') ? 'suppressed' : 'refused'
  const [first] = result === 'refused' ? pushes : []
  return {
    ref,
    id,
    result,
    code: first?.code ?? null,
    detail: first?.detail ?? null,
    bytes: composed.call ? null : composed.bytes,
    pushes,
  }
}

interface Item {
  readonly asked: Asked
  readonly composed: Composed
  readonly id: string
}

/** Queues for one token, unless its device should be still or it cannot be sent so; `again`: it was queued before. */
function push(t: Trip, { asked, composed, id }: Item, goal: Goal, again: boolean): Pushed {
  const { account, device, token } = goal
  const { type } = asked
  const about = {
    jid: account.jid,
    device: String(device.id),
    token: (token?.token ?? (type === 'voip' ? device.callAddress : null) ?? device.address).slice(-6),
  }
  const direct: DirectFacts = {
    ...composed.direct,
    ...(token ? { token: { id: token.id, token: token.token } } : {}),
  }
  const row = rowOf(t, { asked, composed, id }, goal, direct)
  try {
    check(t, row, goal, type)
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    return { ...about, result: 'refused', code: error.code, detail: error.message }
  }
  const rule = stillFor(t.store, account, device, type, t.now)
  if (rule !== undefined) {
    const entry = { account: account.id, device: device.id, messageId: id, at: t.now }
    t.store.push.record({ ...entry, verdict: 'suppressed', rule })
    return { ...about, result: 'suppressed', code: null, detail: rule }
  }
  if (!again) {
    const { badge } = direct.payload.aps
    if (type === 'alert' && typeof badge === 'number') t.store.badges.tell(device, badge)
    t.store.push.queue(row)
  }
  return { ...about, result: 'queued', code: null, detail: null }
}

function rowOf(
  t: Trip,
  { asked, composed, id }: Item,
  { account, device }: Goal,
  direct: DirectFacts,
): NewPush & { readonly direct: DirectFacts } {
  const { call, collapseId, expiresAt } = composed
  // An app that reads stanzas alone gets one of its words.
  const words = device.options.web?.format === 'sce' ? wordsOf(direct) : undefined
  return {
    account,
    device,
    messageId: id,
    collapseId,
    kind: kindOf(asked.type),
    sender: call ? Jid.parse(call.from).bare : account.jid.slice(account.jid.indexOf('@') + 1),
    title: words?.title,
    body: words?.body,
    call,
    direct,
    now: t.now,
    expiresAt,
  }
}

/** Limits that only the device and its app know. @throws Refusal */
function check(
  t: Trip,
  row: NewPush & { readonly direct: DirectFacts },
  { device }: Goal,
  type: PushType,
): void {
  const job: Job = { ...EMPTY, ...row, account: row.account.jid, title: null, body: null, createdAt: row.now }
  const apps = t.config.push.apps.filter(({ topic }) => topic === device.topic)
  const app = apps.find(({ environment }) => environment === device.environment) ?? apps[0]
  if (device.kind === 'fcm') return checkSize(type, encodedSize(directData(job, row.direct)), GOOGLE_BYTES)
  if (device.kind === 'webpush') {
    if (device.options.web?.format === 'sce') return
    const { open } = t.config.push.webpush
    const link = open ?? `https://${job.sender}/`
    return checkSize(
      type,
      encodedSize(directWeb(job, row.direct, link)),
      mostBytes(new URL(device.address).hostname),
    )
  }
  if (TYPES[type].keyOnly && app && app.key_file === undefined)
    throw new Refusal('not-possible', `${type} needs a key (key_file); ${device.topic} has a certificate.`)
  if (type !== 'voip') return
  const { dialect, encryption } = device.options
  if (app?.calls === 'alert' || (dialect === 'tigase' && !encryption))
    throw new Refusal('not-possible', `The app of device ${device.id} takes no calls by PushKit.`)
  const how = { style: app ?? { body: 'sender' as const }, ringMs: t.config.push.ring_time }
  checkSize(type, encodedSize(callPayload(job, device, { ...how, bytes: (n) => Buffer.alloc(n) })))
}

const EMPTY = {
  id: 0,
  accountId: 0,
  pushId: '',
  attempts: 0,
  nextAt: 0,
  badge: null,
  nick: null,
  call: null,
} as const
