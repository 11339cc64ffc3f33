/**
 * Presence of occupants as the others hear it (XEP-0045 §7.2.2, §7.6, §7.14): what the room says of somebody is made
 * once for each kind of listener, and sent to all of that kind.
 */
import { RoomCopy, type RoomMessage } from '../routing/outcome.ts'
import type { Trip } from '../routing/transit.ts'
import { NS } from '../xmpp/namespaces.ts'
import { Stanza } from '../xmpp/stanza.ts'
import { type Element, type Node, StoredElement, xml } from '../xmpp/xml.ts'
import type { Occupant, Room, Seat, Standing } from './room.ts'
import { sendEvent, subscribersOf } from './subscriptions.ts'
import { mav, type Versions } from './versions.ts'
import { sends } from './way.ts'

/** News of an occupant. */
export interface News {
  readonly type?: 'unavailable'
  /** Status codes for everybody. */
  readonly codes?: readonly number[]
  /** Status codes for the occupant alone, beside 110. */
  readonly ownCodes?: readonly number[]
  /** The nick that follows (§7.6). */
  readonly newNick?: string
  readonly reason?: string | undefined
  /** Nick of who did it; shown to everybody. */
  readonly actor?: string | undefined
  /** In place of what the occupant's client says. */
  readonly payload?: readonly Element[]
  readonly destroy?: Element
  /** The affiliation to show, where it differs from the occupant's own by now. */
  readonly affiliation?: Standing
  /** Id of the request, and the client that asked: only its copy carries it. */
  readonly id?: { readonly seat: Seat; readonly value: string | undefined }
  /** The step of the room's affiliations that this is (XEP-0463). */
  readonly versions?: Versions | undefined
  /** The version of now, for the occupant alone. */
  readonly ownVersions?: Versions
  /** Comes in by this. */
  readonly entering?: boolean
}

/** The occupant as it is, for listeners that have not seen it yet. */
export const AS_IT_IS: News = {}

/** Whether everybody hears of the presence of such an occupant (muc#roomconfig_presencebroadcast). */
export const isShown = (room: Room, { role }: Pick<Occupant, 'role'>): boolean =>
  room.settings.presenceOf.includes(role)

/**
 * Tells everybody of one occupant, that occupant last: who is new knows then that it has heard of all (§7.1). Where the
 * others do not hear presence of such a role, the occupant still does.
 */
export function tell(
  t: Trip,
  room: Room,
  occupant: Occupant,
  news: News,
  toOthers = isShown(room, occupant),
): void {
  if (toOthers) tellOthers(t, room, occupant, news)
  show(t, room, occupant, occupant, news)
}

/** The same without the occupant itself. */
export function tellOthers(t: Trip, room: Room, occupant: Occupant, news: News): void {
  for (const listener of room.occupants) if (listener !== occupant) show(t, room, occupant, listener, news)
  showSubscribers(t, room, occupant, news)
}

/** Tells who is subscribed: of who comes and goes, or of what is new about who is there. */
export function showSubscribers(t: Trip, room: Room, of: Occupant, news: News): void {
  if (subscribersOf(t, room).size === 0) return
  const comesOrGoes = news.entering === true || (news.type === 'unavailable' && news.newNick === undefined)
  const el = build(of, news, room.addressOf(of.nick).toString(), false, room.settings.nonAnonymous)
  sendEvent(t, room, comesOrGoes ? 'participants' : 'presence', el)
}

/** Tells one occupant of another, or of itself, at all of its clients. */
export function show(t: Trip, room: Room, of: Occupant, listener: Occupant, news: News): void {
  for (const seat of listener.seats.values()) showSeat(t, room, of, listener, seat, news)
}

export function showSeat(
  t: Trip,
  room: Room,
  of: Occupant,
  listener: Occupant,
  seat: Seat,
  news: News,
): void {
  const from = room.addressOf(of.nick)
  const id = news.id?.seat === seat ? news.id.value : undefined
  const el = presence(room, of, listener, news, from.toString())
  const to = seat.jid.toString()
  const { jid } = seat
  const copy = () => (id === undefined ? StoredElement.addressed(el, to) : withId(el, to, id))
  sends(t, room.jid, jid, () => new Stanza('presence', copy(), from, jid))
}

function withId(el: Element, to: string, id: string): Element {
  return xml('presence', { to, id, ...el.attrs }, ...el.children)
}

/** Made for one telling, and used for all that hear the same. */
const made = new WeakMap<News, Map<string, StoredElement>>()

function presence(room: Room, of: Occupant, listener: Occupant, news: News, from: string): StoredElement {
  const own = of === listener
  const seesAddress = own || room.settings.nonAnonymous || listener.role === 'moderator'
  const kind = `${from} ${own ? 'own' : seesAddress ? 'address' : ''}`
  let known = news === AS_IT_IS ? of.rendered : made.get(news)
  if (!known) {
    known = new Map<string, StoredElement>()
    if (news === AS_IT_IS) of.rendered = known
    else made.set(news, known)
  }
  let el = known.get(kind)
  if (!el) known.set(kind, (el = StoredElement.of(build(of, news, from, own, seesAddress))))
  return el
}

function build(of: Occupant, news: News, from: string, own: boolean, seesAddress: boolean): Element {
  const { codes = [], ownCodes = [], payload } = news
  const numbers = [...codes, ...(own ? [110, ...ownCodes] : [])]
  const versions = news.versions ?? (own ? news.ownVersions : undefined)
  const x = xml(
    'x',
    { xmlns: NS.mucUser },
    versions && mav(versions),
    item(of, news, seesAddress),
    news.destroy,
    ...numbers.map((code) => xml('status', { code: String(code) })),
  )
  return xml(
    'presence',
    { from, type: news.type },
    ...(payload ?? (news.type ? [] : (of.shown?.presence ?? []))),
    xml('occupant-id', { xmlns: NS.occupantId, id: of.occupantId }),
    x,
  )
}

function item(of: Occupant, news: News, seesAddress: boolean): Element {
  const gone = news.type === 'unavailable' && news.newNick === undefined
  const children: (Node | undefined)[] = [
    news.actor === undefined ? undefined : xml('actor', { nick: news.actor }),
    news.reason === undefined || news.reason === '' ? undefined : xml('reason', {}, news.reason),
  ]
  return xml(
    'item',
    {
      affiliation: news.affiliation ?? of.affiliation,
      role: gone ? 'none' : of.role,
      jid: seesAddress ? of.shown?.jid.toString() : undefined,
      nick: news.newNick,
    },
    ...children,
  )
}

/** A message of the room itself that says only what its status codes do (§10.2.1). */
export function announce(t: Trip, room: Room, codes: readonly number[]): void {
  if (codes.length === 0) return
  const x = xml('x', { xmlns: NS.mucUser }, ...codes.map((code) => xml('status', { code: String(code) })))
  const el = xml('message', { from: room.jid.toString(), type: 'groupchat' }, x)
  broadcast(t, room, StoredElement.of(el))
  sendEvent(t, room, 'config', el)
}

/** A message to every client in the room, or to those of some occupants; `kept`: the room's archive has it. */
export function broadcast(
  t: Trip,
  room: Room,
  el: StoredElement,
  from = room.jid,
  to = room.occupants,
  kept?: RoomMessage,
): void {
  for (const occupant of to)
    for (const { jid } of occupant.seats.values())
      sends(t, room.jid, jid, () => {
        const copy = StoredElement.addressed(el, jid.toString())
        return kept ? new RoomCopy(copy, from, jid, kept) : new Stanza('message', copy, from, jid)
      })
}
