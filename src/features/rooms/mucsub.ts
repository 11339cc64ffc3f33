/** Subscribing to rooms as apps of ejabberd do (MucSub): requests and lists; rooms/subscriptions.ts sends the events. */
import { setAffiliation, standingOf } from '../../rooms/affiliations.ts'
import { closeIfEmpty } from '../../rooms/leave.ts'
import { checkNick } from '../../rooms/nicks.ts'
import { isAdmin } from '../../rooms/privileges.ts'
import type { Room } from '../../rooms/room.ts'
import { isNode, sendEvent, split, subscribersOf } from '../../rooms/subscriptions.ts'
import type { Transit } from '../../routing/transit.ts'
import { StanzaError } from '../../xmpp/errors.ts'
import type { Jid } from '../../xmpp/jid.ts'
import { NS } from '../../xmpp/namespaces.ts'
import { readJid } from '../../xmpp/stanza.ts'
import { children, type Element, xml } from '../../xmpp/xml.ts'

/** Rooms of one answer. */
const LISTED = 1000

export function set(t: Transit, room: Room, payload: Element): Element | undefined {
  if (payload.name === 'subscribe') return subscribe(t, room, payload)
  if (payload.name === 'unsubscribe') return unsubscribe(t, room, payload)
  throw new StanzaError('bad-request', 'Subscribe or unsubscribe?')
}

/** Answers with the nodes that there are. Who is subscribed already has these from now on, and no others. */
function subscribe(t: Transit, room: Room, payload: Element): Element {
  const { nick, password } = payload.attrs
  const user = subject(t, room, payload)
  const before = standingOf(t, room, user)
  if (!room.settings.subscriptions && !(room.row.locked && before === 'owner'))
    throw new StanzaError('not-allowed', 'This room has no subscriptions.')
  if (nick === undefined) throw new StanzaError('bad-request', 'A nick is missing.')
  const affiliation = checkMay(t, room, user, password)
  checkNick(t, room, nick, user.bare)
  const nodes = [...new Set(children(payload, 'event').map(({ attrs }) => attrs.node ?? ''))].filter(isNode)
  const joined = affiliation === 'none'
  // As on ejabberd, a subscriber is a member: who is told of messages is one list.
  const standing = affiliation === 'none' ? 'member' : affiliation
  setAffiliation(t, room, { user, affiliation: standing, nick, nodes, ...(joined && { joined }) })
  announce(t, room, 'subscribe', user, nick)
  return xml('subscribe', { xmlns: NS.mucSub, nick }, ...nodes.map((node) => xml('event', { node })))
}

/** The user that it is about: oneself, or whoever a moderator says. */
function subject(t: Transit, room: Room, { attrs }: Element): Jid {
  const { from } = t.stanza
  const user = attrs.jid === undefined ? from.toBare() : readJid(attrs.jid).toBare()
  if (user.local === '') throw new StanzaError('jid-malformed', 'No account has this address.')
  if (user.bare !== from.bare && !isModerator(t, room)) throw new StanzaError('forbidden')
  return user
}

function isModerator(t: Transit, room: Room): boolean {
  const { from } = t.stanza
  return room.occupantOf(from)?.role === 'moderator' || isAdmin(standingOf(t, room, from))
}

/** The rights are those of entering; who subscribes others has them for these. */
function checkMay(
  t: Transit,
  room: Room,
  user: Jid,
  password: string | undefined,
): Exclude<ReturnType<typeof standingOf>, 'outcast'> {
  const affiliation = standingOf(t, room, user)
  if (affiliation === 'outcast') throw new StanzaError('forbidden', 'Banned from this room.')
  if (room.row.locked && affiliation !== 'owner')
    throw new StanzaError('item-not-found', 'The room is not open yet.')
  const { from } = t.stanza
  const asker = standingOf(t, room, from)
  if (room.settings.membersOnly && affiliation === 'none' && !isAdmin(asker))
    throw new StanzaError('registration-required', 'This room is for its members.')
  const needsPassword = room.settings.password !== '' && asker !== 'owner' && !room.occupantOf(from)
  if (needsPassword && password !== room.settings.password)
    throw new StanzaError('not-authorized', 'This room needs a password.')
  return affiliation
}

/** A membership that came by subscribing ends with it. */
function unsubscribe(t: Transit, room: Room, payload: Element): undefined {
  const user = whoLeaves(t, room, payload)
  const row = t.store.roomAffiliations.get(room.id, user.bare)
  if (!row || row.nodes === null) return
  const { joined, affiliation } = row
  const ends = joined && affiliation === 'member' && !room.settings.membersOnly
  const by = { user: t.stanza.from.bare }
  setAffiliation(t, room, { user, affiliation: ends ? 'none' : affiliation, nodes: null }, by)
  announce(t, room, 'unsubscribe', user, row.nick ?? '')
  closeIfEmpty(t, room)
}

/** Moderators name others by address or by nick. */
function whoLeaves(t: Transit, room: Room, payload: Element): Jid {
  const { jid, nick } = payload.attrs
  if (jid !== undefined || nick === undefined || nick === '') return subject(t, room, payload)
  const named = [...subscribersOf(t, room).values()].find((one) => one.nick === nick)
  if (named?.user === t.stanza.from.bare) return t.stanza.from.toBare()
  if (!isModerator(t, room)) throw new StanzaError('forbidden')
  if (!named) throw new StanzaError('item-not-found', 'Nobody is subscribed under this nick.')
  return readJid(named.user)
}

function announce(t: Transit, room: Room, name: 'subscribe' | 'unsubscribe', user: Jid, nick: string): void {
  const jid = room.settings.nonAnonymous ? user.bare : undefined
  sendEvent(t, room, 'subscribers', xml(name, { xmlns: NS.mucSub, jid, nick }))
}

/** To the service: the rooms of who asks. */
export function ownRooms(t: Transit): Element {
  const { from, to } = t.stanza
  const rows = t.store.roomAffiliations.subscriptions(from.bare, to?.domain ?? '', LISTED)
  return list(rows.map(({ jid, nick, nodes }) => subscription(jid, nick ?? '', split(nodes))))
}

/** To a room: its subscribers, for its moderators and for themselves. */
export function subscribers(t: Transit, room: Room): Element {
  const all = subscribersOf(t, room)
  const moderates = isModerator(t, room)
  if (!moderates && !all.has(t.stanza.from.bare)) throw new StanzaError('forbidden')
  const seesJids = moderates || room.settings.nonAnonymous
  return list(
    [...all.values()].map(({ user, nick, nodes }) => subscription(seesJids ? user : undefined, nick, nodes)),
  )
}

const list = (entries: readonly Element[]): Element => xml('subscriptions', { xmlns: NS.mucSub }, ...entries)

const subscription = (jid: string | undefined, nick: string, nodes: Iterable<string>): Element =>
  xml('subscription', { jid, nick }, ...[...nodes].map((node) => xml('event', { node })))
