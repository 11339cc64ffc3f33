/** Entity Capabilities (XEP-0115) of the server, told in the stream features (§6.3). */
import { createHash } from 'node:crypto'
import type { Feature } from '../routing/feature.ts'
import type { DiscoIndex } from '../routing/transit.ts'
import { formValue, readForm } from '../xmpp/forms.ts'
import { type Element, xml } from '../xmpp/xml.ts'

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

/** §5.1 steps 6 and 7: FORM_TYPE, then each field with its values, all sorted. */
function formParts(form: Element): string[] {
  const values = readForm(form) ?? new Map<string, string[]>()
  const fields = [...values].filter(([name]) => name !== 'FORM_TYPE').sort(([a], [b]) => (a < b ? -1 : 1))
  return [
    formValue(values, 'FORM_TYPE') ?? '',
    ...fields.flatMap(([name, list]) => [name, ...list.toSorted()]),
  ]
}

/** §5.1: the hash over sorted identities, features and forms. */
export function serverCaps(index: DiscoIndex): string {
  let ver = known.get(index)
  if (ver === undefined) {
    const identities = index.identities
      .filter((identity) => identity.of === 'server')
      .map(({ category, type, name }) => `${category}/${type}//${name ?? ''}`)
    // Sorted first, then joined: with the "<" a longer name could come before its own beginning.
    const parts = [
      ...identities.sort(),
      ...index.server.toSorted(),
      ...index.forms.map(formParts).sort().flat(),
    ]
    const text = parts.map((part) => `${part}<`).join('')
    ver = createHash('sha1').update(text).digest('base64')
    known.set(index, ver)
  }
  return ver
}
