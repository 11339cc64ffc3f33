/** Messages that are taken back: by who wrote them (XEP-0424), or by a moderator (XEP-0425, in both of its versions). */
import { authorOf, payloadOf } from '../../rooms/payload.ts'
import type { Occupant, Room } from '../../rooms/room.ts'
import { say } from '../../rooms/say.ts'
import type { Transit } from '../../routing/transit.ts'
import type { RoomMessage } from '../../store/room-archive.ts'
import { StanzaError } from '../../xmpp/errors.ts'
import { retractedId } from '../../xmpp/message.ts'
import { NS } from '../../xmpp/namespaces.ts'
import { readStored } from '../../xmpp/stored.ts'
import { child, childText, type Element, elements, xml } from '../../xmpp/xml.ts'

/** §3: a moderator's request, which is answered once the room has said it to all. */
export function moderate(t: Transit, room: Room, payload: Element): undefined {
  const { id, reason } = readRequest(payload)
  const moderator = room.occupantOf(t.stanza.from)
  if (moderator?.role !== 'moderator') throw new StanzaError('forbidden')
  const message = messageOf(t, room, id)
  const by = room.addressOf(moderator.nick).toString()
  const who = xml('occupant-id', { xmlns: NS.occupantId, id: moderator.occupantId })
  const why = () => (reason === undefined ? undefined : xml('reason', {}, reason))
  const payloads = [
    xml('retract', { xmlns: NS.retract, id }, xml('moderated', { xmlns: NS.moderate, by }, who), why()),
    // Clients that know only the version before look for this.
    xml(
      'apply-to',
      { xmlns: NS.fasten, id },
      xml('moderated', { xmlns: NS.oldModerate, by }, xml('retract', { xmlns: NS.oldRetract }), why()),
    ),
  ]
  const retraction = say(t, room, undefined, t.freshId(), payloads)
  bury(t, room, message, {
    retraction,
    inside: [xml('moderated', { xmlns: NS.moderate, by }, who), why()],
    old: xml(
      'moderated',
      { xmlns: NS.oldModerate, by },
      xml('retracted', { xmlns: NS.oldRetract, stamp: new Date(t.now).toISOString() }),
      why(),
    ),
  })
}

function readRequest(payload: Element): { id: string; reason: string | undefined } {
  // Version 0 wraps it in <apply-to/> of XEP-0422, which names the message.
  const request = payload.name === 'apply-to' ? child(payload, 'moderate', NS.oldModerate) : payload
  const { id } = payload.attrs
  const retract = request && elements(request).find(({ name }) => name === 'retract')
  if (!request || !retract || id === undefined || id === '')
    throw new StanzaError('bad-request', 'Which message, and what of it?')
  return { id, reason: childText(request, 'reason') }
}

function messageOf(t: Transit, room: Room, id: string): RoomMessage {
  const known = /^\d{1,16}$/.test(id) ? t.store.roomArchive.get(room.id, Number(id)) : undefined
  if (!known) throw new StanzaError('item-not-found', 'There is no such message.')
  return known
}

/** XEP-0424 §5: whoever wrote it, under whatever nick, takes it back; nobody else does. */
export function retract(t: Transit, room: Room, occupant: Occupant): void {
  const { el, id } = t.stanza
  const target = retractedId(el) ?? ''
  const message = messageOf(t, room, target)
  if (authorOf(readStored('message', message.xml)) !== occupant.occupantId)
    throw new StanzaError('forbidden', 'It is another’s message.')
  const retraction = say(t, room, occupant, id ?? t.freshId(), payloadOf(el, room.jid))
  bury(t, room, message, { retraction, inside: [] })
}

interface Tombstone {
  /** The retraction's own id in the archive. */
  readonly retraction: number | undefined
  readonly inside: readonly (Element | undefined)[]
  readonly old?: Element
}

/** A tombstone keeps who it was by and when; the rest is gone. */
function bury(t: Transit, room: Room, message: RoomMessage, { retraction, inside, old }: Tombstone): void {
  const before = readStored('message', message.xml)
  const { from, type, id } = before.attrs
  const kept = elements(before).filter(({ name }) => name === 'occupant-id' || name === 'stanza-id')
  const retracted = xml(
    'retracted',
    { xmlns: NS.retract, id: String(retraction ?? ''), stamp: new Date(t.now).toISOString() },
    ...inside,
  )
  const tombstone = xml('message', { from, type, id }, retracted, old, ...kept)
  t.store.roomArchive.replace(room.id, message.id, tombstone.toString())
}
