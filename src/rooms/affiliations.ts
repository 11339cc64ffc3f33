/** Changes of who stands how to a room, and what becomes of those who are in it (XEP-0045 §9, §10.3–§10.8). */
import type { Trip } from '../routing/transit.ts'
import type { AffiliationRow } from '../store/room-affiliations.ts'
import type { Role } from '../store/rooms.ts'
import { StanzaError } from '../xmpp/errors.ts'
import type { Jid } from '../xmpp/jid.ts'
import { NS } from '../xmpp/namespaces.ts'
import { nicknameKey } from '../xmpp/precis.ts'
import { StoredElement, xml } from '../xmpp/xml.ts'
import { invite } from './invite.ts'
import { remove } from './leave.ts'
import { rankOf, roleAfter } from './privileges.ts'
import { removed } from './removed.ts'
import { change, type Occupant, type Room, type Standing } from './room.ts'
import { forgetSubscribers, sendEvent } from './subscriptions.ts'
import { AS_IT_IS, broadcast, show, tell } from './tell.ts'
import { lastStep, mav, type Versions } from './versions.ts'

/** The one who makes a change, as far as the room shows it. */
export interface Doer {
  /** Bare JID; undefined: who runs the server. */
  readonly user?: string | undefined
  readonly nick?: string | undefined
  readonly reason?: string | undefined
  /** The step of the room's affiliations that it is. */
  readonly versions?: Versions | undefined
}

export interface AffiliationChange {
  /** Bare; of an outcast it may be a domain. */
  readonly user: Jid
  readonly affiliation: Standing
  /** The nick that is kept for the user; '' for none; undefined leaves it. */
  readonly nick?: string | undefined
  readonly reason?: string | undefined
  /** The user has registered (§7.10); no admin has done it. */
  readonly joined?: boolean
  /** MucSub nodes of the subscription; null ends it, undefined leaves it. */
  readonly nodes?: readonly string[] | null
  /** Whether the room keeps from ringing the user's closed app, unless the account has a rule of its own. */
  readonly silent?: boolean
  /** An invitation goes out beside it. */
  readonly invited?: boolean
  /** Whether who is removed is sent a message; undefined: as [muc] tell_removed says. */
  readonly tells?: boolean | undefined
}

/** The affiliation of a user, whose domain may be banned as a whole (§9.2). */
export function standingOf(t: Trip, room: Room, user: Jid): Standing {
  const row = t.store.roomAffiliations.get(room.id, user.bare)
  if (row) return row.affiliation
  const domain = t.store.roomAffiliations.get(room.id, user.domain)
  return domain?.affiliation === 'outcast' ? 'outcast' : 'none'
}

/** The user for whom a nick is kept. */
export function keeperOf(t: Trip, room: Room, nick: string): string | undefined {
  return t.store.roomAffiliations.byNick(room.id, nicknameKey(nick))?.user
}

/** @throws StanzaError conflict where the nick is another's; resource-constraint where the lists are full. */
export function setAffiliation(t: Trip, room: Room, wanted: AffiliationChange, by: Doer = {}): void {
  const before = t.store.roomAffiliations.get(room.id, wanted.user.bare)
  write(t, room, before, wanted)
  const changed = (before?.affiliation ?? 'none') !== wanted.affiliation
  const versions = changed ? lastStep(t, room, wanted.user.bare) : undefined
  const doer = { reason: wanted.reason ?? by.reason, nick: by.nick, versions }
  const present = [...room.occupantsOf(wanted.user.bare)]
  for (const occupant of affected(room, wanted, present)) applyTo(t, room, occupant, wanted.affiliation, doer)
  if (!changed) return
  if (present.length === 0) tellAbsent(t, room, wanted, versions)
  tellSubscribers(t, room, wanted, versions)
  const belonged = before !== undefined && rankOf(before.affiliation) >= rankOf('member')
  if (belonged && rankOf(wanted.affiliation) < rankOf('member') && by.user !== wanted.user.bare)
    removed(t, room, { ...wanted, reason: doer.reason, byOperator: by.user === undefined })
  // §9.5: in a members-only room who was added should know.
  const { affiliation } = wanted
  const isNew = before === undefined && affiliation !== 'none' && affiliation !== 'outcast'
  if (isNew && room.settings.membersOnly && present.length === 0 && !wanted.joined && !wanted.invited)
    invite(t, room, wanted.user, { reason: doer.reason })
}

function write(t: Trip, room: Room, before: AffiliationRow | undefined, wanted: AffiliationChange): void {
  const { user, affiliation } = wanted
  const { roomAffiliations } = t.store
  if (wanted.nodes !== undefined || (before && before.nodes !== null)) forgetSubscribers(t, room)
  if (affiliation === 'none') return void roomAffiliations.delete(room.jid.bare, room.id, user.bare)
  const { room_affiliations } = t.config.limits
  if (!before && roomAffiliations.countAll(room.id) >= room_affiliations)
    throw new StanzaError('resource-constraint', 'The lists of the room are full.')
  const nick = nickAfter(room, before, wanted)
  // §9.1: no nick is kept for an outcast; the last one is noted, to find the ban by.
  const nickKey = nick === null || affiliation === 'outcast' ? null : nicknameKey(nick)
  if (nickKey !== null) {
    const keeper = roomAffiliations.byNick(room.id, nickKey)
    if (keeper && keeper.user !== user.bare) throw new StanzaError('conflict', 'The nick is another’s.')
  }
  roomAffiliations.set(room.jid.bare, {
    roomId: room.id,
    user: user.bare,
    affiliation,
    nick,
    nickKey,
    joined: wanted.joined ?? before?.joined ?? false,
    // A new nick or subscription is no reason for a standing that somebody else has given.
    reason: wanted.reason ?? (before?.affiliation === affiliation ? before.reason : null),
    nodes: affiliation === 'outcast' ? null : nodesAfter(before, wanted),
    silent: wanted.silent ?? before?.silent ?? false,
    // A newcomer has missed nothing.
    readId: before && before.affiliation !== 'outcast' ? before.readId : t.store.messages.nextId(),
  })
}

