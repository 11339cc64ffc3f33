/**
 * Policies say who may use a route. Nothing is reachable by being there: a route is declared together with its policy, and a
 * request whose route has none is answered as if there were no such route.
 */
import { createRoute, type OpenAPIHono, type RouteConfig } from '@hono/zod-openapi'
import type { MiddlewareHandler } from 'hono'
import { matchedRoutes } from 'hono/route'
import { authenticate } from './auth.ts'
import type { AppEnv, Ctx, Principal } from './context.ts'
import { keyHeader, matchHeader } from './fields.ts'
import { mayOpenStream } from './origins.ts'
import { HttpError, notFound } from './problem.ts'
import { statusesOf } from './statuses.ts'
import { tagOf } from './tags.ts'

export const SCOPES = [
  'admin',
  'users:read',
  'users:write',
  'devices:read',
  'devices:write',
  'messages:send',
  'rooms:read',
  'rooms:write',
  /** Messages that were said in them. */
  'rooms:history',
  'audit:read',
  'backups:read',
  'backups:write',
  'certificates:read',
  'certificates:write',
  'logs:read',
  'push:test',
  'push:read',
  'push:write',
  'push:send',
  'status',
  'metrics',
] as const
export type Scope = (typeof SCOPES)[number]

export type Policy =
  /** Anybody. */
  | { readonly kind: 'public' }
  /** The operator at the Unix socket, or a bearer token with this scope; "admin" has every scope. */
  | { readonly kind: 'scope'; readonly scope: Scope }
  /** An account, for itself. */
  | { readonly kind: 'self' }
  /** Anybody, but no page that [http] origins does not name; what is sent is for a stream to judge. */
  | { readonly kind: 'stream' }
  /** Anybody who has the address, from pages of any origin; it is no part of the API, whose limits do not hold for it. */
  | { readonly kind: 'file' }
  /** A page of the web admin; its own middleware asks for the session. */
  | { readonly kind: 'page' }

export const open: Policy = { kind: 'public' }
export const self: Policy = { kind: 'self' }
export const stream: Policy = { kind: 'stream' }
export const file: Policy = { kind: 'file' }
export const page: Policy = { kind: 'page' }
export const scope = (name: Scope): Policy => ({ kind: 'scope', scope: name })

/** Routes that do nothing without a body, though each of its fields may be left out. */
const withBody = new Set<string>()

/** Routes that know an Idempotency-Key. */
const withKey = new Set<string>()

/** Routes that know If-Match. */
const withMatch = new Set<string>()

export type App = OpenAPIHono<AppEnv>

const policies = new Map<string, Policy>()
const keyOf = (method: string, path: string): string => `${method.toUpperCase()} ${path}`

const patternOf = (path: string): string => path.replace(/\{([^}]+)\}/g, ':$1')

/** The methods of each pattern, by what its paths look like. */
const shapes = new Map<string, Set<string>>()

export function declare(method: string, path: string, policy: Policy): void {
  policies.set(keyOf(method, patternOf(path)), policy)
  const shape = `^${path.replaceAll('.', '\\.').replace(/\{[^}]+\}|:\w+/g, '[^/]+')}$`
  shapes.set(shape, (shapes.get(shape) ?? new Set()).add(method.toUpperCase()))
}

/** The methods that a path has; none: there is nothing. */
function methodsAt(path: string): string[] {
  const found = new Set<string>()
  for (const [shape, methods] of shapes)
    if (new RegExp(shape).test(path)) for (const method of methods) found.add(method)
  if (found.has('GET')) found.add('HEAD')
  return found.size === 0 ? [] : [...found.add('OPTIONS')].sort()
}

export function policyOf(method: string, path: string): Policy | undefined {
  return policies.get(keyOf(method, path))
}

const SECURITY = {
  public: [],
  stream: [],
  file: [],
  page: [],
  scope: [{ bearer: [] }],
  self: [{ basic: [] }, { bearer: [] }],
} as const

type Operation = Omit<RouteConfig, 'path'> & { operationId: string }

