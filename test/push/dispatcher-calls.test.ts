/** Calls on their way to PushKit. */
import { describe, expect, test } from 'bun:test'
import type { Device } from '../../src/store/devices.ts'
import { deviceToken, TOPIC } from '../support/apns.ts'
import {
  apns,
  device,
  dispatcher,
  juliet,
  queue,
  run,
  sim,
  store,
  explained,
  outbox,
  resting,
  deviceCount,
} from './outbox.ts'

outbox()

describe('a call', () => {
  const VOIP = 'ee'.repeat(32)
  const call = { sid: 'c1', from: 'romeo@bix.org/orchard', media: ['audio'] }
  const rings = (to: Device, now = Date.now()) =>
    run(() =>
      store.push.queue({
        account: juliet,
        device: to,
        messageId: 'm1',
        collapseId: 'm1',
        kind: 'call',
        sender: 'romeo@bix.org',
        call,
        now,
        expiresAt: now + 3_600_000,
      }),
    )

  test('goes to PushKit under its own topic, and the row is the same after a restart', async () => {
    const phone = await device(1, { callAddress: VOIP })
    // Nobody listens yet: it is read from the table.
    await rings(phone)
    dispatcher({ apns: apns() })
    expect(await explained(1)).toEqual(['m1 sent'])
    expect(sim.received).toHaveLength(1)
    expect(sim.received[0]).toMatchObject({ token: VOIP, collapseId: undefined })
    expect(sim.received[0]?.headers).toMatchObject({
      'apns-push-type': 'voip',
      'apns-topic': `${TOPIC}.voip`,
      'apns-priority': '10',
    })
    expect(sim.received[0]?.payload).toMatchObject({ call: 'proposed', sid: 'c1', media: ['audio'] })
  })

  test('whose PushKit token is dead rings as an alert, and only that token is forgotten', async () => {
    dispatcher({ apns: apns() })
    const phone = await device(1, { callAddress: VOIP })
    sim.script({ token: VOIP, status: 410, reason: 'Unregistered', timestamp: Date.now() + 1_000 })
    await rings(phone)
    expect(await explained(1)).toEqual(['m1 sent'])
    expect(sim.received.map(({ token }) => token)).toEqual([VOIP, phone.address])
    expect(sim.received[1]?.payload).toMatchObject({ aps: { 'interruption-level': 'time-sensitive' } })
    expect(store.push.devices.get(phone.id)).toMatchObject({ address: phone.address, callAddress: null })
  })

  test('a 410 that is older than the registration forgets no token for calls', async () => {
    dispatcher({ apns: apns() })
    const phone = await device(1, { callAddress: VOIP })
    sim.script({ token: VOIP, status: 410, reason: 'Unregistered', timestamp: Date.now() - 60_000 })
    await rings(phone)
    expect(await explained(1)).toEqual(['m1 sent'])
    expect(store.push.devices.get(phone.id)).toMatchObject({ callAddress: VOIP })
  })

  test('whose topic Apple refuses rings as an alert, and nothing else rests for it', async () => {
    const made = dispatcher({ apns: apns() })
    const phone = await device(1, { callAddress: VOIP })
    sim.script({ token: VOIP, status: 400, reason: 'TopicDisallowed' })
    await rings(phone)
    expect(await explained(1)).toEqual(['m1 sent'])
    expect(sim.received.map(({ token }) => token)).toEqual([VOIP, phone.address])
    expect(resting(made)).toEqual([])
    expect(store.push.devices.get(phone.id)).toMatchObject({ callAddress: VOIP })
  })

  test('whose token is for another topic again and again says nothing of the app’s own topic', async () => {
    const made = dispatcher({ apns: apns() })
    const phones = await Promise.all(
      Array.from({ length: 8 }, (_, i) => device(i + 1, { callAddress: `e${i}`.repeat(32) })),
    )
    for (const [i, phone] of phones.entries()) {
      sim.script({ token: `e${i}`.repeat(32), status: 400, reason: 'DeviceTokenNotForTopic' })
      await rings(phone)
      await explained(i + 1)
    }
    expect(resting(made)).toEqual([])
    sim.script({ token: deviceToken(1), status: 400, reason: 'DeviceTokenNotForTopic' })
    const [first] = phones
    if (!first) throw new Error('no phone')
    await queue(first, 'm9')
    expect((await explained(9)).at(-1)).toBe('m9 dropped: DeviceTokenNotForTopic')
    expect(deviceCount()).toBe(8)
  })

  test('that has rung out is not told any more', async () => {
    dispatcher({ apns: apns() })
    await rings(await device(1, { callAddress: VOIP }), Date.now() - 61_000)
    expect(await explained(1)).toEqual(['m1 dropped: CallOver'])
    expect(sim.received).toEqual([])
  })
})
