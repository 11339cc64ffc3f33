/** History at a join (XEP-0045 §7.2.13, §7.2.14). */
import type { Room } from '../../rooms/room.ts'
import type { Trip } from '../../routing/transit.ts'
import type { RoomMessage } from '../../store/room-archive.ts'
import { StanzaError } from '../../xmpp/errors.ts'
import { delay } from '../../xmpp/forward.ts'
import { isTombstone } from '../../xmpp/message.ts'
import { readStored } from '../../xmpp/stored.ts'
import { child, type Element, StoredElement } from '../../xmpp/xml.ts'

/** Rows that are looked through for what is shown: subjects and what was taken back are not. */
const SPARE = 20
const MOST = 250

/** As much as all of the client's limits and the room's leave, the newest. */
export function historyFor(t: Trip, room: Room, wanted: Element | undefined): Element[] {
  const { maxstanzas, maxchars, seconds, since } = wanted?.attrs ?? {}
  const most = Math.min(number(maxstanzas) ?? Infinity, room.settings.history, MOST)
  let left = number(maxchars) ?? Infinity
  if (most === 0 || left === 0) return []
  const start = startOf(t, number(seconds), since)
  const rows = t.store.roomArchive.page(room.id, { start }, most + SPARE, true)
  const shown: Element[] = []
  for (const row of rows.toReversed()) {
    if (shown.length === most) break
    const el = shownAs(t, room, row)
    if (!el) continue
    left -= el.toString().length
    if (left < 0) break
    shown.push(el)
  }
  return shown.reverse()
}

/** §7.2.14: subjects are no part of it. */
function shownAs(t: Trip, room: Room, { id, xml: text }: RoomMessage): StoredElement | undefined {
  const el = readStored('message', text)
  if (child(el, 'subject') && !child(el, 'body')) return undefined
  if (isTombstone(el)) return undefined
  // The same stamp each time: XMPPFramework knows a message again by it.
  return StoredElement.extended(StoredElement.of(el), delay(t.store.receipts.timeOf(id), room.jid.toString()))
}

function number(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  if (!/^\d{1,9}$/.test(text)) throw new StanzaError('bad-request', 'history: not a number.')
  return Number(text)
}

function startOf(t: Trip, seconds: number | undefined, since: string | undefined): number | undefined {
  const from = since === undefined ? undefined : Date.parse(since)
  if (Number.isNaN(from)) throw new StanzaError('bad-request', 'since: not a time.')
  const ago = seconds === undefined ? undefined : t.now - seconds * 1000
  if (from === undefined || ago === undefined) return from ?? ago
  return Math.max(from, ago)
}
