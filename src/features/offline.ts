/**
 * Offline storage (XEP-0160) with delay stamps (XEP-0203). A stored message goes only when the client has shown that
 * it got it: by anything it sends, or by an orderly close, after the bytes were written. A ping asks for that sign.
 */
import type { Feature, Outcome, Verdict } from '../routing/feature.ts'
import type { Session } from '../routing/session.ts'
import type { Trip } from '../routing/transit.ts'
import type { Stored } from '../store/messages.ts'
import { limitsHit, offlineStored } from '../metrics.ts'
import { StanzaError } from '../xmpp/errors.ts'
import { delay } from '../xmpp/forward.ts'
import { hasBody, isForOffline } from '../xmpp/message.ts'
import { clone, StoredElement, xml } from '../xmpp/xml.ts'

/**
 * Messages and bytes written before the client must show that it reads: a full box neither holds the loop nor
 * overflows the send buffer of a phone on a slow line.
 */
const PAGE = { messages: 100, bytes: 131_072 }

interface Catch {
  /** Ids that were written and wait for a sign of life. */
  written: number[]
  /** The last id that was written. */
  last: number
  /** A page was written and nothing was heard since. */
  asked: boolean
  /** More waits: the next page goes out at the next sign of life. */
  more: boolean
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
    const state = catching.get(origin)
    if (state) {
      confirm(t, origin, state)
      if (state.more && !state.asked) writePage(t, origin, state)
    }
    if (stanza.kind !== 'presence' || stanza.to || stanza.type !== '') return
    // §2: only who takes messages to the bare JID gets what was stored for it.
    if (origin.priority >= 0 && !origin.catchingUp) start(t, origin)
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
    stored.append(delay(t.now, to.domain))
    t.store.messages.hold(account, id, stored.toString(), hasBody(el))
    t.storedId ??= id
    offlineStored.inc({ result: 'stored' })
    // Who is catching up gets it at the end of what waits.
    for (const session of t.sessions.of(to.bare)) {
      if (session.catchingUp && session.takesMessages) t.takers.push(session)
    }
    return t.takers.length > 0 ? 'took' : 'held'
  },

  closed(t, session) {
    const state = catching.get(session)
    if (!state || !session.orderly) return
    // An orderly close comes as </stream:stream>, which a client sends after it has read what we wrote. It is a trip
    // of its own: that others hear of the end must not hang on these rows.
    t.soon((next) => confirm(next, session, state))
  },
}

function start(t: Trip, session: Session): void {
  const before = catching.get(session)
  // A session that was away for a while goes on where it stopped.
  const state = before ?? { written: [], last: 0, asked: false, more: true }
  if (!before) {
    catching.set(session, state)
    t.undo(() => catching.delete(session))
  }
  writePage(t, session, state)
}

function writePage(t: Trip, session: Session, state: Catch): void {
  const { more, last, asked } = state
  const { catchingUp } = session
  t.undo(() => {
    state.more = more
    state.last = last
    state.asked = asked
    session.catchingUp = catchingUp
  })
  // Who has become unavailable gets the rest when it comes back.
  const page = session.takesMessages ? nextPage(t, session, last) : []
  const ids = page.map(({ id }) => id)
  state.last = ids.at(-1) ?? last
  state.more = page.length > 0 && t.store.messages.waiting(session.account, state.last, 1).length > 0
  session.catchingUp = state.more
  if (page.length === 0) return
  state.asked = true
  for (const { xml: text } of page) t.write(session, new StoredElement('message', text))
  t.after(() => void state.written.push(...ids))
  ping(t, session)
}

/** At least one message, where there is one. */
function nextPage(t: Trip, session: Session, last: number): Stored[] {
  const found = t.store.messages.waiting(session.account, last, PAGE.messages)
  let bytes = 0
  const end = found.findIndex(({ xml: text }) => (bytes += Buffer.byteLength(text)) > PAGE.bytes)
  return end < 0 ? found : found.slice(0, Math.max(end, 1))
}

/** Asks for a sign of life; whatever the client sends after this is one. */
function ping(t: Trip, session: Session): void {
  const id = `belfry-${t.world.random.bytes(6).toString('base64url')}`
  const attrs = { type: 'get', id, from: session.jid.domain, to: session.jid.toString() }
  t.write(session, xml('iq', attrs, xml('ping', { xmlns: 'urn:xmpp:ping' })))
}

function confirm(t: Trip, session: Session, state: Catch): void {
  const { written, asked } = state
  if (written.length === 0) return
  t.undo(() => {
    state.written = written
    state.asked = asked
  })
  state.written = []
  state.asked = false
  t.store.messages.delivered(session.account, written)
}
