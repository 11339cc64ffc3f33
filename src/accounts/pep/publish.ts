/** Publishing by an account's owner (XEP-0060 §7, §8.1): all that changes what others read. */
import type { Account } from '../../store/accounts.ts'
import type { PepNode } from '../../store/pep.ts'
import { StanzaError } from '../../xmpp/errors.ts'
import type { FormValues } from '../../xmpp/forms.ts'
import { NS } from '../../xmpp/namespaces.ts'
import {
  applyForm,
  checkName,
  defaultsOf,
  isSet,
  meets,
  merge,
  type NodeConfig,
  option,
  PUBSUB,
  readPublishOptions,
  refusal,
  unsupported,
} from '../../xmpp/pubsub.ts'
import { child, children, type Element, elements, withAttrs, xml } from '../../xmpp/xml.ts'
import { newsOf, notify } from './notify.ts'
import { checkBytes, makeRoom, roomFor } from './room.ts'
import type { Trip } from '../../routing/transit.ts'

/** XEP-0060 §8.1 */
export function createNode(t: Trip, owner: Account, action: Element, pubsub: Element): Element | undefined {
  // §8.1.2: without a name one is made up.
  const node = checkName(action.attrs.node || t.world.random.uuid())
  if (t.store.pep.node(owner, node)) throw new StanzaError('conflict', 'There is such a node already.')
  const configure = child(pubsub, 'configure')
  // §8.1.3
  if (configure?.attrs.node !== undefined)
    throw new StanzaError('bad-request', 'The node has been named already.')
  const x = configure && child(configure, 'x', NS.forms)
  const defaults = defaultsOf(node)
  add(t, owner, node, x ? applyForm(defaults, x, t.config.limits.pep_items) : defaults)
  return action.attrs.node ? undefined : xml('pubsub', { xmlns: PUBSUB }, xml('create', { node }))
}

/** §7.1 */
export function publish(t: Trip, owner: Account, action: Element, pubsub: Element): Element {
  const name = needNode(action)
  const options = readPublishOptions(pubsub)
  const [item, second] = children(action, 'item')
  if (second) throw new StanzaError('bad-request', 'One item at a time.')
  const found = nodeFor(t, owner, name, options)
  const payload = readPayload(t, found.config, item)
  if (!item) {
    notify(t, owner, found, xml('items', { node: name }))
    return xml('pubsub', { xmlns: PUBSUB }, xml('publish', { node: name }))
  }
  const id = checkName(item.attrs.id || t.world.random.uuid())
  put(t, owner, found, id, payload)
  if (payload) t.world.published(t, owner, { ...found, item: { id, payload } })
  return xml('pubsub', { xmlns: PUBSUB }, xml('publish', { node: name }, xml('item', { id })))
}

/**
 * Publishes what the server makes of something that the owner has stored in another form; `config` is what a node
 * that must be made for it has beside its defaults. Features are not told: one of them is asking. Returns the item's
 * place in the order of publications.
 */
export function publishFor(
  t: Trip,
  owner: Account,
  node: string,
  config: Partial<NodeConfig>,
  item: { readonly id: string; readonly payload: Element },
): number {
  const found = t.store.pep.node(owner, node) ?? add(t, owner, node, { ...defaultsOf(node), ...config })
  return put(t, owner, found, item.id, item.payload)
}

/** The same as if a client of the account had published it: other forms of it follow. */
export function publishAs(
  t: Trip,
  owner: Account,
  node: string,
  item: { readonly id: string; readonly payload: Element },
): void {
  const found = t.store.pep.node(owner, node) ?? add(t, owner, node, defaultsOf(node))
  put(t, owner, found, item.id, item.payload)
  t.world.published(t, owner, { ...found, item })
}

