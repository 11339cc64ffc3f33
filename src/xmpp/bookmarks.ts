/** Bookmarks of rooms as items of their own (XEP-0402 §2) and as one list (XEP-0048 §2). */
import { Jid } from './jid.ts'
import { NS } from './namespaces.ts'
import { child, childText, clone, type Element, elements, StoredElement, xml } from './xml.ts'

export interface Bookmark {
  readonly name: string | undefined
  readonly autojoin: boolean
  readonly nick: string | undefined
  readonly password: string | undefined
  /** Extensions that clients keep with it, of any namespace. */
  readonly extensions: readonly Element[]
}

/** An entry of the old list: the room and how it is bookmarked. */
export interface Entry {
  readonly room: string
  readonly bookmark: Bookmark
}

/** A bookmark item's payload; undefined for anything else. */
export function readBookmark(conference: Element): Bookmark | undefined {
  if (conference.name !== 'conference' || conference.attrs.xmlns !== NS.bookmarks) return undefined
  const extensions = child(conference, 'extensions')
  return { ...fields(conference), extensions: extensions ? elements(extensions) : [] }
}

export function writeBookmark(bookmark: Bookmark): Element {
  const { extensions } = bookmark
  const more = extensions.length > 0 ? xml('extensions', {}, ...extensions.map(clone)) : undefined
  return xml('conference', { xmlns: NS.bookmarks, ...attributes(bookmark) }, ...texts(bookmark), more)
}

/** The rooms of an old list, the first entry of each; entries without an address are no rooms (see `restOf`). */
export function readList(storage: Element): Entry[] {
  const found = new Map<string, Entry>()
  for (const el of elements(storage)) {
    const room = roomOf(el)
    if (room === undefined || found.has(room)) continue
    const extensions = elements(el).filter(({ attrs }) => attrs.xmlns !== undefined)
    found.set(room, { room, bookmark: { ...fields(el), extensions } })
  }
  return [...found.values()]
}

/** XEP-0402 §5.3.1: the list of all items, before what in `old` was no room, such as addresses of web pages. */
export function writeList(entries: readonly Entry[], old: Element | undefined): Element {
  return xml('storage', { xmlns: NS.oldBookmarks }, ...entries.map(writeEntry), ...restOf(old).map(clone))
}

export function writeEntry({ room, bookmark }: Entry): Element {
  const { extensions } = bookmark
  return xml(
    'conference',
    { jid: room, ...attributes(bookmark) },
    ...texts(bookmark),
    ...extensions.map(clone),
  )
}

/** Parts of a list that are no rooms. */
export function restOf(list: Element | undefined): Element[] {
  return list ? elements(list).filter((el) => roomOf(el) === undefined) : []
}

/** The list of parts that were written before. */
export function joinTexts(parts: readonly string[]): Element {
  const start = `<storage xmlns="${NS.oldBookmarks}"`
  return new StoredElement(
    'storage',
    parts.length === 0 ? `${start}/>` : `${start}>${parts.join('')}</storage>`,
  )
}

/**
 * A bookmark as an old client wrote it over the one that was there. Extensions that it does not name are kept: such
 * clients strip what they do not know (XEP-0402 §1).
 */
export function merge(written: Bookmark, before: Bookmark | undefined): Bookmark {
  const key = ({ name, attrs }: Element) => `{${attrs.xmlns ?? ''}}${name}`
  // A Map keeps the place of a key that is set again: an unchanged bookmark stays the same.
  const all = new Map((before?.extensions ?? []).map((el) => [key(el), el]))
  for (const el of written.extensions) all.set(key(el), el)
  return { ...written, extensions: [...all.values()] }
}

/** The prepared bare JID of a room; undefined for text that is none. */
export function roomJid(text: string | undefined): string | undefined {
  return text === undefined ? undefined : Jid.tryParse(text)?.bare
}

function roomOf(el: Element): string | undefined {
  return el.name === 'conference' && el.attrs.xmlns === undefined ? roomJid(el.attrs.jid) : undefined
}

function fields(el: Element): Omit<Bookmark, 'extensions'> {
  const { name, autojoin } = el.attrs
  return {
    name,
    autojoin: autojoin === 'true' || autojoin === '1',
    nick: childText(el, 'nick'),
    password: childText(el, 'password'),
  }
}

function attributes({ name, autojoin }: Bookmark): {
  name: string | undefined
  autojoin: string | undefined
} {
  return { name, autojoin: autojoin ? 'true' : undefined }
}

function texts({ nick, password }: Bookmark): (Element | undefined)[] {
  return [
    nick === undefined ? undefined : xml('nick', {}, nick),
    password === undefined ? undefined : xml('password', {}, password),
  ]
}
