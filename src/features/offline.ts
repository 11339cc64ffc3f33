/**
 * Offline storage (XEP-0160) with delay stamps (XEP-0203). A stored message goes only when the client has shown that
 * it got it: by anything it sends, or by an orderly close, after the bytes were written. A ping asks for that sign.
 */
import type { Feature, Outcome, Verdict } from '../routing/feature.ts'
import type { Session } from '../routing/session.ts'
import type { Trip } from '../routing/transit.ts'
import { limitsHit, offlineStored } from '../metrics.ts'
import { StanzaError } from '../xmpp/errors.ts'
import { hasBody, isForOffline } from '../xmpp/message.ts'
import { NS } from '../xmpp/namespaces.ts'
import { clone, StoredElement, xml } from '../xmpp/xml.ts'

/** Messages written per trip, so that a full box does not hold the loop. */
const PAGE = 100

interface Catch {
  /** Ids that were written and wait for a sign of life. */
  written: number[]
  /** The last id that was written. */
  last: number
}

const catching = new WeakMap<Session, Catch>()

export const offline: Feature = {
  name: 'offline',
  xeps: [
    { number: 160, version: '1.0.1' },
    { number: 203, version: '2.0' },
  ],
  disco: { server: ['msgoffline'], account: ['msgoffline'] },

  sent(t): Verdict {
    const { origin, stanza } = t
    if (!origin) return
    confirm(t, origin)
    if (stanza.kind !== 'presence' || stanza.to || stanza.type !== '') return
    // §2: only who takes messages to the bare JID gets what was stored for it.
    if (origin.priority >= 0 && !catching.has(origin)) start(t, origin)
  },

  missed(t, to): Outcome | void {
    const { el, type } = t.stanza
    if (type === 'error' || type === 'headline') return
    if (!isForOffline(el)) return
    const account = t.store.accounts.find(to.bare)
    if (!account) return
    const { messages, bytes } = t.store.messages.offlineSize(account)
    const { offline_messages, offline_bytes } = t.config.limits
    if (messages >= offline_messages || bytes >= offline_bytes) {
      offlineStored.inc({ result: 'full' })
      limitsHit.inc({ limit: 'offline_messages' })
      // §3: a full box is told to the sender, so that nothing is lost unseen.
      throw new StanzaError('service-unavailable', 'The recipient’s offline storage is full.')
    }
    const id = t.store.messages.nextId()
    const stored = clone(el)
    const stamp = new Date(t.now).toISOString()
    const delay = xml('delay', { xmlns: NS.delay, from: to.domain, stamp })
    delay.parent = stored
    stored.children.push(delay)
    t.store.messages.hold(account, id, stored.toString(), hasBody(el))
    t.storedId ??= id
    offlineStored.inc({ result: 'stored' })
    return 'held'
  },

  closed(t, session) {
    // An orderly close comes as </stream:stream>, which a client sends after it has read what we wrote.
    if (session.orderly) confirm(t, session)
  },
}

function start(t: Trip, session: Session): void {
  const state: Catch = { written: [], last: 0 }
  catching.set(session, state)
  session.catchingUp = true
  t.undo(() => {
    catching.delete(session)
    session.catchingUp = false
  })
  writePage(t, session, state)
}

function writePage(t: Trip, session: Session, state: Catch): void {
  if (session.closed) return
  const page = t.store.messages.waiting(session.account, state.last, PAGE)
  for (const { xml: text } of page) t.write(session, new StoredElement('message', text))
  const ids = page.map(({ id }) => id)
  const last = ids.at(-1)
  if (last === undefined || page.length < PAGE) session.catchingUp = false
  if (last === undefined) {
    if (state.last > 0) ping(t, session)
    return
  }
  t.after(() => {
    state.written.push(...ids)
    state.last = last
    if (page.length === PAGE) t.world.soon((next) => writePage(next, session, state))
  })
  if (page.length < PAGE) ping(t, session)
}

/** Asks for a sign of life; whatever the client sends after this is one. */
function ping(t: Trip, session: Session): void {
  const id = `belfry-${t.world.random.bytes(6).toString('base64url')}`
  const attrs = { type: 'get', id, from: session.jid.domain, to: session.jid.toString() }
  t.write(session, xml('iq', attrs, xml('ping', { xmlns: 'urn:xmpp:ping' })))
}

function confirm(t: Trip, session: Session): void {
  const state = catching.get(session)
  if (!state || state.written.length === 0) return
  const ids = state.written
  t.undo(() => (state.written = ids))
  state.written = []
  t.store.messages.delivered(session.account, ids)
}
