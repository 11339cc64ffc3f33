/** Entity Capabilities (XEP-0115) of the server, told in the stream features (§6.3). */
import { createHash } from 'node:crypto'
import type { Feature } from '../routing/feature.ts'
import type { DiscoIndex } from '../routing/transit.ts'
import { xml } from '../xmpp/xml.ts'

const CAPS = 'http://jabber.org/protocol/caps'

export const caps: Feature = {
  name: 'caps',
  xeps: [{ number: 115, version: '1.6.0' }],
  disco: { server: [CAPS] },
  streamFeatures: (s, { disco }) =>
    s.authenticated
      ? [xml('c', { xmlns: CAPS, hash: 'sha-1', node: disco.capsNode, ver: serverCaps(disco) })]
      : [],
}

const known = new WeakMap<DiscoIndex, string>()

/** §5.1: the hash over sorted identities and features. */
export function serverCaps(index: DiscoIndex): string {
  let ver = known.get(index)
  if (ver === undefined) {
    const identities = index.identities
      .filter((identity) => identity.of === 'server')
      .map(({ category, type, name }) => `${category}/${type}//${name ?? ''}<`)
    const features = index.server.map((feature) => `${feature}<`)
    const text = [...identities.sort(), ...features.sort()].join('')
    ver = createHash('sha1').update(text).digest('base64')
    known.set(index, ver)
  }
  return ver
}
