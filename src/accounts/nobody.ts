/** An account that is not there, or does not want to be: all must answer the same. */
import { NS } from '../xmpp/namespaces.ts'
import { child, xml } from '../xmpp/xml.ts'
import type { Transit } from '../routing/transit.ts'

/** XEP-0030 §8: strangers find no items of an account, whether there is one or not. True where that is the answer. */
export function findsNothing(t: Transit): boolean {
  const { kind, type, el, to } = t.stanza
  const query = child(el, 'query', NS.discoItems)
  if (kind !== 'iq' || type !== 'get' || !query || !to?.isBare) return false
  t.reply(xml('query', { xmlns: NS.discoItems, node: query.attrs.node }))
  return true
}
