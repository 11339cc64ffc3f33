/**
 * Versions of who stands how to a room (XEP-0463): each change is numbered, a client that comes in says what it knows, and
 * hears what has changed since.
 */
import type { Trip } from '../routing/transit.ts'
import type { Affiliation } from '../store/room-affiliations.ts'
import { NS } from '../xmpp/namespaces.ts'
import { Stanza } from '../xmpp/stanza.ts'
import type { Jid } from '../xmpp/jid.ts'
import { child, type Element, xml } from '../xmpp/xml.ts'
import { isAdmin } from './privileges.ts'
import type { Occupant, Room, Standing } from './room.ts'
import { sends } from './way.ts'

/** Affiliations of one message, which clients must be able to take (XEP-0478). */
const ITEMS = 200

export interface Versions {
  readonly since?: string | undefined
  readonly until: string
}

interface Item {
  readonly user: string
  readonly affiliation: Affiliation | 'none'
}

// Of the row, which is never given again: a room that is made anew begins another series.
const nameOf = (room: Room, version: number): string => `${room.id}.${version}`

export const mav = ({ since, until }: Versions): Element =>
  xml('mav', { xmlns: NS.affiliationVersions, since, until })

/** The version of now, for the presence that ends a join (§4.2). */
export const currentVersion = (t: Trip, room: Room): Versions => ({
  until: nameOf(room, t.store.roomAffiliations.versions.newest(room.id)),
})

/** The step that the last change of a user was (§4.3); undefined where none is known. */
export function lastStep(t: Trip, room: Room, user: string): Versions | undefined {
  const version = t.store.roomAffiliations.versions.lastOf(room.id, user)
  return version === undefined
    ? undefined
    : { since: nameOf(room, version - 1), until: nameOf(room, version) }
}

/**
 * Tells a client that comes in what has changed since the version that it names, or everything (§4.2), if its `<x/>` asks.
 * Before any presence; whoever may not list the affiliations hears that (§4.4).
 */
export function tellMissed(t: Trip, room: Room, occupant: Occupant, jid: Jid, x: Element | undefined): void {
  const asked = x && child(x, 'mav', NS.affiliationVersions)
  if (!asked) return
  const { since } = asked.attrs
  const missed = mayKnow(room, occupant) ? missedBy(t, room, occupant, since) : 'forbidden'
  if (missed === 'forbidden') return send(t, room, jid, { type: 'error' }, forbidden(room))
  if (missed === undefined) return
  const { items, from } = missed
  const { until } = currentVersion(t, room)
  const parts = Math.max(1, Math.ceil(items.length / ITEMS))
  // A client that has heard only some of them names a version that nobody knows, and is told everything.
  const name = (part: number) => (part === parts ? until : `${until}/${part}`)
  for (let part = 0; part < parts; part++) {
    const versions = { since: part === 0 ? from : name(part), until: name(part + 1) }
    const some = items.slice(part * ITEMS, (part + 1) * ITEMS)
    const all = some.map(({ user, affiliation }) => xml('item', { jid: user, affiliation }))
    send(t, room, jid, {}, xml('x', { xmlns: NS.mucUser }, mav(versions), ...all))
  }
}

/** The rules of the lists (XEP-0045 §9.5): where addresses are hidden they are the owners' to see. */
function mayKnow({ settings }: Room, { affiliation, role }: Occupant): boolean {
  if (affiliation === 'owner') return true
  return settings.nonAnonymous && (isAdmin(affiliation) || settings.memberListFor.includes(role))
}

interface Missed {
  readonly items: readonly Item[]
  /** Version that they come after; undefined: they are all that there are. */
  readonly from: string | undefined
}

/** Undefined where nothing has changed. */
function missedBy(
  t: Trip,
  room: Room,
  { user, affiliation }: Occupant,
  since: string | undefined,
): Missed | 'forbidden' | undefined {
  const { roomAffiliations: rows } = t.store
  const shown = (of: Standing): Item['affiliation'] =>
    of === 'outcast' && !isAdmin(affiliation) ? 'none' : of
  const [id, number] =
    /^(\d{1,15})\.(\d{1,15})$/
      .exec(since ?? '')
      ?.slice(1)
      .map(Number) ?? []
  const changes = id === room.id && number !== undefined ? rows.versions.since(room.id, number) : undefined
  if (changes?.length === 0) return undefined
  if (!changes) {
    const all = rows.all(room.id, t.config.limits.room_affiliations)
    const items = all.map((row) => ({ user: row.user, affiliation: shown(row.affiliation) }))
    return { items: items.filter((item) => item.affiliation !== 'none'), from: undefined }
  }
  // §5: nobody learns of a time at which he could not have been there.
  const before = changes.find((change) => change.user === user)?.before
  if (before === 'outcast' || (before === 'none' && room.settings.membersOnly)) return 'forbidden'
  const users = [...new Set(changes.map((change) => change.user))]
  const items = users.map((one) => ({
    user: one,
    affiliation: shown(rows.get(room.id, one)?.affiliation ?? 'none'),
  }))
  return { items, from: since }
}

const forbidden = (room: Room): Element =>
  xml('error', { by: room.jid.toString(), type: 'auth' }, xml('forbidden', { xmlns: NS.stanzaErrors }))

function send(t: Trip, room: Room, to: Jid, attrs: { type?: string }, child: Element): void {
  const from = room.jid.toString()
  sends(t, room.jid, to, () => {
    // It is for this client now: nobody's archive or offline storage keeps it.
    const hint = xml('no-store', { xmlns: NS.hints })
    const el = xml('message', { ...attrs, from, to: to.toString() }, child, hint)
    return new Stanza('message', el, room.jid, to)
  })
}
