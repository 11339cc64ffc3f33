/** The kinds of devices: how an address looks, where it may be known, which apps there are, how many one account may have. */
import { SIMULATOR_TOPIC } from '../../config/app.ts'
import type { Config } from '../../config/config.ts'
import { WEB_TOPIC } from '../../config/web-push.ts'
import type { DeviceKind } from '../../store/devices.ts'
import { StanzaError } from '../../xmpp/errors.ts'
import { isFcmAddress } from '../fcm/address.ts'
import { readEndpoint } from '../webpush/endpoint.ts'

export interface KindOfDevice {
  /** The address as it is kept. `field`: how it is called where it came from. @throws StanzaError */
  readonly readAddress: (text: string, field: string, config?: Config) => string
  /** The first is assumed where nothing is known; none: there is but one place, and no word for it. */
  readonly environments: readonly string[]
  /** Apps that may be rung. 'any': whatever the device names. */
  readonly topics: (config: Config) => readonly string[] | 'any'
  /** Devices of one account; beyond them the one that was not refreshed for longest gives way. */
  readonly most: (limits: Config['limits']) => number
}

const most: KindOfDevice['most'] = ({ devices_per_user }) => devices_per_user
const refuse = (field: string, why: string): never => {
  throw new StanzaError('bad-request', `${field}: ${why}`)
}

const APNS: KindOfDevice = {
  /**
   * Hex of any sensible length: Apple asks not to count on 32 bytes.
   * COMPAT(iOS apps before 13): some send NSData's description, "<0a1b 2c3d …>".
   */
  readAddress(text, field) {
    const token = text.replace(/^<|>$|\s/g, '').toLowerCase()
    return /^(?:[0-9a-f]{2}){16,200}$/.test(token)
      ? token
      : refuse(field, 'a device token is 32 to 400 hexadecimal digits.')
  },
  environments: ['production', 'sandbox'],
  topics: ({ push }) =>
    push.apps.length === 0 && push.simulator ? 'any' : [...new Set(push.apps.map(({ topic }) => topic))],
  most,
}

const FCM: KindOfDevice = {
  readAddress: (text, field) =>
    isFcmAddress(text)
      ? text
      : refuse(field, 'a registration token of FCM is needed, or an installation id.'),
  environments: [],
  topics: ({ push }) => push.fcm.map(({ topic }) => topic),
  most,
}

const WEB_PUSH: KindOfDevice = {
  readAddress(text, field, config) {
    const { allow_private: allowPrivate = false, hosts = [] } = config?.push.webpush ?? {}
    const endpoint = readEndpoint(text, { allowPrivate, hosts })
    return typeof endpoint === 'string' ? refuse(field, endpoint) : endpoint.href
  },
  environments: [],
  topics: ({ push }) => (push.webpush.contact === undefined ? [] : [WEB_TOPIC]),
  most,
}

const KINDS: ReadonlyMap<DeviceKind, KindOfDevice> = new Map([
  ['apns', APNS],
  ['fcm', FCM],
  ['webpush', WEB_PUSH],
])

/** @throws StanzaError where nothing is known of that kind. */
export function kindOf(name: DeviceKind): KindOfDevice {
  return KINDS.get(name) ?? refuse('kind', `one of ${[...KINDS.keys()].join(', ')} is needed.`)
}

/** The app of a registration: the one that is named, or the only one. @throws StanzaError naming the field */
export function topicFor(config: Config, kind: KindOfDevice, asked: string | undefined): string {
  const topics = kind.topics(config)
  if (topics === 'any') return asked ?? SIMULATOR_TOPIC
  const [only, second] = topics
  if (only === undefined)
    throw new StanzaError('feature-not-implemented', 'This server has no app to push to in that way.')
  if (only === WEB_TOPIC && kind === WEB_PUSH) return only
  if (asked === undefined) {
    return second === undefined ? only : refuse('topic', `one of ${topics.join(', ')} must be named.`)
  }
  return topics.includes(asked) ? asked : refuse('topic', `${asked} is not an app of this server.`)
}
