/** Entity Capabilities (XEP-0115) of the server, told in the stream features (§6.3). */
import type { Feature } from '../routing/feature.ts'
import type { DiscoIndex } from '../routing/transit.ts'
import { hashOf, verificationString } from '../xmpp/caps.ts'
import { discoContent } from '../xmpp/disco.ts'
import { NS } from '../xmpp/namespaces.ts'
import { xml } from '../xmpp/xml.ts'

const HASH = 'sha-1'

export const caps: Feature = {
  name: 'caps',
  xeps: [{ number: 115, version: '1.6.0' }],
  disco: { server: [NS.caps] },
  streamFeatures: (s, { disco }) =>
    s.authenticated
      ? [xml('c', { xmlns: NS.caps, hash: HASH, node: disco.capsNode, ver: serverCaps(disco) })]
      : [],
}

const known = new WeakMap<DiscoIndex, string>()

/** The hash over what the server answers to disco#info. */
export function serverCaps(index: DiscoIndex): string {
  let ver = known.get(index)
  if (ver === undefined) {
    const { server: features, forms } = index
    const identities = index.identities.filter(({ of }) => of === 'server')
    const query = xml('query', { xmlns: NS.discoInfo }, ...discoContent({ identities, features, forms }))
    ver = hashOf(HASH, verificationString(query)) ?? ''
    known.set(index, ver)
  }
  return ver
}
