/** The life of a room: it is made, opened to all, configured and destroyed (XEP-0045 §10.1, §10.2, §10.9). */
import { isAdmin as isServerAdmin } from '../accounts/admins.ts'
import { perObject } from '../per-object.ts'
import type { Session } from '../routing/session.ts'
import type { Trip } from '../routing/transit.ts'
import type { RoomSettings } from '../store/rooms.ts'
import { StanzaError } from '../xmpp/errors.ts'
import type { Jid } from '../xmpp/jid.ts'
import { NS } from '../xmpp/namespaces.ts'
import { xml } from '../xmpp/xml.ts'
import { windUp } from './ends.ts'
import { erase, remove } from './leave.ts'
import { roomsOf } from './registry.ts'
import { change, Room } from './room.ts'
import { newSettings } from './settings.ts'
import { sendEvent } from './subscriptions.ts'
import { AS_IT_IS, announce, show, tell } from './tell.ts'

/** @throws StanzaError not-allowed, resource-constraint */
export function checkMayCreate(t: Trip, user: Jid): void {
  const { create } = t.config.muc
  const isLocal = t.isHost(user.domain)
  const allowed = create === 'anyone' || (create === 'local' ? isLocal : isServerAdmin(t.world, user.bare))
  if (!allowed) throw new StanzaError('not-allowed', 'You may not make rooms here.')
  const { rooms_per_user } = t.config.limits
  if (t.store.roomAffiliations.owned(user.bare) >= rooms_per_user)
    throw new StanzaError('resource-constraint', `Nobody may own more than ${rooms_per_user} rooms.`)
}

export interface NewRoom {
  readonly jid: Jid
  /** Bare JID. */
  readonly owner?: string
  readonly settings?: Partial<RoomSettings>
  /** Closed to others until its owner has configured it. */
  readonly locked?: boolean
}

/** Makes a room; the caller has asked whether it may be. */
export function createRoom(t: Trip, { jid, owner, settings, locked = false }: NewRoom): Room {
  const wanted = { ...newSettings(t.config), ...settings }
  const row = t.store.rooms.create(jid.bare, jid.domain, wanted, locked, t.now)
  const room = new Room(row)
  roomsOf(t.world).hold(t, room)
  if (owner !== undefined) {
    const entry = { roomId: row.id, user: owner, affiliation: 'owner', joined: false, reason: null } as const
    t.store.roomAffiliations.set(jid.bare, {
      ...entry,
      nick: null,
      nickKey: null,
      nodes: null,
      silent: false,
      readId: 0,
    })
  }
  if (locked) unlockLater(t, room)
  return room
}

/** Clients that know nothing of forms would own rooms that nobody gets into. */
function unlockLater(t: Trip, room: Room): void {
  const { configure_within } = t.config.muc
  if (configure_within === 0 || configure_within === Infinity) return
  const { world } = t
  t.after(() => {
    room.cancelUnlock = world.clock.after(configure_within, () =>
      world.insist((next) => {
        if (room.row.locked && !room.isEmpty && !room.row.gone) unlock(next, room)
      }),
    )
  })
}

/** The owner has asked for the form: from here on it is his to submit. */
export function waitForForm({ cancelUnlock }: Room): void {
  cancelUnlock?.()
}

export function unlock(t: Trip, room: Room): void {
  if (!room.row.locked) return
  room.cancelUnlock?.()
  room.update(t, { locked: false })
}

/** §10.2: the new settings hold for who is in the room, too, and everybody hears what concerns privacy. */
export function configure(t: Trip, room: Room, settings: RoomSettings): void {
  const before = room.settings
  room.update(t, { settings })
  if (settings.membersOnly && !before.membersOnly)
    for (const occupant of [...room.occupants])
      if (occupant.affiliation === 'none') remove(t, room, occupant, { codes: [322] })
  if (room.isEmpty) return
  if (settings.moderated !== before.moderated) giveVoice(t, room, settings)
  // §7.2.3: whose addresses are seen now is told at once.
  if (settings.nonAnonymous && !before.nonAnonymous)
    for (const occupant of room.occupants) tell(t, room, occupant, AS_IT_IS)
  announce(t, room, codesOf(before, settings))
}

