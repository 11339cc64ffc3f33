/** Stream Limits Advertisement (XEP-0478): what a stream takes, said before a client runs into it. */
import type { Feature } from '../routing/feature.ts'
import { type Element, xml } from '../xmpp/xml.ts'

export const streamLimits: Feature = {
  name: 'stream-limits',
  xeps: [{ number: 478, version: '0.2.0' }],
  streamFeatures({ authenticated }, { config: { limits } }) {
    const bytes = authenticated ? limits.stanza_bytes : limits.preauth_stanza_bytes
    // §3.1: silence after which the server asks for a sign of life, or ends a login; later where a form is filled in.
    const idle = authenticated ? Math.min(limits.idle_ping, limits.idle_timeout) : limits.preauth_timeout
    const said = [number('max-bytes', bytes), number('idle-seconds', Math.floor(idle / 1000))]
    return said.some((el) => el !== undefined)
      ? [xml('limits', { xmlns: 'urn:xmpp:stream-limits:0' }, ...said)]
      : []
  },
}

/** Undefined for a limit that is off: a child that is absent says nothing (§3.1). */
function number(name: string, value: number): Element | undefined {
  return Number.isFinite(value) ? xml(name, {}, String(value)) : undefined
}
