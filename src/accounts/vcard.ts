/** The one place that stores a vCard: every representation of the same person is told of it (XEP-0054, XEP-0398). */
import type { Account } from '../store/accounts.ts'
import { readPhoto, withPhoto } from '../xmpp/avatar.ts'
import { parseStored } from '../xmpp/stored.ts'
import type { Element } from '../xmpp/xml.ts'
import type { Trip } from '../routing/transit.ts'

export function readVcard(t: Trip, owner: Account): Element | undefined {
  const text = t.store.accounts.vcard(owner)
  return text === undefined ? undefined : parseStored(text)
}

/**
 * `by` is the feature that made the vCard of another representation; undefined for the owner's own. However its picture
 * was written, it is read back as a type and plain Base64.
 */
export function putVcard(t: Trip, owner: Account, said: Element, by?: string): void {
  const before = t.store.accounts.photo(owner) ?? ''
  const photo = readPhoto(said)
  const card = photo ? withPhoto(said, photo) : said
  t.store.accounts.setVcard(owner, card.toString(), photo?.hash ?? '')
  t.world.vcardChanged(t, owner, { card, photo, before, by })
}
