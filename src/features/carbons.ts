/** Message Carbons (XEP-0280): each device of an account sees what the others send and receive. */
import type { Feature, HookResult } from '../routing/feature.ts'
import type { Session } from '../routing/session.ts'
import { sessionState } from '../routing/session-state.ts'
import type { Transit, Trip } from '../routing/transit.ts'
import { StanzaError } from '../xmpp/errors.ts'
import { forwarded } from '../xmpp/forward.ts'
import type { Jid } from '../xmpp/jid.ts'
import { hasBody } from '../xmpp/message.ts'
import { NS } from '../xmpp/namespaces.ts'
import type { Stanza } from '../xmpp/stanza.ts'
import { child, type Element, elements, without, xml } from '../xmpp/xml.ts'

/** §6.1: payloads of instant messaging beside a body: receipts, chat states, markers, invitations, calls. */
const PAYLOADS: ReadonlySet<string> = new Set([
  NS.receipts,
  NS.chatStates,
  NS.chatMarkers,
  NS.conference,
  NS.jingleMessage,
])

const enabled = sessionState<boolean>('carbons', { saved: true })

export const carbons: Feature = {
  name: 'carbons',
  xeps: [
    { number: 280, version: '1.0.1' },
    { number: 297, version: '1.0' },
  ],
  disco: { server: [NS.carbons], account: [NS.carbons] },
  iq: {
    [`account set {${NS.carbons}}enable`]: (t) => set(t, true),
    [`account set {${NS.carbons}}disable`]: (t) => set(t, false),
  },

  inline: {
    bind: {
      [`{${NS.carbons}}enable`]: (t, session) => put(t, session, true),
    },
  },

  sent(t): HookResult {
    const { stanza, origin } = t
    if (stanza.kind !== 'message' || !origin) return
    // §11: a copy that a client makes up must never reach another client.
    if (elements(stanza.el).some(isCopy)) throw new StanzaError('not-allowed', 'Only a server sends carbons.')
    // What an account sends to itself arrives at the others as it is, or as a copy of what arrived.
    if (!stanza.to || t.isOwn(stanza.to) || !isEligible(stanza)) return
    for (const session of others(t, origin.jid, [origin])) copy(t, session, 'sent')
  },

  received(t): HookResult {
    // §6.1: the mark has done its work and means nothing to the recipient.
    const { stanza } = t
    if (stanza.kind !== 'message' || !child(stanza.el, 'private', NS.carbons)) return
    privates.add(t)
    t.stanza = stanza.with(without(stanza.el, ({ attrs }) => attrs.xmlns === NS.carbons))
  },

  settled(t) {
    const { stanza, to } = t
    // What nobody took waits for all of them.
    if (t.outcome !== 'delivered') return
    if (stanza.kind !== 'message' || privates.has(t) || !isEligible(stanza)) return
    const had = t.origin ? [...t.takers, t.origin] : t.takers
    for (const session of others(t, to, had)) copy(t, session, 'received')
  },
}

const privates = new WeakSet<Transit>()

function set(t: Transit, on: boolean): undefined {
  if (t.origin) put(t, t.origin, on)
}

function put(t: Trip, session: Session, on: boolean): undefined {
  enabled.set(t, session, on || undefined)
}

function* others(t: Transit, account: Jid, without: readonly Session[]): Iterable<Session> {
  for (const session of t.sessions.of(account.bare)) {
    if (enabled.get(session) && !without.includes(session)) yield session
  }
}

/** §7, §8: from the account's bare JID, of the same type, the original inside. */
function copy(t: Transit, session: Session, direction: 'sent' | 'received'): void {
  const { el, type } = t.stanza
  const attrs = { from: session.jid.bare, to: session.jid.toString(), type: type === '' ? undefined : type }
  t.writeInTurn(session, xml('message', attrs, xml(direction, { xmlns: NS.carbons }, forwarded(el))), el)
}

function isCopy(el: Element): boolean {
  return el.attrs.xmlns === NS.carbons && (el.name === 'sent' || el.name === 'received')
}

/** §6.1. An error is what the message that it answers is, where that is known. */
function isEligible(stanza: Stanza): boolean {
  const el = stanza.answers ?? stanza.el
  const type = el.attrs.type ?? ''
  if (type === 'groupchat' || type === 'headline') return false
  if (child(el, 'private', NS.carbons) || child(el, 'no-copy', NS.hints)) return false
  // A private message of a room reaches each client that is in it by the room itself.
  if (child(el, 'x', NS.mucUser) && type === 'chat') return false
  if (type === 'chat' || type === 'error') return true
  return (
    hasBody(el) ||
    elements(el).some((node) => PAYLOADS.has(node.attrs.xmlns ?? '') || node.attrs.xmlns === NS.mucUser)
  )
}
