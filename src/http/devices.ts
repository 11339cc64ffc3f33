/** Registered phones as the API and the web admin show them. */
import { type DeviceWish, registerDevice, unregister } from '../push/registration/register.ts'
import { type GivenKeys, subscriptionOf } from '../push/registration/subscription.ts'
import { digestOf } from '../push/schedule/digest.ts'
import { connectionOf } from '../push/schedule/in-use.ts'
import { sessionOf } from '../push/registration/whose.ts'
import type { Account } from '../store/accounts.ts'
import type { Device, Devices } from '../store/devices.ts'
import type { DeviceToken } from '../store/device-tokens.ts'
import { StanzaError } from '../xmpp/errors.ts'
import type { HttpDeps } from './deps.ts'
import { HttpError } from './problem.ts'
import { iso } from './schemas.ts'

/** Of a token only its end is shown: enough to tell two apart, too little to ring one. */
const SHOWN = 6

export const listDevices = (deps: HttpDeps, account: Account) =>
  deps.world.store.push.devices.of(account.id).map((device) => deviceView(deps, account, device))

/** With the keys of a Web Push subscription. */
export type DeviceDemand = DeviceWish & { readonly keys?: GivenKeys }

/** Registers or refreshes, by the one rule for every door. */
export async function addDevice(deps: HttpDeps, account: Account, { keys, ...wish }: DeviceDemand) {
  return deps.router.run((t) => {
    const device = named(() =>
      registerDevice(t, account, {
        ...wish,
        ...(keys ? { options: { web: subscriptionOf(t, account, wish.token, keys) } } : {}),
      }),
    )
    const view = deviceView(deps, account, device)
    deps.keep?.(t, 200, view)
    return view
  })
}

const isId = (id: string): boolean => /^\d{1,15}$/.test(id)

/** @throws HttpError where the account has no such device */
export function findDevice(devices: Pick<Devices, 'of'>, account: Account, id: string): Device {
  const device = isId(id) ? devices.of(account.id).find((one) => one.id === Number(id)) : undefined
  if (!device) throw new HttpError(404, 'no-such-device', 'This account has no such device.')
  return device
}

/** False if the account has no such device. */
export function removeDevice(deps: HttpDeps, account: Account, id: string): Promise<boolean> {
  return deps.router.run((t) => {
    return isId(id) && unregister(t, account, (device) => device.id === Number(id), 'deleted') > 0
  })
}

/** The common rule speaks XMPP and names the field in its text; here the field has a place of its own. */
function named<T>(f: () => T): T {
  try {
    return f()
  } catch (error) {
    const text = error instanceof StanzaError ? error.text : undefined
    const [, field, message] = /^(\w+): (.*)$/s.exec(text ?? '') ?? []
    if (field === undefined || message === undefined) throw error
    throw new HttpError(422, 'invalid', `${field}: ${message}`, { errors: [{ field, message }] })
  }
}

export function deviceView({ world }: HttpDeps, account: Account, device: Device) {
  const session = sessionOf(world, account, device)
  const digest = digestOf(world, account)
  return {
    id: String(device.id),
    kind: device.kind,
    topic: device.topic,
    environment: device.environment,
    token: device.address.slice(-SHOWN),
    session: device.sessionKey,
    connected: session ? `${session.jid.resource}: ${connectionOf(session)}` : null,
    ...wishesView(device),
    digest: digest?.devices.some(({ id }) => id === device.id) ? `${digest.at} ${digest.zone}` : null,
    tokens: world.store.push.deviceTokens.of(device.id).map(tokenView),
    state: device.lastReason ?? (device.lastSuccess === null ? 'not rung yet' : 'ok'),
    created: iso(device.createdAt),
    updated: iso(device.refreshedAt),
  }
}

export const tokenView = ({ id, kind, name, token, createdAt, refreshedAt }: DeviceToken) => ({
  id: String(id),
  kind,
  name: name === '' ? null : name,
  token: token.slice(-SHOWN),
  created: iso(createdAt),
  updated: iso(refreshedAt),
})

function wishesView({ options: { locale, wishes = {} } }: Device) {
  const { muted, quiet = null, through = [] } = wishes
  return {
    muted: muted !== undefined,
    muted_until: iso(muted?.until ?? null),
    locale: locale ?? null,
    quiet,
    quiet_lets_through: [...through],
  }
}