/** In a moderated room newcomers have no voice, in another everybody has. */
function giveVoice(t: Trip, room: Room, { moderated, newcomersSpeak }: RoomSettings): void {
  for (const occupant of room.occupants) {
    if (occupant.affiliation !== 'none' || occupant.role === 'moderator') continue
    const role = moderated && !newcomersSpeak ? 'visitor' : 'participant'
    if (occupant.role === role) continue
    change(t, occupant, { role })
    tell(t, room, occupant, AS_IT_IS)
  }
}

function codesOf(before: RoomSettings, after: RoomSettings): number[] {
  const codes: number[] = []
  if (after.logging !== before.logging) codes.push(after.logging ? 170 : 171)
  if (after.nonAnonymous !== before.nonAnonymous) codes.push(after.nonAnonymous ? 172 : 173)
  const rest = { ...after, logging: before.logging, nonAnonymous: before.nonAnonymous }
  if (JSON.stringify(rest) !== JSON.stringify(before)) codes.push(104)
  return codes
}

export interface Farewell {
  readonly alternate?: string | undefined
  readonly reason?: string | undefined
  readonly password?: string | undefined
  /** Occupant id of who ends it. */
  readonly by?: string | undefined
}

/** §10.9: one presence to each occupant. Nobody but who ended the room makes it anew for `muc.tombstone`. */
export function destroy(t: Trip, room: Room, { alternate, reason, password, by }: Farewell): void {
  const el = xml(
    'destroy',
    { jid: alternate },
    reason === undefined ? undefined : xml('reason', {}, reason),
    password === undefined ? undefined : xml('password', {}, password),
  )
  const occupants = [...room.occupants]
  for (const occupant of occupants)
    show(t, room, occupant, occupant, { type: 'unavailable', affiliation: 'none', destroy: el })
  for (const occupant of occupants)
    for (const seat of [...occupant.seats.values()]) room.unseat(t, occupant, seat)
  const x = xml('x', { xmlns: NS.mucUser }, xml('item', { affiliation: 'none', role: 'none' }), el)
  sendEvent(t, room, 'config', xml('presence', { from: room.jid.toString(), type: 'unavailable' }, x))
  if (room.row.locked) return erase(t, room)
  room.cancelUnlock?.()
  room.update(t, { gone: { at: t.now, alternate, reason, password, by }, avatar: null, subject: null })
  roomsOf(t.world).release(t, room)
  t.insist((next) => windUp(next, room.row))
}

/** Whether the room is no more, and it was this user who has ended it. */
export function endedBy(t: Trip, jid: Jid, user: Jid): boolean {
  const rooms = roomsOf(t.world)
  const gone = rooms.lookUp(t, jid)?.row.gone
  return gone?.by !== undefined && gone.by === rooms.occupantId(t, jid, user.bare)
}

/** Rooms that a client has ended, by bare JID. */
const endedHere = perObject((_: Session) => new Set<string>())

/** A client has ended this room. */
export function noteEnd(t: Trip, { jid }: Room, client: Jid): void {
  const session = t.sessions.find(client)
  const ended = session && endedHere(session)
  if (!ended || ended.has(jid.bare)) return
  ended.add(jid.bare)
  t.undo(() => ended.delete(jid.bare))
}

/**
 * Clears the way for a new room in the place of one that was destroyed. A form asks for that (§10.1.3), and so does the
 * very client that has ended it when it enters again (§10.1.1). Any other client of the same user enters rooms by itself:
 * it would bring back for all what its owner has just ended.
 */
export function forgetDestroyed(t: Trip, jid: Jid, user: Jid, by: 'form' | 'entering'): void {
  if (!endedBy(t, jid, user)) return
  const session = t.sessions.find(user)
  if (by === 'entering' && !(session && endedHere(session).has(jid.bare))) return
  const room = roomsOf(t.world).lookUp(t, jid)
  if (room) erase(t, room)
}
