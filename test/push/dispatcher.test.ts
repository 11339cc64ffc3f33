/** The whole way from a committed outbox row to Apple's answer on disk, over real HTTP/2. */
import { describe, expect, test } from 'bun:test'
import { alarmsOf } from '../../src/push/diagnose/alarms.ts'
import { APNS_REASONS } from '../../src/push/apns/reasons.ts'
import type { Provider } from '../../src/push/outbox/provider.ts'
import { systemClock } from '../../src/store/clock.ts'
import { keyApp } from '../support/apns.ts'
import {
  outbox,
  apns,
  device,
  dispatcher,
  juliet,
  queue,
  run,
  sim,
  store,
  until,
  explained,
  resting,
} from './outbox.ts'

outbox()

describe('a row', () => {
  test('is sent after its commit, and explained', async () => {
    dispatcher({ apns: apns() })
    const phone = await device(1)
    await queue(phone, 'm1')
    expect(await explained(1)).toEqual(['m1 sent'])
    expect(sim.received[0]).toMatchObject({ token: phone.address, collapseId: 'm1' })
    expect(sim.received[0]?.payload).toMatchObject({
      aps: { alert: { title: 'Romeo', body: 'message m1' }, badge: 1 },
    })
    expect(store.push.counts().queued).toBe(0)
    expect(store.push.devices.get(phone.id)?.lastSuccess).toBeGreaterThan(0)
  })

  test('of a trip that fails is never sent', async () => {
    const sending = dispatcher({ apns: apns() })
    const phone = await device(1)
    const failed = run(() => {
      store.push.queue({
        account: juliet,
        device: phone,
        messageId: 'x',
        collapseId: 'x',
        kind: 'body',
        sender: 'r@b',
        now: 0,
        expiresAt: Date.now() + 1e6,
      })
      throw new Error('no')
    })
    expect(await failed.catch((error: unknown) => String(error))).toContain('no')
    await queue(phone, 'm1')
    await explained(1)
    expect(sim.received.map((r) => r.collapseId)).toEqual(['m1'])
    await until(() => sending.size === 0)
  })

  test('without an answer is sent again by the next process with the same ids', async () => {
    sim.script({ stall: true })
    const first = dispatcher({ apns: apns() })
    await queue(await device(1), 'm1')
    await sim.until(1)
    await first.stop(20)
    expect(store.push.counts().queued).toBe(1)
    dispatcher({ apns: apns() })
    await explained(1)
    expect(sim.received).toHaveLength(2)
    expect(sim.received[1]?.apnsId).toBe(sim.received[0]?.apnsId ?? '')
    expect(sim.received[1]?.collapseId).toBe('m1')
  })

  test('is tried again after 5xx, resets and cuts, always the same, until it is taken', async () => {
    dispatcher({ apns: apns() })
    sim.script(
      { status: 500, reason: 'InternalServerError' },
      { reset: 2 },
      { cut: true },
      { status: 503, reason: 'Shutdown' },
    )
    await queue(await device(1), 'm1')
    expect(await explained(1)).toEqual(['m1 sent'])
    expect(sim.received).toHaveLength(5)
    expect(new Set(sim.received.map((r) => `${r.apnsId} ${r.collapseId}`)).size).toBe(1)
  })

  test('is given up when it expires', async () => {
    dispatcher({ apns: apns() })
    sim.script({ status: 500, reason: 'InternalServerError', times: 1_000 })
    await queue(await device(1), 'm1', { ttl: 150 })
    expect(await explained(1)).toEqual(['m1 dropped: Expired'])
  })

  test('to a device that was removed meanwhile is not sent', async () => {
    dispatcher({ apns: apns() })
    sim.script({ status: 500, reason: 'InternalServerError' })
    const phone = await device(1)
    await queue(phone, 'm1')
    await sim.until(1)
    await run(() => store.push.devices.delete(phone.id))
    await queue(await device(2), 'm2')
    expect(await explained(2)).toEqual(['m1 dropped: DeviceGone', 'm2 sent'])
    expect(store.push.counts().queued).toBe(0)
    expect(sim.received.map((r) => r.collapseId)).toEqual(['m1', 'm2'])
  })

  test('without a configured app is dropped with that reason', async () => {
    dispatcher()
    await queue(await device(1), 'm1')
    expect(await explained(1)).toEqual(['m1 dropped: NotConfigured'])
  })

  test('that is too large for Apple is sent once more without its text', async () => {
    dispatcher({ apns: apns() })
    sim.script({ status: 413, reason: 'PayloadTooLarge' })
    await queue(await device(1), 'm1')
    expect(await explained(1)).toEqual(['m1 sent'])
    expect(sim.received[1]?.payload).toMatchObject({ aps: { alert: { body: 'New message' } } })
  })
})

