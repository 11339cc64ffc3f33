/** /http-bind: BOSH (XEP-0124, XEP-0206), for pages of the origins that [http] origins allows. */
import { inTime, readAtMost } from './body.ts'
import type { Ctx } from './context.ts'
import { type App, route, stream } from './policy.ts'
import { HttpError } from './problem.ts'
import { z } from './schemas.ts'

export const BOSH_PATH = '/http-bind'
/** Seconds that the runtime leaves an answer on top of what it is held for. */
const GRACE = 10
/** Seconds for which a browser may remember what it may send. */
const REMEMBER = '86400'

export function addBosh(app: App): void {
  const asked = route(stream, {
    method: 'post',
    path: BOSH_PATH,
    operationId: 'bosh',
    summary: 'XMPP over BOSH (XEP-0124, XEP-0206)',
    responses: { 200: { description: 'A <body/>', content: { 'text/xml': { schema: z.string() } } } },
  })
  app.openapi(asked, async (c) => {
    const { web, world } = c.get('deps')
    if (!web) throw new HttpError(503, 'no-streams', 'No server runs here.')
    const { stanza_bytes, bosh_wait } = world.config.limits
    allowOrigin(c)
    const body = await inTime(c, () => readAtMost(c.req.raw, stanza_bytes))
    if (!body) throw new HttpError(413, 'too-large', `A body may have ${stanza_bytes} bytes.`)
    c.env.door?.patience(Math.ceil(bosh_wait / 1000) + GRACE)
    const client = { ip: c.get('ip'), encrypted: c.get('encrypted') }
    const { type, text } = await web.bosh(body, client, c.req.raw.signal)
    return c.body(text, 200, { 'content-type': type })
  })
  const preflight = route(stream, {
    method: 'options',
    path: BOSH_PATH,
    operationId: 'boshPreflight',
    summary: 'What a page of another origin may send there',
    responses: { 204: { description: 'The CORS headers' } },
  })
  app.openapi(preflight, (c) => {
    allowOrigin(c)
    c.header('access-control-allow-methods', 'POST')
    c.header('access-control-allow-headers', 'content-type')
    c.header('access-control-max-age', REMEMBER)
    return c.body(null, 204)
  })
}

/** The origin has passed the gate already; credentials are never allowed, since the stream asks for its own. */
function allowOrigin(c: Ctx): void {
  const origin = c.req.header('origin')
  if (origin !== undefined) c.header('access-control-allow-origin', origin)
  c.header('vary', 'Origin')
}
