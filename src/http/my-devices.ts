/** /v1/me/devices: an app registers its phone, and a person says when it rings. */
import { LOCALE } from '../push/rules/phrases.ts'
import { THROUGH } from '../push/rules/wishes.ts'
import type { DeviceOptions } from '../store/devices.ts'
import { accountOf } from './accounts.ts'
import { addDeviceTokens } from './device-tokens.ts'
import { addDevice, type DeviceDemand, deviceView, findDevice, listDevices, removeDevice } from './devices.ts'
import { deviceTokenSchema, keyHeader, quietSchema, resourceSchema, text } from './fields.ts'
import { type App, ownJid, route, self } from './policy.ts'
import { HttpError } from './problem.ts'
import { body, deviceSchema, json, z } from './schemas.ts'

const deviceParam = z.strictObject({ id: text(64) })
const localeSchema = z.string().max(45).regex(LOCALE)
const wishesBody = z.strictObject({
  muted: z.boolean().optional().openapi({ description: 'Nothing rings; the number on the icon goes on.' }),
  muted_until: z.iso
    .datetime({ offset: true })
    .max(40)
    .nullable()
    .optional()
    .openapi({ description: 'End of `muted: true`; null or left out: until it is taken back.' }),
  locale: localeSchema.nullable().optional().openapi({
    description: 'Language of the phone (BCP 47); null: none is known.',
    example: 'zh-Hans-CN',
  }),
  quiet: quietSchema.nullable().optional().openapi({
    description: 'Quiet hours of this device, beside the account’s; null: none.',
  }),
  quiet_lets_through: z
    .array(z.enum(THROUGH))
    .max(THROUGH.length)
    .optional()
    .openapi({
      description: 'What rings through quiet hours, this device’s and the account’s.',
      example: ['calls'],
    }),
})
/** Of every kind. */
const common = {
  topic: text(255).optional().openapi({ description: 'Needed if the server has several apps.' }),
  resource: resourceSchema.optional().openapi({
    description:
      'The resource that the app binds: what its own session has shown does not ring. Without it and user_agent_id ' +
      'that is the only session that is no other device’s.',
  }),
  locale: localeSchema.optional().openapi({
    description: 'Language of the phone (BCP 47), for what a push says in words of its own.',
    example: 'zh-Hans-CN',
  }),
  exclusive: z
    .boolean()
    .optional()
    .openapi({
      description:
        'Whether the token leaves every other account, or is rung for all that registered it so. Without a word the ' +
        'app’s accounts setting tells; else it leaves them.',
    }),
  user_agent_id: text(200)
    .optional()
    .openapi({ description: 'The id of the app’s user-agent at login (XEP-0388), instead of resource.' }),
}
const base64 = (most: number) => text(most).regex(/^[\w+/-]+={0,2}$/, { error: 'Base64url is needed.' })
const appleBody = z.strictObject({
  kind: z.literal('apns').optional(),
  token: deviceTokenSchema.openapi({ description: 'The device token.' }),
  environment: z.enum(['production', 'sandbox']).optional(),
  voip_token: deviceTokenSchema
    .optional()
    .openapi({ description: 'PushKit’s token: calls go there. Left out, the one before stays.' }),
  ...common,
})
const webBody = z.strictObject({
  kind: z.literal('webpush'),
  endpoint: text(2048).openapi({ description: 'Of the subscription: https.', format: 'uri' }),
  p256dh: base64(100).openapi({ description: 'Its public key: 65 bytes in base64url.' }),
  auth: base64(40).openapi({ description: 'Its secret: 16 bytes in base64url.' }),
  vapid: base64(100).optional().openapi({
    description:
      'The key of GET /v1/push/vapid that it was made with. Left out, that of before, else the present one.',
  }),
  ...common,
})
const googleBody = z.strictObject({
  kind: z.literal('fcm'),
  token: text(4096).optional().openapi({ description: 'The registration token.' }),
  fid: text(64).optional().openapi({ description: 'Or the id of the installation.' }),
  ...common,
})
const deviceBody = z.discriminatedUnion('kind', [appleBody, webBody, googleBody])

