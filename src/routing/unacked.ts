/**
 * Messages that were written to a session and are not known to have arrived. Each has a row in offline storage, so
 * that neither a crash nor a dead connection loses one; the row goes when the client has shown that it has the message.
 */
import type { Given } from './outcome.ts'
import type { Session } from './session.ts'
import type { Trip } from './transit.ts'
import type { Element } from '../xmpp/xml.ts'

interface Row extends Given {
  /** Sessions that were given it and have neither shown that they have it nor ended. */
  holders: number
  arrived: boolean
}

interface Entry {
  readonly row: Row
  /** Monotonic ms; undefined while it waits to be written. */
  at: number | undefined
  overdue: boolean
}

/** By session, in the order in which they were written. */
const entries = new WeakMap<Session, Map<Element, Entry>>()
const rows = new WeakMap<Element, Row>()

function entriesOf(session: Session): Map<Element, Entry> {
  let mine = entries.get(session)
  if (!mine) entries.set(session, (mine = new Map<Element, Entry>()))
  return mine
}

/** `el` is about to be written to a session; the same element for several sessions is one message. Within a trip. */
export function give(t: Trip, session: Session, given: Given): void {
  let row = rows.get(given.el)
  if (!row) rows.set(given.el, (row = { ...given, holders: 0, arrived: false }))
  const mine = entriesOf(session)
  mine.set(given.el, { row, at: undefined, overdue: false })
  row.holders++
  t.undo(() => {
    mine.delete(given.el)
    row.holders--
  })
}

/** What a session was given and is not known to have, without what was given up. */
export function* unackedOf(session: Session): Iterable<Given & { readonly overdue: boolean }> {
  for (const { row, overdue } of entries.get(session)?.values() ?? []) yield { ...row, overdue }
}

export function unackedCount(session: Session): number {
  return entries.get(session)?.size ?? 0
}

/** What is known of an element in a session's queue, if it is a message that must not be lost. */
export function givenOf(session: Session, el: Element): Given | undefined {
  return entries.get(session)?.get(el)?.row
}

/** Its bytes are on the way: from now on a sign of the client can mean it. Returns whether it is such a message. */
export function written(session: Session, el: Element, at: number): boolean {
  const entry = entries.get(session)?.get(el)
  if (!entry) return false
  entry.at ??= at
  return true
}

/** The client has shown that it has these; without `els`, everything that was written to it. Within a trip. */
export function confirm(t: Trip, session: Session, els?: readonly Element[]): void {
  const mine = entries.get(session)
  if (!mine || mine.size === 0) return
  const { suspect } = session
  const gone: [Element, Entry][] = []
  for (const el of els ?? mine.keys()) {
    const entry = mine.get(el)
    if (entry && (els || entry.at !== undefined)) gone.push([el, entry])
  }
  const news: Row[] = []
  for (const [el, { row }] of gone) {
    mine.delete(el)
    if (row.arrived) continue
    row.arrived = true
    news.push(row)
  }
  session.suspect = false
  t.undo(() => {
    session.suspect = suspect
    const later = [...mine]
    mine.clear()
    for (const [el, entry] of [...gone, ...later]) mine.set(el, entry)
    for (const row of news) row.arrived = false
  })
  for (const { account, id } of news) t.store.messages.delivered(account, [id])
}

/** The session is over; returns what no other session has or may still have. */
export function abandon(session: Session): Given[] {
  const lost: Given[] = []
  for (const { row } of entries.get(session)?.values() ?? []) {
    row.holders--
    if (!row.arrived && row.holders === 0) lost.push(row)
  }
  entries.delete(session)
  return lost
}

/** When the oldest written message was written that is not overdue yet (monotonic ms). */
export function oldest(session: Session): number | undefined {
  for (const { at, overdue } of entries.get(session)?.values() ?? [])
    if (at !== undefined && !overdue) return at
  return undefined
}

/** Marks what was written at `until` or before as overdue and returns what is so since now. */
export function becomeOverdue(session: Session, until: number): Given[] {
  const late: Given[] = []
  for (const entry of entries.get(session)?.values() ?? []) {
    if (entry.overdue || entry.at === undefined || entry.at > until) continue
    entry.overdue = true
    if (!entry.row.arrived) late.push(entry.row)
  }
  return late
}

/** Gives up the oldest as arrived where there are more than `most`. Within a trip. */
export function trim(t: Trip, session: Session, most: number): void {
  const mine = entries.get(session)
  if (!mine || mine.size <= most) return
  const oldest: Element[] = []
  for (const el of mine.keys()) {
    oldest.push(el)
    if (mine.size - oldest.length <= most) break
  }
  confirm(t, session, oldest)
}
