/** An outbox that sends to a browser's push service on this machine. */
import {
  type Subscription,
  startWebPushSim,
  type WebPushSim,
  type WebPushSimOptions,
} from '../../../src/ops/web-push-sim.ts'
import { WebPushProvider, type WebPushOptions } from '../../../src/push/webpush/provider.ts'
import { systemClock, systemRandom } from '../../../src/store/clock.ts'
import type { Device, Registration } from '../../../src/store/devices.ts'
import { vapidPair } from '../../../src/store/vapid-keys.ts'
import { device, open } from '../outbox.ts'

export const KEY = { ...vapidPair((n) => systemRandom.bytes(n)), createdAt: 0 }

export async function service(options: WebPushSimOptions = {}): Promise<WebPushSim> {
  const sim = await startWebPushSim({ key: KEY.publicKey, ...options })
  open.push(() => sim.close())
  return sim
}

export const providerTo = (sim: { ca: string } | undefined, options: Partial<WebPushOptions> = {}) =>
  new WebPushProvider({
    contact: 'mailto:admin@bix.org',
    allowPrivate: true,
    hosts: [],
    style: { body: 'full' },
    vapid: (key) => (key === KEY.publicKey ? KEY : undefined),
    clock: systemClock,
    random: systemRandom,
    times: { connectMs: 2_000, queueMs: 3_000, backoffMs: 20, backoffCapMs: 100 },
    ...(sim ? { ca: sim.ca } : {}),
    ...options,
  })

export const browser = (
  { endpoint, p256dh, auth }: Subscription,
  more: Partial<Registration> = {},
  vapid = KEY.publicKey,
): Promise<Device> =>
  device(0, {
    kind: 'webpush',
    topic: 'web',
    assumed: '',
    address: endpoint,
    options: { web: { p256dh, auth, vapid } },
    ...more,
  })

/** Parts of an `Authorization` of RFC 8292. */
export function vapidHeader(text = ''): { readonly jwt: string; readonly k: string } {
  const [, jwt = '', k = ''] = /^vapid t=([^,]+), k=(\S+)$/.exec(text) ?? []
  return { jwt, k }
}
