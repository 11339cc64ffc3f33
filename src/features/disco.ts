/** Service Discovery (XEP-0030) of the server and of accounts, from what the features advertise. */
import type { Feature, HookResult } from '../routing/feature.ts'
import { findsNothing } from '../accounts/nobody.ts'
import { maySee } from '../accounts/roster.ts'
import type { DiscoIndex, Transit } from '../routing/transit.ts'
import type { Account } from '../store/accounts.ts'
import { discoContent, type DiscoInfo } from '../xmpp/disco.ts'
import { StanzaError } from '../xmpp/errors.ts'
import { NS } from '../xmpp/namespaces.ts'
import { type Element, xml } from '../xmpp/xml.ts'

export const disco: Feature = {
  name: 'disco',
  xeps: [{ number: 30, version: '2.5.0' }],
  disco: {
    server: [NS.discoInfo, NS.discoItems],
    account: [NS.discoInfo, NS.discoItems],
    identities: [
      { of: 'server', category: 'server', type: 'im', name: 'Belfry' },
      { of: 'account', category: 'account', type: 'registered' },
    ],
  },
  iq: {
    [`server get {${NS.discoInfo}}query`]: (t, query) => info(t, query, 'server'),
    [`server get {${NS.discoItems}}query`]: (t, query) => serverItems(t, query),
    [`user get {${NS.discoInfo}}query`]: (t, query) => {
      const account = asked(t)
      const content = ofNode(t, account, query.attrs.node)
      if (content) return xml('query', { xmlns: NS.discoInfo, node: query.attrs.node }, ...content)
      onlyContacts(t, account)
      return info(t, query, 'account')
    },
    [`user get {${NS.discoItems}}query`]: (t, query) => {
      const account = asked(t)
      const found = t.world.disco.nodes?.flatMap((nodes) => nodes.items(t, account)) ?? []
      // What is there for everyone is told to everyone.
      if (found.length > 0 || maySee(t, account, t.stanza.from.bare)) return items(query, found)
      return xml('query', { xmlns: NS.discoItems, node: query.attrs.node })
    },
  },

  /** §8: nobody looks like an account that shows nothing. */
  sent(t): HookResult {
    const { to } = t.stanza
    if (!to || to.local === '' || t.world.homes.of(to) !== 'here' || t.store.accounts.find(to.bare)) return
    return findsNothing(t) ? 'stop' : undefined
  },
}

function info(t: Transit, query: Element, of: 'server' | 'account'): Element {
  const { disco: index } = t.world
  const { node } = query.attrs
  const content = of === 'server' ? ofServerNode(t, node, 'info') : undefined
  if (content) return xml('query', { xmlns: NS.discoInfo, node }, ...content)
  // XEP-0115 §6.2: our own caps node is the same answer under another name.
  if (node !== undefined && !node.startsWith(`${index.capsNode}#`)) throw new StanzaError('item-not-found')
  return xml('query', { xmlns: NS.discoInfo, node }, ...discoContent(infoOf(index, of)))
}

/** Entries of the index for the server or for an account. */
const infoOf = (index: DiscoIndex, of: 'server' | 'account'): DiscoInfo => ({
  identities: index.identities.filter((identity) => identity.of === of),
  features: index[of],
  forms: of === 'server' ? index.forms : [],
})

function serverItems(t: Transit, query: Element): Element {
  const { node } = query.attrs
  if (node === undefined) {
    const { domains, disco: index } = t.world
    const services = domains.servicesOf(t.stanza.to?.domain ?? '')
    const below = index.serverNodes?.flatMap((nodes) => nodes.items(t, undefined) ?? []) ?? []
    return items(query, [
      ...services.map(({ domain, service: { name } }) => xml('item', { jid: domain, name })),
      ...below,
    ])
  }
  const found = ofServerNode(t, node, 'items')
  return found ? xml('query', { xmlns: NS.discoItems, node }, ...found) : items(query)
}

function ofServerNode(t: Transit, node: string | undefined, what: 'info' | 'items'): Element[] | undefined {
  if (node === undefined) return undefined
  for (const nodes of t.world.disco.serverNodes ?? []) {
    const found = nodes[what](t, node)
    if (found) return found
  }
  return undefined
}

function items(query: Element, found: readonly Element[] = []): Element {
  if (query.attrs.node !== undefined) throw new StanzaError('item-not-found')
  return xml('query', { xmlns: NS.discoItems }, ...found)
}

function asked(t: Transit): Account {
  const account = t.store.accounts.find((t.stanza.to ?? t.stanza.from).bare)
  if (!account) throw new StanzaError('service-unavailable')
  return account
}

function ofNode(t: Transit, account: Account, node: string | undefined): Element[] | undefined {
  if (node === undefined) return undefined
  for (const nodes of t.world.disco.nodes ?? []) {
    const found = nodes.info(t, account, node)
    if (found) return found
  }
  return undefined
}

/** XEP-0030 §8: strangers must not learn from this whether an account exists. */
function onlyContacts(t: Transit, account: Account): void {
  if (!maySee(t, account, t.stanza.from.bare)) throw new StanzaError('service-unavailable')
}
