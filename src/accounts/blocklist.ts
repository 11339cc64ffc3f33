/** Reading of a block list (XEP-0191), for whoever must not tell the blocked anything. */
import type { Account } from '../store/accounts.ts'
import type { Jid } from '../xmpp/jid.ts'

/**
 * Whether the list of an account has the address itself, its bare JID, its domain with the resource, or its domain (§2).
 * An account is never cut from itself or its own server: who blocks that domain means its people.
 */
export function covers(list: ReadonlySet<string>, { jid: own, host }: Account, jid: Jid): boolean {
  if (list.size === 0 || jid.bare === own || isServerOf(host, jid)) return false
  return (
    list.has(jid.bare) ||
    list.has(jid.domain) ||
    (jid.isFull && (list.has(jid.toString()) || list.has(`${jid.domain}/${jid.resource}`)))
  )
}

/** Whether this is the host itself or a service below it, such as the one at which apps register. */
function isServerOf(host: string, { local, domain }: Jid): boolean {
  return local === '' && (domain === host || domain.endsWith(`.${host}`))
}
