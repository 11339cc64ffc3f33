/** Multi-User Chat (XEP-0045): a service beside each host, whose stanzas go to the files of this folder. */
import { standingOf } from '../../rooms/affiliations.ts'
import { hurryTelling, resumeTelling } from '../../rooms/audience.ts'
import { purgeAccount, resumeWindingUp } from '../../rooms/ends.ts'
import { erase, leave } from '../../rooms/leave.ts'
import { forgetDestroyed } from '../../rooms/lifecycle.ts'
import { keepPace } from '../../rooms/pace.ts'
import { payloadOf } from '../../rooms/payload.ts'
import { roomsOf } from '../../rooms/registry.ts'
import { Room } from '../../rooms/room.ts'
import { AS_IT_IS, showSeat } from '../../rooms/tell.ts'
import { markRead } from '../../rooms/unread.ts'
import { endsWait, isOver, sayAll, sayNoMore, sends, waitsBehindJoin, waitsToJoin } from '../../rooms/way.ts'
import type { Config } from '../../config/config.ts'
import { roomDomain } from '../../config/muc.ts'
import type { Feature, Service } from '../../routing/feature.ts'
import { Transit, type Trip } from '../../routing/transit.ts'
import { StanzaError } from '../../xmpp/errors.ts'
import { Jid } from '../../xmpp/jid.ts'
import { NS } from '../../xmpp/namespaces.ts'
import { Stanza } from '../../xmpp/stanza.ts'
import { child, type Element, elements, firstElement, xml } from '../../xmpp/xml.ts'
import * as admin from './admin.ts'
import * as archive from './archive.ts'
import * as avatar from './avatar.ts'
import { roomInfo, roomItems, serviceInfo, serviceItems } from './disco.ts'
import { enter } from './enter.ts'
import { decline, declineIn, invitePeople, invitesIn } from './invitations.ts'
import { toAll, toOne } from './message.ts'
import { moderate } from './moderation.ts'
import * as mucsub from './mucsub.ts'
import { changeNick, changeStatus } from './nick.ts'
import * as owner from './owner.ts'
import { pass } from './queries.ts'
import * as registration from './register.ts'
import { requestIn, voice } from './voice.ts'

/** Rooms that one trip of the start or of the sweep deletes. */
const BATCH = 50

export const rooms = ({ muc }: Config): Feature => ({
  name: 'rooms',
  xeps: [
    { number: 45, version: '1.35.5' },
    { number: 410, version: '1.1.0' },
    { number: 421, version: '1.0.1' },
    { number: 425, version: '0.3.0', note: 'both versions of the request' },
    { number: 463, version: '0.2.0' },
    { number: 486, version: '0.1.0' },
  ],
  ...(muc.enabled && { service }),
  started(t) {
    eraseAbandoned(t)
    resumeTelling(t)
    resumeWindingUp(t)
  },

  deleted: purgeAccount,

  /** XEP-0490 §3: of a room the id is its archive's. */
  published(t, owner, { node, item }) {
    const jid = node === NS.displayed && item ? Jid.tryParse(item.id) : undefined
    const room = jid && t.world.domains.serviceAt(jid.domain) && roomsOf(t.world).lookUp(t, jid)
    const mark = item && child(item.payload, 'stanza-id', NS.stanzaId)
    if (room && mark?.attrs.id !== undefined) markRead(t, room, owner.jid, mark.attrs.id)
  },
})

const service: Service = {
  name: 'Rooms',
  domainOf: (host, { muc }) => roomDomain(muc, host),
  receive(t, to) {
    const { kind } = t.stanza
    if (isLeaving(t, to) ? leavesAtDoor(t, to) : waitsBehindJoin(t, to, t.stanza)) return
    if (kind === 'iq') return query(t, to)
    if (to.local === '') return kind === 'message' ? refuse(t) : undefined
    if (kind === 'presence') presence(t, to)
    else message(t, to)
  },

  /** §16.2: everybody hears that the server stops; who resumes its session afterwards, too. */
  farewell(t) {
    sayAll(t)
    hurryTelling(t)
    for (const room of [...roomsOf(t.world).occupied])
      for (const occupant of room.occupants)
        for (const seat of occupant.seats.values())
          showSeat(t, room, occupant, occupant, seat, { type: 'unavailable', codes: [332] })
    sayNoMore(t)
  },
}

const isLeaving = ({ stanza: { kind, type } }: Transit, to: Jid): boolean =>
  kind === 'presence' && type === 'unavailable' && to.local !== ''

