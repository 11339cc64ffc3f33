/** Presence (RFC 6121 §4): broadcast, probes, directed presence and leaving. */
import { z } from 'zod'
import type { Feature, HookResult } from '../routing/feature.ts'
import { announce, broadcast, emitCopy } from '../accounts/presence.ts'
import { maySee, subscriptionOf } from '../accounts/roster.ts'
import type { Session } from '../routing/session.ts'
import { sessionState } from '../routing/session-state.ts'
import type { Transit, Trip } from '../routing/transit.ts'
import { StanzaError } from '../xmpp/errors.ts'
import { Jid } from '../xmpp/jid.ts'
import { readPriority } from '../xmpp/presence.ts'
import { Stanza } from '../xmpp/stanza.ts'
import { isSubscriptionType } from '../xmpp/subscription.ts'
import { type Element, StoredElement, xml } from '../xmpp/xml.ts'

const SAVED = z.array(z.string())

/** Addresses that got directed presence from a session, and must hear of its end (§4.6.3). */
const directed = sessionState<Map<string, Jid>>('presence', {
  saved: {
    write: (table) => [...table.keys()],
    read: (saved) => new Map(SAVED.parse(saved).map((jid) => [jid, Jid.parse(jid)])),
  },
})

export const presence: Feature = {
  name: 'presence',
  xeps: [],

  sent(t): HookResult {
    if (t.stanza.kind !== 'presence' || !t.origin) return
    const { type, to } = t.stanza
    if (to) return sentTo(t, t.origin, to)
    if (type === '') available(t, t.origin)
    else if (type === 'unavailable') unavailable(t, t.origin, t.stanza.el)
    else throw new StanzaError('bad-request', 'This type of presence needs a recipient.')
  },

  received(t): HookResult {
    const { owner, to } = t
    const { kind, type, from } = t.stanza
    if (kind !== 'presence' || type !== 'probe') return
    // §4.3.2: without a subscription the prober learns that it has none, and nothing more.
    if (!maySee(t, owner, from.bare)) {
      t.emit(Stanza.make('presence', to.toBare(), from.toBare(), { type: 'unsubscribed' }))
      return 'stop'
    }
    let seen = false
    for (const session of t.sessions.of(to.bare)) {
      if (!session.presence || (to.isFull && session.jid.resource !== to.resource)) continue
      emitCopy(t, session, session.presence, from)
      seen = true
    }
    // A client that asks waits for an answer; at a login the same would be told of every contact that is away.
    if (!seen && (t.origin || t.world.homes.of(from) === 'elsewhere'))
      t.emit(Stanza.make('presence', to, from, { type: 'unavailable' }))
    return 'stop'
  },

  closed(t, session) {
    if (session.available)
      unavailable(t, session, xml('presence', { type: 'unavailable', from: session.jid.toString() }))
    else sayGoodbye(t, session, xml('presence', { type: 'unavailable', from: session.jid.toString() }))
  },
}

function sentTo(t: Transit, session: Session, to: Jid): HookResult {
  const { type } = t.stanza
  if (type === 'probe') return mayProbe(t, session, to) ? undefined : 'stop'
  if (type !== '' && type !== 'unavailable') {
    // §4.7.1: there are no others.
    if (isSubscriptionType(type) || type === 'error') return
    throw new StanzaError('bad-request', 'There is no such type of presence.')
  }
  const before = directed.get(session)
  const key = to.toString()
  if (type === 'unavailable') {
    const known = before?.get(key)
    if (!known) return
    before?.delete(key)
    t.undo(() => before?.set(key, known))
    return
  }
  const table = before ?? new Map<string, Jid>()
  if (table.has(key)) return
  if (table.size >= t.config.limits.directed_presence) {
    throw new StanzaError('resource-constraint', 'Too many recipients of directed presence.')
  }
  table.set(key, to)
  t.undo(() => table.delete(key))
  directed.set(t, session, table)
}

/**
 * §4.3: a client may ask as its server does; a service may know more of it. Not where a request waits for its answer:
 * that the contact does not see the account yet is told by "unsubscribed" (§4.3.2), which would take the request back.
 */
function mayProbe(t: Transit, session: Session, to: Jid): boolean {
  return t.store.contacts.find(session.account, to.bare)?.ask !== true
}

/** §4.2, §4.4: initial presence asks and tells more than an update does. */
function available(t: Transit, session: Session): void {
  const { el } = t.stanza
  const priority = readPriority(el)
  const { presence: before, priority: oldPriority } = session
  t.undo(() => {
    session.presence = before
    session.priority = oldPriority
  })
  session.presence = el
  session.priority = priority
  announce(t, session, el)
  if (before) return
  for (const other of t.sessions.of(session.jid.bare)) {
    if (other !== session && other.presence) emitCopy(t, other, other.presence, session.jid)
  }
  for (const contact of t.store.contacts.all(session.account)) {
    const { subscription } = subscriptionOf(contact)
    const to = Jid.parse(contact.jid).toBare()
    if (subscription === 'to' || subscription === 'both') {
      t.emit(Stanza.make('presence', session.jid, to, { type: 'probe' }))
    }
    // §3.1.3: requests that wait for an answer are shown at each login.
    if (contact.pending !== null) t.write(session, new StoredElement('presence', contact.pending))
  }
}

/** §4.5: the session stays connected, but is no longer there for others. */
function unavailable(t: Trip, session: Session, el: Element): void {
  const { presence: before, priority } = session
  if (before) {
    t.undo(() => {
      session.presence = before
      session.priority = priority
    })
    session.presence = undefined
    session.priority = 0
    broadcast(t, session, el)
    // §4.5.2: to the other resources, and back to the one that said it.
    for (const other of t.sessions.of(session.jid.bare))
      if (other.available || other === session) emitCopy(t, session, el, other.jid)
  }
  sayGoodbye(t, session, el)
}

/** §4.6.3: those who got directed presence and no broadcast hear of the end as well. */
function sayGoodbye(t: Trip, session: Session, el: Element): void {
  const table = directed.get(session)
  if (!table || table.size === 0) return
  directed.set(t, session, undefined)
  for (const to of table.values()) if (!maySee(t, session.account, to.bare)) emitCopy(t, session, el, to)
}
