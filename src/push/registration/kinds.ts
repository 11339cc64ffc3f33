/** The kinds of devices: how an address looks, where it may be known, how many one account may have. */
import type { Config } from '../../config/config.ts'
import type { DeviceKind } from '../../store/devices.ts'
import { StanzaError } from '../../xmpp/errors.ts'

export interface KindOfDevice {
  /** The address as it is kept. `field`: how it is called where it came from. @throws StanzaError */
  readonly readAddress: (text: string, field: string) => string
  /** The first is assumed where nothing is known; none: there is but one place, and no word for it. */
  readonly environments: readonly string[]
  /** Devices of one account; beyond them the one that was not refreshed for longest gives way. */
  readonly most: (limits: Config['limits']) => number
}

const APNS: KindOfDevice = {
  /**
   * Hex of any sensible length: Apple asks not to count on 32 bytes.
   * COMPAT(iOS apps before 13): some send NSData's description, "<0a1b 2c3d …>".
   */
  readAddress(text, field) {
    const token = text.replace(/^<|>$|\s/g, '').toLowerCase()
    if (!/^(?:[0-9a-f]{2}){16,200}$/.test(token))
      throw new StanzaError('bad-request', `${field}: a device token is 32 to 400 hexadecimal digits.`)
    return token
  },
  environments: ['production', 'sandbox'],
  most: ({ devices_per_user }) => devices_per_user,
}

const KINDS: ReadonlyMap<DeviceKind, KindOfDevice> = new Map([['apns', APNS]])

/** @throws StanzaError where nothing is known of that kind. */
export function kindOf(name: DeviceKind): KindOfDevice {
  const kind = KINDS.get(name)
  if (!kind) throw new StanzaError('bad-request', `kind: one of ${[...KINDS.keys()].join(', ')} is needed.`)
  return kind
}
