/** Readers of what an account publishes, and those who are told of it (XEP-0163 §4, §5; XEP-0060 §4.5, §7.1.2). */
import type { Account } from '../../store/accounts.ts'
import type { PepItem, PepNode } from '../../store/pep.ts'
import { StanzaError } from '../../xmpp/errors.ts'
import { delay } from '../../xmpp/forward.ts'
import { Jid } from '../../xmpp/jid.ts'
import { covers } from '../blocklist.ts'
import { event, isSet, itemElement, type NodeConfig, option, refusal } from '../../xmpp/pubsub.ts'
import { Stanza } from '../../xmpp/stanza.ts'
import { type Element, xml } from '../../xmpp/xml.ts'
import { wanted, wants } from './caps.ts'
import { maySee } from '../roster.ts'
import type { Session } from '../../routing/session.ts'
import type { Trip } from '../../routing/transit.ts'

/** Contacts whose last items one trip looks up: the rest waits for later turns. */
const CONTACTS = 50

/** Why someone may not read a node; undefined for who may. */
function obstacle(t: Trip, owner: Account, config: NodeConfig, bare: string): StanzaError | undefined {
  if (bare === owner.jid) return undefined
  switch (option(config, 'access_model')) {
    case 'open':
      return undefined
    case 'presence':
      return maySee(t, owner, bare) ? undefined : refusal('not-authorized', 'presence-subscription-required')
    case 'roster': {
      const groups = t.store.contacts.find(owner, bare)?.groups ?? []
      const allowed = groups.some((group) => config.roster_groups_allowed.includes(group))
      return allowed ? undefined : refusal('not-authorized', 'not-in-roster-group')
    }
    default:
      return refusal('not-allowed', 'closed-node')
  }
}

export function mayRead(t: Trip, owner: Account, config: NodeConfig, bare: string): boolean {
  return obstacle(t, owner, config, bare) === undefined
}

/** XEP-0060 §6.5.9: throws the refusal that the access model demands. */
export function checkRead(t: Trip, owner: Account, config: NodeConfig, bare: string): void {
  const refused = obstacle(t, owner, config, bare)
  if (refused) throw refused
}

/**
 * RFC 6120 §13.11: to a stranger an account that publishes nothing for everyone looks like none at all; otherwise
 * the answers would tell which accounts exist.
 */
export function hideFromStrangers(t: Trip, owner: Account, bare: string): void {
  if (maySee(t, owner, bare)) return
  const open = t.store.pep.nodes(owner).some(({ config }) => mayRead(t, owner, config, bare))
  if (!open) throw new StanzaError('service-unavailable')
}

/** XEP-0163 §7.1: subscriptions of those who may not read any more end; of one contact, or of all. */
export function endLost(t: Trip, owner: Account, { node, config }: PepNode, contact?: string): void {
  for (const text of t.store.pep.subscribers(owner, node)) {
    const { bare } = Jid.parse(text)
    if (contact !== undefined && bare !== contact) continue
    if (!mayRead(t, owner, config, bare)) t.store.pep.unsubscribe(owner, node, text)
  }
}

/** After whatever changed between the owner and a contact: its groups, its subscription to the presence. */
export function contactChanged(t: Trip, owner: Account, contact: string): void {
  for (const known of t.store.pep.nodes(owner)) endLost(t, owner, known, contact)
}

