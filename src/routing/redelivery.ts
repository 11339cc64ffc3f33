/**
 * Whether a message arrived: until the client has shown that it did, the message is kept. Clients with stream management
 * (XEP-0198) acknowledge, and a row keeps what they did not; of others any stanza after the message is the sign, a ping
 * asks for one, and memory keeps the message. A session that shows nothing is unresponsive, and the phone is rung meanwhile.
 */
import { perObject } from '../per-object.ts'
import type { Feature, Given, Incoming, HookResult } from './feature.ts'
import { serverPing } from './ping.ts'
import { RoomCopy, type RoomMessage } from './outcome.ts'
import type { Session } from './session.ts'
import type { Account } from '../store/accounts.ts'
import type { Trip, World } from './transit.ts'
import {
  abandon,
  becomeOverdue,
  boxFull,
  confirm,
  FRESH,
  give,
  givenOfRoom,
  isBoxFull,
  oldest,
  trim,
  written,
} from './delivery.ts'
import { delay } from '../xmpp/forward.ts'
import { hasBody, isForOffline } from '../xmpp/message.ts'
import { readStored } from '../xmpp/stored.ts'
import { type Element, StoredElement } from '../xmpp/xml.ts'

/** A client without stream management is asked after this part of `sm.ack_timeout`: most say something by themselves. */
const ASKED_AFTER = 1 / 5
/** Messages that one trip puts back into offline storage. */
const BATCH = 200

interface Watch {
  cancel: () => void
  /** Monotonic ms of the last ping. */
  askedAt: number
}

/** The sessions of which a sign is awaited. */
const watches = new WeakMap<Session, Watch>()

export const redelivery: Feature = {
  name: 'redelivery',
  xeps: [],

  /** A stanza after the bytes were written: they have been read. */
  sent(t): HookResult {
    if (t.origin && !t.origin.delivery.acknowledges) confirm(t, t.origin)
  },

  writing(session, el, world): HookResult {
    if (written(session, el, world.clock.monotonic())) awaitSign(world, session)
  },

  closed(_, session) {
    watches.get(session)?.cancel()
    watches.delete(session)
  },

  /**
   * Messages in flight when the server crashed wait for its recipients like any other message. Sessions that an orderly
   * stop has saved are there by the next trip, and as long as ever to show what they have.
   */
  started(t) {
    t.insist((next) => {
      for (const session of next.sessions.all()) awaitSign(next.world, session)
      recover(next, 0)
    })
  },

  /** Messages that could not be put back so far: the next start finds them in flight. */
  stopping(t) {
    for (const session of owingOf(t.world)) {
      goodbye(t, session)
      for (const given of abandon(t, session, session.delivery.inFlight.size).lost)
        storeOffline(t, given, true)
    }
  },
}

/** The message itself is about to be written to a session: within the message's trip. Throws for a box that is full. */
export function queued(t: Incoming, session: Session, el: Element): void {
  const copy = t.stanza instanceof RoomCopy ? t.stanza : undefined
  const message = copy?.message
  // The room keeps it: whether it arrived matters only where a phone may ring for it.
  if (message ? !mayRing(t, session.account) : !isForOffline(el)) return
  // Bytes that were read mean that older ones were: a client that never says anything keeps no more than this.
  if (!session.delivery.acknowledges) trim(t, session, t.config.limits.sm_queue - 1)
  if (message) return give(t, session, ofRoom(t, session, copy.inner ?? el, message), el)
  const given = t.given?.el === el ? t.given : taken(t, session, el)
  t.given = given
  if (isDurable(session)) {
    if (!given.stored && !given.archived && isBoxFull(t, session.account)) throw boxFull()
    storeOffline(t, given, true)
  }
  give(t, session, given)
}

const mayRing = ({ store }: Trip, { id }: Account): boolean =>
  store.push.devices.of(id).length > 0 || store.events.wants('message.offline')

/** Sessions that are over, of which not everything has been put back yet. */
const owingOf = perObject((_: World) => new Set<Session>())

/** Puts back what a session that is over leaves behind, some at a time. Tried again where it fails. */
export function requeueRest(t: Trip, session: Session): void {
  const sessions = owingOf(t.world)
  if (session.delivery.inFlight.size === 0) return void t.after(() => sessions.delete(session))
  // Not undone: should this fail, it is owed all the same.
  sessions.add(session)
  goodbye(t, session)
  const { lost, elsewhere } = abandon(t, session, BATCH)
  land(t, lost)
  // Others have it, but not this one, whose phone was not told.
  if (elsewhere.length > 0) t.world.delivery.timedOut(t, session, elsewhere)
  t.insist((next) => requeueRest(next, session))
}

/**
 * An orderly close comes as </stream:stream>, which a client sends after it has read what was written; one that
 * acknowledges has said what it read.
 */
function goodbye(t: Trip, session: Session): void {
  if (session.orderly && !session.delivery.acknowledges) confirm(t, session)
}

