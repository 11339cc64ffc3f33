/** Readers' verbs (XEP-0060 §5, §6): fetch items, subscribe, unsubscribe. */
import type { Account } from '../../store/accounts.ts'
import type { PepItem } from '../../store/pep.ts'
import { StanzaError } from '../../xmpp/errors.ts'
import { Jid } from '../../xmpp/jid.ts'
import { isSet, itemElement, option, PUBSUB, refusal, unsupported } from '../../xmpp/pubsub.ts'
import { readPage, writePage } from '../../xmpp/rsm.ts'
import { child, children, type Element, xml } from '../../xmpp/xml.ts'
import { checkRead, sendLast } from './notify.ts'
import { findNode, needNode } from './publish.ts'
import type { Transit } from '../../routing/transit.ts'

const answer = (...content: (Element | undefined)[]): Element => xml('pubsub', { xmlns: PUBSUB }, ...content)

/** §6.5 */
export function retrieve(t: Transit, owner: Account, action: Element, pubsub: Element): Element {
  const { node, config } = findNode(t, owner, needNode(action))
  checkRead(t, owner, config, t.stanza.from.bare)
  if (!isSet(config, 'persist_items')) throw unsupported('persistent-items')
  const named = children(action, 'item')
  if (named.length > 0)
    return answer(xml('items', { node }, ...byId(t, owner, node, named).map((item) => itemElement(item))))
  const { found, page } = range(t, owner, node, action, pubsub)
  return answer(xml('items', { node }, ...found.map((item) => itemElement(item))), page)
}

/** §6.5.8, §6.5.9.12: what is not there is left out. */
function byId(t: Transit, owner: Account, node: string, named: readonly Element[]): PepItem[] {
  const found: PepItem[] = []
  let bytes = 0
  for (const id of new Set(named.map(({ attrs }) => attrs.id ?? ''))) {
    const item = t.store.pep.item(owner, node, id)
    if (!item) continue
    bytes += item.xml.length
    if (found.length > 0 && bytes > t.config.limits.pep_page_bytes)
      throw new StanzaError('policy-violation', 'Too much for one answer: ask for fewer items.')
    found.push(item)
  }
  return found
}

/** §6.5.4, §6.5.7: the newest ones unless pages are asked for; pages are named where there is more. */
function range(
  t: Transit,
  owner: Account,
  node: string,
  action: Element,
  pubsub: Element,
): { found: PepItem[]; page: Element | undefined } {
  const { pep } = t.store
  const request = readPage(pubsub)
  const wanted = readMax(action.attrs.max_items)
  if (request.max === 0) return { found: [], page: writePage([], pep.count(owner, node)) }
  const at = (id: string | undefined) => {
    if (id === undefined || id === '') return undefined
    const item = pep.item(owner, node, id)
    if (!item) throw new StanzaError('item-not-found')
    return item.seq
  }
  const paged = request.max !== undefined || request.before !== undefined || request.after !== undefined
  const total = pep.count(owner, node)
  const found = pep.items(owner, node, {
    after: at(request.after),
    before: at(request.before),
    fromEnd: request.before !== undefined || !paged,
    limit: Math.min(request.max ?? total, wanted ?? total),
    bytes: t.config.limits.pep_page_bytes,
  })
  const short = found.length < Math.min(total, wanted ?? total)
  const ids = found.map(({ id }) => id)
  return { found, page: paged || short ? writePage(ids, total) : undefined }
}

function readMax(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const n = /^\d{1,9}$/.test(text) ? Number(text) : 0
  if (n === 0) throw new StanzaError('bad-request', 'max_items: not a positive number.')
  return n
}

/** §6.1 */
export function subscribe(t: Transit, owner: Account, action: Element, pubsub: Element): Element {
  // §6.3.7: to ignore them would deliver what was not wanted.
  if (child(pubsub, 'options')) throw unsupported('subscription-options')
  const found = findNode(t, owner, needNode(action))
  const jid = ownJid(t, action.attrs.jid)
  if (!jid) throw refusal('bad-request', 'invalid-jid')
  checkRead(t, owner, found.config, jid.bare)
  const { node, config } = found
  const { pep } = t.store
  const all = pep.subscribers(owner, node)
  if (!all.includes(jid.toString()) && all.length >= t.config.limits.pep_subscribers)
    throw refusal('policy-violation', 'too-many-subscriptions')
  pep.subscribe(owner, node, jid.toString())
  // §6.1.7
  if (option(config, 'send_last_published_item') !== 'never') sendLast(t, owner, found, t.stanza.from)
  return answer(xml('subscription', { node, jid: jid.toString(), subscription: 'subscribed' }))
}

/** §6.2 */
export function unsubscribe(t: Transit, owner: Account, action: Element): Element {
  const { node } = findNode(t, owner, needNode(action))
  const jid = ownJid(t, action.attrs.jid)
  if (!jid) throw new StanzaError('forbidden')
  if (!t.store.pep.unsubscribe(owner, node, jid.toString())) {
    const { app } = refusal('unexpected-request', 'not-subscribed')
    throw new StanzaError('unexpected-request', undefined, { type: 'cancel', app })
  }
  return answer(xml('subscription', { node, jid: jid.toString(), subscription: 'none' }))
}

/** §6.1.3.1: the full or the bare JID of whoever asks, nobody else's. */
function ownJid(t: Transit, text: string | undefined): Jid | undefined {
  const jid = Jid.tryParse(text ?? '')
  return jid?.bare === t.stanza.from.bare ? jid : undefined
}

/** §5.6 */
export function subscriptions(t: Transit, owner: Account, action: Element): Element {
  const { node } = action.attrs
  const nodes = node ? [findNode(t, owner, node)] : t.store.pep.nodes(owner)
  const mine = nodes.flatMap((known) =>
    t.store.pep
      .subscribers(owner, known.node)
      .filter((jid) => Jid.parse(jid).bare === t.stanza.from.bare)
      .map((jid) => xml('subscription', { node: known.node, jid, subscription: 'subscribed' })),
  )
  return answer(xml('subscriptions', { node }, ...mine))
}

/** §5.7: the owner's; nobody else has any. */
export function affiliations(t: Transit, owner: Account, action: Element): Element {
  const nodes = t.stanza.from.bare === owner.jid ? t.store.pep.nodes(owner) : []
  const mine = nodes
    .filter(({ node }) => !action.attrs.node || node === action.attrs.node)
    .map(({ node }) => xml('affiliation', { node, affiliation: 'owner' }))
  return answer(xml('affiliations', { node: action.attrs.node }, ...mine))
}
