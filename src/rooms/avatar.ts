/** The picture of a room (XEP-0486): a vCard. */
import type { Trip } from '../routing/transit.ts'
import { checkedCard, readPhoto } from '../xmpp/avatar.ts'
import { parseStored } from '../xmpp/stored.ts'
import { type Element, elements } from '../xmpp/xml.ts'
import type { Room } from './room.ts'
import { announce } from './tell.ts'

/** §4.1: an empty one takes the picture away. @throws StanzaError policy-violation, not-acceptable */
export function setVcard(t: Trip, room: Room, card: Element): void {
  const text = checkedCard(card, t.config.limits.vcard_bytes)
  room.update(t, { avatar: elements(card).length === 0 ? null : text })
  announce(t, room, [104])
}

/** Hashes by which clients know the pictures again (§4.2). */
export function hashesOf({ row: { avatar } }: Room): string[] {
  if (avatar === null) return []
  const photo = readPhoto(parseStored(avatar))
  return photo ? [photo.hash] : []
}
