/**
 * The audience of a room's message beside those who are in it: its members. Only rows that ring their phones are written,
 * nothing else. A row keeps how far the telling has come, some members a trip, so that a room of thousands neither
 * holds the loop nor loses anybody in a crash.
 */
import { classify, isNothing } from '../push/rules/classify.ts'
import type { RoomFacts, RoomMessage } from '../routing/outcome.ts'
import type { Session } from '../routing/session.ts'
import type { Trip, World } from '../routing/transit.ts'
import { Jid } from '../xmpp/jid.ts'
import { Stanza } from '../xmpp/stanza.ts'
import { readStored } from '../xmpp/stored.ts'
import type { Element } from '../xmpp/xml.ts'
import { mentioned } from './mentions.ts'
import { authorOf } from './payload.ts'
import { roomsOf } from './registry.ts'
import { Room } from './room.ts'
import { nodeOf, subscribersOf } from './subscriptions.ts'

/** Members that one trip looks at, and those that it decides about: either is a few milliseconds. */
const LOOKED_AT = 300
const DECIDED = 24

interface Telling {
  readonly id: number
  after: string
  readonly message: RoomMessage
  /** Its occupant id; '' for the room itself. */
  readonly speaker: string
  readonly byModerator: boolean
  /** Clients that were given it without being in the room. */
  readonly wrapped: readonly Session[]
}

/** Queues of messages by room: one message after the other, so that unread messages keep their order. */
class Tellings {
  readonly #waiting = new Map<number, Telling[]>()

  add(world: World, room: Room, telling: Telling): void {
    const queue = this.#waiting.get(room.id)
    if (queue) return void queue.push(telling)
    this.#waiting.set(room.id, [telling])
    this.#goOn(world, room)
  }

  #goOn(world: World, room: Room): void {
    const [telling] = this.#waiting.get(room.id) ?? []
    if (!telling) return void this.#waiting.delete(room.id)
    world.insist((t) => {
      const more = tellSome(t, room, telling)
      t.after(() => {
        if (!more) this.#waiting.get(room.id)?.shift()
        this.#goOn(world, room)
      })
    })
  }
}

const tellings = new WeakMap<World, Tellings>()

function tellingsOf(world: World): Tellings {
  let mine = tellings.get(world)
  if (!mine) tellings.set(world, (mine = new Tellings()))
  return mine
}

/** Tells the members of a message that was kept just now. */
export function tellMembers(
  t: Trip,
  room: Room,
  el: Element,
  message: RoomMessage,
  about: Pick<Telling, 'byModerator' | 'speaker' | 'wrapped'>,
): void {
  if (!matters(t) || isNothing(classify(el, t.config.push))) return
  const { id } = message
  t.store.roomFanouts.put({ id, roomId: room.id, after: '' })
  const telling = { id, after: '', message, ...about }
  t.after(() => tellingsOf(t.world).add(t.world, room, telling))
}

/** Whether anybody could be told at all. */
function matters({ config: { push }, store }: Trip): boolean {
  return push.apps.length > 0 || push.simulator || store.events.wants('message.offline')
}

/** After a start: who was not told before the stop. */
export function resumeTelling(t: Trip): void {
  for (const { id, roomId, after } of t.store.roomFanouts.all()) {
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
      speaker: authorOf(readStored('message', said.xml)),
      byModerator: false,
      wrapped: [],
    }
    t.after(() => tellingsOf(t.world).add(t.world, room, telling))
  }
}

/** Returns whether there are more. */
function tellSome(t: Trip, room: Room, telling: Telling): boolean {
  const { id } = telling
  const said = t.store.roomArchive.get(room.id, id)
  const el = said && readStored('message', said.xml)
  // Taken back meanwhile, or gone with its room.
  if (!el || isNothing(classify(el, t.config.push))) return finish(t, id)
  const stanza = new Stanza('message', el, Jid.parse(el.attrs.from ?? room.row.jid), undefined)
  const listeners = t.store.roomFanouts.listeners(room.id, telling.after, LOOKED_AT)
  const wantsAll = t.store.events.wants('message.offline')
  let decided = 0
  let { after } = telling
  for (const { user, nick, affiliation, accountId, rings, silent } of listeners) {
    after = user
    if (affiliation === 'outcast' || accountId === null || (rings === 0 && !wantsAll)) continue
    tellOne(t, room, telling, stanza, { accountId, user, nick, silent: silent === 1 })
    if (++decided === DECIDED) break
  }
  const isLast = listeners.length < LOOKED_AT && (listeners.length === 0 || after === listeners.at(-1)?.user)
  if (isLast) {
    tellVisitors(t, room, telling, stanza)
    return finish(t, id)
  }
  t.store.roomFanouts.put({ id, roomId: room.id, after })
  t.after(() => (telling.after = after))
  return true
}

function finish(t: Trip, id: number): false {
  t.store.roomFanouts.delete(id)
  return false
}

/** Occupants who are no members may have a phone that sleeps, too. */
function tellVisitors(t: Trip, room: Room, telling: Telling, stanza: Stanza): void {
  const wantsAll = t.store.events.wants('message.offline')
  for (const { user, affiliation } of room.occupants) {
    if (affiliation !== 'none') continue
    const account = t.store.accounts.find(user)
    if (account && (wantsAll || t.store.push.devices.of(account.id).length > 0))
      tellOne(t, room, telling, stanza, { accountId: account.id, user, nick: null, silent: false })
  }
}

interface Told {
  readonly accountId: number
  readonly user: string
  readonly nick: string | null
  readonly silent: boolean
}

function tellOne(
  t: Trip,
  room: Room,
  telling: Telling,
  stanza: Stanza,
  { accountId, user, nick, silent }: Told,
): void {
  const owner = t.store.accounts.byId(accountId)
  const occupants = [...room.occupantsOf(user)]
  const occupantId = occupants[0]?.occupantId ?? roomsOf(t.world).occupantId(t, room.jid, user)
  if (!owner || occupantId === telling.speaker) return
  const nicks = [...new Set([...(nick === null ? [] : [nick]), ...occupants.map((one) => one.nick)])]
  const given = telling.message.given.get(accountId)
  const takers: Session[] = []
  for (const occupant of occupants)
    for (const { jid } of occupant.seats.values()) {
      const session = t.sessions.find(jid)
      if (session) takers.push(session)
    }
  takers.push(...telling.wrapped.filter((session) => session.account.id === accountId && !session.closed))
  const member = { user, nicks, occupantId }
  const { membersOnly, nonAnonymous } = room.settings
  const facts: RoomFacts = {
    mentioned: mentioned(stanza.el, room.jid, member, telling.byModerator),
    // A subscription to messages asks for all of them.
    private:
      (membersOnly && nonAnonymous) ||
      subscribersOf(t, room).get(user)?.nodes.has(nodeOf('messages')) === true,
    silent,
    stanzaId: String(telling.id),
  }
  t.world.tell(t, { stanza, owner, id: given?.id ?? t.store.messages.nextId(), given, room: facts }, takers)
}