/** A client that waits to come in thinks better of it; true where nothing is left to be done. */
function leavesAtDoor(t: Transit, to: Jid): boolean {
  const ended = endsWait(t, to, t.stanza.from)
  if (ended === 'stayed out') isOut(t, to, ['110'])
  // Behind what it has said.
  else if (ended === 'came in') t.emit(t.stanza)
  return ended !== undefined
}

function presence(t: Transit, to: Jid): void {
  const { type, from, el } = t.stanza
  // Streams end one after the other: of an account's clients the last would hear itself come back.
  if (isOver(t)) return type === '' ? isOut(t, to, ['332', '110']) : undefined
  if (type === 'error') return ghost(t, to)
  if (type === '') {
    const seated = roomsOf(t.world).lookUp(t, to)?.occupantOf(from)
    const waits =
      !seated &&
      waitsToJoin(t, to, from, (next, stops) => {
        const again = new Transit(t.world, t.stanza, {}, next)
        if (stops) isOut(again, to, ['332', '110'])
        else comesIn(again, to)
      })
    return waits ? undefined : comesIn(t, to)
  }
  const room = roomsOf(t.world).lookUp(t, to)
  const occupant = room?.occupantOf(from)
  const seat = occupant?.seats.get(from.toString())
  if (!room || !occupant || !seat) return
  if (type === 'unavailable')
    leave(t, room, occupant, seat, { payload: payloadOf(el, room.jid), id: { seat, value: el.attrs.id } })
  const asked = type === 'probe' && to.isFull ? room.byNick(to.resource) : undefined
  if (asked) showSeat(t, room, asked, occupant, seat, AS_IT_IS)
}

function comesIn(t: Transit, to: Jid): void {
  try {
    arrive(t, to)
  } catch (error) {
    if (!(error instanceof StanzaError)) throw error
    refuseEntry(t, to, error)
  }
}

function arrive(t: Transit, to: Jid): void {
  const { from, el } = t.stanza
  if (to.isBare) throw new StanzaError('jid-malformed', 'A nick is missing.')
  const wantsIn = child(el, 'x', NS.muc) !== undefined
  if (wantsIn) forgetDestroyed(t, to, from, 'entering')
  const room = roomsOf(t.world).find(t, to)
  const occupant = room?.occupantOf(from)
  if (wantsIn || (!occupant && t.config.muc.legacy_join)) return enter(t, to)
  if (!room || !occupant) return notInside(t, to)
  keepPace(t, room, 'presences')
  if (room.byNick(to.resource) === occupant) changeStatus(t, room, occupant)
  else changeNick(t, room, occupant, to)
}

/** §7.2.18: who believes to be in the room and is not hears that it is out, and is free to come in anew. */
function notInside(t: Transit, to: Jid): void {
  isOut(t, to, ['110', '307', '333'], xml('reason', {}, 'You are not in this room: enter it again.'))
}

function isOut(t: Transit, to: Jid, codes: readonly string[], reason?: Element): void {
  const { from } = t.stanza
  const item = xml('item', { affiliation: 'none', role: 'none' }, reason)
  const x = xml('x', { xmlns: NS.mucUser }, item, ...codes.map((code) => xml('status', { code })))
  sends(t, to, from, () => Stanza.make('presence', to, from, { type: 'unavailable' }, x))
}

/** Clients look for what they sent in the error: the id and the element by which they asked (§7.2). */
function refuseEntry(t: Transit, to: Jid, error: StanzaError): void {
  const { from, el, id } = t.stanza
  const x = child(el, 'x', NS.muc)
  const echo = x && xml('x', { xmlns: NS.muc })
  t.emit(Stanza.make('presence', to, from, { type: 'error', id }, echo, error.toElement()))
}

function message(t: Transit, to: Jid): void {
  const { type, el } = t.stanza
  if (type === 'error') return ghost(t, to)
  const room = roomsOf(t.world).need(t, to)
  if (to.isFull) return toOne(t, room, to)
  if (type === 'groupchat') return toAll(t, room)
  const invites = invitesIn(el)
  if (invites.length > 0) return invitePeople(t, room, invites)
  const declined = declineIn(el)
  if (declined) return decline(t, room, declined)
  const request = requestIn(el)
  if (request) return voice(t, room, request)
  throw new StanzaError('bad-request', 'Say it to all of the room, or to somebody in it.')
}

/** Errors of these kinds show that a client is gone (§18.1.2); any other is the client's own affair. */
const GONE = new Set([
  'gone',
  'item-not-found',
  'recipient-unavailable',
  'redirect',
  'remote-server-not-found',
  'remote-server-timeout',
  'service-unavailable',
  'internal-server-error',
  'jid-malformed',
])

