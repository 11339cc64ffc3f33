/** Blocking Command (XEP-0191) with reports (XEP-0377): who is blocked reaches nobody and sees nothing. */
import { getLogger } from '../log.ts'
import type { Feature, HookResult } from '../routing/feature.ts'
import { covers } from '../accounts/blocklist.ts'
import { findsNothing } from '../accounts/nobody.ts'
import { subscriptionOf } from '../accounts/roster.ts'
import type { Session } from '../routing/session.ts'
import { sessionState } from '../routing/session-state.ts'
import type { Transit } from '../routing/transit.ts'
import type { Account } from '../store/accounts.ts'
import { NS } from '../xmpp/namespaces.ts'
import { StanzaError } from '../xmpp/errors.ts'
import { Jid } from '../xmpp/jid.ts'
import { readJid, Stanza } from '../xmpp/stanza.ts'
import { child, children, type Element, elements, withAttrs, xml } from '../xmpp/xml.ts'

const BLOCKING = NS.blocking
const REPORTING = 'urn:xmpp:reporting:1'
const log = getLogger('abuse')

/** Sessions that asked for the list and so hear of its changes (§3.2). */
const interested = sessionState<boolean>('blocking', { saved: true })

export const blocking: Feature = {
  name: 'blocking',
  xeps: [
    { number: 191, version: '1.3' },
    { number: 377, version: '0.3.1', note: 'reports are written to the log' },
  ],
  disco: { server: [BLOCKING, REPORTING], account: [BLOCKING] },
  iq: {
    [`account get {${BLOCKING}}blocklist`]: (t) => {
      const { origin } = t
      if (origin) interested.set(t, origin, true)
      return xml('blocklist', { xmlns: BLOCKING }, ...items(t.store.blocked.of(t.account)))
    },
    [`account set {${BLOCKING}}block`]: block,
    [`account set {${BLOCKING}}unblock`]: unblock,
  },

  /** §3.4: to write to somebody whom one has blocked is a mistake worth telling; §5: to oneself it never is. */
  sent(t): HookResult {
    const { to, type } = t.stanza
    // §3.3, §3.4: changes are told by the server; what a client makes up must never reach another one.
    if (to?.isFull && t.origin && isPush(t.stanza)) throw new StanzaError('service-unavailable')
    if (!to || !t.origin) return
    if (!covers(t.store.blocked.of(t.origin.account), t.origin.account, to)) return
    if (t.stanza.kind === 'presence' && (type === 'unavailable' || type.startsWith('unsubscri'))) return
    const app = xml('blocked', { xmlns: `${BLOCKING}:errors` })
    throw new StanzaError('not-acceptable', 'You have blocked this address.', { type: 'cancel', app })
  },

  /** §3.4: as if the account did not exist. */
  received(t): HookResult {
    const { owner, stanza } = t
    const { from, kind } = stanza
    if (!covers(t.store.blocked.of(owner), owner, from)) return
    if (kind === 'presence') return 'stop'
    if (kind === 'iq' && (!t.stanza.isRequest || findsNothing(t))) return 'stop'
    throw new StanzaError('service-unavailable')
  },
}

function isPush({ kind, type, el }: Stanza): boolean {
  return (
    kind === 'iq' &&
    type === 'set' &&
    elements(el).some(
      ({ name, attrs }) => attrs.xmlns === BLOCKING && (name === 'block' || name === 'unblock'),
    )
  )
}

function block(t: Transit, el: Element): undefined {
  const { account } = t
  const jids = readItems(el)
  // §3.3: an empty request would mean nothing.
  if (jids.length === 0) throw new StanzaError('bad-request', 'Nobody is named.')
  const list = t.store.blocked.of(account)
  const added = jids.filter((jid) => !list.has(jid))
  if (list.size + added.length > t.config.limits.blocked_jids) {
    throw new StanzaError('resource-constraint', 'The block list is full.')
  }
  // §3.3: contacts who may see the presence see everyone leave, before the block holds.
  tellContacts(t, account, added, false)
  for (const jid of added) t.store.blocked.add(account, jid)
  push(t, account, xml('block', { xmlns: BLOCKING }, ...items(jids)))
  t.after(() => children(el, 'item').forEach((item) => report(account, item)))
}

function unblock(t: Transit, el: Element): undefined {
  const { account } = t
  const named = readItems(el)
  const list = [...t.store.blocked.of(account)]
  const gone = named.length === 0 ? list : named.filter((jid) => list.includes(jid))
  for (const jid of gone) t.store.blocked.remove(account, jid)
  tellContacts(t, account, gone, true)
  push(t, account, xml('unblock', { xmlns: BLOCKING }, ...items(named)))
}

function readItems(el: Element): string[] {
  return [...new Set(children(el, 'item').map((item) => readJid(item.attrs.jid ?? '').toString()))]
}

function items(jids: Iterable<string>): Element[] {
  return [...jids].map((jid) => xml('item', { jid }))
}

function push(t: Transit, account: Account, payload: Element): void {
  for (const session of t.sessions.of(account.jid)) {
    if (!interested.get(session)) continue
    t.write(session, xml('iq', { type: 'set', id: t.freshId(), to: session.jid.toString() }, payload))
  }
}

/** Contacts that `jids` cover see the account's resources leave or come back, and theirs are seen again. */
function tellContacts(t: Transit, account: Account, jids: readonly string[], back: boolean): void {
  const changed = new Set(jids)
  // Before a block holds, after an unblocking: who stays blocked by another entry hears nothing.
  const blocked = t.store.blocked.of(account)
  for (const contact of t.store.contacts.all(account)) {
    const to = Jid.parse(contact.jid).toBare()
    if (!covers(changed, account, to) || covers(blocked, account, to)) continue
    const { subscription } = subscriptionOf(contact)
    for (const session of t.sessions.of(account.jid)) {
      if (!session.presence) continue
      if (subscription === 'from' || subscription === 'both') tell(t, session, session.presence, to, back)
      // RFC 6121 §4.3.1: what the contact said meanwhile was not delivered.
      if (back && (subscription === 'to' || subscription === 'both'))
        t.emit(Stanza.make('presence', session.jid, to, { type: 'probe' }))
    }
  }
}

function tell(t: Transit, { jid }: Session, presence: Element, to: Jid, back: boolean): void {
  if (back) t.emit(new Stanza('presence', withAttrs(presence, { to: to.bare }), jid, to))
  else t.emit(Stanza.make('presence', jid, to, { type: 'unavailable' }))
}

/** XEP-0377 §3: who reports whom and why, never what was written. A reason is a MUST; without one it counts as well. */
function report(account: Account, item: Element): void {
  const found = child(item, 'report', REPORTING)
  if (found)
    log.warn('an address is reported', {
      by: account.jid,
      address: item.attrs.jid,
      reason: found.attrs.reason || 'none given',
    })
}
