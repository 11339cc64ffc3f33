/** The picture of a room (XEP-0486): a vCard that its owners set. */
import { standingOf } from '../../rooms/affiliations.ts'
import type { Room } from '../../rooms/room.ts'
import { announce } from '../../rooms/tell.ts'
import type { Transit } from '../../routing/transit.ts'
import { hasPhoto, readPhoto } from '../../xmpp/avatar.ts'
import { StanzaError } from '../../xmpp/errors.ts'
import { NS } from '../../xmpp/namespaces.ts'
import { noPicture } from '../../xmpp/picture.ts'
import { parseStored } from '../../xmpp/stored.ts'
import { type Element, elements, StoredElement, xml } from '../../xmpp/xml.ts'

export function get(_: Transit, room: Room): Element {
  const { avatar } = room.row
  return avatar === null ? xml('vCard', { xmlns: NS.vcard }) : new StoredElement('vCard', avatar)
}

/** §4.1: an empty one takes the picture away. */
export function set(t: Transit, room: Room, card: Element): undefined {
  if (standingOf(t, room, t.stanza.from) !== 'owner') throw new StanzaError('forbidden')
  const text = card.toString()
  const { vcard_bytes } = t.config.limits
  if (Buffer.byteLength(text) > vcard_bytes)
    throw new StanzaError('policy-violation', `A vCard may have at most ${vcard_bytes} bytes.`)
  if (hasPhoto(card) && !readPhoto(card)) throw noPicture()
  room.update(t, { avatar: elements(card).length === 0 ? null : text })
  announce(t, room, [104])
}

/** Of each picture the hash by which clients know it again (§4.2); none where there is none. */
export function hashesOf({ row: { avatar } }: Room): string[] {
  if (avatar === null) return []
  const photo = readPhoto(parseStored(avatar))
  return photo ? [photo.hash] : []
}
