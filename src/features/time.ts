/** Entity Time (XEP-0202). A server's offset is UTC. */
import type { Feature } from '../routing/feature.ts'
import { xml } from '../xmpp/xml.ts'

const XMLNS = 'urn:xmpp:time'

export const time: Feature = {
  name: 'time',
  xeps: [{ number: 202, version: '2.0' }],
  disco: { server: [XMLNS] },
  iq: {
    [`server get {${XMLNS}}time`]: (t) =>
      xml(
        'time',
        { xmlns: XMLNS },
        xml('tzo', {}, '+00:00'),
        xml('utc', {}, new Date(t.now).toISOString().replace(/\.\d+Z$/, 'Z')),
      ),
  },
}
