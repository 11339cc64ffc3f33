/** Names that are taken for another's: no door makes them, unless the operator says so. */
import { Jid } from '../xmpp/jid.ts'
import { skeleton } from '../xmpp/skeleton.ts'
import type { Trip } from './transit.ts'
import { adminsOf } from './users.ts'

/** The account or administrator of the same host for whom this name would be taken; undefined for none. */
export function lookalike(t: Pick<Trip, 'store' | 'config'>, jid: Jid): string | undefined {
  if (!t.config.registration.refuse_lookalikes) return undefined
  const isLike = ({ local, domain, bare }: Jid) =>
    domain === jid.domain && bare !== jid.bare && skeleton(local) === skeleton(jid.local)
  return adminsOf(t.config).find(isLike)?.bare ?? t.store.skeletons.like(jid)
}

/** What an operator is told: whose name it is like, and what to do if that is meant. */
export const lookalikeText = (jid: string, other: string): string =>
  `${jid} looks like ${other}, and people would take the one for the other. If that is meant, allow it: ` +
  '--allow-lookalike on the command line, allow_lookalike in a request or form.'
