/** Discovery of the two doors above by web clients: host-meta (RFC 6415) with the links of XEP-0156. */
import { escapeXML } from '../xmpp/xml.ts'
import { hostName } from './client.ts'
import { BOSH_PATH } from './bosh.ts'
import type { Ctx } from './context.ts'
import { type App, open, route } from './policy.ts'
import { notFound } from './problem.ts'
import { json, z } from './schemas.ts'
import { WEBSOCKET_PATH } from './websocket.ts'

const PATH = '/.well-known/host-meta'
const XRD = 'http://docs.oasis-open.org/ns/xri/xrd-1.0'
const XRD_TYPE = 'application/xrd+xml; charset=utf-8'

interface Link {
  readonly rel: string
  readonly href: string
}

export function addHostMeta(app: App): void {
  const asXml = route(open, {
    method: 'get',
    path: PATH,
    operationId: 'hostMeta',
    summary: 'Where web clients connect (XEP-0156), as XRD',
    responses: { 200: { description: 'The links', content: { [XRD_TYPE]: { schema: z.string() } } } },
  })
  app.openapi(asXml, (c) => {
    const links = linksOf(c).map(({ rel, href }) => `  <Link rel='${rel}' href='${escapeXML(href)}'/>\n`)
    const text = `<?xml version='1.0' encoding='utf-8'?>\n<XRD xmlns='${XRD}'>\n${links.join('')}</XRD>\n`
    return c.body(text, 200, { ...forEveryone, 'content-type': XRD_TYPE })
  })
  const link = z.object({ rel: z.string(), href: z.string() })
  const asJson = route(open, {
    method: 'get',
    path: `${PATH}.json`,
    operationId: 'hostMetaJson',
    summary: 'Where web clients connect (XEP-0156), as JRD',
    responses: { 200: json('The links', z.object({ links: z.array(link) })) },
  })
  app.openapi(asJson, (c) => c.json({ links: linksOf(c) }, 200, forEveryone))
}

/** XEP-0156 §4: any page may read this, and only this; it says nothing that depends on who asks. */
const forEveryone = {
  'access-control-allow-origin': '*',
  'cache-control': 'public, max-age=3600',
}

/** §2.2: only TLS is told of, so a server without a public address in https names nothing on its plain port. */
function linksOf(c: Ctx): Link[] {
  const base = baseOf(c)
  if (base?.protocol !== 'https:') return []
  const { host, pathname } = base
  const prefix = `${host}${pathname.replace(/\/$/, '')}`
  return [
    { rel: 'urn:xmpp:alt-connections:websocket', href: `wss://${prefix}${WEBSOCKET_PATH}` },
    { rel: 'urn:xmpp:alt-connections:xbosh', href: `https://${prefix}${BOSH_PATH}` },
  ]
}

/** The public address, else the name by which we were asked if it is a domain of ours. Throws HttpError. */
function baseOf(c: Ctx): URL | null {
  const { config } = c.get('deps').world
  if (config.http.public_url !== undefined) return new URL(config.http.public_url)
  const host = c.req.header('host') ?? ''
  if (!config.hosts.includes(hostName(host))) throw notFound()
  return URL.parse(`${c.get('https') ? 'https' : 'http'}://${host}`)
}
