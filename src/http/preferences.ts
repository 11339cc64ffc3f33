/** Preferences that a person sets for the own account over HTTP: when phones ring, and which apps may log in without the password. */
import { timeOfDay } from '../config/values.ts'
import { unregister } from '../push/registration/register.ts'
import type { Account } from '../store/accounts.ts'
import { serverZone } from '../push/schedule/digest.ts'
import { accountOf } from './accounts.ts'
import type { HttpDeps } from './deps.ts'
import { checkMatch } from './etag.ts'
import { type App, ownJid, route, scope, self } from './policy.ts'
import { notFound } from './problem.ts'
import { idParam, jidParam, matchHeader, quietSchema, zoneSchema } from './fields.ts'
import { body, json, z } from './schemas.ts'

const gone = { 204: { description: 'Done' } } as const
const wish = (description: string) =>
  z
    .boolean()
    .nullable()
    .default(null)
    .openapi({ description: `${description} null: as the server has it.` })
const digestTime = z.union([timeOfDay, z.literal('never')]).openapi({ type: 'string', maxLength: 5 })
const settings = z
  .strictObject({
    quiet: quietSchema.nullable().openapi({ description: 'When nothing rings, each day; null: never.' }),
    unknown_senders: z
      .boolean()
      .openapi({ description: 'Whether messages of people who are no contacts ring.' }),
    reactions: wish('Whether a reaction to an own message rings.'),
    digest: z
      .strictObject({ at: digestTime, zone: zoneSchema.optional() })
      .nullable()
      .default(null)
      .openapi({
        description:
          'When a digest of muted rooms is told, each day; null: as the apps have it (`digest` of their rows), never where they have none. ' +
          'The zone is that of the quiet hours, else the server’s, where none is given.',
      }),
    joined: wish('Whether a contact that has joined by an own invitation rings.'),
  })
  .openapi('PushSettings')

const app = z
  .object({
    id: z.number().int(),
    software: z.string().nullable(),
    device: z.string().nullable(),
    first_login: z.string(),
    last_login: z.string(),
    connected: z.boolean(),
    token_expires: z
      .string()
      .nullable()
      .openapi({ description: 'Until when it may log in without the password (XEP-0484).' }),
  })
  .openapi('App')
const list = json('Apps', z.object({ items: z.array(app) }))

function settingsOf(deps: HttpDeps, account: Account) {
  const { quiet, unknownSenders, reactions, joined, digest } = deps.world.store.unread.settings(account.id)
  return { quiet, unknown_senders: unknownSenders, reactions, joined, digest }
}

/** The apps that have logged in by XEP-0388, the last first. */
function appsOf({ world }: HttpDeps, account: Account) {
  const there = new Set([...world.sessions.of(account.jid)].map((session) => session.agent?.id))
  return world.store.clients.list(account).map((client) => {
    const [token] = world.store.clients.tokens(client)
    return {
      id: client.id,
      software: client.software,
      device: client.device,
      first_login: new Date(client.createdAt).toISOString(),
      last_login: new Date(client.lastLogin).toISOString(),
      connected: there.has(client.agent),
      token_expires: token ? new Date(token.expiresAt).toISOString() : null,
    }
  })
}

/** An app is shut out: its token is worth nothing, its phone is not rung any more, and its session ends. */
async function revoke({ world, router }: HttpDeps, account: Account, id: number): Promise<void> {
  const client = world.store.clients.list(account).find((one) => one.id === id)
  if (!client) throw notFound()
  await router.run((t) => {
    t.store.clients.delete(account, id)
    // A phone that was lost must not go on showing what is written to its owner.
    unregister(t, account, (device) => device.sessionKey === client.agent)
  })
  for (const session of world.sessions.of(account.jid))
    if (session.agent?.id === client.agent) session.outlet.close()
}

export function addPreferences(http: App): void {
  http.openapi(
    route(self, {
      method: 'get',
      path: '/v1/me/push-settings',
      operationId: 'getMyPushSettings',
      summary: 'When the account’s phones ring',
      responses: { 200: json('Settings', settings) },
    }),
    (c) => c.json(settingsOf(c.var.deps, accountOf(c.var.deps, ownJid(c))), 200),
  )
  http.openapi(
    route(self, {
      method: 'put',
      path: '/v1/me/push-settings',
      operationId: 'setMyPushSettings',
      summary: 'Set when the account’s phones ring',
      request: { headers: matchHeader, body: body(settings) },
      responses: { 200: json('Settings', settings) },
    }),
    async (c) => {
      const { deps } = c.var
      const { unknown_senders: unknownSenders, digest: wanted, ...wishes } = c.req.valid('json')
      const digest = wanted && { at: wanted.at, zone: wanted.zone ?? wishes.quiet?.zone ?? serverZone() }
      const account = accountOf(deps, ownJid(c))
      await deps.router.run((t) => {
        checkMatch(c, settingsOf(deps, account))
        t.store.unread.setSettings(account.id, { ...wishes, unknownSenders, digest })
      })
      return c.json(settingsOf(deps, account), 200)
    },
  )
  addApps(http)
}

function addApps(http: App): void {
  http.openapi(
    route(self, {
      method: 'get',
      path: '/v1/me/apps',
      operationId: 'listMyApps',
      summary: 'Apps of the account',
      responses: { 200: list },
    }),
    (c) => c.json({ items: appsOf(c.var.deps, accountOf(c.var.deps, ownJid(c))) }, 200),
  )
  http.openapi(
    route(self, {
      method: 'delete',
      path: '/v1/me/apps/{id}',
      operationId: 'logOutMyApp',
      summary: 'Log an app out: its token ends, its session, and the pushes to its phone',
      request: { params: idParam },
      responses: gone,
    }),
    async (c) => {
      await revoke(c.var.deps, accountOf(c.var.deps, ownJid(c)), c.req.valid('param').id)
      return c.body(null, 204)
    },
  )
  http.openapi(
    route(scope('users:read'), {
      method: 'get',
      path: '/v1/users/{jid}/apps',
      operationId: 'listUserApps',
      summary: 'Apps of an account',
      request: { params: jidParam },
      responses: { 200: list },
    }),
    (c) => c.json({ items: appsOf(c.var.deps, accountOf(c.var.deps, c.req.valid('param').jid)) }, 200),
  )
  http.openapi(
    route(scope('users:write'), {
      method: 'delete',
      path: '/v1/users/{jid}/apps/{id}',
      operationId: 'logOutUserApp',
      summary: 'Log an app out: its token ends, its session, and the pushes to its phone',
      request: { params: jidParam.extend(idParam.shape) },
      responses: gone,
    }),
    async (c) => {
      const { jid, id } = c.req.valid('param')
      await revoke(c.var.deps, accountOf(c.var.deps, jid), id)
      return c.body(null, 204)
    },
  )
}
