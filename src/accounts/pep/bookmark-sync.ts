/**
 * Bookmarks, one truth in two forms: the items of XEP-0402. The one list of XEP-0048 is kept beside them as the item
 * of its own node, and private storage (XEP-0049) reads and writes that list.
 */
import type { Account } from '../../store/accounts.ts'
import type { PepItem } from '../../store/pep.ts'
import {
  type Bookmark,
  type Entry,
  joinTexts,
  merge,
  readBookmark,
  readList,
  restOf,
  roomJid,
  writeBookmark,
  writeEntry,
  writeList,
} from '../../xmpp/bookmarks.ts'
import { StanzaError } from '../../xmpp/errors.ts'
import { NS } from '../../xmpp/namespaces.ts'
import { option } from '../../xmpp/pubsub.ts'
import { payloadOf } from '../../xmpp/stored.ts'
import { type Element, StoredElement, withAttrs } from '../../xmpp/xml.ts'
import { memoryOf, type WrittenEntry } from './bookmark-memory.ts'
import { publishFor, retractFor } from './publish.ts'
import type { Trip } from '../../routing/transit.ts'

/** Key of the list in private storage. */
export const LIST_KEY = `{${NS.oldBookmarks}}storage`
/** Id of the list's only item (XEP-0048 §3.1). */
const CURRENT = 'current'

interface Room extends Entry {
  /** The item's id as the client wrote it. */
  readonly id: string
}

/** The list as private storage hands it out; undefined where no client has written bookmarks in any form. */
export function readOldList(t: Trip, owner: Account): Element | undefined {
  const text = t.store.pep.last(owner, NS.oldBookmarks)?.xml
  if (text) return new StoredElement('storage', text)
  // The list can be taken away without its items.
  const items = rooms(t, owner)
  return items.length > 0 ? writeList(items, undefined) : undefined
}

/** An old client has replaced the list in private storage (XEP-0411 §3). */
export function writeOldList(t: Trip, owner: Account, storage: Element): void {
  splitList(t, owner, storage)
  makePrivate(t, owner, NS.oldBookmarks)
  const payload = withAttrs(storage, { xmlns: NS.oldBookmarks })
  const before = t.store.pep.last(owner, NS.oldBookmarks)
  publishFor(t, owner, NS.oldBookmarks, {}, { id: before?.id ?? CURRENT, payload })
}

/** XEP-0402 §5.3.2: brings the items to what a list says; of what stays as it is nothing is told. */
export function splitList(t: Trip, owner: Account, storage: Element): void {
  const entries = readList(storage)
  if (entries.length > t.config.limits.pep_items) throw tooMany()
  makePrivate(t, owner, NS.bookmarks)
  const there = new Map(rooms(t, owner).map((room) => [room.room, room]))
  const wanted = new Set(entries.map(({ room }) => room))
  // First, so that what comes pushes nothing out that stays.
  for (const { id, room } of there.values()) if (!wanted.has(room)) retractFor(t, owner, NS.bookmarks, id)
  for (const { room, bookmark } of entries) {
    const before = there.get(room)
    const payload = writeBookmark(merge(bookmark, before?.bookmark))
    if (before && payload.toString() === writeBookmark(before.bookmark).toString()) continue
    publishFor(t, owner, NS.bookmarks, {}, { id: before?.id ?? room, payload })
  }
}

/** XEP-0402 §5.3.1: makes the list anew of all items; `added` says whether they have become more. */
export function joinList(t: Trip, owner: Account, added: boolean): void {
  const most = t.config.limits.bookmarks_bytes
  const last = t.store.pep.last(owner, NS.oldBookmarks)
  const marks = t.store.pep.marks(owner, NS.bookmarks)
  // What is no bookmark is not in the list, but has to be read as well.
  if (added && marks.reduce((sum, { bytes }) => sum + bytes, 0) > 2 * most) throw tooMany()
  const { entries, rests } = memoryOf(t)
  const restOfLast = () => restOf(payloadOf(last)).map(String)
  const rest = last ? rests.getOr(last.seq, restOfLast) : []
  const found = new Map<string, string>()
  for (const { seq, id } of marks) {
    const entry = entries.getOr(seq, () => entryOf(t.store.pep.item(owner, NS.bookmarks, id)))
    if (entry && !found.has(entry.room)) found.set(entry.room, entry.text)
  }
  const payload = joinTexts([...found.values(), ...rest])
  const text = payload.toString()
  if (text === last?.xml) return
  if (added && Buffer.byteLength(text) > most) throw tooMany()
  makePrivate(t, owner, NS.oldBookmarks)
  rests.set(publishFor(t, owner, NS.oldBookmarks, {}, { id: last?.id ?? CURRENT, payload }), rest)
}

/** XEP-0411 §5: what comes from a private place must not enter a node that others may read. */
export function makePrivate(t: Trip, owner: Account, node: string): void {
  const found = t.store.pep.node(owner, node)
  if (found && option(found.config, 'access_model') !== 'whitelist')
    t.store.pep.putNode(owner, node, { ...found.config, access_model: ['whitelist'] })
}

/** The items that are rooms, each once, in the order of their publication. */
function rooms(t: Trip, owner: Account): Room[] {
  const found = new Map<string, Room>()
  for (const item of itemsOf(t, owner)) {
    const room = roomJid(item.id)
    const bookmark = bookmarkOf(item)
    if (room !== undefined && bookmark && !found.has(room)) found.set(room, { id: item.id, room, bookmark })
  }
  return [...found.values()]
}

/** All of them: a publication beyond twice the limit is refused, and an old list adds less than as much again. */
function itemsOf(t: Trip, owner: Account): PepItem[] {
  const bytes = 4 * t.config.limits.bookmarks_bytes
  return t.store.pep.items(owner, NS.bookmarks, { fromEnd: false, limit: Number.MAX_SAFE_INTEGER, bytes })
}

/** Entry of the list for an item that is a room. */
function entryOf(item: PepItem | undefined): WrittenEntry | null {
  const room = item && roomJid(item.id)
  const bookmark = item && bookmarkOf(item)
  return room !== undefined && bookmark ? { room, text: writeEntry({ room, bookmark }).toString() } : null
}

function bookmarkOf(item: PepItem): Bookmark | undefined {
  const payload = payloadOf(item)
  return payload && readBookmark(payload)
}

function tooMany(): StanzaError {
  return new StanzaError('resource-constraint', 'Too many bookmarks.')
}
