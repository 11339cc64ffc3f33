/** Software Version (XEP-0092). The operating system is nobody's business (§5). */
import type { Feature } from '../routing/feature.ts'
import { VERSION } from '../version.ts'
import { xml } from '../xmpp/xml.ts'

const XMLNS = 'jabber:iq:version'

export const version: Feature = {
  name: 'version',
  xeps: [{ number: 92, version: '1.1' }],
  disco: { server: [XMLNS] },
  iq: {
    [`server get {${XMLNS}}query`]: () =>
      xml('query', { xmlns: XMLNS }, xml('name', {}, 'Belfry'), xml('version', {}, VERSION)),
  },
}