/** Tells everyone who should hear of it: subscribers, the account's own clients, contacts' clients. */
export function notify(t: Trip, owner: Account, { node, config }: PepNode, content: Element): void {
  if (!isSet(config, 'deliver_notifications')) return
  const tell = teller(t, owner, event(content))
  const told = new Set<string>()
  const tellSessions = (bare: string): boolean => {
    const keen = [...t.sessions.of(bare)].filter((session) => session.available && wants(session, node))
    for (const { jid } of keen) if (!told.has(jid.toString()) && tell(jid)) told.add(jid.toString())
    return keen.length > 0
  }
  for (const text of t.store.pep.subscribers(owner, node)) {
    const to = Jid.parse(text)
    if (!mayRead(t, owner, config, to.bare)) continue
    // XEP-0163 §4.3.2: for a bare address each client that asks for it, and the address itself where none does.
    if (to.isBare && tellSessions(to.bare)) continue
    if (!told.has(text) && tell(to)) told.add(text)
  }
  tellSessions(owner.jid)
  if (option(config, 'access_model') === 'whitelist') return
  for (const { jid, subscription } of t.store.contacts.all(owner)) {
    const sees = subscription === 'from' || subscription === 'both'
    if (!sees || !mayRead(t, owner, config, jid)) continue
    if (t.sessions.countOf(jid) > 0) tellSessions(jid)
    // Another node knows which clients of the contact want it.
    else if (t.world.homes.of(Jid.parse(jid)) === 'node') tell(Jid.parse(jid).toBare())
  }
}

/** XEP-0163 §4.3.4: the last items of the own nodes and of the contacts', for a client that wants them since now. */
export function sendLastItems(t: Trip, session: Session, names: ReadonlySet<string>): void {
  if (names.size === 0) return
  lastItemsOf(t, session.account, session, names)
  const owners = t.store.contacts
    .all(session.account)
    .filter(({ subscription }) => subscription === 'to' || subscription === 'both')
    .map(({ jid }) => jid)
  lastItemsOfAll(t, session, names, owners)
}

function lastItemsOfAll(
  t: Trip,
  session: Session,
  names: ReadonlySet<string>,
  owners: readonly string[],
): void {
  for (const jid of owners.slice(0, CONTACTS)) {
    const owner = t.store.accounts.find(jid)
    if (owner && maySee(t, owner, session.account.jid)) lastItemsOf(t, owner, session, names)
  }
  if (owners.length <= CONTACTS) return
  t.soon((later) => {
    if (session.available && !session.closed) lastItemsOfAll(later, session, names, owners.slice(CONTACTS))
  })
}

/** XEP-0060 §9.1: whoever is granted a presence subscription is thereby subscribed. */
export function welcome(t: Trip, owner: Account, contact: Jid): void {
  if (!maySee(t, owner, contact.bare)) return
  for (const session of t.sessions.of(contact.bare)) {
    if (session.available) lastItemsOf(t, owner, session, wanted(session))
  }
}

function lastItemsOf(t: Trip, owner: Account, session: Session, names: ReadonlySet<string>): void {
  if (names.size === 0) return
  for (const known of t.store.pep.nodes(owner)) {
    const { node, config } = known
    if (!names.has(node) || option(config, 'send_last_published_item') !== 'on_sub_and_presence') continue
    if (mayRead(t, owner, config, session.jid.bare)) sendLast(t, owner, known, session.jid)
  }
}

/** The last item of a node, with the time at which it was published. */
export function sendLast(t: Trip, owner: Account, { node, config }: PepNode, to: Jid): void {
  const item = isSet(config, 'deliver_notifications') ? t.store.pep.last(owner, node) : undefined
  if (!item) return
  teller(t, owner, event(newsOf(node, config, item)), delay(t.store.receipts.timeOf(item.seq)))(to)
}

/** The news of an item, with its payload if the node is made so. */
export function newsOf(node: string, config: NodeConfig, item: Pick<PepItem, 'id' | 'xml'>): Element {
  return xml('items', { node }, itemElement(item, isSet(config, 'deliver_payloads')))
}

/** XEP-0163 §4.3.1: from the account's bare JID, as a headline, so that it is neither archived nor kept nor pushed. */
function teller(t: Trip, owner: Account, ...content: Element[]): (to: Jid) => boolean {
  const from = Jid.parse(owner.jid)
  const id = t.freshId()
  const blocked = t.store.blocked.of(owner)
  return (to) => {
    // XEP-0163 §4.3.3: nobody whom the owner has blocked.
    if (covers(blocked, owner, to)) return false
    t.emit(Stanza.make('message', from, to, { type: 'headline', id }, ...content))
    return true
  }
}
