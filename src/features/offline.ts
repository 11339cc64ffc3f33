/**
 * Offline storage (XEP-0160) with delay stamps (XEP-0203). A stored message goes only when the client has shown that
 * it got it (routing/redelivery.ts); until then the next page waits.
 */
import { z } from 'zod'
import type { Feature, Given, Outcome, HookResult } from '../routing/feature.ts'
import type { Session } from '../routing/session.ts'
import { sessionState } from '../routing/session-state.ts'
import { serverPing } from '../routing/ping.ts'
import { type Trip, flushAfterOffline } from '../routing/transit.ts'
import { boxFull, give, isBoxFull } from '../routing/delivery.ts'
import type { Account } from '../store/accounts.ts'
import type { Stored } from '../store/messages.ts'
import { offlineStored } from '../metrics/metrics.ts'
import { delay } from '../xmpp/forward.ts'
import { hasBody, isForOffline } from '../xmpp/message.ts'
import { StoredElement } from '../xmpp/xml.ts'

interface Catch {
  /** The last id that was written. */
  readonly last: number
  /** More waits: the next page goes out when the client has shown that it has this one. */
  readonly more: boolean
}

const SAVED = z.object({ last: z.number(), more: z.boolean() })

const catching = sessionState<Catch>('offline', {
  saved: {
    write: (state) => state,
    // What waits, perhaps only since the start, is found by the client's next sign of life.
    read: (saved) => ({ last: SAVED.parse(saved).last, more: true }),
  },
})

/**
 * Sessions bound by XEP-0386: what came before this id they fetch from the archive, also what lands in offline storage
 * only later, since the session that they replaced had not acknowledged it.
 */
const fetching = sessionState<number>('offline fetching')

export const offline: Feature = {
  name: 'offline',
  xeps: [
    { number: 160, version: '1.0.1' },
    { number: 203, version: '2.0' },
  ],
  disco: { server: ['msgoffline'], account: ['msgoffline'] },

  sent(t): HookResult {
    const { origin, stanza } = t
    if (!origin) return
    goOn(t, origin)
    if (stanza.kind !== 'presence' || stanza.to || stanza.type !== '') return
    // §2: only who takes messages to the bare JID gets what was stored for it.
    if (origin.priority >= 0 && !origin.delivery.sendingOffline) start(t, origin)
  },

  /** XEP-0386 §4.2: the client fetches from the archive; what is not there comes as ever. */
  bound(t, session) {
    const before = t.store.messages.nextId()
    fetching.set(t, session, before)
    clearArchived(t, session.account, before)
    return undefined
  },

  delivery: {
    acknowledged: goOn,
    requeued: offerElsewhere,
  },

  missed(t): Outcome | void {
    const { owner, to } = t
    const { el, type } = t.stanza
    if (type === 'error' || type === 'headline') return
    if (!isForOffline(el)) return
    if (isBoxFull(t, owner)) {
      offlineStored.inc({ result: 'full' })
      // What the archive has taken is not lost, and an error would have it sent again.
      if (t.storedId !== undefined) return 'stored'
      throw boxFull()
    }
    const id = t.storedId ?? t.store.messages.nextId()
    const text = el instanceof StoredElement ? el : StoredElement.of(el)
    const stored = StoredElement.extended(text, delay(t.now, to.domain))
    t.store.messages.storeOffline(owner, id, stored.toString(), hasBody(el))
    t.storedId = id
    t.after(() => offlineStored.inc({ result: 'stored' }))
    return 'stored'
  },
}

/** Another client of the account may be there: it gets what one that is gone did not. */
function offerElsewhere(t: Trip, account: Account, messages: readonly Given[]): void {
  for (const session of t.sessions.of(account.jid)) {
    const before = fetching.get(session)
    if (before !== undefined && messages.some(({ id }) => id < before)) clearArchived(t, account, before)
    const state = catching.get(session)
    if (!state || !session.takesMessages) continue
    catching.set(t, session, { last: 0, more: true })
    goOn(t, session)
  }
}

function clearArchived(t: Trip, account: Account, before: number): void {
  if (t.store.messages.dropArchived(account, before)) t.soon((next) => clearArchived(next, account, before))
}

function goOn(t: Trip, session: Session): void {
  const state = catching.get(session)
  if (state?.more && !owesPage(session)) writePage(t, session, state)
}

/** Whether it was given offline messages that it has not shown to have; what came by itself keeps no page back. */
function owesPage({ delivery }: Session): boolean {
  for (const { given } of delivery.inFlight.values()) if (!given.live) return true
  return false
}

function start(t: Trip, session: Session): void {
  const before = catching.get(session)
  // A session that was away for a while goes on where it stopped.
  writePage(t, session, before ?? { last: 0, more: true })
}

function writePage(t: Trip, session: Session, state: Catch): void {
  const { delivery } = session
  const { sendingOffline } = delivery
  t.undo(() => (delivery.sendingOffline = sendingOffline))
  // A session that has become unavailable gets the rest after its next presence.
  const page = session.takesMessages ? nextPage(t, session, state.last) : []
  const last = page.at(-1)?.id ?? state.last
  const more = page.length > 0 && t.store.messages.waiting(session.account, last, 1).length > 0
  catching.set(t, session, { last, more })
  delivery.sendingOffline = more
  if (page.length > 0) writeRows(t, session, page)
  if (!more) flushAfterOffline(t, session)
}

function writeRows(t: Trip, session: Session, page: readonly Stored[]): void {
  for (const { id, xml: text } of page) {
    const el = new StoredElement('message', text)
    give(t, session, {
      id,
      account: session.account,
      el,
      live: false,
      stored: true,
      archived: false,
      ofRoom: false,
      awaited: 0,
      arrived: false,
    })
    t.write(session, el)
  }
  // A client with stream management is asked for an acknowledgement instead, by `sm`.
  if (!session.delivery.acknowledges) t.write(session, serverPing(t.world, session))
}

/**
 * At least one message, where there is one; without those that the session was given already. A full box neither holds
 * the loop nor overflows the send buffer of a phone on a slow line.
 */
function nextPage(t: Trip, session: Session, last: number): Stored[] {
  const { offline_page, offline_page_bytes } = t.config.limits
  const given = new Set([...session.delivery.inFlight.values()].map((entry) => entry.given.id))
  const found = t.store.messages
    .waiting(session.account, last, offline_page + given.size)
    .filter(({ id }) => !given.has(id))
    .slice(0, offline_page)
  let bytes = 0
  const end = found.findIndex(({ xml: text }) => (bytes += Buffer.byteLength(text)) > offline_page_bytes)
  return end < 0 ? found : found.slice(0, Math.max(end, 1))
}