function ghost(t: Transit, to: Jid): void {
  if (isOver(t)) return
  const { from, el } = t.stanza
  const room = roomsOf(t.world).lookUp(t, to)
  const occupant = room?.occupantOf(from)
  const seat = occupant?.seats.get(from.toString())
  const error = child(el, 'error')
  const condition = error && elements(error).find(({ attrs }) => attrs.xmlns === NS.stanzaErrors)
  if (!room || !occupant || !seat || !condition || !GONE.has(condition.name)) return
  leave(t, room, occupant, seat, { codes: [333] })
}

function refuse(t: Transit): void {
  if (t.stanza.type !== 'error') throw new StanzaError('service-unavailable')
}

function query(t: Transit, to: Jid): void {
  if (to.local !== '' && to.isFull) return pass(t, roomsOf(t.world).need(t, to), to)
  if (!t.stanza.isRequest) return
  if (to.isFull) throw new StanzaError('service-unavailable')
  const payload = firstElement(t.stanza.el)
  if (!payload) throw new StanzaError('bad-request')
  const answer = to.local === '' ? askService(t, payload) : askRoom(t, to, payload)
  const { type, from, id } = t.stanza
  // §10.9: behind what the change has set off, so that who asked knows by it that all is done.
  if (type === 'set') sends(t, to, from, () => Stanza.make('iq', to, from, { type: 'result', id }, answer))
  else t.reply(answer)
}

function askService(t: Transit, payload: Element): Element | undefined {
  const { type, to } = t.stanza
  switch (`${type} ${payload.attrs.xmlns ?? ''}`) {
    case `get ${NS.discoInfo}`:
      return serviceInfo(payload)
    case `get ${NS.discoItems}`:
      return serviceItems(t, payload)
    case `get ${NS.mucSub}`:
      return mucsub.ownRooms(t)
    case `get ${NS.mucUnique}`:
      return xml('unique', { xmlns: NS.mucUnique }, t.freshId().toLowerCase())
    case `get ${NS.ping}`:
      return undefined
    case `get ${NS.vcard}`:
      return xml('vCard', { xmlns: NS.vcard }, xml('FN', {}, 'Rooms'))
    default:
      throw new StanzaError('service-unavailable', `${to?.domain ?? ''} does not answer this.`)
  }
}

function askRoom(t: Transit, to: Jid, payload: Element): Element | undefined {
  const { type } = t.stanza
  const key = `${type} ${payload.attrs.xmlns ?? ''}`
  // These may be about a room that is not there yet.
  if (key === `get ${NS.mucOwner}`) return owner.get(t, to)
  if (key === `set ${NS.mucOwner}`) return owner.set(t, to, payload)
  const room = roomsOf(t.world).need(t, to)
  switch (key) {
    case `get ${NS.discoInfo}`:
      return roomInfo(t, room, payload)
    case `get ${NS.discoItems}`:
      return roomItems(t, room, payload)
    case `get ${NS.mucAdmin}`:
      return admin.get(t, room, payload)
    case `set ${NS.mucAdmin}`:
      return admin.set(t, room, payload)
    case `get ${NS.mam}`:
      return payload.name === 'metadata' ? archive.metadata(t, room) : archive.form(t, room)
    case `set ${NS.mam}`:
      return archive.query(t, room, payload)
    case `get ${NS.vcard}`:
      return avatar.get(t, room)
    case `set ${NS.vcard}`:
      return avatar.set(t, room, payload)
    case `set ${NS.moderate}`:
    case `set ${NS.fasten}`:
      return moderate(t, room, payload)
    case `get ${NS.register}`:
      return registration.get(t, room)
    case `set ${NS.register}`:
      return registration.set(t, room, payload)
    case `get ${NS.mucSub}`:
      return mucsub.subscribers(t, room)
    case `set ${NS.mucSub}`:
      return mucsub.set(t, room, payload)
    case `get ${NS.ping}`:
      if (standingOf(t, room, t.stanza.from) === 'outcast') throw new StanzaError('forbidden')
      return undefined
    default:
      throw new StanzaError('service-unavailable')
  }
}

/** Erases rooms that were to end with their last occupant: a crash has left them, and nobody is in them. */
function eraseAbandoned(t: Trip): void {
  const left = t.store.rooms.abandoned(BATCH)
  for (const row of left) erase(t, new Room(row))
  if (left.length === BATCH) t.insist(eraseAbandoned)
}
