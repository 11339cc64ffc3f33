/** The server's question whether a client is still there (XEP-0199 §4.1): whatever it sends afterwards is an answer. */
import { type Element, xml } from '../xmpp/xml.ts'
import type { Session } from './session.ts'
import type { World } from './transit.ts'
import { NS } from '../xmpp/namespaces.ts'

export function serverPing({ random }: World, { jid }: Session): Element {
  const id = `belfry-${random.bytes(6).toString('base64url')}`
  const attrs = { type: 'get', id, from: jid.domain, to: jid.toString() }
  return xml('iq', attrs, xml('ping', { xmlns: NS.ping }))
}
