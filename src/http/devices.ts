/** Registered phones as the API shows them. */
import { registerDevice } from '../routing/devices.ts'
import type { Trip } from '../routing/transit.ts'
import type { Account } from '../store/accounts.ts'
import type { Device } from '../store/devices.ts'
import type { Store } from '../store/store.ts'
import { StanzaError } from '../xmpp/errors.ts'
import type { Devices, DeviceView, NewDevice } from './deps.ts'
import { HttpError } from './problem.ts'

const SHOWN = 6

export function storedDevices(store: Store): Devices {
  const table = store.push.devices
  return {
    list: (account) => table.of(account.id).map(view),
    add: (t, account, device) => view(register(t, account, device)),
    remove(account, id) {
      const device = /^\d{1,15}$/.test(id) ? table.get(Number(id)) : undefined
      return device?.accountId === account.id && table.delete(device.id)
    },
  }
}

/** The common rule speaks XMPP and names the field in its text; here the field has a place of its own. */
function register(t: Trip, account: Account, device: NewDevice): Device {
  try {
    return registerDevice(t, account, device)
  } catch (error) {
    const [, field, message] =
      /^(\w+): (.*)$/s.exec(error instanceof StanzaError ? (error.text ?? '') : '') ?? []
    if (field === undefined || message === undefined) throw error
    throw new HttpError(422, 'invalid', `${field}: ${message}`, { errors: [{ field, message }] })
  }
}

function view(device: Device): DeviceView {
  return {
    id: String(device.id),
    kind: device.kind,
    topic: device.topic,
    environment: device.environment,
    token: device.token.slice(-SHOWN),
    state: device.lastReason ?? (device.lastSuccess === null ? 'not rung yet' : 'ok'),
    created: device.createdAt,
    updated: device.refreshedAt,
  }
}
