/** Messages of a room: kept once, and sent to everybody who is in it (XEP-0045 §7.4, §8.1; XEP-0359; XEP-0421). */
import { roomDeliveries, roomMessages } from '../metrics/metrics.ts'
import type { RoomMessage } from '../routing/outcome.ts'
import type { Trip } from '../routing/transit.ts'
import { NS } from '../xmpp/namespaces.ts'
import { hasBody } from '../xmpp/message.ts'
import { child, childText, type Element, StoredElement, xml } from '../xmpp/xml.ts'
import { tellMembers } from './audience.ts'
import { isEncrypted } from '../push/rules/classify.ts'
import { isForRoomArchive } from './payload.ts'
import type { Occupant, Room } from './room.ts'
import { sendEvent } from './subscriptions.ts'
import { broadcast } from './tell.ts'

/** The speaker; the room itself where it is undefined. */
export type Speaker = Pick<Occupant, 'nick' | 'user' | 'occupantId'>

/** Sends a message to all in the room. Returns its id in the room's archive, where it is kept. */
export function say(
  t: Trip,
  room: Room,
  speaker: Speaker | undefined,
  id: string,
  payload: readonly Element[],
): number | undefined {
  const from = speaker ? room.addressOf(speaker.nick) : room.jid
  const keeps = room.settings.archived && isForRoomArchive(payload)
  const archiveId = keeps ? t.store.messages.nextId() : undefined
  const el = xml(
    'message',
    { from: from.toString(), type: 'groupchat', id },
    ...payload,
    speaker && xml('occupant-id', { xmlns: NS.occupantId, id: speaker.occupantId }),
    archiveId === undefined
      ? undefined
      : xml('stanza-id', { xmlns: NS.stanzaId, id: String(archiveId), by: room.jid.toString() }),
  )
  const stored = StoredElement.of(el)
  tellWebhook(t, room, speaker, el, archiveId)
  t.after(() => roomMessages.inc())
  if (archiveId !== undefined)
    t.store.roomArchive.add({
      id: archiveId,
      roomId: room.id,
      user: speaker?.user ?? '',
      nick: speaker?.nick ?? '',
      counts: hasBody(stored) || isEncrypted(stored),
      xml: stored.toString(),
    })
  const isSubject = child(stored, 'subject') !== undefined && !child(stored, 'body')
  const kind = isSubject ? 'subject' : 'messages'
  if (archiveId === undefined) {
    broadcast(t, room, stored, from)
    sendEvent(t, room, kind, stored)
  } else {
    const message: RoomMessage = { id: archiveId, given: new Map() }
    broadcast(t, room, stored, from, room.occupants, message)
    tellMembers(t, room, stored, message, {
      wrapped: sendEvent(t, room, kind, stored, message),
      speaker: { user: speaker?.user ?? '', occupantId: speaker?.occupantId ?? '' },
      byModerator: speaker === undefined || room.byNick(speaker.nick)?.role === 'moderator',
    })
  }
  const copies = room.countSeats
  t.after(() => roomDeliveries.inc(copies))
  return archiveId
}

function tellWebhook(
  t: Trip,
  room: Room,
  speaker: Speaker | undefined,
  el: Element,
  archiveId: number | undefined,
): void {
  if (!t.store.events.wants('room.message') || !hasBody(el)) return
  const said = {
    from: speaker?.user ?? null,
    nick: speaker?.nick ?? null,
    message: el.attrs.id,
    stanza_id: archiveId === undefined ? null : String(archiveId),
    body: childText(el, 'body'),
  }
  t.store.events.tell('room.message', { id: null, jid: room.jid.bare }, said)
}

/** The room itself sets its subject (§8.1). */
export function announceSubject(t: Trip, room: Room, text: string): void {
  room.update(t, { subject: { text, nick: '', at: t.now } })
  say(t, room, undefined, t.freshId(), [xml('subject', {}, text)])
}

/** The subject is the last thing that is said at a join, also where there is none (§7.2.15). */
export function subjectOf(t: Trip, room: Room): Element {
  const { text = '', nick = '', by, at } = room.row.subject ?? {}
  const from = nick === '' ? room.jid : room.addressOf(nick)
  return xml(
    'message',
    { from: from.toString(), type: 'groupchat', id: t.freshId() },
    xml('subject', {}, text),
    by === undefined ? undefined : xml('occupant-id', { xmlns: NS.occupantId, id: by }),
    at === undefined
      ? undefined
      : xml('delay', { xmlns: NS.delay, from: room.jid.toString(), stamp: new Date(at).toISOString() }),
  )
}