/** field/push A4, written down once more: what must be true after each answer, whatever our own table says. */
test('Apple unreachable is said with its reason at the first failure', async () => {
  const apps = [keyApp('https://127.0.0.1:1', sim.ca)]
  const sending = dispatcher({ apns: apns({ apps, times: { queueMs: 60_000, backoffMs: 60_000 } }) })
  await queue(await device(1), 'm1')
  await until(() => sending.lanes().some(({ paused }) => paused !== null))
  const [lane] = sending.lanes()
  expect(lane).toMatchObject({ paused: 'NoConnection', until: null })
  expect(lane?.detail).toMatch(/ECONNREFUSED|refused/)
  const facts = {
    now: 0,
    oldest: undefined,
    apps: [],
    clockOffset: undefined,
    dead: 0,
    alarmAfter: 1,
    certificateAlarm: 0,
  }
  expect(alarmsOf({ ...facts, lanes: sending.lanes() })[0]?.text).toMatch(
    /NoConnection, the provider cannot be reached: .*refused/i,
  )
})

describe('each of Apple’s answers leaves behind', () => {
  interface Left {
    /** What became of it; 'waits' where it is kept. */
    readonly is: 'sent' | 'dropped' | 'forgotten' | 'waits'
    /** Requests in all. */
    readonly requests: number
    readonly connections: number
    /** The lane rests for so long at least, in minutes. */
    readonly rests?: number
  }
  const dropped: Left = { is: 'dropped', requests: 1, connections: 1 }
  const forgotten: Left = { is: 'forgotten', requests: 1, connections: 1 }
  const config: Left = { is: 'waits', requests: 1, connections: 1, rests: 1 }
  const again: Left = { is: 'sent', requests: 2, connections: 1 }
  const anew: Left = { is: 'sent', requests: 2, connections: 2 }

  const ANSWERS: readonly [status: number, reason: string, left: Left][] = [
    [400, 'BadCollapseId', dropped],
    [400, 'BadExpirationDate', dropped],
    [400, 'BadMessageId', dropped],
    [400, 'BadPriority', dropped],
    [400, 'PayloadEmpty', dropped],
    [400, 'DuplicateHeaders', dropped],
    [400, 'InvalidPushType', dropped],
    [400, 'MissingDeviceToken', dropped],
    [404, 'BadPath', dropped],
    [405, 'MethodNotAllowed', dropped],
    // There is one environment here; the other is asked in “a dead token” below.
    [400, 'BadDeviceToken', forgotten],
    // A bundle id is the operator's to mend, from the first one on.
    [400, 'DeviceTokenNotForTopic', dropped],
    [410, 'Unregistered', forgotten],
    [410, 'ExpiredToken', forgotten],
    [400, 'BadTopic', config],
    [400, 'MissingTopic', config],
    [400, 'TopicDisallowed', config],
    [403, 'BadCertificate', config],
    [403, 'BadCertificateEnvironment', config],
    [403, 'Forbidden', config],
    [403, 'InvalidProviderToken', config],
    [403, 'MissingProviderToken', config],
    [403, 'UnrelatedKeyIdInToken', config],
    [403, 'BadEnvironmentKeyIdInToken', config],
    [403, 'BadEnvironmentKeyInToken', config],
    // The token is fresh, so that no other may be signed.
    [403, 'ExpiredProviderToken', { ...config, rests: 20 }],
    [429, 'TooManyProviderTokenUpdates', { ...config, rests: 20 }],
    [429, 'TooManyRequests', { is: 'waits', requests: 1, connections: 1 }],
    [413, 'PayloadTooLarge', again],
    [500, 'InternalServerError', again],
    [400, 'IdleTimeout', anew],
    [503, 'ServiceUnavailable', anew],
    [503, 'Shutdown', anew],
    [400, 'SomethingNew', dropped],
    [403, 'SomethingNew', config],
    [500, 'SomethingNew', again],
  ]

  for (const [status, reason, left] of ANSWERS)
    test(`${status} ${reason}: ${left.is}${left.rests ? ', the lane rests' : ''}`, async () => {
      const sending = dispatcher({ apns: apns() })
      const phone = await device(1)
      sim.script({ status, reason, timestamp: Date.now() + 60_000 })
      await queue(phone, 'm1')
      if (left.is === 'waits') {
        await sim.until(1)
        await until(() => resting(sending).length > 0 || store.push.waiting(0, 1)[0]?.attempts === 1)
      } else expect(await explained(1)).toEqual([left.is === 'sent' ? 'm1 sent' : `m1 ${left.is}: ${reason}`])
      expect(sim.received).toHaveLength(left.requests)
      expect(sim.connections).toBe(left.connections)
      expect(new Set(sim.received.map((r) => `${r.apnsId} ${r.collapseId}`)).size).toBe(1)
      expect(store.push.counts().queued).toBe(left.is === 'waits' ? 1 : 0)
      expect(store.push.devices.get(phone.id) === undefined).toBe(left.is === 'forgotten')
      const [rest] = resting(sending)
      expect(rest?.paused ?? undefined).toBe(left.rests === undefined ? undefined : reason)
      if (rest && left.rests)
        expect((rest.until ?? 0) - Date.now()).toBeGreaterThan(left.rests * 60_000 - 5_000)
    })

  test.each([
    [502, '<html>Bad Gateway</html>'],
    [410, 'gone'],
    [400, ''],
  ])('%p without Apple’s own words: it is tried again, and no token is deleted', async (status, rawBody) => {
    dispatcher({ apns: apns() })
    const phone = await device(1)
    sim.script({ status, rawBody })
    await queue(phone, 'm1')
    expect(await explained(1)).toEqual(['m1 sent'])
    expect(store.push.devices.get(phone.id)).toBeDefined()
  })

  test('no reason that we know is left out', () => {
    const told = new Set(ANSWERS.map(([, reason]) => reason))
    expect(Object.keys(APNS_REASONS).filter((reason) => !told.has(reason))).toEqual([])
  })
})

