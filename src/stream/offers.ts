/** Features that a stream offers its client next (RFC 6120 §4.3.2). */
import type { Feature, StreamState } from '../routing/feature.ts'
import type { Inlines } from '../routing/inline.ts'
import type { World } from '../routing/transit.ts'
import { NS } from '../xmpp/namespaces.ts'
import { type Element, xml } from '../xmpp/xml.ts'
import { channelBindings, fastMechanisms, mechanisms } from './sasl/sasl.ts'
import type { TlsFacts } from './transports/transport.ts'

export interface Offering {
  readonly world: World
  readonly features: readonly Feature[]
  readonly state: StreamState
  readonly tls: TlsFacts | undefined
  /** Nothing but TLS will do. */
  readonly mustSecure: boolean
  /** The transport knows how. */
  readonly canStartTls: boolean
  readonly inlines: Inlines
}

export function offers({ world, features, state, tls, mustSecure, canStartTls, inlines }: Offering): Element {
  const list: Element[] = []
  if (state.authenticated && !state.session) list.push(xml('bind', { xmlns: NS.bind }))
  if (!state.secure && canStartTls) {
    const required = world.config.c2s.require_tls ? xml('required') : undefined
    list.push(xml('starttls', { xmlns: NS.tls }, required))
  }
  if (!state.authenticated && !mustSecure)
    list.push(...sasl(world, state, tls), ...sasl2(world, state, tls, inlines))
  if (state.authenticated || !mustSecure) {
    for (const feature of features) list.push(...(feature.streamFeatures?.(state, world) ?? []))
  }
  return xml('stream:features', {}, ...list)
}

function sasl(world: World, { host }: StreamState, tls: TlsFacts | undefined): Element[] {
  const { auth } = world.config
  const offered = mechanisms(tls, world, host)
  const list = xml('mechanisms', { xmlns: NS.sasl }, ...offered.map((name) => xml('mechanism', {}, name)))
  const types = [...channelBindings(tls, auth).keys()]
  if (types.length === 0) return [list]
  // XEP-0440 §3
  const bindings = types.map((type) => xml('channel-binding', { type }))
  return [list, xml('sasl-channel-binding', { xmlns: 'urn:xmpp:sasl-cb:0' }, ...bindings)]
}

/** XEP-0388 §2.1, only inside TLS. */
function sasl2(world: World, state: StreamState, tls: TlsFacts | undefined, inlines: Inlines) {
  if (!state.secure) return []
  const { auth } = world.config
  const names = mechanisms(tls, world, state.host).map((name) => xml('mechanism', {}, name))
  const fast = fastMechanisms(tls, auth).map((name) => xml('mechanism', {}, name))
  const tokens = fast.length > 0 ? xml('fast', { xmlns: NS.fast }, ...fast) : undefined
  return [
    xml('authentication', { xmlns: NS.sasl2 }, ...names, xml('inline', {}, ...inlines.offers(), tokens)),
  ]
}
