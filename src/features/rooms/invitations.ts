/** Invitations by way of the room, and what invited people answer (XEP-0045 §7.8.2). */
import { setAffiliation, standingOf } from '../../rooms/affiliations.ts'
import { invite } from '../../rooms/invite.ts'
import { isAdmin } from '../../rooms/privileges.ts'
import type { Room } from '../../rooms/room.ts'
import type { Transit } from '../../routing/transit.ts'
import { StanzaError } from '../../xmpp/errors.ts'
import type { Jid } from '../../xmpp/jid.ts'
import { NS } from '../../xmpp/namespaces.ts'
import { readJid, Stanza } from '../../xmpp/stanza.ts'
import { child, childText, children, type Element, elements, xml } from '../../xmpp/xml.ts'

/** People that one message may invite. */
const MOST = 100

/** COMPAT(XMPPFramework, XMPPRoom): several invitations in one message, which may have no id. */
export function invitePeople(t: Transit, room: Room, invites: readonly Element[]): void {
  const { from, id } = t.stanza
  const occupant = room.occupantOf(from)
  const affiliation = standingOf(t, room, from)
  if (!occupant && affiliation === 'none')
    throw new StanzaError('not-acceptable', 'You are not in this room.')
  const { membersOnly, allowInvites } = room.settings
  if (membersOnly && !isAdmin(affiliation) && !allowInvites)
    throw new StanzaError('forbidden', 'Only admins invite to this room.')
  if (occupant?.role === 'visitor') throw new StanzaError('forbidden', 'You have no voice in this room.')
  if (invites.length > MOST) throw new StanzaError('not-acceptable', 'Too many people at once.')
  const people = invites.map((el) => ({ el, to: invitedBy(t, el) }))
  const inviter = (occupant ? room.addressOf(occupant.nick) : from.toBare()).toString()
  for (const { el, to } of people) {
    // §9.5: who is invited to a members-only room must be able to come in; to others nobody is added.
    if (membersOnly && standingOf(t, room, to) === 'none')
      setAffiliation(t, room, { user: to.toBare(), affiliation: 'member', joined: false, invited: true })
    invite(t, room, to, {
      from: inviter,
      reason: childText(el, 'reason'),
      id,
      rest: elements(el).filter(({ name, attrs }) => name === 'continue' && attrs.xmlns === undefined),
    })
  }
}

/** §7.8.2: an address that nobody has is told to the inviter. */
function invitedBy(t: Transit, el: Element): Jid {
  const { to } = el.attrs
  if (to === undefined) throw new StanzaError('bad-request', 'Who is invited?')
  const jid = readJid(to, 'to')
  const isHere = t.isHost(jid.domain) && t.world.homes.of(jid) === 'here'
  if (jid.local === '' || (isHere && !t.store.accounts.find(jid.bare)))
    throw new StanzaError('item-not-found', 'Nobody has this address.')
  return jid
}

/** The inviter hears that somebody will not come. */
export function decline(t: Transit, room: Room, el: Element): void {
  const { from, id } = t.stanza
  const { to } = el.attrs
  if (to === undefined) throw new StanzaError('bad-request', 'Whose invitation?')
  const target = readJid(to, 'to')
  const inviter = target.bare === room.jid.bare ? seatsOf(room, target) : [target]
  const reason = childText(el, 'reason')
  const x = xml(
    'x',
    { xmlns: NS.mucUser },
    xml('decline', { from: from.bare }, reason === undefined ? undefined : xml('reason', {}, reason)),
  )
  for (const jid of inviter) t.emit(Stanza.make('message', room.jid, jid, { id: id ?? t.freshId() }, x))
}

/** Clients of the occupant who invited. */
function seatsOf(room: Room, { resource }: Jid): Jid[] {
  const occupant = resource === '' ? undefined : room.byNick(resource)
  return occupant ? [...occupant.seats.values()].map(({ jid }) => jid) : []
}

export const invitesIn = (el: Element): Element[] => {
  const x = child(el, 'x', NS.mucUser)
  return x ? children(x, 'invite') : []
}

export const declineIn = (el: Element): Element | undefined => {
  const x = child(el, 'x', NS.mucUser)
  return x && child(x, 'decline')
}
