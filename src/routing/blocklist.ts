/** How a block list is read (XEP-0191), for whoever must not tell the blocked anything. */
import type { Jid } from '../xmpp/jid.ts'

/** Whether the list has the address itself, its bare JID, its domain with the resource, or its domain (§2). */
export function covers(list: ReadonlySet<string>, jid: Jid): boolean {
  if (list.size === 0) return false
  return (
    list.has(jid.bare) ||
    list.has(jid.domain) ||
    (jid.isFull && (list.has(jid.toString()) || list.has(`${jid.domain}/${jid.resource}`)))
  )
}
