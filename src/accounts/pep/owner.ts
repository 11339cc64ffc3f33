/** An owner's management of the nodes of the account (XEP-0060 §8). */
import type { Account } from '../../store/accounts.ts'
import { NS } from '../../xmpp/namespaces.ts'
import {
  applyForm,
  configForm,
  DEFAULT_CONFIG,
  isSet,
  maxItems,
  PUBSUB_OWNER,
  unsupported,
} from '../../xmpp/pubsub.ts'
import { child, type Element, xml } from '../../xmpp/xml.ts'
import { endLost, notify } from './notify.ts'
import { findNode, needNode } from './publish.ts'
import { checkBytes, keepsAll } from './room.ts'
import type { Trip } from '../../routing/transit.ts'

type Request = (t: Trip, owner: Account, action: Element) => Element | undefined

const answer = (content: Element): Element => xml('pubsub', { xmlns: PUBSUB_OWNER }, content)

export const showNode: Readonly<Record<string, Request>> = {
  /** §8.3 */
  default: () => answer(xml('default', {}, configForm(DEFAULT_CONFIG))),
  /** §8.2.1 */
  configure: (t, owner, action) => {
    const { node, config } = findNode(t, owner, needNode(action))
    return answer(xml('configure', { node }, configForm(config, groupsOf(t, owner))))
  },
  /** §8.8.1 */
  subscriptions: (t, owner, action) => {
    const { node } = findNode(t, owner, needNode(action))
    const list = t.store.pep.subscribers(owner, node)
    const items = list.map((jid) => xml('subscription', { jid, subscription: 'subscribed' }))
    return answer(xml('subscriptions', { node }, ...items))
  },
  /** §8.9.1: the owner is the only one. */
  affiliations: (t, owner, action) => {
    const { node } = findNode(t, owner, needNode(action))
    return answer(xml('affiliations', { node }, xml('affiliation', { jid: owner.jid, affiliation: 'owner' })))
  },
}

export const changeNode: Readonly<Record<string, Request>> = {
  configure,
  delete: remove,
  purge,
  affiliations: (t, owner, action) => {
    findNode(t, owner, needNode(action))
    throw unsupported('modify-affiliations')
  },
  subscriptions: (t, owner, action) => {
    findNode(t, owner, needNode(action))
    throw unsupported('manage-subscriptions')
  },
}

function groupsOf(t: Trip, owner: Account): string[] {
  return t.store.contacts.all(owner).flatMap(({ groups }) => groups)
}

/** §8.2.4, §8.2.5: what the new options leave no room for is gone. */
function configure(t: Trip, owner: Account, action: Element): undefined {
  const found = findNode(t, owner, needNode(action))
  const x = child(action, 'x', NS.forms)
  if (x?.attrs.type === 'cancel') return
  const most = t.config.limits.pep_items
  const { node } = found
  const config = applyForm(found.config, x, most)
  t.store.pep.putNode(owner, node, config)
  checkBytes(t, owner)
  endLost(t, owner, { node, config })
  if (!isSet(config, 'persist_items')) t.store.pep.purge(owner, node)
  else if (!keepsAll(config)) t.store.pep.trim(owner, node, maxItems(config, most))
  if (isSet(config, 'notify_config')) {
    const form = isSet(config, 'deliver_payloads') ? withType(configForm(config), 'result') : undefined
    notify(t, owner, { node, config }, xml('configuration', { node }, form))
  }
}

function withType(form: Element, type: string): Element {
  form.attrs.type = type
  return form
}

/** §8.4 */
function remove(t: Trip, owner: Account, action: Element): undefined {
  const found = findNode(t, owner, needNode(action))
  const { node, config } = found
  // Before it is gone: its subscribers must hear of it.
  if (isSet(config, 'notify_delete')) notify(t, owner, found, xml('delete', { node }))
  t.store.pep.deleteNode(owner, node)
  t.world.published(t, owner, found)
}

/** §8.5 */
function purge(t: Trip, owner: Account, action: Element): undefined {
  const found = findNode(t, owner, needNode(action))
  const { node, config } = found
  if (!isSet(config, 'persist_items')) throw unsupported('persistent-items')
  t.store.pep.purge(owner, node)
  if (isSet(config, 'notify_retract')) notify(t, owner, found, xml('purge', { node }))
  t.world.published(t, owner, found)
}