describe('many rows', () => {
  test('survive an overflow of the memory: all are sent, once each', async () => {
    const phone = await device(1)
    dispatcher({ apns: apns(), capacity: 10 })
    await Promise.all(Array.from({ length: 300 }, (_, i) => queue(phone, `m${i}`)))
    const all = await explained(300)
    expect(all.every((what) => what.endsWith(' sent'))).toBe(true)
    expect(sim.received).toHaveLength(300)
    expect(store.push.counts().queued).toBe(0)
  })

  test('that waited for the start are sent beside those that come during it', async () => {
    const phone = await device(1)
    await Promise.all(Array.from({ length: 1_200 }, (_, i) => queue(phone, `old${i}`)))
    dispatcher({ apns: apns() })
    await Promise.all(Array.from({ length: 50 }, (_, i) => queue(phone, `new${i}`)))
    await explained(1_250)
    expect(new Set(sim.received.map((r) => r.collapseId)).size).toBe(1_250)
    expect(sim.received).toHaveLength(1_250)
  })

  test('are not sent again when their answers cannot be recorded at once', async () => {
    const phone = await device(1)
    let broken = 1
    const failing: typeof run = (f) =>
      sim.received.length > 0 && broken-- > 0 ? Promise.reject(new Error('disk full')) : run(f)
    const clock = {
      ...systemClock,
      after: (ms: number, fn: () => void) => systemClock.after(ms === 1_000 ? 5 : ms, fn),
    }
    dispatcher({ apns: apns(), run: failing, clock })
    await queue(phone, 'm1')
    expect(await explained(1)).toEqual(['m1 sent'])
    expect(sim.received).toHaveLength(1)
  })
})

describe('a provider that fails', () => {
  test('is left in peace but for a few requests, until it is well again', async () => {
    let requests = 0
    let ill = true
    const provider: Provider = {
      name: 'apns',
      concurrency: 100,
      laneConcurrency: 100,
      ordered: false,
      replayable: false,
      lane: () => 'one',
      send: () => {
        requests++
        return Promise.resolve(ill ? { is: 'retry', reason: 'ServiceUnavailable' } : { is: 'sent' })
      },
      stop: () => Promise.resolve(),
    }
    const sending = dispatcher({ apns: provider, retry: { firstMs: 200, capMs: 200 } })
    const phone = await device(1)
    for (let i = 0; i < 10; i++) await queue(phone, `m${i}`)
    await until(() => resting(sending).length > 0)
    expect(requests).toBe(10)
    for (let i = 10; i < 60; i++) await queue(phone, `m${i}`)
    expect(requests).toBe(10)
    ill = false
    await explained(60)
    expect(requests).toBe(10 + 60)
  })
})

describe('stop', () => {
  test('waits for what is on the wire and records it; the rest stays in the table', async () => {
    const sending = dispatcher({ apns: apns() })
    const phone = await device(1)
    await queue(phone, 'm0')
    await explained(1)
    sim.script({ delayMs: 50 })
    await queue(phone, 'm1')
    await new Promise((resolve) => {
      setImmediate(resolve)
    })
    await sending.stop(2_000)
    expect(await explained(2)).toHaveLength(2)
    await queue(phone, 'm2')
    expect(store.push.counts().queued).toBe(1)
  })
})
