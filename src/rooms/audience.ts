/**
 * The audience of a room's message beside those who are in it: its members. Only rows that ring their phones are written,
 * nothing else. A row keeps how far the telling has come, some members a trip, so that a room of thousands neither
 * holds the loop nor loses anybody in a crash.
 */
import { perObject } from '../per-object.ts'
import { classify, isNothing, matters } from '../push/rules/classify.ts'
import { givenById, givenOfRoom, isTrusted } from '../routing/delivery.ts'
import type { RoomFacts, RoomMessage } from '../routing/outcome.ts'
import type { Session } from '../routing/session.ts'
import type { Trip, World } from '../routing/transit.ts'
import type { Listener, Trusted } from '../store/room-fanouts.ts'
import { Jid } from '../xmpp/jid.ts'
import { Stanza } from '../xmpp/stanza.ts'
import { readStored } from '../xmpp/stored.ts'
import type { Element } from '../xmpp/xml.ts'
import { mentioned } from './mentions.ts'
import { authorOf } from './payload.ts'
import { roomsOf } from './registry.ts'
import { Room } from './room.ts'
import { nodeOf, subscribersOf } from './subscriptions.ts'
import { type Givens, trusted, watchGivens } from './unconfirmed.ts'
import { afterAll } from './way.ts'

/** Members that one trip looks at, and those that it decides about at most. */
const LOOKED_AT = 300
const DECIDED = 24
/** Time (ms) after which a trip leaves the rest to the next, whatever a decision costs on this machine. */
const HOLDS = 2
/** Positions behind all members: those of occupants who are none. No JID begins with it. */
const VISITORS = '\u{10ffff}'
/** The position behind them, too. */
const ALL = `${VISITORS}${VISITORS}`

interface Telling {
  readonly id: number
  after: string
  readonly message: RoomMessage
  /** Address and occupant id of who said it; empty for the room itself. */
  readonly speaker: { readonly user: string; readonly occupantId: string }
  readonly byModerator: boolean
  /** Clients that were given it without being in the room. */
  readonly wrapped: readonly Session[]
  /** Accounts that were told while a client of theirs had it. */
  readonly givens: Givens
  /** Accounts that stand in some way to the room, once they have been counted. */
  members?: number
  /** Those of before the last start, to be decided anew. */
  again: readonly Trusted[]
}

/** Queues of messages by room: one message after the other, so that unread messages keep their order. */
class Tellings {
  readonly #waiting = new Map<number, Telling[]>()
  /** Rooms that go on in the next pass of the loop, behind what has become readable meanwhile. */
  readonly #resting = new Set<Room>()
  #isStopping = false

  add(world: World, room: Room, telling: Telling): void {
    const queue = this.#waiting.get(room.id)
    if (queue) return void queue.push(telling)
    this.#waiting.set(room.id, [telling])
    this.#goOn(world, room)
  }

