/** XMPP Ping (XEP-0199). */
import type { Feature } from '../routing/feature.ts'

const PING = 'urn:xmpp:ping'

export const ping: Feature = {
  name: 'ping',
  xeps: [{ number: 199, version: '2.0.1' }],
  disco: { server: [PING], account: [PING] },
  iq: {
    [`server get {${PING}}ping`]: () => undefined,
    [`account get {${PING}}ping`]: () => undefined,
  },
}
