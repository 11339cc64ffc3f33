/** XMPP Ping (XEP-0199). */
import type { Feature } from '../routing/feature.ts'
import { NS } from '../xmpp/namespaces.ts'

export const ping: Feature = {
  name: 'ping',
  xeps: [{ number: 199, version: '2.0.1' }],
  disco: { server: [NS.ping], account: [NS.ping] },
  iq: {
    [`server get {${NS.ping}}ping`]: () => undefined,
    [`account get {${NS.ping}}ping`]: () => undefined,
  },
}
