/** The picture of a room (XEP-0486) as it is asked for and set. */
import { standingOf } from '../../rooms/affiliations.ts'
import { setVcard } from '../../rooms/avatar.ts'
import type { Room } from '../../rooms/room.ts'
import type { Transit } from '../../routing/transit.ts'
import { StanzaError } from '../../xmpp/errors.ts'
import { NS } from '../../xmpp/namespaces.ts'
import { type Element, StoredElement, xml } from '../../xmpp/xml.ts'

export function get(_: Transit, room: Room): Element {
  const { avatar } = room.row
  return avatar === null ? xml('vCard', { xmlns: NS.vcard }) : new StoredElement('vCard', avatar)
}

export function set(t: Transit, room: Room, card: Element): undefined {
  if (standingOf(t, room, t.stanza.from) !== 'owner') throw new StanzaError('forbidden')
  setVcard(t, room, card)
}
