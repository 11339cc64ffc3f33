/** Members of a room by the word of its operator: added, changed and removed, with what reaches their phones. */
import { AccountError, accountOf } from '../accounts/accounts.ts'
import { bookmarkRoom } from '../accounts/pep/room-bookmark.ts'
import type { Trip } from '../routing/transit.ts'
import type { Affiliation } from '../store/room-affiliations.ts'
import { StanzaError } from '../xmpp/errors.ts'
import type { Jid } from '../xmpp/jid.ts'
import { keeperOf, setAffiliation } from './affiliations.ts'
import { invite } from './invite.ts'
import { nickKey } from './nicks.ts'
import type { Room } from './room.ts'

export interface Wanted {
  /** Bare. */
  readonly user: Jid
  readonly affiliation: Affiliation
  /** Kept for the user; made another where somebody has it. */
  readonly nick?: string | undefined
  /** Whether the room is written to the account's bookmarks, to be entered by itself. */
  readonly bookmark: boolean
  /** Whether somebody new is sent an invitation, which rings. */
  readonly invite: boolean
  readonly reason?: string | undefined
}

export interface Placed {
  readonly user: string
  readonly affiliation: Affiliation
  readonly nick: string | null
  readonly bookmarked: boolean
  readonly invited: boolean
}

/** Repeated, it changes nothing and rings nobody. @throws StanzaError conflict, resource-constraint, item-not-found */
export function place(t: Trip, room: Room, wanted: Wanted): Placed {
  const { user, affiliation, reason } = wanted
  checkMember(t, wanted)
  if (affiliation === 'outcast') {
    dismiss(t, room, user, 'outcast', { reason })
    return { user: user.bare, affiliation, nick: null, bookmarked: false, invited: false }
  }
  const before = t.store.roomAffiliations.get(room.id, user.bare)
  const isNew = before === undefined || before.affiliation === 'outcast'
  const nick = distinctNick(t, room, user, wanted.nick ?? before?.nick ?? user.local)
  setAffiliation(t, room, { user, affiliation, nick, reason, invited: true })
  const account = t.store.accounts.find(user.bare)
  const { name, password } = room.settings
  const about = { room: room.jid.bare, name: name || undefined, nick, password: password || undefined }
  const bookmarked = wanted.bookmark && account !== undefined && bookmarkRoom(t, account, about)
  const invited = wanted.invite && isNew && isAbsent(room, user)
  // Mediated: XMPPFramework takes a direct one for its sender's own.
  if (invited) invite(t, room, user, { reason })
  return { user: user.bare, affiliation, nick, bookmarked, invited }
}

/** Checks that all of a list can be placed, and writes nothing. @throws StanzaError */
export function checkMember(t: Trip, { user, affiliation, nick }: Omit<Wanted, 'bookmark' | 'invite'>): void {
  if (nick !== undefined) nickKey(nick)
  if (affiliation === 'outcast') return
  if (user.local === '') throw new StanzaError('not-acceptable', 'Of a whole domain there are only bans.')
  const home = t.world.homes.of(user)
  if (home === 'elsewhere' || (home === 'here' && !t.isHost(user.domain)))
    throw new AccountError('unknown-host', `${user.domain} is not one of this server's hosts.`)
  if (home === 'here') accountOf(t, user.bare)
}

export interface Dismissal {
  readonly reason?: string | undefined
  /** Whether the person is sent a message, which rings; undefined: as [muc] tell_removed says. */
  readonly tells?: boolean | undefined
}

/** False where the user did not belong to the room. */
export function dismiss(
  t: Trip,
  room: Room,
  user: Jid,
  affiliation: 'none' | 'outcast',
  { reason, tells }: Dismissal,
): boolean {
  const before = t.store.roomAffiliations.get(room.id, user.bare)?.affiliation ?? 'none'
  if (before === affiliation) return false
  setAffiliation(t, room, { user, affiliation, reason, tells })
  return true
}

const isAbsent = (room: Room, user: Jid): boolean => [...room.occupantsOf(user.bare)].length === 0

/** Bytes of a nick that leave room for what tells it from others; a resource has 1023 (RFC 7622 §3.4). */
const LONGEST_STEM = 990
/** Names that are counted through before one is drawn. */
const COUNTED = 100

/** The nick, or it with a number behind it where another has it, in the room or kept for him. */
export function distinctNick(t: Trip, room: Room, user: Jid, wanted: string): string {
  if (isFree(t, room, user, wanted)) return wanted
  const stem = cut(wanted)
  for (let n = 2; n <= COUNTED; n++) if (isFree(t, room, user, `${stem} ${n}`)) return `${stem} ${n}`
  return `${stem} ${t.freshId()}`
}

function isFree(t: Trip, room: Room, user: Jid, nick: string): boolean {
  nickKey(nick)
  const other = room.byNick(nick)
  const keeper = keeperOf(t, room, nick)
  return (!other || other.user === user.bare) && (keeper === undefined || keeper === user.bare)
}

/** Between two characters. */
function cut(text: string): string {
  let stem = ''
  let bytes = 0
  for (const character of text) {
    bytes += Buffer.byteLength(character)
    if (bytes > LONGEST_STEM) break
    stem += character
  }
  return stem.trimEnd()
}
