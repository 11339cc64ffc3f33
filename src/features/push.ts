/** Push Notifications (XEP-0357): the decision after delivery. Registration is push-registration.ts. */
import { callNews } from '../push/calls.ts'
import { classify } from '../push/classify.ts'
import { decide } from '../push/decide.ts'
import { keeps } from '../push/policy.ts'
import type { Feature, Given, Outcome } from '../routing/feature.ts'
import type { Transit, Trip } from '../routing/transit.ts'
import type { Account } from '../store/accounts.ts'
import type { Device } from '../store/devices.ts'
import { Jid } from '../xmpp/jid.ts'
import { hasBody } from '../xmpp/message.ts'
import { childText, type Element } from '../xmpp/xml.ts'

/** Characters of a body that are kept for a payload of 4096 bytes. */
const KEPT_TEXT = 4096

export const push: Feature = {
  name: 'push',
  xeps: [],
  settled,
  overdue: (t, _session, messages) => unseen(t, messages),
  lost: (t, _account, messages) => unseen(t, messages),
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
  const policy = t.config.push.apps.find((app) => app.topic === device?.topic)?.body ?? 'sender'
  const kept = !device || keeps(policy, device.options).body
  const body = kept ? childText(el, 'body')?.slice(0, KEPT_TEXT) : undefined
  t.store.push.queue({
    account,
    device,
    messageId,
    collapseId: messageId,
    kind,
    sender: from.bare,
    body,
    badge,
    call: callNews(el, from.toString())?.call,
    now: t.now,
    expiresAt: t.now + t.config.push.expiration,
  })
}
