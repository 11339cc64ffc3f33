/** Privileges (XEP-0045 §5, §8–§10) as pure rules. "Not entitled" is `forbidden`, "outranked" is `not-allowed`. */
import type { Role, RoomSettings } from '../store/rooms.ts'
import { StanzaError } from '../xmpp/errors.ts'
import type { Standing } from './room.ts'

const RANK: Readonly<Record<Standing, number>> = { outcast: 0, none: 1, member: 2, admin: 3, owner: 4 }

export const rankOf = (affiliation: Standing): number => RANK[affiliation]
export const isAdmin = (affiliation: Standing): boolean => RANK[affiliation] >= RANK.admin

/** §5.1.2: the role with which somebody comes in. */
export function initialRole(affiliation: Standing, settings: RoomSettings): Role {
  if (isAdmin(affiliation)) return 'moderator'
  if (affiliation === 'member' || !settings.moderated || settings.newcomersSpeak) return 'participant'
  return 'visitor'
}

/** The role that is left after a change of affiliation: who was made a moderator by hand stays one. */
export function roleAfter(role: Role, before: Standing, after: Standing, settings: RoomSettings): Role {
  const initial = initialRole(after, settings)
  return role === 'moderator' && !isAdmin(before) ? role : initial
}

/** Standing of the asker, or of the target. */
export interface Actor {
  readonly affiliation: Standing
  /** undefined: not in the room. */
  readonly role: Role | undefined
}

/** §8.2–§8.5, §9.6–§9.8. 'none' is a kick. @throws StanzaError forbidden, not-allowed */
export function checkRoleChange(actor: Actor, target: Actor & { role: Role }, wanted: Role | 'none'): void {
  // An admin may act without being in the room: effects do not depend on it.
  if (actor.role !== 'moderator' && !isAdmin(actor.affiliation)) throw new StanzaError('forbidden')
  if (wanted === 'none') {
    if (RANK[target.affiliation] > RANK[actor.affiliation]) throw outranked()
    return
  }
  // §8.4, §9.7: nobody takes voice or moderation from an admin or an owner.
  if (wanted !== 'moderator' && isAdmin(target.affiliation)) throw outranked()
  // §9.6, §9.7: who is a moderator is for admins to say.
  if ((wanted === 'moderator' || target.role === 'moderator') && !isAdmin(actor.affiliation))
    throw new StanzaError('forbidden')
  if (wanted !== 'visitor' || isAdmin(actor.affiliation)) return
  // §8.4: not from an equal either, but among those without affiliation that would leave a moderator nobody.
  if (target.affiliation !== 'none' && RANK[target.affiliation] >= RANK[actor.affiliation]) throw outranked()
}

/** §9.1–§9.5, §10.3–§10.8. @throws StanzaError forbidden, not-allowed */
export function checkAffiliationChange(actor: Standing, before: Standing, after: Standing): void {
  if (!isAdmin(actor)) throw new StanzaError('forbidden')
  if (actor === 'owner') return
  if (after === 'admin' || after === 'owner') throw new StanzaError('forbidden')
  if (!isAdmin(before)) return
  // §9.1: an admin may ban, only not these; to take away their affiliation is an owner's business.
  throw after === 'outcast' ? outranked() : new StanzaError('forbidden')
}

const outranked = (): StanzaError => new StanzaError('not-allowed', 'It is above you.')