/** Whether what it is given gets a row at once: also what may not even be written yet. */
function isDurable({ delivery, inactive }: Session): boolean {
  return delivery.acknowledges || delivery.unresponsive || delivery.sendingOffline || inactive
}

function taken(t: Incoming, session: Session, el: Element): Given {
  const archived = t.storedId !== undefined
  const id = t.storedId ?? t.store.messages.nextId()
  // Only what is stored is remembered as taken.
  if (isDurable(session)) t.storedId = id
  return { ...FRESH, id, account: session.account, el, archived }
}

/** One message for all clients of an account. */
function ofRoom(t: Incoming, { account }: Session, el: Element, { given }: RoomMessage): Given {
  const known = given.get(account.id)
  if (known) return known
  const made = givenOfRoom(t.store.messages.nextId(), account, el)
  given.set(account.id, made)
  t.undo(() => given.delete(account.id))
  return made
}

/** Writes the message down, with the time at which it came. A full box leaves it to the archive, where that has it. */
function storeOffline(t: Trip, given: Given, inFlight: boolean): void {
  if (given.stored || given.ofRoom) return
  const { id, account, el, archived } = given
  if (archived && isBoxFull(t, account)) return
  const text = el instanceof StoredElement ? el : StoredElement.of(el)
  const copy = StoredElement.extended(text, delay(t.store.receipts.timeOf(id), account.host))
  t.store.messages.storeOffline(account, id, copy.toString(), hasBody(el), inFlight)
  given.stored = true
  t.undo(() => (given.stored = false))
}

/** From now on a sign of it is awaited, if it is not already. */
function awaitSign(world: World, session: Session): void {
  if (watches.has(session)) return
  const watch: Watch = { cancel() {}, askedAt: Number.NEGATIVE_INFINITY }
  watches.set(session, watch)
  look(world, session, watch)
}

/** Asks, then doubts, then waits for the next moment at which there is something to do. */
function look(world: World, session: Session, watch: Watch): void {
  const since = oldest(session)
  if (since === undefined || session.closed) return void watches.delete(session)
  const now = world.clock.monotonic()
  const timeout = world.config.sm.ack_timeout
  const askAt = since + timeout * ASKED_AFTER
  let next = since + timeout
  if (now >= next) doubt(world, session, now - timeout)
  else if (!session.delivery.acknowledges && !session.hibernating && watch.askedAt < since) {
    if (now >= askAt) ask(world, session, watch, now)
    else next = askAt
  }
  watch.cancel = world.clock.after(Math.max(next - now, 1), () => look(world, session, watch))
}

function ask(world: World, session: Session, watch: Watch, now: number): void {
  watch.askedAt = now
  world.outbound.write(session, serverPing(world, session))
}

function doubt(world: World, session: Session, until: number): void {
  const overdue = becomeOverdue(session, until)
  if (overdue.length === 0) return
  session.delivery.unresponsive = true
  world.insist((t) => {
    // Where this is not the first try they may have been put back meanwhile, or their account is gone.
    const missed = overdue.filter(
      ({ arrived, awaited, account }) => (arrived || awaited > 0) && !t.store.accounts.isGone(account.id),
    )
    writeDown(t, missed)
    world.delivery.timedOut(t, session, missed)
  })
}

/** From now on they have rows, in case of a crash: some at a time. */
function writeDown(t: Trip, all: readonly Given[]): void {
  const missed = all.filter(({ arrived, stored, awaited }) => !arrived && !stored && awaited > 0)
  for (const given of missed.slice(0, BATCH)) storeOffline(t, given, true)
  if (missed.length > BATCH) t.insist((next) => writeDown(next, missed))
}

/** Puts back into offline storage what nobody has. What was for an account that is gone is for nobody. */
function land(t: Trip, all: readonly Given[]): void {
  const lost = all.filter(({ account }) => !t.store.accounts.isGone(account.id))
  for (const given of lost.filter(({ live }) => live)) {
    if (given.stored) t.store.messages.land(given.account, given.id)
    else storeOffline(t, given, false)
  }
  for (const account of new Set(lost.map((message) => message.account)))
    t.world.delivery.requeued(
      t,
      account,
      lost.filter((message) => message.account === account),
    )
}

function recover(t: Trip, after: number): void {
  const known = new Set<number>()
  for (const session of [...t.sessions.all(), ...owingOf(t.world)])
    for (const { given } of session.delivery.inFlight.values()) known.add(given.id)
  const rows = t.store.messages.inFlight(after, BATCH)
  const lost = rows
    .filter(({ id }) => !known.has(id))
    .flatMap(({ id, accountId, xml: text }) => {
      const account = t.store.accounts.byId(accountId)
      // Deleted with its account.
      if (!account) return []
      const el = readStored('message', text)
      return [{ ...FRESH, id, account, el, stored: true, archived: false }]
    })
  land(t, lost)
  const last = rows.at(-1)
  if (last) t.insist((next) => recover(next, last.id))
}