/** A route of the API: its policy, its schemas, its place in the OpenAPI document. */
export function route<P extends string, R extends Operation & { path: P }>(policy: Policy, config: R) {
  declare(config.method, config.path, policy)
  if (config.request?.body?.required) withBody.add(keyOf(config.method, patternOf(config.path)))
  if (config.request?.headers === keyHeader) withKey.add(keyOf(config.method, patternOf(config.path)))
  if (config.request?.headers === matchHeader) withMatch.add(keyOf(config.method, patternOf(config.path)))
  const responses = { ...statusesOf(policy, config), ...config.responses }
  const note = policy.kind === 'scope' ? ` Scope: \`${policy.scope}\`.` : ''
  // The added parts do not change what the handler is typed by: a problem is thrown, never returned.
  return createRoute<P, R>({
    ...config,
    tags: [tagOf(config.path)],
    security: [...SECURITY[policy.kind]],
    description: `${config.description ?? config.summary ?? ''}${note}`,
    responses,
  })
}

/** The route's pattern, or "none" where nothing but middleware matches. */
export function routeOf(c: Ctx): string {
  return declared(c)?.path ?? 'none'
}

function declared(c: Ctx): { path: string; policy: Policy } | undefined {
  for (const { method, path } of matchedRoutes(c)) {
    const policy = policyOf(method, path)
    if (policy) return { path, policy }
  }
  return undefined
}

/** Whether the request means nothing without a body. */
export const needsBody = (c: Ctx): boolean => withBody.has(keyOf(c.req.method, routeOf(c)))

/** Whether the request may carry an Idempotency-Key. */
export const takesKey = (c: Ctx): boolean => withKey.has(keyOf(c.req.method, routeOf(c)))

/** Whether the request may carry an If-Match. */
export const takesMatch = (c: Ctx): boolean => withMatch.has(keyOf(c.req.method, routeOf(c)))

/** Whether the request goes to a route for XMPP streams. */
export const isStream = (c: Ctx): boolean => declared(c)?.policy.kind === 'stream'

/** Whether the request is about a file that somebody sends. */
export const isFile = (c: Ctx): boolean => declared(c)?.policy.kind === 'file'

/** The one gate before every route. */
export const authorize: MiddlewareHandler<AppEnv> = async (c, next) => {
  const found = declared(c)
  if (!found) return otherwise(c)
  if (found.policy.kind === 'stream' && !mayOpenStream(c))
    throw new HttpError(403, 'cross-site', 'Pages of that origin may not connect. Set [http] origins.')
  if (found.policy.kind === 'scope' || found.policy.kind === 'self') {
    const principal = await authenticate(c)
    if (!permits(found.policy, principal)) throw refusal(found.policy, principal)
    c.set('principal', principal)
    if (principal.kind === 'account') c.get('actor').by = principal.jid
    if (principal.kind === 'token') c.get('actor').by = `token ${principal.id} ${principal.name}`
  }
  await next()
}

/** RFC 9110 §15.5.6, §9.3.7: what is there by other methods says by which. */
function otherwise(c: Ctx): Response {
  const methods = methodsAt(c.req.path)
  if (methods.length === 0) throw notFound()
  const allow = methods.join(', ')
  if (c.req.method === 'OPTIONS') return c.body(null, 204, { allow })
  throw new HttpError(405, 'method-not-allowed', `By ${allow} only.`, { headers: { allow } })
}

function permits(policy: Policy, principal: Principal): boolean {
  if (policy.kind === 'self') return principal.kind === 'account'
  if (policy.kind !== 'scope') return true
  if (principal.kind === 'operator') return true
  return (
    principal.kind === 'token' &&
    (principal.scopes.includes('admin') || principal.scopes.includes(policy.scope))
  )
}

function refusal(policy: Policy, principal: Principal): HttpError {
  if (principal.kind === 'guest') {
    const challenge =
      policy.kind === 'self' ? 'Basic realm="Belfry", charset="UTF-8"' : 'Bearer realm="Belfry"'
    return new HttpError(401, 'not-authorized', 'Credentials are needed here.', {
      headers: { 'www-authenticate': challenge },
    })
  }
  if (policy.kind === 'self')
    return new HttpError(403, 'not-an-account', 'This is for an account, about itself.')
  return new HttpError(403, 'scope', 'These credentials do not allow that.')
}

/** The address of the account that asks; the route's policy is `self`. */
export function ownJid(c: Ctx): string {
  const principal = c.get('principal')
  if (principal.kind !== 'account')
    throw new HttpError(403, 'not-an-account', 'This is for an account, about itself.')
  return principal.jid
}
