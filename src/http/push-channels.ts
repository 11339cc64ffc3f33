/** /v1/push/channels: broadcast channels of Live Activities. Apple alone knows them: nothing of them is kept here. */
import { ApnsChannels, type Broadcast, ChannelRefusal } from '../push/apns/channels.ts'
import { compose, Refusal } from '../push/direct/compose.ts'
import { reasonInWords } from '../push/rules/reasons-text.ts'
import type { HttpDeps } from './deps.ts'
import { keyHeader, text } from './fields.ts'
import { type App, route, scope } from './policy.ts'
import { HttpError } from './problem.ts'
import { body, json, z } from './schemas.ts'

const of = z.strictObject({
  topic: text(255).openapi({ description: 'Bundle identifier of the app.' }),
  environment: z.enum(['production', 'sandbox']).optional().openapi({
    description:
      'Which of Apple’s services; by default as the app is configured. Neither knows channels of the other.',
  }),
})
const storage = z.enum(['none', 'newest']).openapi({
  description: 'Whether Apple keeps the newest push for phones that are away, for 8 hours at most.',
})
const channelSchema = z
  .object({ id: z.string(), topic: z.string(), environment: z.string(), storage })
  .openapi('PushChannel')
const channelParam = z.strictObject({
  channel: z
    .string()
    .max(500)
    .regex(/^[\w+/=-]+$/, { error: 'not the name of a channel' })
    .openapi({ param: { name: 'channel', in: 'path' }, example: 'dHN0LXNyY2gtY2hubA==' }),
})
const broadcast = of.extend({
  aps: z.looseObject({}).openapi({
    description: 'Of a Live Activity; `event` is `update` or `end`.',
    example: { event: 'update', 'content-state': { goals: 1 } },
  }),
  priority: z
    .union([z.literal(10), z.literal(5)])
    .optional()
    .openapi({
      type: 'integer',
      enum: [10, 5],
      minimum: 5,
      maximum: 10,
      description: '10, or 5, which spares the budget of phones.',
    }),
  ttl: z
    .int()
    .min(0)
    .max(8 * 3600)
    .optional()
    .openapi({ description: 'Seconds for which a channel that keeps the newest does so; 0: not at all.' }),
})

export function addPushChannels(app: App): void {
  addManagement(app)
  app.openapi(
    route(scope('push:send'), {
      method: 'post',
      path: '/v1/push/channels/{channel}/send',
      operationId: 'sendToPushChannel',
      summary: 'Push to every Live Activity that listens to a channel; this answers once Apple has',
      request: { headers: keyHeader, params: channelParam, body: body(broadcast) },
      responses: {
        200: json('Apple has taken it', z.object({ result: z.literal('sent'), request_id: z.string() })),
      },
    }),
    async (c) => {
      const { deps } = c.var
      const { channel } = c.req.valid('param')
      const asked = c.req.valid('json')
      const push = broadcastOf(deps, channel, asked)
      const found = placeOf(deps, asked)
      await refusable(() => channelsOf(deps).send(found, push))
      const answer = { result: 'sent', request_id: push.apnsId } as const
      await deps.router.run((t) => {
        t.store.audit.note('pushed to a channel', { ...found, channel })
        deps.keep?.(t, 200, answer)
      })
      return c.json(answer, 200)
    },
  )
}

