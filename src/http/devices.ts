/** Registration of phones over HTTP: the same table as XEP-0357, with the same rule for the topic. */
import type { Config } from '../config.ts'
import type { Device, PushEnvironment } from '../store/devices.ts'
import type { Store } from '../store/store.ts'
import type { Devices, DeviceView, NewDevice } from './deps.ts'
import { HttpError } from './problem.ts'

/** Apple's tokens have had 32 bytes so far and may have up to 100. */
const TOKEN = /^(?:[0-9a-f]{2}){16,100}$/
const SHOWN = 6
/** What the simulator takes for an app that did not name itself. */
const SIMULATED_TOPIC = 'org.example.chat'

export function storedDevices(store: Store, config: Config): Devices {
  const table = store.push.devices
  return {
    list: (account) => table.of(account.id).map(view),
    add(account, device, now) {
      const token = device.token.replace(/[<>\s]/g, '').toLowerCase()
      if (!TOKEN.test(token)) throw invalid('token', 'A device token is 32 to 200 hexadecimal digits.')
      const app = chooseApp(config, device)
      const { devices_per_user } = config.limits
      return view(table.enable(account.id, { ...app, token }, now, devices_per_user))
    },
    remove(account, id) {
      const device = /^\d{1,15}$/.test(id) ? table.get(Number(id)) : undefined
      return device?.accountId === account.id && table.delete(device.id)
    },
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

interface Choice {
  readonly topic: string
  readonly environment: PushEnvironment | undefined
  readonly assumed: PushEnvironment
}

/** The named app, else the only one; several and none named is the client's to settle. */
function chooseApp({ push }: Config, { topic, environment }: NewDevice): Choice {
  const topics = [...new Set(push.apps.map((app) => app.topic))]
  if (push.simulator && (topics.length === 0 || topic !== undefined)) {
    return { topic: topic ?? SIMULATED_TOPIC, environment, assumed: 'production' }
  }
  if (topics.length === 0) throw new HttpError(422, 'push-off', 'This server has no app to ring.')
  const chosen = topic ?? (topics.length === 1 ? topics[0] : undefined)
  if (chosen === undefined) throw invalid('topic', `Name the app: one of ${topics.join(', ')}.`)
  const apps = push.apps.filter((app) => app.topic === chosen)
  const fits = apps.find((app) => environment === undefined || app.environment === environment)
  if (!fits)
    throw invalid(apps.length > 0 ? 'environment' : 'topic', 'This server is not set up to ring that app.')
  return { topic: chosen, environment, assumed: fits.environment }
}

function invalid(field: string, message: string): HttpError {
  return new HttpError(422, 'invalid', `${field}: ${message}`, { errors: [{ field, message }] })
}
