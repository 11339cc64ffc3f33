/** Audience of a session's presence (RFC 6121 §4.2.2, §4.4.2). */
import { Jid } from '../xmpp/jid.ts'
import { Stanza } from '../xmpp/stanza.ts'
import { type Element, withAttrs } from '../xmpp/xml.ts'
import { covers } from './blocklist.ts'
import { subscriptionOf } from './roster.ts'
import type { Session } from '../routing/session.ts'
import type { Trip } from '../routing/transit.ts'

/** To every contact that sees the account's presence and is not blocked (XEP-0191 §3.2). */
export function broadcast(t: Trip, session: Session, el: Element): void {
  const blocked = t.store.blocked.of(session.account)
  for (const contact of t.store.contacts.all(session.account)) {
    const { subscription } = subscriptionOf(contact)
    if (subscription !== 'from' && subscription !== 'both') continue
    const to = Jid.parse(contact.jid).toBare()
    if (!covers(blocked, session.account, to)) emitCopy(t, session, el, to)
  }
}

/** To the contacts, and to the account's available resources with the one that says it. */
export function announce(t: Trip, session: Session, el: Element): void {
  broadcast(t, session, el)
  for (const other of t.sessions.of(session.jid.bare))
    if (other.available) emitCopy(t, session, el, other.jid)
}

export function emitCopy(t: Trip, from: Session, el: Element, to: Jid): void {
  t.emit(new Stanza('presence', withAttrs(el, { to: to.toString() }), from.jid, to))
}
