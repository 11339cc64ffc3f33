/** Owners of nicks (XEP-0045 §7.2.8): nicks are compared as RFC 8266 §2.4 says. */
import type { Trip } from '../routing/transit.ts'
import { StanzaError } from '../xmpp/errors.ts'
import { nicknameKey, PrecisError } from '../xmpp/precis.ts'
import { nickSkeleton } from '../xmpp/skeleton.ts'
import { keeperOf } from './affiliations.ts'
import type { Room } from './room.ts'

/** @throws StanzaError jid-malformed for what is no nick. */
export function nickKey(nick: string): string {
  try {
    return nicknameKey(nick)
  } catch (error) {
    if (error instanceof PrecisError) throw new StanzaError('jid-malformed', `The nick ${error.message}.`)
    throw error
  }
}

/** A nick is one account's, and one that is kept for a member is nobody else's. @throws StanzaError conflict */
export function checkNick(t: Trip, room: Room, nick: string, user: string): void {
  nickKey(nick)
  const other = room.byNick(nick)
  if (other && other.user !== user) throw new StanzaError('conflict', 'Somebody has this nick.')
  const keeper = keeperOf(t, room, nick)
  if (keeper !== undefined && keeper !== user) throw new StanzaError('conflict', 'This nick is another’s.')
  if (!t.config.muc.refuse_lookalike_nicks) return
  const look = nickSkeleton(nick)
  if (room.isLikeOther(look, user) || t.store.roomAffiliations.isLikeOther(room.id, look, user))
    throw new StanzaError('conflict', 'This nick looks like another’s.')
}
