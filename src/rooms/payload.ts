/** The part of a client's stanza that goes on through a room: all but what only the room may say. */
import { isDelay } from '../xmpp/delay.ts'
import type { Jid } from '../xmpp/jid.ts'
import { isOnlyState } from '../xmpp/message.ts'
import { NS } from '../xmpp/namespaces.ts'
import { isIdOf, speaksFor } from '../xmpp/stanza-id.ts'
import { child, type Element, elements, xml } from '../xmpp/xml.ts'

const HATS = 'urn:xmpp:hats:0'
const MODERATION = new Set<string>([NS.oldModerate, NS.moderate])

/** XEP-0045 §17.3: the room puts these in itself. */
function isRooms(el: Element, room: Jid): boolean {
  const { xmlns = '' } = el.attrs
  if (xmlns === NS.muc || xmlns === NS.mucUser || xmlns === NS.occupantId) return true
  if (xmlns.startsWith(HATS.slice(0, -1)) || MODERATION.has(xmlns)) return true
  if (isDelay(el)) return el.attrs.from !== undefined && speaksFor(el.attrs.from, room)
  return isIdOf(el, room)
}

/** The children of a stanza that an occupant's client sent; moderation inside a retraction goes, too (XEP-0425 §5). */
export function payloadOf(el: Element, room: Jid): Element[] {
  return elements(el)
    .filter((node) => !isRooms(node, room))
    .map((node) => withoutModeration(node))
}

/** Occupant id of who has said a message of a room (XEP-0421); '' for the room itself. */
export const authorOf = (el: Element): string => child(el, 'occupant-id', NS.occupantId)?.attrs.id ?? ''

function withoutModeration(el: Element): Element {
  if (!elements(el).some(({ attrs: { xmlns = '' } }) => MODERATION.has(xmlns))) return el
  const kept = el.children.filter(
    (node) => typeof node === 'string' || !MODERATION.has(node.attrs.xmlns ?? ''),
  )
  return xml(el.name, el.attrs, ...kept)
}

/** XEP-0313 §5.1.2 of rooms: what is said, not who is typing; subjects are kept as well. */
export function isForRoomArchive(payload: readonly Element[]): boolean {
  const el = xml('message', {}, ...payload)
  if (child(el, 'no-store', NS.hints) || child(el, 'no-permanent-store', NS.hints)) return false
  return child(el, 'store', NS.hints) !== undefined || !isOnlyState(el)
}
