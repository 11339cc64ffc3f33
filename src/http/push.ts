/** /v1/push, /v1/apps and /v1/webhook: what became of pushes, whether Apple knows us, and what is sent again. */
import { payloadSchema } from '../config/payload-schema.ts'
import { accountOf } from './accounts.ts'
import type { HttpDeps, PushDoor } from './deps.ts'
import { explainAccount, explainMessage, waitingView } from './explain.ts'
import { appOf } from '../push/rules/app-of.ts'
import { MOST_VAPID_KEYS, type VapidKey } from '../store/vapid-keys.ts'
import { type App, open, route, scope } from './policy.ts'
import { HttpError } from './problem.ts'
import { jidSchema, keyHeader, text, whole } from './fields.ts'
import { body, deviceSchema, iso, json, z } from './schemas.ts'

const time = z.string().nullable().openapi({ format: 'date-time' })
const limit = whole(1, 500)

const waiting = z.object({
  jid: z.string(),
  message: z.string(),
  apns_id: z.string(),
  device: z.string(),
  topic: z.string().nullable(),
  environment: z.string().nullable(),
  state: z.string(),
  kind: z.string(),
  from: z.string(),
  attempts: z.number().int(),
  created: time,
  next: time,
  expires: time,
})

export function addPush(app: App): void {
  addTest(app)
  addExplain(app)
  addQueue(app)
  addApps(app)
  addReplay(app)
  addVapid(app)
}

function addTest(app: App): void {
  const result = z.object({
    device: z.string(),
    topic: z.string(),
    environment: z.string(),
    token: z.string().openapi({ description: 'Its end.' }),
    result: z.enum(['sent', 'failed']),
    status: z.number().int().nullable(),
    reason: z.string().nullable(),
    apns_id: z.string(),
    sent_through: z.string().nullable(),
    ms: z.number().int().nullable(),
    outcome: z.string().nullable().openapi({ description: 'What the server does after such an answer.' }),
  })
  app.openapi(
    route(scope('push:test'), {
      method: 'post',
      path: '/v1/push/test',
      operationId: 'testPush',
      summary: 'Ring every device of an account and tell what the provider answered',
      request: { body: body(z.strictObject({ jid: jidSchema })) },
      responses: { 200: json('One entry per device', z.object({ items: z.array(result) })) },
    }),
    async (c) => {
      const { deps } = c.var
      const account = accountOf(deps, c.req.valid('json').jid)
      if (!deps.pushTest) throw stopped()
      await deps.router.run((t) => t.store.audit.note('test push', { account: account.jid }))
      return c.json({ items: [...(await deps.pushTest(account))] }, 200)
    },
  )
}

function addExplain(app: App): void {
  const verdict = z.object({
    at: time,
    jid: z.string(),
    message: z.string(),
    device: z.string(),
    verdict: z.string(),
    rule: z.string(),
    reason: z.string().nullable(),
    meaning: z.string(),
    apns_id: z.string().nullable().openapi({ description: 'Of a push that Apple has answered.' }),
    apns_unique_id: z
      .string()
      .nullable()
      .openapi({ description: 'For Apple’s console: of the sandbox alone.' }),
    room: z.string().nullable().openapi({ description: 'Whose message it was, of a room.' }),
    room_rule: z.string().nullable().openapi({
      description:
        'The account’s rule for that room (always, on-mention, never), whose it is, and whether it was mentioned.',
    }),
  })
  const explanation = z.object({
    jid: z.string(),
    message: z.string().nullable(),
    findings: z.array(z.string()).openapi({ description: 'What stands in the way, as sentences.' }),
    devices: z.array(deviceSchema),
    waiting: z.array(waiting),
    verdicts: z.array(verdict),
  })
  const query = z.strictObject({
    jid: jidSchema.optional(),
    message: text(100).optional(),
    limit: limit.default(20),
  })
  app.openapi(
    route(scope('push:read'), {
      method: 'get',
      path: '/v1/push/explain',
      operationId: 'explainPush',
      summary: 'Why an account was rung or not, or why for one message',
      request: { query },
      responses: { 200: json('Devices, what waits, and each decision', explanation) },
    }),
    (c) => {
      const { deps } = c.var
      const { jid, message, limit } = c.req.valid('query')
      if ((jid === undefined) === (message === undefined))
        throw new HttpError(422, 'invalid', 'Give either jid or message.')
      const found =
        message === undefined
          ? explainAccount(deps, accountOf(deps, jid ?? ''), limit)
          : explainMessage(deps, message)
      return c.json(found, 200)
    },
  )
}

