/** The lists of a room and what its moderators and admins do with them (XEP-0045 §8, §9, §10.3–§10.8). */
import { setAffiliation, setStanding, standingOf } from '../../rooms/affiliations.ts'
import { remove } from '../../rooms/leave.ts'
import { nickKey } from '../../rooms/nicks.ts'
import { checkAffiliationChange, checkRoleChange, isAdmin, rankOf } from '../../rooms/privileges.ts'
import type { Occupant, Room, Standing } from '../../rooms/room.ts'
import type { Transit } from '../../routing/transit.ts'
import type { Affiliation } from '../../store/room-affiliations.ts'
import type { Role } from '../../store/rooms.ts'
import { StanzaError } from '../../xmpp/errors.ts'
import type { Jid } from '../../xmpp/jid.ts'
import { NS } from '../../xmpp/namespaces.ts'
import { readJid } from '../../xmpp/stanza.ts'
import { childText, children, type Element, xml } from '../../xmpp/xml.ts'

const AFFILIATIONS = ['owner', 'admin', 'member', 'none', 'outcast'] as const
const ROLES = ['moderator', 'participant', 'visitor', 'none'] as const
/** Entries of one answer. */
const LISTED = 5000

/** One item of a request, as far as it is understood: by which of its two kinds of change it goes. */
type Change =
  | {
      readonly kind: 'role'
      readonly occupant: Occupant
      readonly role: Role | 'none'
      readonly reason?: string
    }
  | {
      readonly kind: 'affiliation'
      readonly user: Jid
      readonly affiliation: Standing
      readonly nick?: string
      readonly reason?: string
    }

/** The asker, in the room or not. */
interface Asker {
  readonly user: Jid
  readonly affiliation: Standing
  readonly occupant: Occupant | undefined
}

export function get(t: Transit, room: Room, query: Element): Element {
  const asker = askerOf(t, room)
  const [item] = children(query, 'item')
  const affiliation = AFFILIATIONS.find((one) => one === item?.attrs.affiliation)
  const role = ROLES.find((one) => one === item?.attrs.role)
  if (affiliation && affiliation !== 'none') return answer(listOf(t, room, asker, affiliation))
  if (role && role !== 'none') return answer(present(room, asker, role))
  throw new StanzaError('bad-request', 'Which list?')
}

const answer = (items: Element[]): Element => xml('query', { xmlns: NS.mucAdmin }, ...items)

/** Several items are one change: all of them or none (§9.2). */
export function set(t: Transit, room: Room, query: Element): undefined {
  const asker = askerOf(t, room)
  const items = children(query, 'item')
  if (items.length === 0) throw new StanzaError('bad-request', 'Nothing to change.')
  const changes = items.map((item) => read(t, room, asker, item))
  for (const change of changes) check(t, room, asker, change)
  checkOwners(t, room, changes)
  const by = { nick: asker.occupant?.nick, user: asker.user.bare }
  for (const change of changes) {
    const { reason } = change
    if (change.kind === 'affiliation') setAffiliation(t, room, change, by)
    else if (change.role === 'none')
      remove(t, room, change.occupant, { codes: [307], reason, actor: by.nick })
    else if (change.role !== change.occupant.role)
      setStanding(t, room, change.occupant, { role: change.role }, { ...by, reason })
  }
}

function askerOf(t: Transit, room: Room): Asker {
  const { from: user } = t.stanza
  return { user, affiliation: standingOf(t, room, user), occupant: room.occupantOf(user) }
}

/**
 * §17.4: role and affiliation do not go together. COMPAT(XMPPFramework, XMPPRoom): roles by address, of old clients
 * affiliations by nick, and full addresses.
 */
function read(t: Transit, room: Room, asker: Asker, item: Element): Change {
  const { role: roleName, affiliation: affiliationName, nick, jid } = item.attrs
  if ((roleName === undefined) === (affiliationName === undefined))
    throw new StanzaError('bad-request', 'A role or an affiliation.')
  if (nick === undefined && jid === undefined) throw new StanzaError('bad-request', 'Of whom?')
  const reason = childText(item, 'reason')
  const named = nick === undefined || nick === '' ? undefined : occupantNamed(room, nick)
  if (roleName !== undefined) {
    const role = ROLES.find((one) => one === roleName)
    if (!role) throw new StanzaError('bad-request', 'There is no such role.')
    const occupant = named ?? occupantAt(room, jid)
    if (!occupant) throw new StanzaError('item-not-found', 'Nobody here has this nick.')
    return { kind: 'role', occupant, role, ...(reason !== undefined && { reason }) }
  }
  const affiliation = AFFILIATIONS.find((one) => one === affiliationName)
  if (!affiliation) throw new StanzaError('bad-request', 'There is no such affiliation.')
  const user =
    jid === undefined
      ? named
        ? readJid(named.user)
        : outcastNamed(t, room, asker, nick ?? '')
      : readJid(jid).toBare()
  if (!user) throw new StanzaError('item-not-found', 'Nobody here has this nick.')
  return {
    kind: 'affiliation',
    user,
    affiliation,
    ...(jid !== undefined && nick !== undefined && { nick }),
    ...(reason !== undefined && { reason }),
  }
}

