/** Invitations that the room sends (XEP-0045 §7.8.2): mediated, since XMPPFramework takes a direct one for its sender's. */
import type { Trip } from '../routing/transit.ts'
import type { Jid } from '../xmpp/jid.ts'
import { NS } from '../xmpp/namespaces.ts'
import { Stanza } from '../xmpp/stanza.ts'
import { type Element, xml } from '../xmpp/xml.ts'
import type { Room } from './room.ts'

export interface Invitation {
  /** Address of the inviter as the invited may know it; the room itself where nobody invites. */
  readonly from?: string | undefined
  readonly reason?: string | undefined
  /** Id of the message that asked for it. */
  readonly id?: string | undefined
  /** Further elements of the inviter's client: a thread to go on with (§7.9). */
  readonly rest?: readonly Element[]
}

export function invite(t: Trip, room: Room, invited: Jid, { from, reason, id, rest = [] }: Invitation): void {
  const { password } = room.settings
  const invitation = xml(
    'invite',
    { from: from ?? room.jid.toString() },
    reason === undefined ? undefined : xml('reason', {}, reason),
    ...rest,
  )
  const x = xml(
    'x',
    { xmlns: NS.mucUser },
    invitation,
    password === '' ? undefined : xml('password', {}, password),
  )
  t.emit(Stanza.make('message', room.jid, invited, { id: id ?? t.freshId() }, x))
}
