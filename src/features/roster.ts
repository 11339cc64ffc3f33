/** The roster (RFC 6121 §2) with versioning (§2.6). */
import type { Feature, HookResult } from '../routing/feature.ts'
import { contactChanged } from '../accounts/pep/notify.ts'
import { interested, pushRoster, rosterItem, subscriptionOf } from '../accounts/roster.ts'
import type { Transit } from '../routing/transit.ts'
import type { Contact } from '../store/contacts.ts'
import { StanzaError } from '../xmpp/errors.ts'
import { Jid } from '../xmpp/jid.ts'
import { NS } from '../xmpp/namespaces.ts'
import { readJid, Stanza } from '../xmpp/stanza.ts'
import { child, children, type Element, xml } from '../xmpp/xml.ts'

/** Longest name of a contact or a group, and most groups of one contact (§2.3.3 leaves the figures to us). */
const NAME_LENGTH = 1023
const GROUPS = 50

export const roster: Feature = {
  name: 'roster',
  xeps: [{ number: 237, version: '1.3' }],
  disco: { server: [NS.roster] },
  streamFeatures: (s) => (s.authenticated ? [xml('ver', { xmlns: 'urn:xmpp:features:rosterver' })] : []),
  iq: {
    [`account get {${NS.roster}}query`]: get,
    [`account set {${NS.roster}}query`]: set,
  },
  sent(t): HookResult {
    const { kind, to, type, el } = t.stanza
    if (kind !== 'iq' || type !== 'set' || !to || !child(el, 'query', NS.roster)) return
    // §2.1.6: a push comes from the server; one that a client makes up must never reach another one (§8.5.3.2.3).
    if (!to.isBare) throw new StanzaError('service-unavailable')
    // §2.1.5, §2.3.3: nobody changes another roster. Said of accounts that there are and of others alike.
    if (to.local !== '' && t.isHost(to.domain) && !t.isOwn(to)) throw new StanzaError('forbidden')
  },
}

function get(t: Transit, query: Element): Element | undefined {
  const { account, origin } = t
  if (origin && !interested.get(origin)) {
    interested.set(t, origin, true)
  }
  const asked = query.attrs.ver
  if (asked !== undefined && /^\d{1,15}$/.test(asked)) {
    const changed = t.store.contacts.changedSince(account, Number(asked))
    if (changed && origin) {
      // §2.6.3: an empty result, then what changed as pushes; the result must come first.
      t.soon((next) => {
        // Read anew: a push of a newer change may have gone out in between.
        const news = next.store.contacts.changedSince(account, Number(asked)) ?? []
        for (const contact of news) pushTo(next, contact)
      })
      return undefined
    }
  }
  const contacts = t.store.contacts.all(account).filter((contact) => contact.listed)
  const version = t.store.accounts.find(account.jid)?.rosterVersion ?? 0
  const ver = asked === undefined ? undefined : String(version)
  return xml('query', { xmlns: NS.roster, ver }, ...contacts.map(rosterItem))

  function pushTo(next: Parameters<typeof pushRoster>[0], contact: Contact): void {
    if (!origin || origin.closed) return
    const item = xml('query', { xmlns: NS.roster, ver: String(contact.version) }, rosterItem(contact))
    next.write(origin, xml('iq', { type: 'set', id: next.freshId(), to: origin.jid.toString() }, item))
  }
}

function set(t: Transit, query: Element): undefined {
  const [item, second] = children(query, 'item')
  // §2.1.5: exactly one item.
  if (!item || second) throw new StanzaError('bad-request', 'A roster set has exactly one item.')
  const jid = parseContact(item.attrs.jid)
  const { account } = t
  if (jid.bare === account.jid) throw new StanzaError('not-allowed', 'Nobody is a contact of their own.')
  const known = t.store.contacts.find(account, jid.toString())
  if (item.attrs.subscription === 'remove') return remove(t, known)
  const groups = readGroups(item)
  const name = item.attrs.name ?? null
  if (name !== null && name.length > NAME_LENGTH)
    throw new StanzaError('not-acceptable', 'The name is too long.')
  const size = t.store.contacts.size(account)
  if (!known?.listed && size.contacts >= t.config.limits.roster_items) {
    throw new StanzaError('resource-constraint', 'The roster is full.')
  }
  // §2.1.2: the client sets names and groups; every other attribute is the server's.
  const { subscription, ask, approved } = subscriptionOf(known)
  const pending = known?.pending ?? null
  const contact = { jid: jid.toString(), name, groups, subscription, ask, approved, pending, listed: true }
  const growth = bytesOf(contact) - (known?.listed ? bytesOf(known) : 0)
  if (growth > 0 && size.bytes + growth > t.config.limits.roster_bytes)
    throw new StanzaError('resource-constraint', 'Names and groups of the contacts are too long in all.')
  pushRoster(t, account, t.store.contacts.put(account, contact))
  contactChanged(t, account, contact.jid)
}

/** As the store counts them. */
function bytesOf({ jid, name, groups }: Pick<Contact, 'jid' | 'name' | 'groups'>): number {
  return Buffer.byteLength(jid + (name ?? '') + JSON.stringify(groups))
}

/** §2.5: removal also ends the subscriptions in both directions. */
function remove(t: Transit, contact: Contact | undefined): undefined {
  if (!contact?.listed) throw new StanzaError('item-not-found')
  const { account } = t
  const { subscription, ask, pendingIn } = subscriptionOf(contact)
  const me = Jid.parse(account.jid)
  const them = Jid.parse(contact.jid)
  const hadFrom = subscription === 'from' || subscription === 'both'
  if (ask || subscription === 'to' || subscription === 'both') {
    t.emit(Stanza.make('presence', me, them.toBare(), { type: 'unsubscribe' }))
  }
  if (hadFrom || pendingIn) {
    t.emit(Stanza.make('presence', me, them.toBare(), { type: 'unsubscribed' }))
  }
  if (hadFrom) {
    for (const session of t.sessions.of(account.jid)) {
      if (session.available)
        t.emit(Stanza.make('presence', session.jid, them.toBare(), { type: 'unavailable' }))
    }
  }
  pushRoster(t, account, t.store.contacts.remove(account, contact))
  contactChanged(t, account, contact.jid)
}

function parseContact(text: string | undefined): Jid {
  if (text === undefined) throw new StanzaError('bad-request', 'The item has no jid.')
  return readJid(text)
}

/** §2.3.3: no empty group, none twice. */
function readGroups(item: Element): string[] {
  const groups = children(item, 'group').map((group) => group.getText())
  if (groups.some((group) => group === '')) throw new StanzaError('not-acceptable', 'A group has no name.')
  if (new Set(groups).size !== groups.length) throw new StanzaError('bad-request', 'A group is named twice.')
  if (groups.length > GROUPS || groups.some((group) => group.length > NAME_LENGTH)) {
    throw new StanzaError('not-acceptable', 'Too many groups, or one with too long a name.')
  }
  return groups
}