/** Of whom a ban keeps out; nobody else than admins learns who that is. */
function outcastNamed(t: Transit, room: Room, asker: Asker, nick: string): Jid | undefined {
  if (!isAdmin(asker.affiliation)) return undefined
  const row = t.store.roomAffiliations.outcastAs(room.id, nick)
  return row && readJid(row.user)
}

function occupantNamed(room: Room, nick: string): Occupant | undefined {
  nickKey(nick)
  return room.byNick(nick)
}

function occupantAt(room: Room, jid: string | undefined): Occupant | undefined {
  if (jid === undefined) return undefined
  const address = readJid(jid)
  return address.isFull ? room.occupantOf(address) : [...room.occupantsOf(address.bare)][0]
}

function check(t: Transit, room: Room, asker: Asker, change: Change): void {
  const { affiliation, occupant } = asker
  if (change.kind === 'role')
    return checkRoleChange({ affiliation, role: occupant?.role }, change.occupant, change.role)
  const before = t.store.roomAffiliations.get(room.id, change.user.bare)?.affiliation ?? 'none'
  if (!isAdmin(affiliation)) throw new StanzaError('forbidden')
  // §9.1: nobody bans himself.
  if (change.affiliation === 'outcast' && change.user.bare === asker.user.bare)
    throw new StanzaError('conflict', 'You would ban yourself.')
  if (change.affiliation !== 'outcast' && change.user.local === '' && before !== 'outcast')
    throw new StanzaError('bad-request', 'Of a whole domain there are only bans.')
  checkAffiliationChange(affiliation, before, change.affiliation)
}

/** §10.4: a room keeps an owner. */
function checkOwners(t: Transit, room: Room, changes: readonly Change[]): void {
  const owners = new Set(t.store.roomAffiliations.list(room.id, 'owner', LISTED).map(({ user }) => user))
  const had = owners.size
  for (const change of changes) {
    if (change.kind !== 'affiliation') continue
    if (change.affiliation === 'owner') owners.add(change.user.bare)
    else owners.delete(change.user.bare)
  }
  if (had > 0 && owners.size === 0) throw new StanzaError('conflict', 'A room needs an owner.')
}

/** §9.2–§9.8, §10.5, §10.8: in a non-anonymous room those who are in it may know who else belongs to it. */
function listOf(t: Transit, room: Room, asker: Asker, affiliation: Affiliation): Element[] {
  const { nonAnonymous } = room.settings
  const belongs = asker.occupant !== undefined || rankOf(asker.affiliation) >= rankOf('member')
  const entitled =
    affiliation === 'outcast'
      ? isAdmin(asker.affiliation)
      : affiliation === 'member'
        ? isAdmin(asker.affiliation) || (nonAnonymous && belongs && mayList(room, asker))
        : asker.affiliation === 'owner' || (nonAnonymous && belongs)
  if (!entitled) throw new StanzaError('forbidden')
  return t.store.roomAffiliations.list(room.id, affiliation, LISTED).map(({ user, nick, reason }) => {
    const [here] = room.occupantsOf(user)
    return xml(
      'item',
      { affiliation, jid: user, nick: here?.nick ?? nick ?? undefined, role: here?.role },
      reason === null ? undefined : xml('reason', {}, reason),
    )
  })
}

/** muc#roomconfig_getmemberlist; who is not in the room is there as a member. */
function mayList({ settings }: Room, { occupant }: Asker): boolean {
  return settings.memberListFor.includes(occupant?.role ?? 'participant')
}

/** §8.5, §9.8 */
function present(room: Room, asker: Asker, role: Role): Element[] {
  const entitled =
    role === 'moderator'
      ? isAdmin(asker.affiliation)
      : asker.occupant?.role === 'moderator' || isAdmin(asker.affiliation)
  if (!entitled) throw new StanzaError('forbidden')
  return [...room.occupants]
    .filter((occupant) => occupant.role === role)
    .map(({ nick, affiliation, shown }) =>
      xml('item', { affiliation, role, nick, jid: shown?.jid.toString() }),
    )
}
