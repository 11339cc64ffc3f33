/** /v1/me/devices/{id}/tokens: what an app has been given beside its device token, for pushes of the operator's back end. */
import { hasNames, NAMED_KINDS, TOKEN_KINDS } from '../push/direct/types.ts'
import { DEFAULT_KIND, readToken } from '../push/registration/register.ts'
import type { Device } from '../store/devices.ts'
import type { DeviceToken } from '../store/device-tokens.ts'
import { accountOf } from './accounts.ts'
import { findDevice, tokenView } from './devices.ts'
import { deviceTokenSchema, keyHeader, text, whole } from './fields.ts'
import { type App, ownJid, route, self } from './policy.ts'
import { HttpError } from './problem.ts'
import { body, deviceTokenShape, json, z } from './schemas.ts'

const newToken = z.strictObject({
  kind: z.enum(NAMED_KINDS),
  name: text(200)
    .optional()
    .openapi({
      description:
        'Activity, attributes type (liveactivity-start) or control; of other kinds there is none. A token under the same ' +
        'name takes the place of the one before.',
      example: 'order-7',
    }),
  token: deviceTokenSchema.openapi({
    description: 'In hexadecimal digits.',
    example: '80f1a2b3c4d5e6f708192a3b4c5d6e7f80f1a2b3c4d5e6f708192a3b4c5d6e7f',
  }),
})

const deviceParam = z.strictObject({ id: text(64) })

export function addDeviceTokens(app: App): void {
  app.openapi(
    route(self, {
      method: 'post',
      path: '/v1/me/devices/{id}/tokens',
      operationId: 'registerMyDeviceToken',
      summary:
        'Register a token for an activity, a widget, a control and the like; again whenever it changes',
      request: { headers: keyHeader, params: deviceParam, body: body(newToken) },
      responses: { 200: json('The token', deviceTokenShape) },
    }),
    async (c) => {
      const { deps } = c.var
      const account = accountOf(deps, ownJid(c))
      const { kind, name = '', token: given } = c.req.valid('json')
      const made = await deps.router.run((t) => {
        const { devices, deviceTokens } = t.store.push
        const device = findDevice(devices, account, c.req.valid('param').id)
        const what = { kind, name, token: readToken(given) }
        check(device, deviceTokens.of(device.id), what)
        const view = tokenView(deviceTokens.put(device.id, what, t.now, t.config.limits.device_tokens))
        deps.keep?.(t, 200, view)
        return view
      })
      return c.json(made, 200)
    },
  )
  app.openapi(
    route(self, {
      method: 'delete',
      path: '/v1/me/devices/{id}/tokens/{token}',
      operationId: 'deleteMyDeviceToken',
      summary: 'Forget a token: the activity has ended, the widget is gone',
      request: { params: deviceParam.extend({ token: whole(1, 999_999_999_999_999) }) },
      responses: { 204: { description: 'Done' } },
    }),
    async (c) => {
      const { deps } = c.var
      const account = accountOf(deps, ownJid(c))
      const { id, token } = c.req.valid('param')
      const removed = await deps.router.run((t) => {
        const { devices, deviceTokens } = t.store.push
        const device = findDevice(devices, account, id)
        return deviceTokens.get(token)?.deviceId === device.id && deviceTokens.delete(token)
      })
      if (!removed) throw new HttpError(404, 'no-such-token', 'This device has no such token.')
      return c.body(null, 204)
    },
  )
}

/** @throws HttpError naming the field */
function check(
  device: Device,
  others: readonly DeviceToken[],
  { kind, name, token }: Pick<DeviceToken, 'token' | 'name'> & { readonly kind: keyof typeof TOKEN_KINDS },
): void {
  if (device.kind !== DEFAULT_KIND) throw refused('kind', 'Only a device of Apple’s has such tokens.')
  if (hasNames(kind) !== (name !== '')) {
    const what = TOKEN_KINDS[kind]
    throw refused('name', what === undefined ? `${kind} has none.` : `Which ${what}?`)
  }
  const taken = others.find((one) => one.token === token && (one.kind !== kind || one.name !== name))
  if (token === device.address || token === device.callAddress || taken)
    throw refused('token', `It is registered as a token of kind ${taken?.kind ?? 'device or voip'}.`)
}

const refused = (field: string, message: string): HttpError =>
  new HttpError(422, 'invalid', `${field}: ${message}`, { errors: [{ field, message }] })