function nickAfter(room: Room, before: AffiliationRow | undefined, wanted: AffiliationChange): string | null {
  const { user, affiliation, nick } = wanted
  const [last] = affiliation === 'outcast' ? room.occupantsOf(user.bare) : []
  const known = before?.affiliation === 'outcast' && affiliation !== 'outcast' ? undefined : before?.nick
  return (nick ?? last?.nick ?? known) || null
}

function nodesAfter(before: AffiliationRow | undefined, { nodes }: AffiliationChange): string | null {
  return nodes === undefined ? (before?.nodes ?? null) : (nodes?.join(' ') ?? null)
}

/** A banned domain concerns all of its users who have no affiliation of their own. */
function affected(room: Room, { user, affiliation }: AffiliationChange, present: Occupant[]): Occupant[] {
  if (user.local !== '' || affiliation !== 'outcast') return present
  return [...room.occupants].filter(
    (occupant) => occupant.affiliation === 'none' && occupant.user.endsWith(`@${user.domain}`),
  )
}

function applyTo(t: Trip, room: Room, occupant: Occupant, affiliation: Standing, by: Doer): void {
  const before = occupant.affiliation
  const news = { reason: by.reason, actor: by.nick, versions: by.versions }
  if (affiliation === 'outcast' || (affiliation === 'none' && room.settings.membersOnly)) {
    change(t, occupant, { affiliation })
    return remove(t, room, occupant, { ...news, codes: [affiliation === 'outcast' ? 301 : 321] })
  }
  if (before === affiliation) return
  const role = roleAfter(occupant.role, before, affiliation, room.settings)
  setStanding(t, room, occupant, { affiliation, role }, by)
}

/** A new role or affiliation of somebody who stays: everybody hears of it. */
export function setStanding(
  t: Trip,
  room: Room,
  occupant: Occupant,
  wanted: { readonly role: Role; readonly affiliation?: Standing },
  by: Doer = {},
): void {
  const { role } = occupant
  change(t, occupant, wanted)
  const { presenceOf } = room.settings
  // An occupant that was shown until now is shown a last time, or the others would never know.
  const toOthers = presenceOf.includes(role) || presenceOf.includes(wanted.role)
  tell(t, room, occupant, { reason: by.reason, actor: by.nick, versions: by.versions }, toOthers)
  // A moderator sees addresses: of everybody who is there already, too.
  if (wanted.role !== 'moderator' || role === 'moderator' || room.settings.nonAnonymous) return
  for (const other of room.occupants) if (other !== occupant) show(t, room, other, occupant, AS_IT_IS)
}

/** The user's account is gone, and with it how it stood to the room, if it did. */
export function departed(t: Trip, room: Room, user: Jid, stood: boolean): void {
  const present = [...room.occupantsOf(user.bare)]
  const versions = stood ? lastStep(t, room, user.bare) : undefined
  for (const occupant of present) {
    change(t, occupant, { affiliation: 'none' })
    remove(t, room, occupant, { versions })
  }
  if (present.length === 0 && stood) tellAbsent(t, room, { user, affiliation: 'none' }, versions)
}

/** §9.3, §10.3: of who is not there hear those who may see addresses. */
function tellAbsent(t: Trip, room: Room, wanted: AffiliationChange, versions?: Versions): void {
  const listeners = [...room.occupants].filter(
    ({ role }) => room.settings.nonAnonymous || role === 'moderator',
  )
  if (listeners.length > 0) broadcast(t, room, newsOf(room, wanted, versions), room.jid, listeners)
}

/** The same for who is subscribed: where addresses are hidden nobody is shown them. */
function tellSubscribers(t: Trip, room: Room, wanted: AffiliationChange, versions?: Versions): void {
  if (room.settings.nonAnonymous) sendEvent(t, room, 'affiliations', newsOf(room, wanted, versions))
}

function newsOf(
  room: Room,
  { user, affiliation, reason }: AffiliationChange,
  versions: Versions | undefined,
): StoredElement {
  const item = xml(
    'item',
    { affiliation, jid: user.bare, role: 'none' },
    reason === undefined ? undefined : xml('reason', {}, reason),
  )
  // The notice is for occupants of now; nobody's archive or offline storage keeps it.
  const hint = xml('no-store', { xmlns: NS.hints })
  const x = xml('x', { xmlns: NS.mucUser }, versions && mav(versions), item)
  return StoredElement.of(xml('message', { from: room.jid.toString() }, x, hint))
}
