/** Facts of one account as rows of the store. Each is taken once: what its owner has changed since then stays. */
import { writeOldList } from '../accounts/pep/bookmark-sync.ts'
import { publishAs } from '../accounts/pep/publish.ts'
import { putVcard } from '../accounts/vcard.ts'
import type { Trip } from '../routing/transit.ts'
import type { Account } from '../store/accounts.ts'
import { StanzaError } from '../xmpp/errors.ts'
import type { Jid } from '../xmpp/jid.ts'
import { hasBody } from '../xmpp/message.ts'
import { NS } from '../xmpp/namespaces.ts'
import { checkName, defaultsOf, merge, type NodeConfig } from '../xmpp/pubsub.ts'
import { type Element, withAttrs, xml } from '../xmpp/xml.ts'
import type { HostMap } from './hosts.ts'
import { type Fact, Refused } from './model.ts'
import type { Places } from './times.ts'
import { cleaned, delayOf, stanzaId } from './stanzas.ts'
import { register } from './write-push.ts'

export interface Owned {
  readonly t: Trip
  readonly account: Account
  readonly jid: Jid
  readonly hosts: HostMap
  readonly places: Places
}

type Handler<Kind extends Fact['kind']> = (at: Owned, fact: Extract<Fact, { kind: Kind }>) => void

const none = { name: null, groups: [], subscription: 'none', ask: false, approved: false } as const

/** By kind; those that are not here are taken elsewhere. */
export const HANDLERS: { readonly [Kind in Fact['kind']]?: Handler<Kind> } = {
  last({ t, account }, { at, status }) {
    t.store.accounts.setLastSeen(account, at, status === '' ? null : status)
  },

  contact({ t, account, hosts }, { jid, name, groups, subscription, ask, approved = false }) {
    const { bare } = hosts.map(jid)
    if (bare === account.jid) throw new Refused('a contact that is the account itself')
    const before = t.store.contacts.find(account, bare)
    if (before?.listed) throw new Refused(`the contact ${bare} is here already`)
    t.store.contacts.put(account, {
      jid: bare,
      name: name || null,
      groups: [...new Set(groups.filter((group) => group !== ''))],
      ...{ subscription, ask, approved, pending: before?.pending ?? null, listed: true },
    })
  },

  group({ t, account, hosts }, { jid, group }) {
    const contact = t.store.contacts.find(account, hosts.map(jid).bare)
    if (!contact) throw new Refused('a group of somebody who is no contact')
    if (group === '' || contact.groups.includes(group)) return
    t.store.contacts.put(account, { ...contact, groups: [...contact.groups, group] })
  },

  request({ t, account, hosts }, { jid, nick, text }) {
    const from = hosts.map(jid).bare
    const el = xml(
      'presence',
      { from, to: account.jid, type: 'subscribe' },
      text ? xml('status', {}, text) : undefined,
      nick ? xml('nick', { xmlns: NS.nick }, nick) : undefined,
    )
    const before = t.store.contacts.find(account, from)
    const contact = before ?? { ...none, groups: [], jid: from, listed: false }
    t.store.contacts.put(account, { ...contact, pending: el.toString() })
  },

  vcard({ t, account }, { el }) {
    putVcard(t, account, withAttrs(el, { xmlns: NS.vcard }))
  },

  private({ t, account }, { el }) {
    const { xmlns } = el.attrs
    if (xmlns === undefined) throw new Refused('a private document without a namespace')
    if (xmlns === NS.oldBookmarks && el.name === 'storage') return writeOldList(t, account, el)
    const text = el.toString()
    if (Buffer.byteLength(text) > t.config.limits.private_xml_bytes)
      throw new Refused('a private document beyond limits.private_xml_bytes')
    t.store.privateXml.set(account, `{${xmlns}}${el.name}`, text)
  },

  blocked({ t, account, hosts }, { jid }) {
    t.store.blocked.add(account, hosts.map(jid).toString())
  },

  push({ t, account, hosts }, fact) {
    register(t, account, hosts, fact)
  },

  'archive-prefs'({ t, account, hosts }, { mode, always, never }) {
    const mapped = (list: readonly string[]) => [...new Set(list.map((text) => hosts.map(text).bare))]
    t.store.history.setPrefs(account, { mode, always: mapped(always), never: mapped(never) })
  },

  offline({ t, account, jid, hosts, places }, { at, el }) {
    const time = at ?? delayOf(el)
    if (time === undefined) throw new Refused('a message that waits, without a time')
    const archived = archivedId(el, account)
    const known = archived !== undefined && t.store.history.has(account, archived)
    let id = known ? archived : places.first(account.jid, { at: time })
    while (t.store.messages.isStored(id)) id++
    const clean = cleaned(el, jid, hosts)
    const stamp = new Date(time / 1000).toISOString()
    const stored = withAttrs(clean, {})
    stored.children = [
      ...clean.children,
      ...(known ? [xml('stanza-id', stanzaId(id, account.jid))] : []),
      ...(delayOf(el) === undefined ? [xml('delay', { xmlns: NS.delay, from: account.host, stamp })] : []),
    ]
    t.store.messages.storeOffline(account, id, stored.toString(), hasBody(clean))
  },

  node({ t, account }, { node, options }) {
    const before = t.store.pep.node(account, checkName(node))?.config
    const config = [...options].reduce(
      (made, [name, values]) => withOption(made, name, values, t.config.limits.pep_items),
      before ?? defaultsOf(node),
    )
    t.store.pep.putNode(account, node, config)
  },

  item({ t, account }, { node, id, payload }) {
    const { xmlns } = payload?.attrs ?? {}
    if (!payload || xmlns === undefined) throw new Refused(`an item of ${node} without a payload`)
    // Made of another form of the same thing, such as the picture of the vCard.
    if (t.store.pep.item(account, node, id)) return
    publishAs(t, account, node, { id: checkName(id), payload })
  },
}

/** An option that cannot be had here leaves the node as it is. */
function withOption(config: NodeConfig, name: string, values: readonly string[], most: number): NodeConfig {
  try {
    return merge(config, new Map([[name, values]]), most)
  } catch (error) {
    if (error instanceof StanzaError) return config
    throw error
  }
}

/** The id in the owner's archive that a stanza of ejabberd notes of itself. */
function archivedId(el: Element, account: Account): number | undefined {
  for (const node of el.children)
    if (typeof node !== 'string' && node.name === 'stanza-id' && node.attrs.xmlns === NS.stanzaId) {
      const id = Number(node.attrs.id)
      if (Number.isSafeInteger(id) && id > 0 && account.jid !== '') return id
    }
  return undefined
}
