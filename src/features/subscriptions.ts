/** Presence subscriptions (RFC 6121 §3) with pre-approval (§3.4). */
import type { Feature, HookResult } from '../routing/feature.ts'
import { contactChanged } from '../accounts/pep/notify.ts'
import { isRosterFull, pushRoster, subscriptionOf } from '../accounts/roster.ts'
import type { Transit, Trip } from '../routing/transit.ts'
import type { Account } from '../store/accounts.ts'
import type { Contact } from '../store/contacts.ts'
import { StanzaError } from '../xmpp/errors.ts'
import { Jid } from '../xmpp/jid.ts'
import { Stanza } from '../xmpp/stanza.ts'
import { isSubscriptionType, received, sent, type SubscriptionState } from '../xmpp/subscription.ts'
import { withAttrs, xml } from '../xmpp/xml.ts'

/** A request is kept until it is answered, so its size counts; more than a short greeting is not kept. */
const REQUEST_BYTES = 4096

export const subscriptions: Feature = {
  name: 'subscriptions',
  xeps: [],
  streamFeatures: (s) => (s.authenticated ? [xml('sub', { xmlns: 'urn:xmpp:features:pre-approval' })] : []),

  sent(t): HookResult {
    const { kind, type, to } = t.stanza
    if (kind !== 'presence' || !isSubscriptionType(type)) return
    if (!to || to.local === '') throw new StanzaError('bad-request', 'A subscription needs a contact.')
    if (to.bare === t.account.jid) return 'stop' // one's own presence needs no subscription
    // §3.1.2: from bare JID to bare JID.
    const { account } = t
    t.stanza = bare(t.stanza, Jid.parse(account.jid), to.toBare())
    const known = t.store.contacts.find(account, to.bare)
    const before = subscriptionOf(known)
    const { state, route } = sent(before, type)
    if (!known && isRosterFull(t, account)) {
      throw new StanzaError('resource-constraint', 'The roster is full.')
    }
    if (changed(before, state)) save(t, account, to.bare, known, state, true)
    if (type === 'unsubscribed' && sees(before)) sendUnavailable(t, account, to)
    if (!route) return 'stop'
    if (type === 'subscribed') sendPresence(t, account, to)
  },

  received(t): HookResult {
    const { owner: account, to } = t
    const { kind, type, from } = t.stanza
    if (kind !== 'presence' || !isSubscriptionType(type)) return
    if (from.bare === account.jid) return 'stop'
    const known = t.store.contacts.find(account, from.bare)
    const before = subscriptionOf(known)
    const { state, deliver, reply } = received(before, type)
    if (!known && state.pendingIn && isRosterFull(t, account)) return 'stop'
    if (changed(before, state)) {
      const request = state.pendingIn ? requestText(t.stanza) : null
      // §3.1.3: a mere request is not yet an item of the roster.
      save(t, account, from.bare, known, state, type !== 'subscribe' || reply !== undefined, request)
    }
    if (type === 'unsubscribe' && sees(before)) sendUnavailable(t, account, from)
    if (reply) {
      t.emit(Stanza.make('presence', Jid.parse(account.jid), from.toBare(), { type: reply }))
      sendPresence(t, account, from)
    }
    if (!deliver) return 'stop'
    t.stanza = bare(t.stanza, from.toBare(), to.toBare())
  },

  /** RFC 6121 §3.2, §3.3: the contacts of an account that goes must not wait for it. */
  deleted(t, jid) {
    const account = t.store.accounts.find(jid.bare)
    if (!account) return
    for (const contact of t.store.contacts.all(account)) {
      const state = subscriptionOf(contact)
      const to = Jid.parse(contact.jid).toBare()
      if (state.ask || state.subscription === 'to' || state.subscription === 'both') {
        t.emit(Stanza.make('presence', jid.toBare(), to, { type: 'unsubscribe' }))
      }
      if (!sees(state)) continue
      sendUnavailable(t, account, to)
      t.emit(Stanza.make('presence', jid.toBare(), to, { type: 'unsubscribed' }))
    }
  },
}

function sees({ subscription }: SubscriptionState): boolean {
  return subscription === 'from' || subscription === 'both'
}

function changed(a: SubscriptionState, b: SubscriptionState): boolean {
  return (
    a.subscription !== b.subscription ||
    a.ask !== b.ask ||
    a.pendingIn !== b.pendingIn ||
    a.approved !== b.approved
  )
}

function save(
  t: Trip,
  account: Account,
  jid: string,
  known: Contact | undefined,
  state: SubscriptionState,
  lists: boolean,
  request: string | null = null,
): void {
  const { subscription, ask, approved, pendingIn } = state
  const pending = pendingIn ? (request ?? known?.pending ?? null) : null
  const listed = known?.listed === true || (lists && (subscription !== 'none' || ask || approved))
  if (!listed && !pendingIn && subscription === 'none') {
    if (known) t.store.contacts.remove(account, known)
    contactChanged(t, account, jid)
    return
  }
  const contact = {
    jid,
    name: known?.name ?? null,
    groups: known?.groups ?? [],
    subscription,
    ask,
    approved,
    pending,
    listed,
  }
  const stored = t.store.contacts.put(account, contact)
  contactChanged(t, account, jid)
  const visible = known?.listed !== listed || known.subscription !== subscription || known.ask !== ask
  if (listed && (visible || known.approved !== approved)) pushRoster(t, account, stored)
}

/** The request as each login shows it again until it is answered (§3.1.3). */
function requestText(stanza: Stanza): string {
  const text = stanza.el.toString()
  if (Buffer.byteLength(text) <= REQUEST_BYTES) return text
  return Stanza.make('presence', stanza.from.toBare(), stanza.to, {
    type: 'subscribe',
    id: stanza.id,
  }).el.toString()
}

function bare(stanza: Stanza, from: Jid, to: Jid): Stanza {
  const el = withAttrs(stanza.el, { from: from.toString(), to: to.toString() })
  return new Stanza('presence', el, from, to)
}

/** §3.1.5: who was just granted a subscription learns the presence of every available resource, after the grant. */
function sendPresence(t: Transit, account: Account, to: Jid): void {
  for (const session of t.sessions.of(account.jid)) {
    if (!session.presence) continue
    const el = withAttrs(session.presence, { to: to.bare })
    t.emit(new Stanza('presence', el, session.jid, to.toBare()))
  }
}

/** §3.2.2: who loses a subscription sees every resource leave. */
function sendUnavailable(t: Trip, account: Account, to: Jid): void {
  for (const session of t.sessions.of(account.jid)) {
    if (session.available) t.emit(Stanza.make('presence', session.jid, to.toBare(), { type: 'unavailable' }))
  }
}
