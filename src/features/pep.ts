/**
 * Personal Eventing (XEP-0163): every account is a small publish-subscribe service (XEP-0060) with one publisher, its
 * owner. What others may read follows the roster; what they hear of follows what their clients ask for.
 */
import type { Feature, Incoming, IqHandler, HookResult } from '../routing/feature.ts'
import { forgetCaps, readAnswer, readCaps, wants } from '../accounts/pep/caps.ts'
import { changeNode, showNode } from '../accounts/pep/owner.ts'
import { hideFromStrangers, mayRead, sendLastItems, welcome } from '../accounts/pep/notify.ts'
import { createNode, publish, retract } from '../accounts/pep/publish.ts'
import { affiliations, retrieve, subscribe, subscriptions, unsubscribe } from '../accounts/pep/read.ts'
import type { Transit } from '../routing/transit.ts'
import type { Account } from '../store/accounts.ts'
import { StanzaError } from '../xmpp/errors.ts'
import { metaData, PUBSUB, PUBSUB_EVENT, PUBSUB_OWNER, unsupported } from '../xmpp/pubsub.ts'
import { child, type Element, firstElement, withAttrs, xml } from '../xmpp/xml.ts'

/** Feature names of XEP-0060 §10, as far as an account has them. */
const ABILITIES = [
  'access-open',
  'access-presence',
  'access-roster',
  'access-whitelist',
  'auto-create',
  'auto-subscribe',
  'config-node',
  'config-node-max',
  'create-and-configure',
  'create-nodes',
  'delete-items',
  'delete-nodes',
  'filtered-notifications',
  'instant-nodes',
  'item-ids',
  'last-published',
  'meta-data',
  'multi-items',
  'persistent-items',
  'presence-notifications',
  'presence-subscribe',
  'publish',
  'publish-options',
  'pubsub-on-a-jid',
  'purge-nodes',
  'retract-items',
  'retrieve-affiliations',
  'retrieve-default',
  'retrieve-items',
  'retrieve-subscriptions',
  'rsm',
  'subscribe',
]

type Request = (t: Transit, owner: Account, action: Element, pubsub: Element) => Element | undefined

/** Requests of the owner alone; anyone else is forbidden to ask (XEP-0060 §7.1.3.1, §8). */
const OWN: Readonly<Record<string, Request>> = { create: createNode, configure: misplaced, publish, retract }
/** Requests of whoever may read. */
const OPEN: Readonly<Record<string, Request>> = { subscribe, unsubscribe }
const READ: Readonly<Record<string, Request>> = { items: retrieve, subscriptions, affiliations }

/** Features of XEP-0060 §10 that are missed by requests of another name. */
const MISSING = new Map([
  ['options', 'subscription-options'],
  ['default', 'subscription-options'],
])

export const pep: Feature = {
  name: 'pep',
  xeps: [
    { number: 60, version: '1.30.0', note: 'on accounts, as far as XEP-0163 needs it' },
    { number: 163, version: '1.2.2' },
    { number: 223, version: '1.1.1' },
  ],
  disco: {
    // XEP-0223 §5: whether private data can be kept is asked of the server.
    server: [`${PUBSUB}#publish-options`],
    account: [PUBSUB, ...ABILITIES.map((name) => `${PUBSUB}#${name}`)],
    identities: [
      { of: 'server', category: 'pubsub', type: 'pep' },
      { of: 'account', category: 'pubsub', type: 'pep' },
    ],
    nodes: { items, info },
  },
  iq: {
    [`user get {${PUBSUB}}pubsub`]: dispatch(READ, {}),
    [`user set {${PUBSUB}}pubsub`]: dispatch(OPEN, OWN),
    [`user get {${PUBSUB_OWNER}}pubsub`]: dispatch({}, showNode),
    [`user set {${PUBSUB_OWNER}}pubsub`]: dispatch({}, changeNode),
  },

  received: fansOut,

  sent(t): HookResult {
    const { stanza, origin } = t
    if (!origin) return
    // Accounts publish through their server; what a client calls an event is none, and must not pass for one.
    if (stanza.kind === 'message' && child(stanza.el, 'event', PUBSUB_EVENT))
      throw new StanzaError('not-allowed', 'Only a service sends events.')
    if (stanza.kind === 'iq') {
      if (stanza.to && !t.isOwn(stanza.to)) return
      const fresh = readAnswer(t, origin)
      if (!fresh) return
      if (origin.available) sendLastItems(t, origin, fresh)
      return 'stop'
    }
    if (stanza.kind !== 'presence') return
    if (stanza.type === 'subscribed' && stanza.to) welcome(t, origin.account, stanza.to)
    if (stanza.to) return
    if (stanza.type === '') sendLastItems(t, origin, readCaps(t, origin, stanza.el))
    else if (stanza.type === 'unavailable') forgetCaps(t, origin)
  },
}

/** An event of an account on another node, for whichever clients want it (XEP-0163 §4.3.2). */
function fansOut(t: Incoming): HookResult {
  const { stanza, owner, to } = t
  if (stanza.kind !== 'message' || !to.isBare || t.world.homes.of(stanza.from) !== 'node') return
  const event = child(stanza.el, 'event', PUBSUB_EVENT)
  const node = event && firstElement(event)?.attrs.node
  if (node === undefined) return
  for (const session of t.sessions.of(owner.jid))
    if (session.available && wants(session, node))
      t.write(session, withAttrs(stanza.el, { to: session.jid.toString() }))
  return 'stop'
}

/** One handler for a `pubsub` element: what it does is said by its first child. */
function dispatch(
  forAll: Readonly<Record<string, Request>>,
  own: Readonly<Record<string, Request>>,
): IqHandler {
  return (t, pubsub) => {
    const { from, to } = t.stanza
    const owner = t.store.accounts.find((to ?? from).bare)
    const action = firstElement(pubsub)
    if (!owner) throw new StanzaError('service-unavailable')
    const isOwner = from.bare === owner.jid
    if (!isOwner) hideFromStrangers(t, owner, from.bare)
    if (!action) throw new StanzaError('bad-request', 'The request is empty.')
    const request = forAll[action.name] ?? own[action.name]
    if (!request) throw unsupported(MISSING.get(action.name) ?? action.name)
    if (!isOwner && request === own[action.name]) throw new StanzaError('forbidden')
    return request(t, owner, action, pubsub)
  }
}

/** XEP-0060 §8.1.3 */
function misplaced(): undefined {
  throw new StanzaError('bad-request', 'What configures a new node stands behind its creation.')
}

/** XEP-0163 §6.2: only what the one who asks may read. */
function items(t: Transit, owner: Account): Element[] {
  return t.store.pep
    .nodes(owner)
    .filter(({ config }) => mayRead(t, owner, config, t.stanza.from.bare))
    .map(({ node, config }) => xml('item', { jid: owner.jid, node, name: config.title[0] }))
}

/** XEP-0060 §5.3, §5.4 */
function info(t: Transit, owner: Account, node: string): Element[] | undefined {
  const found = t.store.pep.node(owner, node)
  if (!found || !mayRead(t, owner, found.config, t.stanza.from.bare)) return undefined
  return [
    xml('identity', { category: 'pubsub', type: 'leaf', name: found.config.title[0] }),
    xml('feature', { var: PUBSUB }),
    metaData(found.config, owner.jid),
  ]
}
