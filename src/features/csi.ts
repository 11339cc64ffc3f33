/**
 * Client State Indication (XEP-0352): a client in the background hears at once what rings and what it asked for;
 * presence, typing and what others publish wait, the newest of a kind in place of the older. A session without a
 * stream (XEP-0198 §5) is spared the same.
 */
import { classify } from '../push/rules/classify.ts'
import { touch } from '../push/schedule/in-use.ts'
import { useEnded } from '../push/schedule/schedule.ts'
import type { Feature, NonzaStream, HookResult } from '../routing/feature.ts'
import type { Session } from '../routing/session.ts'
import { sessionState } from '../routing/session-state.ts'
import type { Trip, World } from '../routing/transit.ts'
import { isArchiveResult, isForOffline, isOnlyState } from '../xmpp/message.ts'
import { isSubscriptionType } from '../xmpp/subscription.ts'
import { child, type Element, elements, firstElement, StoredElement, xml } from '../xmpp/xml.ts'
import { NS } from '../xmpp/namespaces.ts'

const CSI = 'urn:xmpp:csi:0'

interface Queue {
  /** By what a newer one replaces; in the order of the newest. */
  readonly els: Map<string, Element>
  count: number
}

const queues = sessionState<Queue>('csi')
/** Sessions whose queued elements are being written at the moment. */
const flushing = sessionState<boolean>('csi flushing')

export const csi: Feature = {
  name: 'csi',
  xeps: [{ number: 352, version: '1.0.0' }],
  streamFeatures: (s) => (s.authenticated ? [xml('csi', { xmlns: CSI })] : []),
  nonza: {
    [`bound {${CSI}}active`]: (t, stream) => become(t, stream, false),
    [`bound {${CSI}}inactive`]: (t, stream) => become(t, stream, true),
  },

  inline: {
    bind: {
      [`{${CSI}}active`]: (t, session) => put(t, session, false),
      [`{${CSI}}inactive`]: (t, session) => put(t, session, true),
    },
  },

  /** RFC 6121 §4.5: who goes hears no more of others, so what waits of theirs is old when it comes back. */
  sent(t): HookResult {
    const { origin, stanza } = t
    if (!origin || stanza.kind !== 'presence' || stanza.to || stanza.type !== 'unavailable') return
    t.after(() => forgetPresence(origin))
  },

  writing(session, el, world): HookResult {
    if ((!session.inactive && !session.hibernating) || flushing.get(session)) return
    const key = keyOf(el)
    if (key !== undefined) return enqueue(world, session, key, el)
    // What has waited comes first, so that the order is kept (RFC 6120 §10.1).
    if (isAnswer(el)) return
    if (!session.hibernating) flush(world, session)
    // With nobody there, all but the messages of a conversation may wait on.
    else if (el.name === 'message') flush(world, session, isTalk)
  },

  /** §5.1: a session that comes back is active. */
  resumed(session, world) {
    session.inactive = false
    flush(world, session)
  },

  /** Elements that wait go where the rest is kept. */
  stopping(t) {
    for (const session of t.sessions.all()) if (session.hibernating) flush(t.world, session)
  },
}

function become(t: Trip, { session }: NonzaStream, inactive: boolean): void {
  if (session) put(t, session, inactive)
}

function put(t: Trip, session: Session, inactive: boolean): undefined {
  if (!inactive) touch(t, session)
  if (session.inactive === inactive) return
  session.inactive = inactive
  if (inactive) useEnded(t, session.account)
  t.undo(() => (session.inactive = !inactive))
  if (!inactive) t.after(() => flush(t.world, session))
}

function enqueue(world: World, session: Session, key: string, el: Element): HookResult {
  let queue = queues.get(session)
  if (!queue) queues.put(session, (queue = { els: new Map(), count: 0 }))
  const { els } = queue
  const full = key === '' ? String(queue.count++) : key
  els.delete(full)
  els.set(full, el)
  if (els.size > world.config.limits.csi_queue) flush(world, session)
  return 'stop'
}

/** Writes what waits, or those of it that are meant. */
function flush(world: World, session: Session, isMeant: (el: Element) => boolean = () => true): void {
  const queue = queues.get(session)
  if (!queue) return
  const due = [...queue.els].filter(([, el]) => isMeant(el))
  for (const [key] of due) queue.els.delete(key)
  if (queue.els.size === 0) queues.put(session, undefined)
  flushing.put(session, true)
  for (const [, el] of due) world.outbound.deliver(session, el)
  flushing.put(session, undefined)
}

function forgetPresence(session: Session): void {
  const queue = queues.get(session)
  for (const [key, { name }] of queue?.els ?? []) if (name === 'presence') queue?.els.delete(key)
}

/** Key by which a newer one makes an older one pointless; '' for what waits beside all others; undefined for what cannot wait. */
function keyOf(el: Element): string | undefined {
  // What lay in the store has waited enough, and is not read again.
  if (isOpaque(el) || isAnswer(el)) return undefined
  const { from = '', type = '' } = el.attrs
  if (el.name === 'presence') return isSubscriptionType(type) ? undefined : `presence ${from}`
  if (el.name !== 'message' || type === 'error') return undefined
  const event = child(el, 'event', NS.pubsubEvent)
  if (event) return eventKey(from, event)
  const carbon = elements(el).find(({ attrs }) => attrs.xmlns === NS.carbons)
  if (carbon) return carbon.name === 'received' && rings(forwardedIn(carbon)) ? undefined : ''
  if (rings(el)) return undefined
  // What its sender wants to be stored (XEP-0334 §4.4) is no passing state.
  return isOnlyState(el) && !isForOffline(el) ? `state ${from}` : ''
}

const isTalk = (el: Element): boolean =>
  el.name === 'message' && child(el, 'event', NS.pubsubEvent) === undefined

/** XEP-0163 §3: an item replaces the one of its id. */
function eventKey(from: string, event: Element): string {
  const items = firstElement(event)
  const item = items && firstElement(items)
  if (items?.name !== 'items' || item?.name !== 'item' || items.children.length > 1) return ''
  return `event ${from} ${items.attrs.node ?? ''} ${item.attrs.id ?? ''}`
}

/** A call that is over must stop ringing at once as well. */
function rings(el: Element | undefined): boolean {
  if (!el) return false
  const { kind, rule } = classify(el)
  return kind === 'ring' || rule === 'call-ended'
}

function forwardedIn(carbon: Element): Element | undefined {
  const forwarded = child(carbon, 'forwarded', NS.forward)
  return forwarded && elements(forwarded).find(({ name }) => name === 'message')
}

/** Elements that were asked for: answers, and the history that comes before one (XEP-0313 §4.2). */
function isAnswer(el: Element): boolean {
  return el.name === 'iq' || elements(el).some(isArchiveResult)
}

/** Text of which nothing is known but its name. */
function isOpaque(el: Element): boolean {
  return el instanceof StoredElement && el.children.length === 0
}
