/** Names that are taken for another's: no door makes them, unless the operator says so. */
import type { Jid } from '../xmpp/jid.ts'
import { skeletonOf } from '../xmpp/skeleton.ts'
import type { Trip } from '../routing/transit.ts'
import { adminsOf } from './admins.ts'

/**
 * For whom of the same host this name would be taken: an account, an administrator, or who is invited to have a name;
 * undefined for nobody.
 */
export function lookalike(t: Trip, jid: Jid): string | undefined {
  if (!t.config.registration.refuse_lookalikes) return undefined
  const account = t.store.skeletons.like(jid)
  if (account !== undefined) return account
  const wanted = skeletonOf(jid.bare)
  const admins = adminsOf(t.config).flatMap(({ bare, domain }) => (domain === jid.domain ? [bare] : []))
  const others = [...admins, ...t.store.invites.reserved(jid.domain, t.now)]
  return others.find((bare) => bare !== jid.bare && skeletonOf(bare) === wanted)
}

/** The text for an operator: whose name it is like, and what to do if that is meant. */
export const lookalikeText = (jid: string, other: string): string =>
  `${jid} looks like ${other}, and people would take the one for the other. If that is meant, allow it: ` +
  '--allow-lookalike on the command line, allow_lookalike in a request or form.'
