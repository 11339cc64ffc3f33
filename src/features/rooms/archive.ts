/** The archive of a room (XEP-0313 §5.1.2): who may come in may read it, and addresses stay the room's to show. */
import { standingOf } from '../../rooms/affiliations.ts'
import type { Room } from '../../rooms/room.ts'
import type { Transit } from '../../routing/transit.ts'
import type { RoomFilter, RoomMessage } from '../../store/room-archive.ts'
import { StanzaError } from '../../xmpp/errors.ts'
import { forwardedText } from '../../xmpp/forward.ts'
import { formValue, readForm } from '../../xmpp/forms.ts'
import { finOf, readTime, searchForm } from '../../xmpp/mam.ts'
import { NS } from '../../xmpp/namespaces.ts'
import { type PageRequest, readPage } from '../../xmpp/rsm.ts'
import { readJid, Stanza } from '../../xmpp/stanza.ts'
import { child, type Element, xml } from '../../xmpp/xml.ts'

/** Messages of a page when the client does not say. */
const PAGE = 50
const KNOWN = new Set(['FORM_TYPE', 'with', 'start', 'end', 'before-id', 'after-id', 'ids'])

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
  const n = fitting(fromEnd ? rows.toReversed() : rows, limit, archive_page_bytes)
  const shown = fromEnd ? rows.slice(rows.length - n) : rows.slice(0, n)
  const { from } = t.stanza
  for (const { id, xml: text } of child(el, 'flip-page') ? shown.toReversed() : shown) {
    const attrs = { xmlns: NS.mam, queryid: el.attrs.queryid, id: String(id) }
    const result = xml('result', attrs, forwardedText(text, t.store.receipts.timeOf(id)))
    const message = Stanza.make('message', room.jid, from, {}, result)
    // Before the answer, which ends the page.
    if (t.origin) t.write(t.origin, message.el)
    else t.emit(message)
  }
  return finOf(
    shown.map(({ id }) => String(id)),
    n === rows.length,
  )
}

export function metadata(t: Transit, room: Room): Element {
  checkMayRead(t, room)
  const bounds = t.store.roomArchive.bounds(room.id)
  const mark = (name: string, id: number) =>
    xml(name, { id: String(id), timestamp: new Date(t.store.receipts.timeOf(id)).toISOString() })
  return xml(
    'metadata',
    { xmlns: NS.mam },
    bounds && mark('start', bounds.first),
    bounds && mark('end', bounds.last),
  )
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

/** Number of rows that are a page: at least one, where there is one. */
function fitting(rows: readonly RoomMessage[], limit: number, most: number): number {
  let bytes = 0
  const end = rows.findIndex(({ xml: text }) => (bytes += Buffer.byteLength(text)) > most)
  return Math.min(end < 0 ? rows.length : Math.max(end, 1), limit)
}

function readFilter(t: Transit, room: Room, el: Element, page: PageRequest): RoomFilter {
  const x = child(el, 'x', NS.forms)
  const values = x ? readForm(x, NS.mam) : new Map<string, string[]>()
  if (!values) throw new StanzaError('bad-request', 'The form has another type.')
  const unknown = [...values.keys()].find((name) => !KNOWN.has(name))
  if (unknown !== undefined)
    throw new StanzaError('feature-not-implemented', `${unknown}: not a known field.`)
  const ids = values.get('ids')
  if (ids && ids.length > t.config.limits.archive_ids) throw new StanzaError('bad-request', 'ids: too many.')
  const after = readId(t, room, page.after) ?? 0
  const before = page.before ? readId(t, room, page.before) : undefined
  const afterId = Math.max(after, readId(t, room, formValue(values, 'after-id')) ?? 0)
  const beforeId = Math.min(before ?? Infinity, readId(t, room, formValue(values, 'before-id')) ?? Infinity)
  return {
    nick: nickOf(room, formValue(values, 'with')),
    start: readTime(values, 'start'),
    end: readTime(values, 'end'),
    ids: ids?.map((id) => readId(t, room, id) ?? 0),
    ...(afterId > 0 && { afterId }),
    ...(beforeId < Infinity && { beforeId }),
  }
}

/** The nick in an address of the room; a real address would betray who has which nick. */
function nickOf(room: Room, text: string | undefined): string | undefined {
  if (text === undefined) return undefined
  const jid = readJid(text, 'with')
  if (jid.bare !== room.jid.bare) throw new StanzaError('item-not-found', 'with: an occupant of this room.')
  return jid.isFull ? jid.resource : undefined
}

function readId(t: Transit, room: Room, text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const id = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN
  if (!Number.isSafeInteger(id) || !t.store.roomArchive.get(room.id, id))
    throw new StanzaError('item-not-found')
  return id
}
