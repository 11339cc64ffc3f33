/** /v1/tokens: bearer tokens for programs that act as the operator. */
import type { Token } from '../store/tokens.ts'
import type { HttpDeps } from './deps.ts'
import { type App, route, scope, SCOPES } from './policy.ts'
import { HttpError } from './problem.ts'
import { idParam, keyHeader, text } from './fields.ts'
import { body, iso, json, tokenSchema, z } from './schemas.ts'

const admin = scope('admin')
const DEFAULT_LIFE = 90 * 24 * 3600
const LONGEST_LIFE = 3650 * 24 * 3600

export const tokenView = (token: Token) => ({
  id: token.id,
  name: token.name,
  prefix: token.prefix,
  scopes: token.scopes,
  created: iso(token.createdAt),
  expires: iso(token.expiresAt),
  last_used: iso(token.lastUsed),
})

export const newToken = z.strictObject({
  name: text(100),
  scopes: z.array(z.enum(SCOPES)).min(1).max(SCOPES.length),
  expires_in: z
    .number()
    .int()
    .min(60)
    .max(LONGEST_LIFE)
    .nullable()
    .default(DEFAULT_LIFE)
    .openapi({ description: 'Seconds; null = never ends.' }),
})

/** The token with its secret. */
export function createToken(deps: HttpDeps, { name, scopes, expires_in }: z.output<typeof newToken>) {
  return deps.router.run((t) => {
    const expiresAt = expires_in === null ? null : t.now + expires_in * 1000
    const { secret, token } = t.store.tokens.create({ name, scopes, accountId: null, expiresAt }, t.now)
    const answer = { ...tokenView(token), token: secret }
    deps.keep?.(t, 201, answer)
    return answer
  })
}

/** @throws HttpError 404 */
export async function revokeToken({ router }: HttpDeps, id: number): Promise<void> {
  if (!(await router.run((t) => t.store.tokens.delete(id, null))))
    throw new HttpError(404, 'no-such-token', 'There is no such token.')
}

export function addTokens(app: App): void {
  app.openapi(
    route(admin, {
      method: 'get',
      path: '/v1/tokens',
      operationId: 'listTokens',
      summary: 'List tokens, without their secret part',
      responses: { 200: json('Tokens', z.object({ items: z.array(tokenSchema) })) },
    }),
    (c) => c.json({ items: c.var.deps.world.store.tokens.list(null).map(tokenView) }, 200),
  )
  app.openapi(
    route(admin, {
      method: 'post',
      path: '/v1/tokens',
      operationId: 'createToken',
      summary: 'Make a token',
      request: { headers: keyHeader, body: body(newToken) },
      responses: { 201: json('Made; `token` is shown this once', tokenSchema.extend({ token: z.string() })) },
    }),
    async (c) => c.json(await createToken(c.var.deps, c.req.valid('json')), 201),
  )
  app.openapi(
    route(admin, {
      method: 'delete',
      path: '/v1/tokens/{id}',
      operationId: 'deleteToken',
      summary: 'End a token now',
      request: { params: idParam },
      responses: { 204: { description: 'Done' } },
    }),
    async (c) => {
      await revokeToken(c.var.deps, c.req.valid('param').id)
      return c.body(null, 204)
    },
  )
}
