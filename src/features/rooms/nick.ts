/** Changes of nick (XEP-0045 §7.6) and of availability (§7.7). */
import { tellStatus } from '../../rooms/coalesce.ts'
import { checkNick } from '../../rooms/nicks.ts'
import { payloadOf } from '../../rooms/payload.ts'
import { change, Occupant, type Room } from '../../rooms/room.ts'
import { AS_IT_IS, isShown, show, showSeat, showSubscribers, tell } from '../../rooms/tell.ts'
import type { Transit } from '../../routing/transit.ts'
import { StanzaError } from '../../xmpp/errors.ts'
import type { Jid } from '../../xmpp/jid.ts'

/** The client of an occupant wants another nick; where it shares the old one, it alone moves. */
export function changeNick(t: Transit, room: Room, occupant: Occupant, to: Jid): void {
  const { from, id, el } = t.stanza
  const nick = to.resource
  if (occupant.role === 'visitor' && !room.settings.visitorNickChange)
    throw new StanzaError('not-allowed', 'Visitors keep their nick here.')
  checkNick(t, room, nick, occupant.user)
  const seat = occupant.seats.get(from.toString())
  if (!seat) return
  const gone = { type: 'unavailable', newNick: nick, codes: [303] } as const
  const joined = room.byNick(nick)
  const alone = occupant.seats.size === 1
  // §7.6: whoever changes its nick hears of it, whatever the others do.
  showSeat(t, room, occupant, occupant, seat, gone)
  if (alone && isShown(room, occupant)) {
    for (const other of room.occupants) if (other !== occupant) show(t, room, occupant, other, gone)
    showSubscribers(t, room, occupant, gone)
  }
  const payload = payloadOf(el, room.jid)
  if (alone && (joined === undefined || joined === occupant)) {
    room.rename(t, occupant, nick)
    change(t, seat, { presence: payload })
    return tell(t, room, occupant, { id: { seat, value: id } })
  }
  room.unseat(t, occupant, seat)
  const { user, affiliation, role, occupantId } = occupant
  const next = joined ?? new Occupant(nick, user, affiliation, role, occupantId)
  const moved = room.seat(t, next, from, payload)
  // Its former nick is still that of the account's other clients, which it was told had gone.
  if (!alone && isShown(room, occupant)) showSeat(t, room, occupant, next, moved, AS_IT_IS)
  tell(t, room, next, { id: { seat: moved, value: id } })
}

/** Status of an occupant's client; everybody sees what the last one said. */
export function changeStatus(t: Transit, room: Room, occupant: Occupant): void {
  const { from, id, el } = t.stanza
  const seat = occupant.seats.get(from.toString())
  if (!seat) return
  if (occupant.role === 'visitor' && !room.settings.visitorStatus)
    throw new StanzaError('not-allowed', 'Visitors say no status here.')
  change(t, seat, { presence: payloadOf(el, room.jid) })
  change(t, occupant, { shown: seat })
  tellStatus(t, room, occupant, { id: { seat, value: id } })
}