export function addMyDevices(app: App): void {
  app.openapi(
    route(self, {
      method: 'get',
      path: '/v1/me/devices',
      operationId: 'listMyDevices',
      summary: 'Phones that messages to this account ring',
      responses: { 200: json('Devices', z.object({ items: z.array(deviceSchema) })) },
    }),
    (c) => {
      const { deps } = c.var
      return c.json({ items: listDevices(deps, accountOf(deps, ownJid(c))) }, 200)
    },
  )
  app.openapi(
    route(self, {
      method: 'post',
      path: '/v1/me/devices',
      operationId: 'registerMyDevice',
      summary: 'Register this phone; again at each start of the app, which changes nothing',
      request: { headers: keyHeader, body: body(deviceBody) },
      responses: { 200: json('The device', deviceSchema) },
    }),
    async (c) => {
      const { deps } = c.var
      return c.json(await addDevice(deps, accountOf(deps, ownJid(c)), wishOf(c.req.valid('json'))), 200)
    },
  )
  app.openapi(
    route(self, {
      method: 'delete',
      path: '/v1/me/devices/{id}',
      operationId: 'deleteMyDevice',
      summary: 'Stop ringing a phone',
      request: { params: deviceParam },
      responses: { 204: { description: 'Done' } },
    }),
    async (c) => {
      const { deps } = c.var
      const { id } = c.req.valid('param')
      const removed = await removeDevice(deps, accountOf(deps, ownJid(c)), id)
      if (!removed) throw new HttpError(404, 'no-such-device', 'This account has no such device.')
      return c.body(null, 204)
    },
  )
  addWishes(app)
  addDeviceTokens(app)
}

function addWishes(app: App): void {
  app.openapi(
    route(self, {
      method: 'patch',
      path: '/v1/me/devices/{id}',
      operationId: 'changeMyDevice',
      summary: 'Mute a phone, set its language and its quiet hours; what is left out stays',
      request: { params: deviceParam, body: body(wishesBody) },
      responses: { 200: json('The device', deviceSchema) },
    }),
    async (c) => {
      const { deps } = c.var
      const account = accountOf(deps, ownJid(c))
      const { id } = c.req.valid('param')
      const wishes = c.req.valid('json')
      const device = await deps.router.run((t) => {
        const found = findDevice(t.store.push.devices, account, id)
        const options = wished(found.options, wishes)
        t.store.push.devices.setOptions(found, options)
        return { ...found, options }
      })
      return c.json(deviceView(deps, account, device), 200)
    },
  )
}

function wished(before: DeviceOptions, given: z.infer<typeof wishesBody>): DeviceOptions {
  const { wishes = {}, ...options } = before
  const { muted: wasMuted, quiet: wasQuiet, through: wasThrough = [] } = wishes
  const { muted, muted_until: end, quiet, locale, quiet_lets_through: through = wasThrough } = given
  if (typeof end === 'string' && muted !== true)
    throw new HttpError(422, 'invalid', 'muted_until: it is the end of `muted: true`.', {
      errors: [{ field: 'muted_until', message: 'It is the end of `muted: true`.' }],
    })
  const until = typeof end === 'string' ? Date.parse(end) : null
  const mute = muted === undefined ? wasMuted : muted ? { until } : undefined
  const hours = quiet === undefined ? wasQuiet : (quiet ?? undefined)
  const { locale: spoken, ...rest } = options
  const language = locale === undefined ? spoken : (locale ?? undefined)
  return {
    ...rest,
    ...(language === undefined ? {} : { locale: language }),
    wishes: {
      ...(mute === undefined ? {} : { muted: mute }),
      ...(hours === undefined ? {} : { quiet: hours }),
      ...(through.length === 0 ? {} : { through: [...new Set(through)] }),
    },
  }
}

function wishOf(given: z.infer<typeof deviceBody>): DeviceDemand {
  const { resource, user_agent_id: agent, topic, exclusive, locale } = given
  const always = { topic, exclusive, locale, of: { resource, agent } }
  if (given.kind === 'webpush') {
    const { endpoint, p256dh, auth, vapid } = given
    const keys = { p256dh, auth, vapid }
    return { ...always, kind: 'webpush', token: endpoint, tokenField: 'endpoint', keys }
  }
  if (given.kind === 'fcm') {
    const { token, fid } = given
    if ((token === undefined) === (fid === undefined))
      throw new HttpError(422, 'invalid', 'Give either token or fid.')
    return fid === undefined
      ? { ...always, kind: 'fcm', token: token ?? '' }
      : { ...always, kind: 'fcm', token: `fid:${fid}`, tokenField: 'fid' }
  }
  const { token, environment, voip_token: voipToken } = given
  return { ...always, token, environment, voipToken }
}