function addManagement(app: App): void {
  app.openapi(
    route(scope('push:read'), {
      method: 'get',
      path: '/v1/push/channels',
      operationId: 'listPushChannels',
      summary: 'Names of an app’s channels, as Apple has them',
      request: { query: of },
      responses: { 200: json('Channels', z.object({ items: z.array(z.object({ id: z.string() })) })) },
    }),
    async (c) => {
      const { deps } = c.var
      const ids = await refusable(() => channelsOf(deps).list(placeOf(deps, c.req.valid('query'))))
      return c.json({ items: ids.map((id) => ({ id })) }, 200)
    },
  )
  app.openapi(
    route(scope('push:read'), {
      method: 'get',
      path: '/v1/push/channels/{channel}',
      operationId: 'getPushChannel',
      summary: 'A channel, as Apple has it',
      request: { params: channelParam, query: of },
      responses: { 200: json('The channel', channelSchema) },
    }),
    async (c) => {
      const { deps } = c.var
      const { channel: id } = c.req.valid('param')
      const found = placeOf(deps, c.req.valid('query'))
      const kept = await refusable(() => channelsOf(deps).show(found, id))
      return c.json({ id, ...found, storage: kept }, 200)
    },
  )
  app.openapi(
    route(scope('push:write'), {
      method: 'post',
      path: '/v1/push/channels',
      operationId: 'createPushChannel',
      summary: 'Make a channel at Apple: for one event that many Live Activities follow',
      request: { headers: keyHeader, body: body(of.extend({ storage: storage.default('none') })) },
      responses: { 201: json('Made', channelSchema) },
    }),
    async (c) => {
      const { deps } = c.var
      const asked = c.req.valid('json')
      const found = placeOf(deps, asked)
      const id = await refusable(() => channelsOf(deps).create(found, asked.storage))
      const made = { id, ...found, storage: asked.storage }
      await deps.router.run((t) => {
        t.store.audit.note('push channel made', made)
        deps.keep?.(t, 201, made)
      })
      return c.json(made, 201)
    },
  )
  app.openapi(
    route(scope('push:write'), {
      method: 'delete',
      path: '/v1/push/channels/{channel}',
      operationId: 'deletePushChannel',
      summary: 'Delete a channel at Apple',
      request: { params: channelParam, query: of },
      responses: { 204: { description: 'Done' } },
    }),
    async (c) => {
      const { deps } = c.var
      const { channel } = c.req.valid('param')
      const found = placeOf(deps, c.req.valid('query'))
      await refusable(() => channelsOf(deps).delete(found, channel))
      await deps.router.run((t) => t.store.audit.note('push channel deleted', { ...found, channel }))
      return c.body(null, 204)
    },
  )
}

function channelsOf({ push }: HttpDeps): ApnsChannels {
  if (!push) throw new HttpError(503, 'server-needed', 'Start the server first: belfry serve')
  if (!push.channels) throw new HttpError(409, 'not-possible', 'No app of Apple’s is configured.')
  return push.channels
}

/** Of an app that is not configured, Apple's answer is for whoever asks. */
function placeOf({ world }: HttpDeps, { topic, environment }: z.infer<typeof of>) {
  const app = world.config.push.apps.find((one) => one.topic === topic)
  return { topic, environment: environment ?? app?.environment ?? ('production' as const) }
}

function broadcastOf({ world }: HttpDeps, channel: string, asked: z.infer<typeof broadcast>): Broadcast {
  const { aps, priority, ttl = 0 } = asked
  if (aps.event === 'start')
    throw new HttpError(422, 'invalid', 'aps.event: a channel starts no activity; its own token does.')
  const now = world.now()
  const { ring_time: ringMs, expiration: keepMs } = world.config.push
  try {
    const { direct } = compose({ type: 'liveactivity', aps, priority }, { now, ringMs, keepMs })
    return {
      channel,
      aps: direct.payload.aps,
      priority: direct.priority === 5 ? 5 : 10,
      expiration: ttl === 0 ? 0 : Math.floor(now / 1000) + ttl,
      apnsId: world.random.uuid(),
    }
  } catch (error) {
    if (error instanceof Refusal) throw new HttpError(422, 'invalid', error.message)
    throw error
  }
}

async function refusable<T>(f: () => Promise<T>): Promise<T> {
  try {
    return await f()
  } catch (error) {
    if (!(error instanceof ChannelRefusal)) throw error
    if (error.reason === 'ChannelNotRegistered')
      throw new HttpError(404, 'not-found', 'Apple knows no such channel of this app in this environment.')
    const meaning = error.reason === undefined ? '' : ` ${reasonInWords(error.reason)}`
    throw new HttpError(502, 'refused-by-apple', `${error.message}${meaning}`)
  }
}