function addQueue(app: App): void {
  const lane = z.object({
    lane: z.string(),
    waiting: z.number().int(),
    under_way: z.number().int(),
    paused: z.string().nullable(),
    detail: z.string().nullable().openapi({ description: 'Why no connection can be made.' }),
    until: time,
  })
  const queue = z.object({
    queued: z.number().int(),
    held: z.number().int().openapi({ description: 'They wait for a reason; see push explain.' }),
    dead: z.number().int(),
    oldest: time,
    lanes: z.array(lane),
    items: z.array(waiting),
    dead_letters: z.array(waiting).openapi({ description: 'What the webhook refused, the oldest first.' }),
  })
  app.openapi(
    route(scope('push:read'), {
      method: 'get',
      path: '/v1/push/queue',
      operationId: 'getPushQueue',
      summary: 'What waits to be sent, and what holds it up',
      request: { query: z.strictObject({ limit: limit.default(20) }) },
      responses: { 200: json('The outbox', queue) },
    }),
    (c) => c.json(queueView(c.var.deps, c.req.valid('query').limit), 200),
  )
}

export function queueView({ world, push }: HttpDeps, rows: number) {
  const { store } = world
  const items = store.pushReports.oldest(rows)
  return {
    ...store.push.counts(),
    oldest: iso(items[0]?.created ?? null),
    lanes: (push?.lanes() ?? []).map((lane) => ({
      ...lane,
      detail: lane.detail ?? null,
      until: iso(lane.until),
    })),
    items: items.map(waitingView),
    dead_letters: store.pushReports.dead(0, rows).map(waitingView),
  }
}

function addApps(app: App): void {
  const state = z.object({
    topic: z.string(),
    environment: z.string(),
    sign_in: z.string(),
    through: z.string(),
    derived: z.boolean().openapi({ description: 'Reached by the key of another environment’s app.' }),
    token_age_seconds: z.number().int().nullable(),
    certificate_ends: time,
    digest: z
      .string()
      .nullable()
      .openapi({ description: 'When its phones are told what muted rooms have had.' }),
  })
  app.openapi(
    route(scope('push:read'), {
      method: 'get',
      path: '/v1/apps',
      operationId: 'listPushApps',
      summary: 'The apps that this server may ring',
      responses: { 200: json('Apps', z.object({ items: z.array(state) })) },
    }),
    (c) => c.json({ items: appsOf(c.var.deps, online(c.var.deps)) }, 200),
  )
  const probe = z.object({
    topic: z.string(),
    environment: z.string(),
    sign_in: z.string(),
    result: z.enum(['ok', 'failed']),
    status: z.number().int().nullable(),
    reason: z.string().nullable(),
    meaning: z.string(),
    ms: z.number().int(),
    certificate_ends: time,
    clock_offset_seconds: z.number().int().nullable(),
  })
  app.openapi(
    route(scope('push:test'), {
      method: 'post',
      path: '/v1/apps/check',
      operationId: 'checkPushApps',
      summary: 'Ask Apple about each app’s key or certificate; no phone rings',
      responses: { 200: json('One entry per app', z.object({ items: z.array(probe) })) },
    }),
    async (c) => c.json({ items: [...(await online(c.var.deps).check())] }, 200),
  )
}

export const appsOf = ({ world }: HttpDeps, push: Pick<PushDoor, 'apps'>) =>
  push.apps().map((app) => ({
    ...appView(app),
    digest: appOf(world.config, { kind: 'apns', ...app })?.digest ?? null,
  }))

