/** Session establishment (RFC 3921 §3): a request that means nothing any more and that old clients still send. */
import type { Feature } from '../routing/feature.ts'
import { NS } from '../xmpp/namespaces.ts'
import { xml } from '../xmpp/xml.ts'

export const session: Feature = {
  name: 'session',
  xeps: [],
  // COMPAT(XMPPFramework, 4.x): it asks unless the feature says optional.
  streamFeatures: (s) => (s.authenticated ? [xml('session', { xmlns: NS.session }, xml('optional'))] : []),
  iq: {
    [`account set {${NS.session}}session`]: () => undefined,
    [`server set {${NS.session}}session`]: () => undefined,
  },
}
