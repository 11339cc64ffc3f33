/** Limits of an account's publications: nodes, items and bytes (`[limits] pep_…`). */
import type { Account } from '../../store/accounts.ts'
import type { PepNode } from '../../store/pep.ts'
import { StanzaError } from '../../xmpp/errors.ts'
import { isSet, maxItems, type NodeConfig, option } from '../../xmpp/pubsub.ts'
import { payloadOf } from '../../xmpp/stored.ts'
import { elements, xml } from '../../xmpp/xml.ts'
import { notify } from './notify.ts'
import type { Trip } from '../../routing/transit.ts'

/**
 * Nodes of one device each, by the namespace and the device's id: the keys of OMEMO before 0.8 (XEP-0384). Each device
 * that an account ever had leaves one, so they are counted apart, or they would lock out all else that it publishes.
 */
const BUNDLE = /^(.+):bundles:([^:]+)$/

/** Throws `resource-constraint` where one more node would be too many. */
export function makeRoom(t: Trip, owner: Account, node: string): void {
  const { pep_nodes, pep_bundles } = t.config.limits
  const all = t.store.pep.nodes(owner)
  const bundles = all.filter((known) => BUNDLE.test(known.node))
  if (!BUNDLE.test(node)) {
    if (all.length - bundles.length >= pep_nodes) throw full('all the nodes')
    return
  }
  if (bundles.length < pep_bundles) return
  const oldest = oldestUnused(t, owner, bundles)
  if (!oldest) throw full('the keys of all the devices')
  if (isSet(oldest.config, 'notify_delete')) notify(t, owner, oldest, xml('delete', { node: oldest.node }))
  t.store.pep.deleteNode(owner, oldest.node)
}

/** The one that was published first of those whose device is in no list: nobody encrypts for it any more. */
function oldestUnused(t: Trip, owner: Account, bundles: readonly PepNode[]): PepNode | undefined {
  const used = new Map<string, ReadonlySet<string>>()
  const usedOf = (prefix: string): ReadonlySet<string> => {
    const known = used.get(prefix) ?? devicesIn(t, owner, `${prefix}:devicelist`)
    used.set(prefix, known)
    return known
  }
  let oldest: { node: PepNode; seq: number } | undefined
  for (const node of bundles) {
    const [, prefix = '', device = ''] = BUNDLE.exec(node.node) ?? []
    if (usedOf(prefix).has(device)) continue
    const seq = t.store.pep.last(owner, node.node)?.seq ?? 0
    if (!oldest || seq < oldest.seq) oldest = { node, seq }
  }
  return oldest?.node
}

function devicesIn(t: Trip, owner: Account, node: string): ReadonlySet<string> {
  const list = payloadOf(t.store.pep.last(owner, node))
  return new Set(list ? elements(list).map(({ attrs }) => attrs.id ?? '') : [])
}

/**
 * Number of items that may stay when this one has come. Throws where its node is full and its owner has asked for as many as
 * there may be: that one of them is dropped was not asked for.
 */
export function roomFor(t: Trip, owner: Account, { node, config }: PepNode, id: string): number {
  const most = t.config.limits.pep_items
  if (!keepsAll(config)) return maxItems(config, most)
  const { pep } = t.store
  if (!pep.item(owner, node, id) && pep.count(owner, node) >= most) throw full('all the items of this node')
  return Number.MAX_SAFE_INTEGER
}

/** Whether an item gives way only because its owner says so. */
export function keepsAll(config: NodeConfig): boolean {
  return option(config, 'max_items') === 'max'
}

/** To be called behind what was stored. */
export function checkBytes(t: Trip, owner: Account): void {
  if (t.store.pep.bytes(owner) > t.config.limits.pep_bytes)
    throw new StanzaError('resource-constraint', 'The account has published all that it may.')
}

function full(of: string): StanzaError {
  return new StanzaError('resource-constraint', `The account has ${of} that it may have.`)
}
