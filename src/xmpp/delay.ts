/** Notes on when a stanza was sent: Delayed Delivery (XEP-0203), and as it was written before (XEP-0091). */
import { Jid } from './jid.ts'
import { NS } from './namespaces.ts'
import type { Element } from './xml.ts'

const OLD = 'jabber:x:delay'

export function isDelay({ name, attrs }: Element): boolean {
  return (name === 'delay' && attrs.xmlns === NS.delay) || (name === 'x' && attrs.xmlns === OLD)
}

/**
 * Whether it is a delay in another's name than its sender's: an account anywhere, or a server of ours as `isOurs` tells
 * by the domain. One in nobody's name is the sender's word; one in a name that is none is like another's.
 */
export function isForgedDelay(el: Element, sender: Jid, isOurs: (domain: string) => boolean): boolean {
  const { from } = el.attrs
  if (from === undefined || !isDelay(el)) return false
  // Compared as prepared: a client that prepares it as well must not be fooled by "JULIET@bix.org".
  const jid = Jid.tryParse(from)
  return !jid || (jid.bare !== sender.bare && (jid.local !== '' || isOurs(jid.domain)))
}
