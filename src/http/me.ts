/** /v1/me: what the app itself may do, as the account that it logs in with. */
import type { Config } from '../config/config.ts'
import { accountOf, deleteUser, setPassword, userView } from './accounts.ts'
import { checkPassword } from './auth.ts'
import type { Ctx } from './context.ts'
import type { HttpDeps } from './deps.ts'
import { type App, ownJid, route, self } from './policy.ts'
import { HttpError } from './problem.ts'
import { idParam, keyHeader, passwordSchema, text } from './fields.ts'
import { body, json, tokenSchema, userSchema, writtenSchema, z } from './schemas.ts'
import { tokenView } from './tokens.ts'

const gone = { 204: { description: 'Done' } } as const
const YEAR = 366 * 24 * 3600
export function addMe(app: App, { world }: HttpDeps): void {
  const chosen = chosenPassword(world.config)
  app.openapi(
    route(self, {
      method: 'get',
      path: '/v1/me',
      operationId: 'getMe',
      summary: 'The account itself',
      responses: { 200: json('The account', userSchema) },
    }),
    (c) => c.json(userView(c.var.deps, accountOf(c.var.deps, ownJid(c))), 200),
  )
  app.openapi(
    route(self, {
      method: 'delete',
      path: '/v1/me',
      operationId: 'deleteMe',
      summary: 'Remove the account and everything that belongs to it',
      description: 'Needs the password: with a token, name it in `current_password`.',
      request: {
        body: { ...body(z.strictObject({ current_password: passwordSchema.optional() })), required: false },
      },
      responses: gone,
    }),
    async (c) => {
      const given =
        c.req.header('content-type') === undefined ? undefined : c.req.valid('json').current_password
      await provePassword(c, given)
      await deleteUser(c.var.deps, ownJid(c))
      return c.body(null, 204)
    },
  )
  app.openapi(
    route(self, {
      method: 'put',
      path: '/v1/me/password',
      operationId: 'setMyPassword',
      summary: 'Change the password',
      description: 'With a token, the present password is needed in `current_password`.',
      request: {
        body: body(z.strictObject({ password: chosen, current_password: passwordSchema.optional() })),
      },
      responses: { 200: json('Changed', writtenSchema) },
    }),
    async (c) => {
      const { password, current_password } = c.req.valid('json')
      await provePassword(c, current_password)
      const { min_password: minPassword } = c.var.deps.world.config.registration
      return c.json(await setPassword(c.var.deps, { jid: ownJid(c), password, minPassword }), 200)
    },
  )
  addTokens(app)
}

/** A token may be lost with a phone; what takes the account away needs what only its owner knows. */
async function provePassword(c: Ctx, given: string | undefined): Promise<void> {
  const principal = c.get('principal')
  if (principal.kind === 'account' && principal.proof === 'password') return
  if (given === undefined)
    throw new HttpError(403, 'password-needed', 'Name the password in current_password.')
  await checkPassword(c.get('deps'), ownJid(c), given, c.get('ip'))
}

/** A password that a person chooses. A short one is refused where accounts are made, under a code of its own. */
export const chosenPassword = ({ registration }: Config) =>
  passwordSchema.openapi({ minLength: Math.max(1, registration.min_password) })

function addTokens(app: App): void {
  const made = tokenSchema.extend({ token: z.string().openapi({ description: 'Shown this once.' }) })
  app.openapi(
    route(self, {
      method: 'get',
      path: '/v1/me/tokens',
      operationId: 'listMyTokens',
      summary: 'Tokens that act as this account',
      responses: { 200: json('Tokens', z.object({ items: z.array(tokenSchema) })) },
    }),
    (c) => {
      const { deps } = c.var
      return c.json(
        { items: deps.world.store.tokens.list(accountOf(deps, ownJid(c)).id).map(tokenView) },
        200,
      )
    },
  )
  app.openapi(
    route(self, {
      method: 'post',
      path: '/v1/me/tokens',
      operationId: 'createMyToken',
      summary: 'Make a token that acts as this account; needs the password',
      request: {
        headers: keyHeader,
        body: body(
          z.strictObject({
            name: text(100),
            expires_in: z.number().int().min(60).max(YEAR).default(YEAR).openapi({ description: 'Seconds.' }),
          }),
        ),
      },
      responses: { 201: json('Made', made) },
    }),
    async (c) => {
      const { deps } = c.var
      await provePassword(c, undefined)
      const { name, expires_in } = c.req.valid('json')
      const made = await deps.router.run((t) => {
        const account = accountOf(deps, ownJid(c))
        if (t.store.tokens.countOf(account.id) >= deps.world.config.limits.tokens_per_user) {
          throw new HttpError(409, 'too-many-tokens', 'Revoke a token first.')
        }
        const expiresAt = t.now + expires_in * 1000
        const wanted = { name, scopes: ['self'], accountId: account.id, expiresAt }
        const { secret, token } = t.store.tokens.create(wanted, t.now)
        const answer = { ...tokenView(token), token: secret }
        deps.keep?.(t, 201, answer)
        return answer
      })
      return c.json(made, 201)
    },
  )
  app.openapi(
    route(self, {
      method: 'delete',
      path: '/v1/me/tokens/{id}',
      operationId: 'deleteMyToken',
      summary: 'End a token',
      request: { params: idParam },
      responses: gone,
    }),
    async (c) => {
      const { deps } = c.var
      const { id } = c.req.valid('param')
      const removed = await deps.router.run((t) => t.store.tokens.delete(id, accountOf(deps, ownJid(c)).id))
      if (!removed) throw new HttpError(404, 'no-such-token', 'This account has no such token.')
      return c.body(null, 204)
    },
  )
}
