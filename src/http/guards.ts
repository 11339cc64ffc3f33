/** Guards that every request must pass before a route sees it. */
import type { MiddlewareHandler } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { secureHeaders } from 'hono/secure-headers'
import * as metrics from '../metrics/metrics.ts'
import { isAddress, isLoopback, Networks } from '../net/address.ts'
import { inTime } from './body.ts'
import { clientOf, hostName } from './client.ts'
import type { AppEnv, Ctx } from './context.ts'
import type { HttpDeps } from './deps.ts'
import { isOwn } from './origins.ts'
import { isFile, isStream, needsBody } from './policy.ts'
import { actingAs } from '../store/audit.ts'
import { HttpError } from './problem.ts'
import { FILE_HEADERS, isUploadPath } from './uploads/headers.ts'

type Guard = MiddlewareHandler<AppEnv>

const SAFE = new Set(['GET', 'HEAD', 'OPTIONS'])
/** HSTS is said below, where the client came by TLS. */
const secure = secureHeaders({
  contentSecurityPolicy: {
    defaultSrc: ["'none'"],
    scriptSrc: ["'self'"],
    styleSrc: ["'self'"],
    imgSrc: ["'self'", 'data:'],
    connectSrc: ["'self'"],
    formAction: ["'self'"],
    frameAncestors: ["'none'"],
    baseUri: ["'none'"],
  },
  // Not no-referrer: browsers then send `Origin: null` with our own forms, and sameSite would refuse them.
  referrerPolicy: 'same-origin',
  xFrameOptions: 'DENY',
  strictTransportSecurity: false,
})

/**
 * Sets what later steps read; a request id that we make ourselves, so that it cannot carry anything into the log. Hono's
 * middleware for it takes the client's wherever it has harmless characters.
 */
export function identify(deps: HttpDeps): Guard {
  const proxies = new Networks(deps.world.config.http.trusted_proxies)
  return async (c, next) => {
    c.set('deps', deps)
    c.set('requestId', deps.world.random.bytes(9).toString('base64url'))
    c.set('principal', { kind: 'guest' })
    const { ip, https, encrypted, secure } = clientOf(
      c.env.peer,
      c.req.raw.headers,
      proxies,
      deps.world.config,
    )
    c.set('ip', ip)
    c.set('https', https)
    c.set('encrypted', encrypted)
    c.set('secure', secure)
    const local = c.env.peer.kind === 'socket'
    const actor = local ? { by: 'operator', door: doorOf(c) } : { by: ip, door: doorOf(c), address: ip }
    c.set('actor', actor)
    await actingAs(actor, next)
  }
}

function doorOf(c: Ctx): string {
  if (!c.get('deps').online) return 'command line, server stopped'
  if (c.env.peer.kind === 'socket') return 'Unix socket'
  const [, first = ''] = c.req.path.split('/')
  return { admin: 'web', invite: 'invitation page' }[first] ?? 'HTTP'
}

export const headers: Guard = async (c, next) => {
  await secure(c, next)
  const set = (name: string, value: string) => c.header(name, value)
  set('x-request-id', c.get('requestId'))
  if (!c.res.headers.has('cache-control')) set('cache-control', 'no-store')
  if (isUploadPath(c.req.path)) for (const [name, value] of Object.entries(FILE_HEADERS)) set(name, value)
  if (c.get('https')) set('strict-transport-security', 'max-age=31536000')
}

/** Counts by the route's pattern: the path itself is what a stranger chose. */
export function measure(routeOf: (c: Ctx) => string): Guard {
  return async (c, next) => {
    const started = performance.now()
    await next()
    const route = routeOf(c)
    metrics.httpRequests.labels(knownMethod(c.req.method), route, String(c.res.status)).inc()
    metrics.httpSeconds.labels(route).observe((performance.now() - started) / 1000)
  }
}

const knownMethod = (method: string): string =>
  ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'].includes(method) ? method : 'other'

/**
 * Case 78: a page of another site whose name was re-pointed at 127.0.0.1 still sends its own name as Host.
 * An IP address cannot be re-pointed, and from elsewhere than loopback there is nothing to gain.
 */
export const hostCheck: Guard = async (c, next) => {
  const { peer } = c.env
  // The address of a file is known without any other page.
  if (!isFile(c) && peer.kind === 'tcp' && isLoopback(peer.address) && !knownHost(c)) {
    throw new HttpError(
      421,
      'unknown-host',
      'This server does not answer to that name. Set [http] public_url.',
    )
  }
  await next()
}

function knownHost(c: Ctx): boolean {
  const name = hostName(c.req.header('host') ?? '')
  const { config } = c.get('deps').world
  if (name === 'localhost' || isAddress(name) || config.hosts.includes(name)) return true
  return config.http.public_url !== undefined && name === new URL(config.http.public_url).hostname
}

/**
 * Cases 76 and 77: a browser may not be made to act here by another site's page, whatever it is logged in with.
 * Programs send neither header and pass; the web's own forms must show one of them (web/session.ts).
 */
export const sameSite: Guard = async (c, next) => {
  if (!SAFE.has(c.req.method) && !isStream(c) && !isFile(c)) {
    const site = c.req.header('sec-fetch-site')
    const origin = c.req.header('origin')
    if (
      (site !== undefined && site !== 'same-origin' && site !== 'none') ||
      (origin !== undefined && !isOwn(c, origin))
    ) {
      throw new HttpError(403, 'cross-site', 'A page of another site may not do this.')
    }
  }
  await next()
}

export function bodies(deps: HttpDeps): Guard {
  const max = deps.world.config.limits.http_body_bytes
  const tooLarge = (): never => {
    throw new HttpError(413, 'too-large', `A body may have ${max} bytes.`, {
      // The rest is not worth reading.
      headers: { connection: 'close' },
    })
  }
  const cap = Number.isFinite(max) ? bodyLimit({ maxSize: max, onError: tooLarge }) : undefined
  return async (c, next) => {
    if (SAFE.has(c.req.method) || isStream(c) || isFile(c)) return next()
    // Nothing is unpacked: a small packed body could become an endless one.
    const encoding = c.req.header('content-encoding')
    if (encoding !== undefined && encoding !== 'identity') {
      throw new HttpError(415, 'encoded-body', 'Send the body without Content-Encoding.')
    }
    await inTime(c, async () => (cap ? void (await cap(c, async () => checkBody(c))) : checkBody(c)))
    await next()
  }
}

/** A body is JSON in valid UTF-8, or a form of our own pages; most DELETEs and some POSTs need none. */
async function checkBody(c: Ctx): Promise<void> {
  const bytes = await c.req.arrayBuffer()
  if (bytes.byteLength === 0) {
    if (needsBody(c)) throw new HttpError(400, 'bad-request', 'A body in JSON is needed.')
    return
  }
  const type = (c.req.header('content-type') ?? '').split(';')[0]?.trim().toLowerCase()
  const isForm = /^\/(admin|invite)\//.test(c.req.path)
  if (isForm && type === 'application/x-www-form-urlencoded') return
  if (type !== 'application/json') {
    throw new HttpError(415, 'not-json', 'Send the body as application/json.')
  }
  try {
    JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch {
    throw new HttpError(400, 'bad-json', 'The body is not JSON in UTF-8.')
  }
}
