/** Push Notifications (XEP-0357): registration in the form that XMPPFramework sends, and the decision after delivery. */
import type { Config } from '../config.ts'
import { classify } from '../push/classify.ts'
import { decide } from '../push/decide.ts'
import { pushIsOn, readToken, registerDevice } from '../routing/devices.ts'
import type { Feature, Given, Outcome } from '../routing/feature.ts'
import type { Transit, Trip } from '../routing/transit.ts'
import type { Account } from '../store/accounts.ts'
import type { Device } from '../store/devices.ts'
import { StanzaError } from '../xmpp/errors.ts'
import { type FormValues, formValue, readForm } from '../xmpp/forms.ts'
import { Jid } from '../xmpp/jid.ts'
import { readJid } from '../xmpp/stanza.ts'
import { hasBody } from '../xmpp/message.ts'
import { NS } from '../xmpp/namespaces.ts'
import { child, childText, type Element } from '../xmpp/xml.ts'

const PUBLISH_OPTIONS = 'http://jabber.org/protocol/pubsub#publish-options'
/** Characters of a body that are kept for a payload of 4096 bytes. */
const KEPT_TEXT = 4096

export const push = (config: Config): Feature => ({
  name: 'push',
  xeps: [{ number: 357, version: '0.4.1' }],
  disco: pushIsOn(config) ? { server: [NS.push], account: [NS.push] } : {},
  iq: {
    // COMPAT(XMPPFramework, 4.x): sent without `to`, which means the own account.
    [`account set {${NS.push}}enable`]: enable,
    [`account set {${NS.push}}disable`]: disable,
  },
  settled,
  overdue: (t, _session, messages) => unseen(t, messages),
  lost: (t, _account, messages) => unseen(t, messages),
})

function enable(t: Transit, el: Element): undefined {
  const { jid, node } = el.attrs
  if (!jid) throw new StanzaError('bad-request', 'jid: the push service is missing.')
  const x = child(el, 'x', NS.forms)
  const form: FormValues = (x && readForm(x, PUBLISH_OPTIONS)) ?? new Map()
  const value = (name: string) => formValue(form, name)
  const service = ownService(t, jid)
  // §5: the token is in the form, or the node is the token.
  const field = ['token', 'device_id'].find((name) => value(name))
  const text = field === undefined ? node : value(field)
  if (!text)
    throw new StanzaError('bad-request', 'token: neither the form nor the node holds a device token.')
  registerDevice(t, t.account, {
    token: readToken(text, field ?? 'node'),
    topic: value('topic') ?? service.topic,
    environment: readEnvironment(value('mode') ?? value('environment')),
    node,
    service: service.jid,
    sessionKey: t.origin?.agent?.id ?? t.origin?.jid.resource,
  })
}

function disable(t: Transit, el: Element): undefined {
  const { jid, node } = el.attrs
  if (!jid) throw new StanzaError('bad-request', 'jid: the push service is missing.')
  t.store.push.devices.disable(t.account.id, { service: readJid(jid).toString(), node })
}

/** The built-in service under one of its names: the host, push.<host> or an alias of an app. */
function ownService(t: Transit, text: string): { jid: string; topic: string | undefined } {
  const jid = readJid(text).toString()
  const app = t.config.push.apps.find(({ aliases }) => aliases.includes(jid))
  if (app) return { jid, topic: app.topic }
  for (const host of t.world.hosts)
    if (jid === host || jid === `push.${host}`) return { jid, topic: undefined }
  throw new StanzaError('remote-server-not-found', `jid: ${jid} is not a push service of this server.`)
}

/** What MongooseIM's apps call `mode`. Anything else leaves the environment open. */
function readEnvironment(text: string | undefined): 'production' | 'sandbox' | undefined {
  if (text === 'prod' || text === 'production') return 'production'
  if (text === 'dev' || text === 'development' || text === 'sandbox') return 'sandbox'
  return undefined
}

function settled(t: Transit, to: Jid, outcome: Outcome): void {
  const account = t.store.accounts.find(to.bare)
  if (!account) return
  const { el, from } = t.stanza
  const kind = classify(el)
  if (kind.kind === 'nothing' || isSeen(t, outcome)) return
  const messageId = String(t.storedId ?? t.store.messages.nextId())
  ring(t, { account, el, from, messageId, outcome: outcome === 'took' ? 'held' : outcome })
}

/** Whether somebody is there to read it: a session whose client is gone or shows no sign of life is nobody. */
function isSeen(t: Transit, outcome: Outcome): boolean {
  if (outcome !== 'took') return false
  const { takers } = t
  return takers.length === 0 || takers.some((session) => !session.hibernating && !session.suspect)
}

/** What was thought to be seen and was not rings after all, unless it did before. */
function unseen(t: Trip, messages: readonly Given[]): void {
  for (const { id, account, el, live } of messages) {
    const from = el.attrs.from
    if (!live || from === undefined || t.store.push.rang(account.id, String(id))) continue
    ring(t, { account, el, from: Jid.parse(from), messageId: String(id), outcome: 'held' })
  }
}

interface Ring {
  readonly account: Account
  readonly el: Element
  readonly from: Jid
  readonly messageId: string
  readonly outcome: Outcome
}

function ring(t: Trip, message: Ring): void {
  const { account, el, from, messageId, outcome } = message
  // What one sends to oneself is no news.
  if (from.bare === account.jid) return
  const proposal = classify(el)
  if (proposal.kind === 'nothing') return
  const waiting = t.store.messages.offlineSize(account).unread
  for (const device of t.store.push.devices.of(account.id)) {
    const state = { proposal, outcome, disabled: account.disabled }
    const decision = decide({ sessionKey: device.sessionKey ?? undefined }, state, t.now)
    if (decision.verdict === 'send') queue(t, message, device, proposal.rule, waiting)
    else {
      const { rule } = decision
      const entry = {
        account: account.id,
        device: device.id,
        messageId,
        verdict: 'suppressed',
        rule,
      } as const
      t.store.push.record({ ...entry, at: t.now })
    }
  }
  if (t.config.webhook.url !== undefined && outcome === 'held' && hasBody(el)) {
    queue(t, message, undefined, proposal.rule, waiting)
  }
}

/** The row in the message's own transaction; what the app's policy hides is not even written down. */
function queue(t: Trip, message: Ring, device: Device | undefined, kind: string, badge: number): void {
  const { account, el, from, messageId } = message
  const policy = device ? t.config.push.apps.find((app) => app.topic === device.topic)?.body : 'full'
  const body = policy === 'full' ? childText(el, 'body')?.slice(0, KEPT_TEXT) : undefined
  t.store.push.queue({
    account,
    device,
    messageId,
    collapseId: messageId,
    kind,
    sender: from.bare,
    body,
    badge,
    now: t.now,
    expiresAt: t.now + t.config.push.expiration,
  })
}
