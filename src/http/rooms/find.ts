/** Rooms by their addresses, and how the API and the web admin show them. */
import { roomDomain } from '../../config/muc.ts'
import { hashesOf } from '../../rooms/avatar.ts'
import { roomsOf } from '../../rooms/registry.ts'
import type { Room } from '../../rooms/room.ts'
import type { Trip } from '../../routing/transit.ts'
import type { RoomRow } from '../../store/rooms.ts'
import { Jid } from '../../xmpp/jid.ts'
import { cursorAt, readCursor } from '../cursor.ts'
import type { HttpDeps } from '../deps.ts'
import { HttpError } from '../problem.ts'
import { iso } from '../schemas.ts'
import { settingsView } from './settings.ts'

/** Messages that are weighed; of more the rest is taken to be alike. */
const WEIGHED = 500

/** @throws HttpError 404, for a room that was destroyed as well */
export function roomAt(t: Trip, jid: string): Room {
  const room = roomsOf(t.world).lookUp(t, Jid.parse(jid))
  if (!room || room.row.gone) throw new HttpError(404, 'no-such-room', `There is no room ${jid}.`)
  return room
}

/** @throws HttpError 422 where that host has no rooms */
export function domainFor({ world }: Pick<HttpDeps, 'world'>, host: string): string {
  const { config, domains } = world
  if (!domains.hosts.has(host))
    throw new HttpError(422, 'unknown-host', `${host} is not one of this server's hosts.`)
  if (!config.muc.enabled) throw new HttpError(422, 'no-rooms', 'Rooms are switched off: [muc] enabled.')
  return roomDomain(config.muc, host)
}

function briefOf(t: Trip, row: RoomRow) {
  const { owner = 0, admin = 0, member = 0 } = t.store.roomAffiliations.counts(row.id)
  return {
    jid: row.jid,
    name: row.settings.name,
    created: iso(row.createdAt),
    public: row.settings.public,
    members_only: row.settings.membersOnly,
    occupants: roomsOf(t.world).sizeOf(row.jid),
    members: owner + admin + member,
    owners: owner,
  }
}

export type Brief = ReturnType<typeof briefOf>

export function roomView(t: Trip, room: Room) {
  const { row } = room
  const { outcast = 0 } = t.store.roomAffiliations.counts(row.id)
  return {
    ...briefOf(t, row),
    description: row.settings.description,
    subject: row.subject?.text ?? '',
    avatar: hashesOf(room)[0] ?? null,
    configured: !row.locked,
    outcasts: outcast,
    settings: settingsView(row.settings),
    archive: archiveOf(t, row.id),
  }
}

export type RoomView = ReturnType<typeof roomView>

function archiveOf(t: Trip, id: number) {
  const { roomArchive, receipts } = t.store
  const bounds = roomArchive.bounds(id)
  const most = t.config.limits.archive_count
  const messages = roomArchive.count(id, {}, most)
  const newest = roomArchive.weigh(id, WEIGHED)
  const estimate = newest.messages === 0 ? 0 : (newest.bytes / newest.messages) * messages
  return {
    messages,
    bytes: Math.round(estimate),
    first: bounds ? iso(receipts.timeOf(bounds.first)) : null,
    last: bounds ? iso(receipts.timeOf(bounds.last)) : null,
  }
}

export function listRooms(
  deps: HttpDeps,
  query: { readonly host?: string | undefined; readonly cursor?: string | undefined; readonly limit: number },
): Promise<{ items: Brief[]; next: string | null }> {
  const { host, cursor, limit } = query
  const domain = host === undefined ? undefined : domainFor(deps, host)
  const after = cursor === undefined ? '' : readCursor(cursor)
  return deps.router.run((t) => {
    const found = t.store.rooms.list(after, limit + 1, domain)
    const items = found.slice(0, limit)
    const last = items.at(-1)
    const next = found.length > limit && last ? cursorAt(last.jid) : null
    return { items: items.map((row) => briefOf(t, row)), next }
  })
}

/** Those who are in it, as many as one answer holds. */
export const occupantsOf = (room: Room, most: number) =>
  [...room.occupants].slice(0, most).map(({ nick, user, role, affiliation, seats }) => ({
    nick,
    jid: user,
    role,
    affiliation,
    clients: seats.size,
  }))
