/** /v1/bans: addresses that failed too many logins. They live in the memory of the server that runs. */
import type { Ban } from '../limits/auth-limiter.ts'
import { networkOf } from '../net/address.ts'
import type { HttpDeps } from './deps.ts'
import { type App, route, scope } from './policy.ts'
import { HttpError } from './problem.ts'
import { addressSchema, jidSchema, keyHeader, networkSchema } from './fields.ts'
import { body, iso, json, z } from './schemas.ts'

const admin = scope('admin')

const banSchema = z
  .object({
    address: z.string().openapi({ description: 'An IPv4 address or the /64 of an IPv6 one.' }),
    account: z.string().nullable().openapi({ description: 'null: no login is heard from there.' }),
    failures: z.number().int(),
    since: z.string().nullable(),
    until: z.string().nullable().openapi({ description: 'null: it has no end.' }),
  })
  .openapi('Ban')

export const banView = ({ address, account, failures, since, until }: Ban) => ({
  address,
  account: account ?? null,
  failures,
  since: iso(since),
  until: Number.isFinite(until) ? iso(until) : null,
})

export const newBan = z.strictObject({ address: networkSchema, account: jidSchema.optional() })
type Place = z.output<typeof newBan>

/** @throws HttpError */
export async function banAddress(deps: HttpDeps, { address, account }: Place) {
  const { logins, router } = running(deps)
  if (!logins.ban(address, account))
    throw new HttpError(422, 'never-banned', 'There are no bans (limits.auth_ban), or none of that address.')
  const network = networkOf(address.replace(/\/64$/, ''))
  const ban = logins.bans().find((one) => one.address === network && one.account === account)
  if (!ban) throw new Error('a ban just made is not there')
  const view = banView(ban)
  await router.run((t) => {
    t.store.audit.note('address banned', { account, network })
    deps.keep?.(t, 201, view)
  })
  return view
}

/** @throws HttpError 404 */
export async function endBans(deps: HttpDeps, { address, account }: Place): Promise<void> {
  const { logins, router } = running(deps)
  if (logins.pardon(address, account) === 0) throw new HttpError(404, 'no-such-ban', 'There is no such ban.')
  await router.run((t) => t.store.audit.note('ban ended', { account, network: address }))
}

export function addBans(app: App): void {
  app.openapi(
    route(admin, {
      method: 'get',
      path: '/v1/bans',
      operationId: 'listBans',
      summary: 'List the addresses that are banned from logins',
      responses: { 200: json('Bans, the oldest first', z.object({ items: z.array(banSchema) })) },
    }),
    (c) => c.json({ items: running(c.var.deps).logins.bans().map(banView) }, 200),
  )
  app.openapi(
    route(admin, {
      method: 'post',
      path: '/v1/bans',
      operationId: 'addBan',
      summary:
        'Ban an address from logins for `limits.auth_ban`, or from those of one account; until a restart',
      request: { headers: keyHeader, body: body(newBan) },
      responses: { 201: json('Its ban, the one before where there was one', banSchema) },
    }),
    async (c) => c.json(await banAddress(c.var.deps, c.req.valid('json')), 201),
  )
  app.openapi(
    route(admin, {
      method: 'delete',
      path: '/v1/bans/{address}',
      operationId: 'deleteBan',
      summary: 'End the bans of an address, or that of one account there',
      request: {
        params: z.strictObject({ address: networkSchema }),
        query: z.strictObject({ account: addressSchema.optional() }),
      },
      responses: { 204: { description: 'Done' } },
    }),
    async (c) => {
      const { address } = c.req.valid('param')
      await endBans(c.var.deps, { address, ...c.req.valid('query') })
      return c.body(null, 204)
    },
  )
}

/** @throws HttpError where no server runs. */
export function running(deps: HttpDeps): HttpDeps {
  if (!deps.online) throw new HttpError(503, 'server-needed', 'Start the server first: belfry serve')
  return deps
}
