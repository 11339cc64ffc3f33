/** Removal from a room as it reaches a person who is not in it: §9.4 of XEP-0045 tells those who are there alone. */
import { stopAutojoin } from '../accounts/pep/room-bookmark.ts'
import type { Trip } from '../routing/transit.ts'
import type { Jid } from '../xmpp/jid.ts'
import { NS } from '../xmpp/namespaces.ts'
import { Stanza } from '../xmpp/stanza.ts'
import { xml } from '../xmpp/xml.ts'
import type { Room, Standing } from './room.ts'

export interface Removal {
  readonly user: Jid
  readonly affiliation: Standing
  readonly reason?: string | undefined
  /** Whether the person is sent a message, which rings; undefined: as [muc] tell_removed says. */
  readonly tells?: boolean | undefined
  /** The operator of the server did it, and nobody of the room. */
  readonly byOperator: boolean
}

/** By whichever door somebody else has removed a member. */
export function removed(t: Trip, room: Room, removal: Removal): void {
  const { user, affiliation, reason, byOperator, tells = t.config.muc.tell_removed } = removal
  const account = t.store.accounts.find(user.bare)
  if (!account) return
  // A person who may still come in keeps the bookmark: clients leave a room whose bookmark loses its autojoin.
  if (byOperator || affiliation === 'outcast' || room.settings.membersOnly)
    stopAutojoin(t, account, room.jid.bare)
  if (!tells) return
  const why = reason === undefined || reason === '' ? '' : `: ${reason}`
  const body = `You were removed from ${room.settings.name || room.jid.local}${why}`
  const item = xml(
    'item',
    { affiliation, role: 'none', jid: user.bare },
    reason === undefined ? undefined : xml('reason', {}, reason),
  )
  // §18.1: an affiliation that has changed while its user was not there.
  const x = xml('x', { xmlns: NS.mucUser }, item, xml('status', { code: '101' }))
  t.emit(Stanza.make('message', room.jid, user, { id: t.freshId() }, xml('body', {}, body), x))
}
