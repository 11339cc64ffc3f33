/** Messages to a room and to its occupants (XEP-0045 §7.4, §7.5, §8.1). */
import { keepPace } from '../../rooms/pace.ts'
import { payloadOf } from '../../rooms/payload.ts'
import { keeperOf, standingOf } from '../../rooms/affiliations.ts'
import { nickKey } from '../../rooms/nicks.ts'
import { initialRole } from '../../rooms/privileges.ts'
import { roomsOf } from '../../rooms/registry.ts'
import { Occupant, type Room } from '../../rooms/room.ts'
import { subscribersOf } from '../../rooms/subscriptions.ts'
import { say } from '../../rooms/say.ts'
import { markRead } from '../../rooms/unread.ts'
import { sends } from '../../rooms/way.ts'
import type { Transit } from '../../routing/transit.ts'
import { StanzaError } from '../../xmpp/errors.ts'
import type { Jid } from '../../xmpp/jid.ts'
import { retractedId } from '../../xmpp/message.ts'
import { NS } from '../../xmpp/namespaces.ts'
import { readJid, Stanza } from '../../xmpp/stanza.ts'
import { child, childText, xml } from '../../xmpp/xml.ts'
import { retract } from './moderation.ts'

/** Characters of a subject. */
const LONGEST_SUBJECT = 4096

/** §7.4 */
export function toAll(t: Transit, room: Room): void {
  const { el, id } = t.stanza
  const occupant = inside(t, room)
  keepPace(t, room, 'messages')
  const read = child(el, 'displayed', NS.chatMarkers)?.attrs.id
  if (read !== undefined) markRead(t, room, occupant.user, read)
  if (isSubject(t)) return setSubject(t, room, occupant)
  if (occupant.role === 'visitor') throw new StanzaError('forbidden', 'You have no voice in this room.')
  if (retractedId(el) !== undefined) return retract(t, room, occupant)
  say(t, room, occupant, id ?? t.freshId(), payloadOf(el, room.jid))
}

/** The occupant that sends; anybody else is told so in a way that makes clients come in again. A subscriber need not be in. */
function inside(t: Transit, room: Room): Occupant {
  const { from } = t.stanza
  const occupant = room.occupantOf(from)
  if (occupant) return occupant
  const subscriber = asOccupant(t, room, from)
  if (!subscriber) throw new StanzaError('not-acceptable', 'You are not in this room.')
  return subscriber
}

/** A subscriber as the occupant that would come in; it has no clients. */
function asOccupant(t: Transit, room: Room, user: Jid): Occupant | undefined {
  const nick = subscribersOf(t, room).get(user.bare)?.nick
  if (nick === undefined) return undefined
  const affiliation = standingOf(t, room, user)
  const id = roomsOf(t.world).occupantId(t, room.jid, user.bare)
  return new Occupant(nick, user.bare, affiliation, initialRole(affiliation, room.settings), id)
}

/** The subscriber for whom a nick is kept, and who is not in the room. */
function awayAs(t: Transit, room: Room, nick: string): Occupant | undefined {
  nickKey(nick)
  const user = keeperOf(t, room, nick)
  return user === undefined ? undefined : asOccupant(t, room, readJid(user))
}

/** §8.1: a subject and neither a body nor a thread. */
function isSubject({ stanza: { el } }: Transit): boolean {
  return child(el, 'subject') !== undefined && !child(el, 'body') && !child(el, 'thread')
}

function setSubject(t: Transit, room: Room, occupant: Occupant): void {
  const { el, id } = t.stanza
  const allowed =
    occupant.role === 'moderator' || (room.settings.changeSubject && occupant.role === 'participant')
  if (!allowed) throw new StanzaError('forbidden', 'You may not change the subject.')
  const text = childText(el, 'subject') ?? ''
  if (text.length > LONGEST_SUBJECT) throw new StanzaError('not-acceptable', 'The subject is too long.')
  room.update(t, { subject: { text, nick: occupant.nick, by: occupant.occupantId, at: t.now } })
  say(t, room, occupant, id ?? t.freshId(), payloadOf(el, room.jid))
}

/**
 * §7.5: to one occupant, at all of its clients; as on ejabberd to a subscriber who has not joined (MucSub), whose account
 * has it like any message to it.
 */
export function toOne(t: Transit, room: Room, to: Jid): void {
  const { el, id, type } = t.stanza
  if (type === 'groupchat') throw new StanzaError('bad-request', 'A message to all has no nick.')
  const sender = inside(t, room)
  keepPace(t, room, 'messages')
  const recipient = room.byNick(to.resource) ?? awayAs(t, room, to.resource)
  if (!recipient) throw new StanzaError('item-not-found', 'Nobody has this nick.')
  if (!maySpeakPrivately(room, sender, recipient))
    throw new StanzaError('forbidden', 'No private messages here.')
  const source = room.addressOf(sender.nick)
  const seats = [...recipient.seats.values()].map(({ jid }) => jid)
  for (const jid of seats.length > 0 ? seats : [readJid(recipient.user)])
    sends(t, room.jid, jid, () =>
      Stanza.make(
        'message',
        source,
        jid,
        { id: id ?? t.freshId(), type: type || undefined },
        ...payloadOf(el, room.jid),
        // The mark of a private message, which carbons leave alone.
        xml('x', { xmlns: NS.mucUser }),
        xml('occupant-id', { xmlns: NS.occupantId, id: sender.occupantId }),
      ),
    )
}

function maySpeakPrivately({ settings }: Room, from: Occupant, to: Occupant): boolean {
  switch (settings.allowPm) {
    case 'anyone':
      return true
    case 'participants':
      return from.role !== 'visitor'
    case 'moderators':
      // An answer to a moderator is one's own word to the room's staff.
      return from.role === 'moderator' || to.role === 'moderator'
    case 'none':
      return false
  }
}