const appView = (app: ReturnType<PushDoor['apps']>[number]) => ({
  topic: app.topic,
  environment: app.environment,
  sign_in: app.signIn,
  through: app.lane,
  derived: app.derived,
  token_age_seconds: app.tokenAgeMs === undefined ? null : Math.round(app.tokenAgeMs / 1000),
  certificate_ends: iso(app.expires ?? null),
})

const vapidSchema = z.object({
  public_key: z.string().openapi({ description: 'applicationServerKey of a subscription: base64url.' }),
  created: time,
  older: z
    .number()
    .int()
    .openapi({ description: 'Keys of before, which serve those that subscribed with them.' }),
})

const vapidView = (keys: readonly VapidKey[]) => ({
  public_key: keys.at(-1)?.publicKey ?? '',
  created: iso(keys.at(-1)?.createdAt ?? null),
  older: Math.max(0, keys.length - 1),
})

function addVapid(app: App): void {
  app.openapi(
    route(open, {
      method: 'get',
      path: '/v1/push/payload.schema.json',
      operationId: 'getPayloadSchema',
      summary: 'What a push to an Apple device holds, for authors of apps (JSON Schema)',
      responses: { 200: json('The schema', z.looseObject({})) },
    }),
    (c) => c.json(payloadSchema, 200),
  )
  app.openapi(
    route(open, {
      method: 'get',
      path: '/v1/push/vapid',
      operationId: 'getVapidKey',
      summary: 'The key with which browsers and UnifiedPush apps subscribe (RFC 8292)',
      responses: { 200: json('The key', vapidSchema) },
    }),
    async (c) => {
      const { world, router } = c.var.deps
      if (world.config.push.webpush.contact === undefined)
        throw new HttpError(404, 'no-web-push', 'This server has no [push.webpush] contact.')
      if (world.store.vapidKeys.all().length === 0) await router.run((t) => t.store.vapidKeys.current(t.now))
      return c.json(vapidView(world.store.vapidKeys.all()), 200)
    },
  )
  app.openapi(
    route(scope('push:write'), {
      method: 'post',
      path: '/v1/push/vapid',
      operationId: 'rotateVapidKey',
      summary: 'Make a new key for subscriptions from now on; those of before keep theirs',
      request: { headers: keyHeader },
      responses: { 200: json('The new key', vapidSchema) },
    }),
    async (c) => {
      const { world, router, keep } = c.var.deps
      const made = await router.run((t) => {
        if (t.store.vapidKeys.all().length >= MOST_VAPID_KEYS) return undefined
        const { publicKey } = t.store.vapidKeys.rotate(t.now)
        t.store.audit.note('vapid key made', { public_key: publicKey })
        const view = vapidView(world.store.vapidKeys.all())
        keep?.(t, 200, view)
        return view
      })
      if (!made) throw new HttpError(409, 'too-many-keys', `At most ${MOST_VAPID_KEYS} keys are kept.`)
      return c.json(made, 200)
    },
  )
}

/** Rows per trip, so that none holds the loop. */
const BATCH = 100

function addReplay(app: App): void {
  app.openapi(
    route(scope('push:write'), {
      method: 'post',
      path: '/v1/webhook/replay',
      operationId: 'replayWebhook',
      summary: 'Send again what the webhook refused',
      responses: { 200: json('How many', z.object({ replayed: z.number().int() })) },
    }),
    async (c) => c.json({ replayed: await replayDead(c.var.deps) }, 200),
  )
}

/** Only what is dead now: what dies again meanwhile waits for the next time. */
export async function replayDead({ world, router }: HttpDeps): Promise<number> {
  const dead = world.store.pushReports.deadCount()
  let replayed = 0
  while (replayed < dead) {
    const limit = Math.min(BATCH, dead - replayed)
    const n = await router.run((t) => {
      const rows = t.store.deadLetters.replay(limit, t.now, t.now + t.config.push.expiration)
      if (rows > 0) t.store.audit.note('webhook replayed', { rows })
      return rows
    })
    if (n === 0) break
    replayed += n
  }
  return replayed
}

const stopped = (): HttpError => new HttpError(503, 'server-needed', 'Start the server first: belfry serve')

function online(deps: HttpDeps): PushDoor {
  if (!deps.push) throw stopped()
  return deps.push
}
