/** What Apple says of tokens, topics and keys, and what the dispatcher does about it. */
import { describe, expect, test } from 'bun:test'
import { deviceToken, keyApp, startApple, TOPIC } from '../support/apns.ts'
import {
  apns,
  device,
  dispatcher,
  open,
  queue,
  sim,
  store,
  until,
  explained,
  outbox,
  resting,
  deviceCount,
} from './outbox.ts'

outbox()

describe('a dead token', () => {
  test('is deleted when Apple knew it to be dead after it was registered', async () => {
    dispatcher({ apns: apns() })
    const phone = await device(1)
    sim.script({ status: 410, reason: 'Unregistered', timestamp: Date.now() + 1_000 })
    await queue(phone, 'm1')
    expect(await explained(1)).toEqual(['m1 forgotten: Unregistered'])
    expect(store.push.devices.get(phone.id)).toBeUndefined()
  })

  test('stays when the app registered again since', async () => {
    dispatcher({ apns: apns() })
    const phone = await device(1)
    sim.script({ status: 410, reason: 'Unregistered', timestamp: Date.now() - 3_600_000 })
    await queue(phone, 'm1')
    expect(await explained(1)).toEqual(['m1 dropped: Unregistered'])
    expect(store.push.devices.get(phone.id)?.lastReason).toBe('Unregistered')
  })

  test('of the other environment is found there, and the device learns it', async () => {
    const sandbox = await startApple()
    open.push(() => sandbox.close())
    const apps = [keyApp(sim.url, sim.ca), keyApp(sandbox.url, sandbox.ca, { environment: 'sandbox' })]
    dispatcher({ apns: apns({ apps }) })
    const phone = await device(1)
    sim.script({ reason: 'BadDeviceToken', times: 100 })
    await queue(phone, 'm1')
    expect(await explained(1)).toEqual(['m1 sent'])
    expect(store.push.devices.get(phone.id)?.environment).toBe('sandbox')
    await queue(store.push.devices.get(phone.id), 'm2')
    await explained(2)
    expect([sim.received.length, sandbox.received.length]).toEqual([1, 2])
  })

  test('of neither environment, or of one that the app pinned, is deleted', async () => {
    const sandbox = await startApple()
    open.push(() => sandbox.close())
    const apps = [keyApp(sim.url, sim.ca), keyApp(sandbox.url, sandbox.ca, { environment: 'sandbox' })]
    dispatcher({ apns: apns({ apps }) })
    sim.script({ reason: 'BadDeviceToken', times: 100 })
    sandbox.script({ reason: 'BadDeviceToken', times: 1 })
    await queue(await device(1), 'm1')
    await explained(1)
    await queue(await device(2, { environment: 'production' }), 'm2')
    expect(await explained(2)).toEqual(['m1 forgotten: BadDeviceToken', 'm2 forgotten: BadDeviceToken'])
    expect(deviceCount()).toBe(0)
    expect(sandbox.received).toHaveLength(1)
  })

  test('that the other service knows as another app’s is not deleted either', async () => {
    const sandbox = await startApple()
    open.push(() => sandbox.close())
    const apps = [keyApp(sim.url, sim.ca), keyApp(sandbox.url, sandbox.ca, { environment: 'sandbox' })]
    dispatcher({ apns: apns({ apps }) })
    sim.script({ reason: 'BadDeviceToken', times: 100 })
    sandbox.script({ reason: 'DeviceTokenNotForTopic', times: 1 })
    await queue(await device(1), 'm1')
    expect(await explained(1)).toEqual(['m1 dropped: DeviceTokenNotForTopic'])
    expect(deviceCount()).toBe(1)
  })

  test('for another topic is never deleted; en masse the lane rests, and what waits is kept', async () => {
    const sending = dispatcher({ apns: apns() })
    sim.script({ reason: 'DeviceTokenNotForTopic', times: 1_000 })
    for (let i = 0; i < 20; i++) await queue(await device(i), `m${i}`)
    await explained(4)
    await until(() => resting(sending).length > 0)
    expect(deviceCount()).toBe(20)
    expect(store.push.counts().queued).toBeGreaterThan(10)
    expect(store.pushReports.misfits()).toEqual([{ topic: TOPIC, n: 4 }])
    expect(resting(sending)[0]?.paused).toBe('DeviceTokenNotForTopic')
  })
})

describe('a fault of the configuration', () => {
  test('pauses its lane, keeps rows and tokens, and all goes on once it is mended', async () => {
    const sending = dispatcher({ apns: apns() })
    sim.script({ status: 403, reason: 'InvalidProviderToken', times: 1 })
    const phone = await device(1)
    for (let i = 0; i < 5; i++) await queue(phone, `m${i}`)
    await until(() => resting(sending).length > 0)
    expect(store.push.counts().queued).toBe(5)
    expect(deviceCount()).toBe(1)
    expect(sim.received).toHaveLength(1)
    sending.resume()
    await explained(5)
    expect(sim.received.filter((r) => r.status === 200)).toHaveLength(5)
  })
})

describe('the breaker is of one team and environment', () => {
  const OTHER = 'org.example.other'
  const both = () => [keyApp(sim.url, sim.ca), keyApp(sim.url, sim.ca, { topic: OTHER })]

  test('a key that Apple refuses rests all its apps, also one that is pushed to later', async () => {
    const sending = dispatcher({ apns: apns({ apps: both() }) })
    sim.script({ status: 403, reason: 'InvalidProviderToken', times: 1 })
    await queue(await device(1), 'm1')
    await until(() => resting(sending).length > 0)
    await queue(await device(2, { topic: OTHER }), 'm2')
    await until(() => resting(sending).length === 2)
    expect(resting(sending).map(({ paused }) => paused)).toEqual([
      'InvalidProviderToken',
      'InvalidProviderToken',
    ])
    expect(sim.received).toHaveLength(1)
    sending.resume()
    await explained(2)
    expect(sim.received.filter((r) => r.status === 200)).toHaveLength(2)
  })

  test('a topic that is refused rests alone', async () => {
    const sending = dispatcher({ apns: apns({ apps: both() }) })
    sim.script({ token: deviceToken(1), status: 400, reason: 'TopicDisallowed', times: 1 })
    await queue(await device(1), 'm1')
    await until(() => resting(sending).length > 0)
    await queue(await device(2, { topic: OTHER }), 'm2')
    expect(await explained(1)).toEqual(['m2 sent'])
    expect(resting(sending)).toHaveLength(1)
    expect(sending.lanes().find(({ paused }) => paused !== null)?.paused).toBe('TopicDisallowed')
  })

  test('sandbox goes on while production rests', async () => {
    const sandbox = await startApple()
    open.push(() => sandbox.close())
    const apps = [keyApp(sim.url, sim.ca), keyApp(sandbox.url, sandbox.ca, { environment: 'sandbox' })]
    const sending = dispatcher({ apns: apns({ apps }) })
    sim.script({ status: 403, reason: 'Forbidden', times: 1 })
    await queue(await device(1), 'm1')
    await until(() => resting(sending).length > 0)
    await queue(await device(2, { environment: 'sandbox' }), 'm2')
    expect(await explained(1)).toEqual(['m2 sent'])
  })
})
