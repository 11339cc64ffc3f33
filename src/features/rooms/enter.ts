/** Entering a room (XEP-0045 §7.1, §7.2), for the first time or again (§17.3). */
import { standingOf } from '../../rooms/affiliations.ts'
import { checkMayCreate, createRoom } from '../../rooms/lifecycle.ts'
import { checkNick, nickKey } from '../../rooms/nicks.ts'
import { keepPace } from '../../rooms/pace.ts'
import { payloadOf } from '../../rooms/payload.ts'
import { initialRole, isAdmin } from '../../rooms/privileges.ts'
import { roomsOf } from '../../rooms/registry.ts'
import { Occupant, type Room, type Standing } from '../../rooms/room.ts'
import { subjectOf } from '../../rooms/say.ts'
import { AS_IT_IS, isShown, showSeat, tell } from '../../rooms/tell.ts'
import { sends } from '../../rooms/way.ts'
import { currentVersion, tellMissed } from '../../rooms/versions.ts'
import type { Transit } from '../../routing/transit.ts'
import { StanzaError } from '../../xmpp/errors.ts'
import type { Jid } from '../../xmpp/jid.ts'
import { NS } from '../../xmpp/namespaces.ts'
import { Stanza } from '../../xmpp/stanza.ts'
import { child, childText, type Element, withAttrs } from '../../xmpp/xml.ts'
import { historyFor } from './history.ts'
import { changeNick } from './nick.ts'

/** Occupants that come in beyond the limit, if they administer the room (§7.2.9). */
const RESERVE = 50

/** Presence to `to`, a room's address with a nick, that asks to come in. */
export function enter(t: Transit, to: Jid): void {
  const { from } = t.stanza
  const rooms = roomsOf(t.world)
  const known = rooms.find(t, to)
  const seated = known?.occupantOf(from)
  if (known) keepPace(t, known, 'joins')
  if (known && seated) {
    if (nickKey(seated.nick) !== nickKey(to.resource)) return changeNick(t, known, seated, to)
    return again(t, known, seated)
  }
  const x = child(t.stanza.el, 'x', NS.muc)
  if (!known) checkMayCreate(t, from)
  const room = known ?? createRoom(t, { jid: to.toBare(), owner: from.bare, locked: true })
  const affiliation = standingOf(t, room, from)
  checkEntry(room, affiliation, x)
  checkNick(t, room, to.resource, from.bare)
  const mine = room.byNick(to.resource)
  if (!mine) checkSpace(t, room, affiliation)
  const role = initialRole(affiliation, room.settings)
  const id = mine ? undefined : rooms.occupantId(t, room.jid, from.bare)
  const occupant = mine ?? new Occupant(to.resource, from.bare, affiliation, role, id ?? '')
  const payload = payloadOf(t.stanza.el, room.jid)
  if (!known || room.isEmpty) rooms.hold(t, room)
  const seat = room.seat(t, occupant, from, payload)
  const ownCodes = [...privacyCodes(room), ...(known ? [] : [201])]
  tellMissed(t, room, occupant, from, x)
  listOthers(t, room, occupant, from)
  // A second client of an occupant is no newcomer; the others see what this one says.
  const about = { id: { seat, value: t.stanza.id }, ownVersions: currentVersion(t, room) }
  tell(t, room, occupant, { ...about, ownCodes, entering: mine === undefined })
  greet(t, room, from, x)
}

/** §17.3: a client that asks again has lost track; it gets everything anew, and nobody else hears of it. */
function again(t: Transit, room: Room, occupant: Occupant): void {
  const { from, id, el } = t.stanza
  const seat = occupant.seats.get(from.toString())
  if (!seat) return
  tellMissed(t, room, occupant, from, child(el, 'x', NS.muc))
  listOthers(t, room, occupant, from)
  showSeat(t, room, occupant, occupant, seat, {
    ownCodes: privacyCodes(room),
    ownVersions: currentVersion(t, room),
    id: { seat, value: id },
  })
  greet(t, room, from, child(el, 'x', NS.muc))
}

/** §7.1: who is there, before the newcomer itself. */
function listOthers(t: Transit, room: Room, occupant: Occupant, jid: Jid): void {
  const seat = occupant.seats.get(jid.toString())
  if (!seat) return
  for (const other of room.occupants)
    if (other !== occupant && isShown(room, other)) showSeat(t, room, other, occupant, seat, AS_IT_IS)
}

/** §7.1: after all presence the history, then the subject; what is live comes behind them. */
function greet(t: Transit, room: Room, jid: Jid, x: Element | undefined): void {
  for (const el of historyFor(t, room, x && child(x, 'history')))
    sends(t, room.jid, jid, () => new Stanza('message', withAttrs(el, { to: jid.toString() }), room.jid, jid))
  const subject = withAttrs(subjectOf(t, room), { to: jid.toString() })
  sends(t, room.jid, jid, () => new Stanza('message', subject, room.jid, jid))
}

function privacyCodes({ settings }: Room): number[] {
  return [...(settings.nonAnonymous ? [100] : []), ...(settings.logging ? [170] : [])]
}

/** §7.2.5–§7.2.10 */
function checkEntry(room: Room, affiliation: Standing, x: Element | undefined): void {
  if (affiliation === 'outcast') throw new StanzaError('forbidden', 'You are banned from this room.')
  if (room.row.locked && affiliation !== 'owner')
    throw new StanzaError('item-not-found', 'The room is not open yet.')
  const { membersOnly, password } = room.settings
  if (membersOnly && affiliation === 'none')
    throw new StanzaError('registration-required', 'This room is for its members.')
  if (password === '' || affiliation === 'owner') return
  if ((x && childText(x, 'password')) !== password)
    throw new StanzaError('not-authorized', 'This room needs a password.')
}

function checkSpace(t: Transit, room: Room, affiliation: Standing): void {
  const { room_occupants } = t.config.limits
  const most = Math.min(room.settings.maxUsers || Infinity, room_occupants)
  if (room.size < most || (isAdmin(affiliation) && room.size < most + RESERVE)) return
  throw new StanzaError('service-unavailable', 'The room is full.', { type: 'wait' })
}