  /** Before a stop no part waits for a pass: there may be none. */
  stop(world: World): void {
    this.#isStopping = true
    const rooms = [...this.#resting]
    this.#resting.clear()
    for (const room of rooms) this.#goOn(world, room)
  }

  #rest(world: World, room: Room): void {
    if (this.#isStopping) return this.#goOn(world, room)
    this.#resting.add(room)
    setImmediate(() => {
      if (this.#resting.delete(room)) this.#goOn(world, room)
    })
  }

  #goOn(world: World, room: Room): void {
    const [telling] = this.#waiting.get(room.id) ?? []
    if (!telling) return void this.#waiting.delete(room.id)
    world.insist((t) => {
      const more = tellSome(t, room, telling)
      t.after(() => {
        if (!more) this.#waiting.get(room.id)?.shift()
        this.#rest(world, room)
      })
    })
  }
}

const tellingsOf = perObject((_: World) => new Tellings())

/** Tells the members of a message that was kept just now. */
export function tellMembers(
  t: Trip,
  room: Room,
  el: Element,
  message: RoomMessage,
  about: Pick<Telling, 'byModerator' | 'speaker' | 'wrapped'>,
): void {
  if (!matters(t.config, t.store) || isNothing(classify(el, t.config.push))) return
  const { id } = message
  t.store.roomFanouts.put({ id, roomId: room.id, after: '', trusted: [] })
  const telling = { id, after: '', message, givens: new Map(), again: [], ...about }
  // Occupants have been given it by then.
  afterAll(t, room.jid, (next) => next.after(() => tellingsOf(t.world).add(t.world, room, telling)))
}

/** Before a stop: what has begun goes on at once, as far as the stop waits for it; the rest is the next start's. */
export function hurryTelling(t: Trip): void {
  t.after(() => tellingsOf(t.world).stop(t.world))
}

/** After a start: who was not told before the stop. */
export function resumeTelling(t: Trip): void {
  for (const { id, roomId, after, trusted: again } of t.store.roomFanouts.all()) {
    const row = t.store.rooms.byId(roomId)
    const said = row && t.store.roomArchive.get(roomId, id)
    if (!row || !said) {
      t.store.roomFanouts.delete(id)
      continue
    }
    const room = roomsOf(t.world).lookUp(t, Jid.parse(row.jid)) ?? new Room(row)
    const telling = {
      id,
      after,
      message: { id, given: new Map() },
      speaker: { user: said.user, occupantId: authorOf(readStored('message', said.xml)) },
      byModerator: false,
      wrapped: [],
      givens: new Map(),
      again,
    }
    t.after(() => tellingsOf(t.world).add(t.world, room, telling))
  }
}

/** Returns whether there are more. */
function tellSome(t: Trip, room: Room, telling: Telling): boolean {
  const { id, again } = telling
  const said = t.store.roomArchive.get(room.id, id)
  const el = said && readStored('message', said.xml)
  // Taken back meanwhile, or gone with its room.
  if (!el || isNothing(classify(el, t.config.push))) {
    t.store.roomFanouts.delete(id)
    return false
  }
  const stanza = new Stanza('message', el, Jid.parse(el.attrs.from ?? room.row.jid), undefined)
  telling.members ??= t.store.roomAffiliations.countAll(room.id)
  const { clock } = t.world
  const until = clock.monotonic() + HOLDS
  for (const [i, one] of again.entries()) {
    tellAgain(t, room, telling, stanza, one)
    if (clock.monotonic() < until) continue
    const rest = again.slice(i + 1)
    note(t, room, telling, telling.after, rest)
    t.after(() => (telling.again = rest))
    return true
  }
  const isVisiting = telling.after.startsWith(VISITORS)
  const { listeners, looked } = isVisiting
    ? visitorsBehind(t, room, telling)
    : membersBehind(t, room, telling)
  let after = looked
  for (const listener of listeners) {
    const { user } = listener
    tellOne(t, room, telling, stanza, listener)
    if (listener === listeners.at(-1) || clock.monotonic() < until) continue
    after = isVisiting ? VISITORS + user : user
    break
  }
  t.after(() => (telling.again = []))
  if (after === undefined) return finish(t, room, telling)
  note(t, room, telling, after)
  t.after(() => (telling.after = after))
  return true
}

/** Writes down how far it has come. */
function note(
  t: Trip,
  room: Room,
  { id, givens }: Telling,
  after: string,
  again: readonly Trusted[] = [],
): void {
  t.store.roomFanouts.put({ id, roomId: room.id, after, trusted: [...trusted(givens), ...again] })
}

function finish(t: Trip, room: Room, telling: Telling): false {
  const { id, givens } = telling
  if (trusted(givens).length === 0) t.store.roomFanouts.delete(id)
  else {
    note(t, room, telling, ALL)
    t.after(() => watchGivens(t.world, id, givens))
  }
  return false
}

/** Listeners who are to be told next, and the position behind them; undefined: they are the last. */
interface Page {
  readonly listeners: readonly Listener[]
  readonly looked: string | undefined
}

function membersBehind(t: Trip, room: Room, { after }: Telling): Page {
  const wantsAll = t.store.events.wants('message.offline')
  const how = { looks: LOOKED_AT, most: DECIDED, wantsAll }
  const page = t.store.roomFanouts.listeners(room.id, after, how)
  return { ...page, looked: page.looked ?? (visitorsOf(room).length > 0 ? VISITORS : undefined) }
}

/** Occupants who are no members may have a phone that sleeps, too. */
function visitorsBehind(t: Trip, room: Room, { after }: Telling): Page {
  const wantsAll = t.store.events.wants('message.offline')
  const rest = visitorsOf(room).filter((user) => VISITORS + user > after)
  const listeners: Listener[] = []
  for (const [i, user] of rest.entries()) {
    const account = t.store.accounts.find(user)
    if (account && (wantsAll || t.store.push.devices.of(account.id).length > 0))
      listeners.push({ user, nick: null, silent: false })
    if ((listeners.length === DECIDED || i + 1 === LOOKED_AT) && i + 1 < rest.length)
      return { listeners, looked: VISITORS + user }
  }
  return { listeners, looked: undefined }
}

/** An account may be in it under several nicks. */
function visitorsOf(room: Room): string[] {
  const users = new Set<string>()
  for (const { user, affiliation } of room.occupants) if (affiliation === 'none') users.add(user)
  return [...users].sort()
}

/** An account whose client had it when the server stopped: it may show that yet, if an orderly stop has kept its session. */
function tellAgain(
  t: Trip,
  room: Room,
  { id, givens, members = 0 }: Telling,
  stanza: Stanza,
  [accountId, messageId, mentioned]: Trusted,
): void {
  const owner = t.store.accounts.byId(accountId)
  if (!owner) return
  const { affiliation, silent = false } = t.store.roomAffiliations.get(room.id, owner.jid) ?? {}
  if (affiliation === 'outcast') return
  const takers = [...t.sessions.of(owner.jid)].filter((session) => isTrusted(session, messageId))
  const known = takers.flatMap((session) => givenById(session, messageId) ?? [])[0]
  const given = known ?? givenOfRoom(messageId, owner, stanza.el)
  if (known) givens.set(accountId, { given, mentioned: mentioned === 1 })
  const { name } = room.settings
  const facts = {
    name,
    members,
    mentioned: mentioned === 1,
    private: ringsForAll(t, room, owner.jid),
    silent,
    again: true,
  }
  t.world.tell(t, { stanza, owner, id: messageId, given, room: { ...facts, stanzaId: String(id) } }, takers)
}

function tellOne(
  t: Trip,
  room: Room,
  telling: Telling,
  stanza: Stanza,
  { user, nick, silent }: Listener,
): void {
  const owner = t.store.accounts.find(user)
  if (!owner) return
  const occupants = [...room.occupantsOf(user)]
  const occupantId = () => occupants[0]?.occupantId ?? roomsOf(t.world).occupantId(t, room.jid, user)
  const { speaker } = telling
  // A later account of the speaker's address is somebody else.
  if (user === speaker.user && occupantId() === speaker.occupantId) return
  const nicks = [...new Set([...(nick === null ? [] : [nick]), ...occupants.map((one) => one.nick)])]
  const given = telling.message.given.get(owner.id)
  const takers: Session[] = []
  for (const occupant of occupants)
    for (const { jid } of occupant.seats.values()) {
      const session = t.sessions.find(jid)
      if (session) takers.push(session)
    }
  takers.push(...telling.wrapped.filter((session) => session.account.id === owner.id && !session.closed))
  const member = { user, nicks, occupantId }
  const facts: RoomFacts = {
    name: room.settings.name,
    members: telling.members ?? 0,
    mentioned: mentioned(stanza.el, room.jid, member, telling.byModerator),
    private: ringsForAll(t, room, user),
    silent,
    stanzaId: String(telling.id),
  }
  if (given && takers.some(isThere)) telling.givens.set(owner.id, { given, mentioned: facts.mentioned })
  t.world.tell(t, { stanza, owner, id: given?.id ?? t.store.messages.nextId(), given, room: facts }, takers)
}

const isThere = ({ hibernating, delivery }: Session): boolean => !hibernating && !delivery.unresponsive

/** A subscription to messages asks for all of them. */
function ringsForAll(t: Trip, room: Room, user: string): boolean {
  const { membersOnly, nonAnonymous } = room.settings
  return (
    (membersOnly && nonAnonymous) || subscribersOf(t, room).get(user)?.nodes.has(nodeOf('messages')) === true
  )
}