/** Takes back, on the same terms; what is not there is left out. */
export function retractFor(t: Trip, owner: Account, node: string, id: string): void {
  const found = t.store.pep.node(owner, node)
  if (found && t.store.pep.retract(owner, node, id) && isSet(found.config, 'notify_retract'))
    notify(t, owner, found, xml('items', { node }, xml('retract', { id })))
}

function put(t: Trip, owner: Account, found: PepNode, id: string, payload: Element | undefined): number {
  const { node, config } = found
  const news = { seq: t.store.messages.nextId(), id, xml: payload?.toString() ?? '' }
  if (isSet(config, 'persist_items')) {
    t.store.pep.putItem(owner, node, news, roomFor(t, owner, found, id))
    checkBytes(t, owner)
  }
  notify(t, owner, found, newsOf(node, config, news))
  return news.seq
}

/** §7.1.4, §7.1.5: a node that is missing is made as the preconditions say; one that is there must meet them. */
function nodeFor(t: Trip, owner: Account, node: string, options: FormValues | undefined): PepNode {
  const found = t.store.pep.node(owner, node)
  const most = t.config.limits.pep_items
  if (found) {
    if (options && !meets(found.config, options, most)) throw refusal('conflict', 'precondition-not-met')
    return found
  }
  return add(t, owner, node, options ? merge(defaultsOf(node), options, most) : defaultsOf(node))
}

function add(t: Trip, owner: Account, node: string, config: NodeConfig): PepNode {
  makeRoom(t, owner, checkName(node))
  t.store.pep.putNode(owner, node, config)
  checkBytes(t, owner)
  return { node, config }
}

/**
 * §7.1.3: exactly one payload, of the node's type. §4.3: a node that tells that something happened and not what takes
 * an item without one, and no item at all where it keeps none.
 */
function readPayload(t: Trip, config: NodeConfig, item: Element | undefined): Element | undefined {
  const tells = !isSet(config, 'deliver_payloads')
  const bare = tells && !isSet(config, 'persist_items')
  if (!item) {
    if (bare) return undefined
    throw refusal('bad-request', 'item-required')
  }
  // §7.1.3.6
  if (bare) throw refusal('bad-request', 'item-forbidden')
  const [payload, second] = elements(item)
  if (!payload) {
    if (tells) return undefined
    throw refusal('bad-request', 'payload-required')
  }
  const xmlns = payload.attrs.xmlns ?? PUBSUB
  const type = option(config, 'type')
  if (second || (type !== '' && type !== xmlns)) throw refusal('bad-request', 'invalid-payload')
  // A payload will stand in another element: its namespace must not depend on the parent's.
  const whole = withAttrs(payload, { xmlns })
  if (Buffer.byteLength(whole.toString()) > t.config.limits.pep_item_bytes)
    throw refusal('not-acceptable', 'payload-too-big')
  return whole
}

/** §7.2 */
export function retract(t: Trip, owner: Account, action: Element): undefined {
  const node = needNode(action)
  const [item, second] = children(action, 'item')
  const id = item?.attrs.id
  if (!id) throw refusal('bad-request', 'item-required')
  if (second) throw new StanzaError('bad-request', 'One item at a time.')
  const found = findNode(t, owner, node)
  if (!isSet(found.config, 'persist_items')) throw unsupported('persistent-items')
  if (!t.store.pep.retract(owner, node, id)) throw new StanzaError('item-not-found')
  const { notify: asked } = action.attrs
  if (asked === 'true' || asked === '1' || isSet(found.config, 'notify_retract'))
    notify(t, owner, found, xml('items', { node }, xml('retract', { id })))
  t.world.published(t, owner, found)
}

/** The node that a request names. */
export function needNode(action: Element): string {
  const { node } = action.attrs
  if (!node) throw refusal('bad-request', 'nodeid-required')
  return node
}

export function findNode(t: Trip, owner: Account, node: string): PepNode {
  const found = t.store.pep.node(owner, node)
  if (!found) throw new StanzaError('item-not-found')
  return found
}
