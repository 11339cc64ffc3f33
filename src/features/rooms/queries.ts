/** Queries between occupants, passed on by the room (XEP-0045 §17.4), and the ping by which one looks whether one is in (XEP-0410). */
import type { Occupant, Room, Seat } from '../../rooms/room.ts'
import { sends } from '../../rooms/way.ts'
import type { Transit } from '../../routing/transit.ts'
import { StanzaError } from '../../xmpp/errors.ts'
import type { Jid } from '../../xmpp/jid.ts'
import { NS } from '../../xmpp/namespaces.ts'
import { Stanza } from '../../xmpp/stanza.ts'
import { type Element, firstElement, withAttrs } from '../../xmpp/xml.ts'

/** A query to an occupant, or an answer from one to the occupant who asked. */
export function pass(t: Transit, room: Room, to: Jid): void {
  const { el, from, isRequest } = t.stanza
  const sender = room.occupantOf(from)
  const namespace = firstElement(el)?.attrs.xmlns
  if (!sender) {
    if (!isRequest) return
    // §6.6 of a stranger's disco; XEP-0410 §3.2 of all else.
    const isDisco = namespace === NS.discoInfo || namespace === NS.discoItems
    throw isDisco
      ? new StanzaError('bad-request')
      : new StanzaError('not-acceptable', 'You are not in this room.', { type: 'cancel' })
  }
  const recipient = room.byNick(to.resource)
  if (!isRequest) return answer(t, room, sender, recipient)
  if (!recipient) throw new StanzaError('item-not-found', 'Nobody has this nick.')
  if (namespace === NS.ping && recipient === sender) return t.reply()
  if (!room.settings.allowQueries) throw new StanzaError('not-allowed', 'No queries between occupants here.')
  const seat = sender.seats.get(from.toString())
  const target = recipient.shown
  if (!seat || !target) throw new StanzaError('item-not-found')
  // A vCard is the account's, not the client's.
  const address = namespace === NS.vcard ? target.jid.toBare() : target.jid
  const source = room.addressOf(sender.nick)
  forward(t, room, el, source, address, `${seat.number}/${el.attrs.id ?? ''}`)
}

/** The id says which client of the occupant had asked. */
function answer(t: Transit, room: Room, sender: Occupant, asker: Occupant | undefined): void {
  const { el } = t.stanza
  const [, number = '', id = ''] = /^(\d+)\/(.*)$/s.exec(el.attrs.id ?? '') ?? []
  const seat = asker && seatNumbered(asker, Number(number))
  if (seat) forward(t, room, el, room.addressOf(sender.nick), seat.jid, id)
}

function seatNumbered({ seats }: Occupant, number: number): Seat | undefined {
  for (const seat of seats.values()) if (seat.number === number) return seat
  return undefined
}

function forward(t: Transit, room: Room, el: Element, from: Jid, to: Jid, id: string): void {
  const copy = withAttrs(el, { from: from.toString(), to: to.toString(), id })
  sends(t, room.jid, to, () => new Stanza('iq', copy, from, to))
}
