/** External Service Discovery (XEP-0215): STUN and TURN servers, with passwords that end (coturn's shared secret). */
import { createHmac } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { Config } from '../config/config.ts'
import type { Feature } from '../routing/feature.ts'
import type { Transit } from '../routing/transit.ts'
import { StanzaError } from '../xmpp/errors.ts'
import { type Attrs, children, type Element, xml } from '../xmpp/xml.ts'

const XMLNS = 'urn:xmpp:extdisco:2'

/** Kinds with a port of their own (RFC 8489 §8.1, RFC 8656 §3.1). */
const STUN = /^(?:stun|turn)s?$/

type Service = Config['external_services'][number] & { readonly secret?: string; readonly password?: string }

/** The files are read once: a secret that is wrong must show at the start. */
export const externalServices = (config: Config): Feature => {
  const services: Service[] = config.external_services.map((service) => ({
    ...service,
    ...(STUN.test(service.type) && { port: service.port ?? 3478, transport: service.transport ?? 'udp' }),
    ...(service.secret_file ? { secret: readSecret(service.secret_file) } : {}),
    ...(service.password_file ? { password: readSecret(service.password_file) } : {}),
  }))
  return {
    name: 'external-services',
    xeps: [{ number: 215, version: '1.0.0' }],
    disco: services.length > 0 ? { server: [XMLNS] } : {},
    iq: {
      // §3.1, §3.2: all, or those of one type.
      [`server get {${XMLNS}}services`]: (t, query) => {
        const { type } = query.attrs
        const wanted = services.filter((service) => type === undefined || service.type === type)
        return xml('services', { xmlns: XMLNS, type }, ...wanted.map((service) => describe(t, service)))
      },
      // §3.3
      [`server get {${XMLNS}}credentials`]: (t, query) => {
        const asked = children(query, 'service')
        if (asked.length === 0 || asked.some(({ attrs }) => !attrs.host || !attrs.type))
          throw new StanzaError('bad-request', 'host and type are needed.')
        const wanted = services.filter((service) => asked.some(({ attrs }) => isMeant(service, attrs)))
        if (wanted.length === 0) throw new StanzaError('item-not-found')
        return xml('credentials', { xmlns: XMLNS }, ...wanted.map((service) => describe(t, service)))
      },
    },
  }
}

/** A port or transport that is not said means every one. */
function isMeant({ host, type, port, transport }: Service, attrs: Attrs): boolean {
  return (
    host === attrs.host &&
    type === attrs.type &&
    (attrs.port === undefined || String(port) === attrs.port) &&
    (attrs.transport === undefined || transport === attrs.transport)
  )
}

function readSecret(file: string): string {
  return readFileSync(file, 'utf8').trim()
}

function describe(t: Transit, service: Service): Element {
  const { type, host, port, transport } = service
  return xml('service', {
    type,
    host,
    port: port === undefined ? undefined : String(port),
    transport,
    ...credentials(t, service),
  })
}

/** A user name that says when it ends, and its HMAC: what TURN servers call the REST API. */
function credentials(t: Transit, { username, password, secret, ttl }: Service): Record<string, string> {
  if (username !== undefined && password !== undefined) return { restricted: 'true', username, password }
  if (secret === undefined) return {}
  const expires = Math.floor((t.now + ttl) / 1000)
  // The account's name would tell the TURN server who calls whom; an id of the account is enough to tell users apart.
  const user = `${expires}:${t.account.id}`
  return {
    restricted: 'true',
    expires: new Date(expires * 1000).toISOString().replace('.000Z', 'Z'),
    username: user,
    password: createHmac('sha1', secret).update(user).digest('base64'),
  }
}
