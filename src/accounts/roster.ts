/** Changes of one contact, shared by the roster and the subscription features: stored and pushed (RFC 6121 §2.1.6). */
import type { Account } from '../store/accounts.ts'
import type { Contact } from '../store/contacts.ts'
import { NS } from '../xmpp/namespaces.ts'
import type { SubscriptionState } from '../xmpp/subscription.ts'
import { type Element, xml } from '../xmpp/xml.ts'
import { sessionState } from '../routing/session-state.ts'
import type { Trip } from '../routing/transit.ts'

/** Has asked for the roster, so it gets pushes (RFC 6121 §2.1.6 "interested resource"). */
export const interested = sessionState<boolean>('roster', { saved: true })

export function rosterItem(contact: Contact): Element {
  return xml(
    'item',
    {
      jid: contact.jid,
      name: contact.name ?? undefined,
      subscription: contact.subscription,
      ask: contact.ask ? 'subscribe' : undefined,
      approved: contact.approved ? 'true' : undefined,
    },
    ...contact.groups.map((group) => xml('group', {}, group)),
  )
}

/** Tells every interested resource of one changed or removed item. */
export function pushRoster(t: Trip, account: Account, contact: Contact): void {
  for (const session of t.sessions.of(account.jid)) {
    if (!interested.get(session)) continue
    const query = xml('query', { xmlns: NS.roster, ver: String(contact.version) }, rosterItem(contact))
    t.write(session, xml('iq', { type: 'set', id: t.freshId(), to: session.jid.toString() }, query))
  }
}

/** Whether there is no room for one contact more. */
export function isRosterFull(t: Trip, account: Account): boolean {
  return t.store.contacts.size(account).contacts >= t.config.limits.roster_items
}

export function subscriptionOf(contact: Contact | undefined): SubscriptionState {
  if (!contact || contact.subscription === 'remove') {
    return { subscription: 'none', ask: false, pendingIn: false, approved: false }
  }
  const { subscription, ask, approved } = contact
  return { subscription, ask, approved, pendingIn: contact.pending !== null }
}

/** Whether `jid` may see the presence of `account` (it has a subscription from us). */
export function maySee(t: Trip, account: Account, jid: string): boolean {
  if (jid === account.jid) return true
  const subscription = t.store.contacts.find(account, jid)?.subscription
  return subscription === 'from' || subscription === 'both'
}
