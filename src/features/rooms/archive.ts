/** The archive of a room (XEP-0313 §5.1.2): who may come in may read it, and addresses stay the room's to show. */
import { standingOf } from '../../rooms/affiliations.ts'
import type { Room } from '../../rooms/room.ts'
import type { Transit } from '../../routing/transit.ts'
import type { RoomFilter } from '../../store/room-archive.ts'
import { StanzaError } from '../../xmpp/errors.ts'
import {
  finOf,
  metadataOf,
  PAGE,
  pageOf,
  readArchiveId,
  readSearch,
  resultOf,
  searchForm,
} from '../../xmpp/mam.ts'
import { NS } from '../../xmpp/namespaces.ts'
import { type PageRequest, readPage } from '../../xmpp/rsm.ts'
import { readJid, Stanza } from '../../xmpp/stanza.ts'
import { child, type Element, xml } from '../../xmpp/xml.ts'

export const form = (t: Transit, room: Room): Element => {
  checkMayRead(t, room)
  return xml('query', { xmlns: NS.mam }, searchForm())
}

export function query(t: Transit, room: Room, el: Element): Element {
  checkMayRead(t, room)
  const { archive_page, archive_page_bytes, archive_count } = t.config.limits
  const page = readPage(el)
  const filter = readFilter(t, room, el, page)
  if (page.max === 0) {
    const total = t.store.roomArchive.count(room.id, filter, archive_count)
    return finOf([], total === 0, total)
  }
  const limit = Math.min(page.max ?? PAGE, archive_page)
  const fromEnd = page.before !== undefined
  const rows = t.store.roomArchive.page(room.id, filter, limit + 1, fromEnd)
  const shown = pageOf(rows, fromEnd, limit, archive_page_bytes)
  const { from } = t.stanza
  for (const { id, xml: text } of child(el, 'flip-page') ? shown.toReversed() : shown) {
    const result = resultOf(el, id, text, t.store.receipts.timeOf(id))
    const message = Stanza.make('message', room.jid, from, {}, result)
    // Before the answer, which ends the page.
    if (t.origin) t.write(t.origin, message.el)
    else t.emit(message)
  }
  return finOf(
    shown.map(({ id }) => String(id)),
    shown.length === rows.length,
  )
}

export function metadata(t: Transit, room: Room): Element {
  checkMayRead(t, room)
  return metadataOf(t.store.roomArchive.bounds(room.id), (id) => t.store.receipts.timeOf(id))
}

/** The rights are those of entering; a room whose archive is public (muc#roomconfig_enablelogging) asks no more. */
function checkMayRead(t: Transit, room: Room): void {
  const { from } = t.stanza
  if (!room.settings.archived) throw new StanzaError('service-unavailable', 'This room keeps nothing.')
  const affiliation = standingOf(t, room, from)
  if (affiliation === 'outcast') throw new StanzaError('forbidden', 'You are banned from this room.')
  if (affiliation !== 'none' || room.occupantOf(from) || room.settings.logging) return
  if (room.settings.membersOnly || room.settings.password !== '' || room.row.locked)
    throw new StanzaError('forbidden', 'What was said here is for those who may come in.')
}

function readFilter(t: Transit, room: Room, el: Element, page: PageRequest): RoomFilter {
  const idOf = (text: string) =>
    readArchiveId(text, (id) => t.store.roomArchive.get(room.id, id) !== undefined)
  const { with: other, ...filter } = readSearch(el, page, t.config.limits.archive_ids, idOf)
  return { ...filter, nick: nickOf(room, other) }
}

/** The nick in an address of the room; a real address would betray who has which nick. */
function nickOf(room: Room, text: string | undefined): string | undefined {
  if (text === undefined) return undefined
  const jid = readJid(text, 'with')
  if (jid.bare !== room.jid.bare) throw new StanzaError('item-not-found', 'with: an occupant of this room.')
  return jid.isFull ? jid.resource : undefined
}
