/** /v1/users: the operator's view of accounts, their sessions and devices. */
import {
  accountOf,
  addUser,
  deleteUser,
  kick,
  listUsers,
  sessionView,
  setDisabled,
  setPassword,
  userView,
} from './accounts.ts'
import { listDevices, removeDevice } from './devices.ts'
import { type App, route, scope } from './policy.ts'
import { HttpError } from './problem.ts'
import {
  allowLookalike,
  cursorSchema,
  hostSchema,
  jidParam,
  jidSchema,
  keyHeader,
  passwordSchema,
  resourceSchema,
  text,
  whole,
} from './fields.ts'
import { body, deviceSchema, json, sessionSchema, userSchema, writtenSchema, z } from './schemas.ts'

const read = scope('users:read')
const write = scope('users:write')
const gone = { 204: { description: 'Done' } } as const

const listQuery = z.strictObject({
  host: hostSchema.optional(),
  search: text(200, 0).optional(),
  cursor: cursorSchema.optional(),
  limit: whole(1, 500).default(50),
})

export function addUsers(app: App): void {
  app.openapi(
    route(read, {
      method: 'get',
      path: '/v1/users',
      operationId: 'listUsers',
      summary: 'List accounts in the order of their addresses',
      request: { query: listQuery },
      responses: {
        200: json('A page', z.object({ items: z.array(userSchema), next: z.string().nullable() })),
      },
    }),
    (c) => {
      const { deps } = c.var
      const { items, next } = listUsers(deps, c.req.valid('query'))
      return c.json({ items: items.map((account) => userView(deps, account)), next }, 200)
    },
  )
  app.openapi(
    route(write, {
      method: 'post',
      path: '/v1/users',
      operationId: 'createUser',
      summary: 'Make an account',
      request: {
        headers: keyHeader,
        body: body(
          z.strictObject({ jid: jidSchema, password: passwordSchema, allow_lookalike: allowLookalike }),
        ),
      },
      responses: { 201: json('Made', writtenSchema) },
    }),
    async (c) => {
      const { jid, password, allow_lookalike } = c.req.valid('json')
      return c.json(await addUser(c.var.deps, jid, password, allow_lookalike), 201)
    },
  )
  app.openapi(
    route(read, {
      method: 'get',
      path: '/v1/users/{jid}',
      operationId: 'getUser',
      summary: 'Show an account',
      request: { params: jidParam },
      responses: { 200: json('The account', userSchema) },
    }),
    (c) => c.json(userView(c.var.deps, accountOf(c.var.deps, c.req.valid('param').jid)), 200),
  )
  app.openapi(
    route(write, {
      method: 'delete',
      path: '/v1/users/{jid}',
      operationId: 'deleteUser',
      summary: 'Remove an account and everything that belongs to it',
      request: { params: jidParam },
      responses: gone,
    }),
    async (c) => {
      await deleteUser(c.var.deps, c.req.valid('param').jid)
      return c.body(null, 204)
    },
  )
  addStates(app)
  addSessions(app)
  addDevices(app)
}

function addStates(app: App): void {
  app.openapi(
    route(write, {
      method: 'put',
      path: '/v1/users/{jid}/password',
      operationId: 'setUserPassword',
      summary: 'Set a new password',
      request: { params: jidParam, body: body(z.strictObject({ password: passwordSchema })) },
      responses: { 200: json('Set', writtenSchema) },
    }),
    async (c) => {
      const { jid } = c.req.valid('param')
      return c.json(await setPassword(c.var.deps, { jid, ...c.req.valid('json') }), 200)
    },
  )
  for (const [verb, disabled] of [
    ['disable', true],
    ['enable', false],
  ] as const) {
    app.openapi(
      route(write, {
        method: 'post',
        path: `/v1/users/{jid}/${verb}`,
        operationId: `${verb}User`,
        summary: disabled
          ? 'Refuse the account’s logins and close its sessions'
          : 'Let the account log in again',
        request: { params: jidParam },
        responses: { 200: json('The account', userSchema) },
      }),
      async (c) => {
        const { deps } = c.var
        return c.json(userView(deps, await setDisabled(deps, c.req.valid('param').jid, disabled)), 200)
      },
    )
  }
}

function addSessions(app: App): void {
  const closed = json('How many were closed', z.object({ closed: z.number().int() }))
  app.openapi(
    route(read, {
      method: 'get',
      path: '/v1/users/{jid}/sessions',
      operationId: 'listUserSessions',
      summary: 'Where the account is connected',
      request: { params: jidParam },
      responses: { 200: json('Sessions', z.object({ items: z.array(sessionSchema) })) },
    }),
    (c) => {
      const { deps } = c.var
      const { jid } = accountOf(deps, c.req.valid('param').jid)
      return c.json({ items: [...deps.world.sessions.of(jid)].map(sessionView) }, 200)
    },
  )
  app.openapi(
    route(write, {
      method: 'delete',
      path: '/v1/users/{jid}/sessions',
      operationId: 'closeUserSessions',
      summary: 'Close every session of the account',
      request: { params: jidParam },
      responses: { 200: closed },
    }),
    async (c) => c.json({ closed: await kick(c.var.deps, c.req.valid('param').jid) }, 200),
  )
  app.openapi(
    route(write, {
      method: 'delete',
      path: '/v1/users/{jid}/sessions/{resource}',
      operationId: 'closeUserSession',
      summary: 'Close one session of the account',
      request: { params: jidParam.extend({ resource: resourceSchema }) },
      responses: { 200: closed },
    }),
    async (c) => {
      const { jid, resource } = c.req.valid('param')
      const count = await kick(c.var.deps, jid, resource)
      if (count === 0) throw new HttpError(404, 'no-such-session', `${jid} has no such session.`)
      return c.json({ closed: count }, 200)
    },
  )
}

function addDevices(app: App): void {
  app.openapi(
    route(scope('devices:read'), {
      method: 'get',
      path: '/v1/users/{jid}/devices',
      operationId: 'listUserDevices',
      summary: 'Phones that messages to the account ring',
      request: { params: jidParam },
      responses: { 200: json('Devices', z.object({ items: z.array(deviceSchema) })) },
    }),
    (c) => {
      const { deps } = c.var
      return c.json({ items: listDevices(deps, accountOf(deps, c.req.valid('param').jid)) }, 200)
    },
  )
  app.openapi(
    route(scope('devices:write'), {
      method: 'delete',
      path: '/v1/users/{jid}/devices/{id}',
      operationId: 'deleteUserDevice',
      summary: 'Forget a device',
      request: { params: jidParam.extend({ id: text(64) }) },
      responses: gone,
    }),
    async (c) => {
      const { deps } = c.var
      const { jid, id } = c.req.valid('param')
      const removed = await removeDevice(deps, accountOf(deps, jid), id)
      if (!removed) throw new HttpError(404, 'no-such-device', `${jid} has no such device.`)
      return c.body(null, 204)
    },
  )
}
