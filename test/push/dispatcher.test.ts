/** The whole way from a committed outbox row to Apple's answer on disk, over real HTTP/2. */
import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import type { ApnsSim } from '../../src/ops/apns-sim.ts'
import { ApnsProvider } from '../../src/push/apns-provider.ts'
import { APNS_REASONS } from '../../src/push/apns-reasons.ts'
import { Dispatcher, type DispatcherOptions } from '../../src/push/dispatcher.ts'
import type { Provider } from '../../src/push/provider.ts'
import { PushService } from '../../src/push/service.ts'
import { Webhook } from '../../src/push/webhook.ts'
import type { Account } from '../../src/store/accounts.ts'
import { systemClock, systemRandom } from '../../src/store/clock.ts'
import type { Device, Registration } from '../../src/store/devices.ts'
import type { VerdictName } from '../../src/store/push.ts'
import { openStore, type Store } from '../../src/store/store.ts'
import { FakeClock } from '../support/clock.ts'
import { deviceToken, keyApp, QUICK, senderTo, startApple, TOPIC } from '../support/apns.ts'

const keys = {
  salt: Buffer.alloc(16),
  iterations: 4096,
  storedKey: Buffer.alloc(32),
  serverKey: Buffer.alloc(32),
}
const RETRY = { firstMs: 20, capMs: 50 }

let store: Store
let sim: ApnsSim
let juliet: Account
let open: (() => unknown)[]

beforeEach(async () => {
  open = []
  store = openStore(':memory:', { flushed() {}, fatal() {} })
  sim = await startApple()
  open.push(() => sim.close())
  const made = await run(() =>
    store.accounts.create('juliet@bix.org', 'bix.org', { 'SHA-1': keys, 'SHA-256': keys }, 0),
  )
  if (!made) throw new Error('not made')
  juliet = made
})

afterEach(async () => {
  for (const close of open.reverse()) await close()
  store.close()
})

/** What the router's door does. */
function run<T>(f: () => T): Promise<T> {
  return new Promise((resolve, reject) => {
    try {
      store.turn.trip(() => {
        const result = f()
        store.turn.after(() => resolve(result))
      }, reject)
    } catch (error) {
      reject(error instanceof Error ? error : new Error(String(error)))
    }
  })
}

function dispatcher(options: Partial<DispatcherOptions> = {}): Dispatcher {
  const made = new Dispatcher({
    push: store.push,
    unread: store.unread,
    run,
    clock: systemClock,
    random: systemRandom,
    retry: RETRY,
    ...options,
  })
  open.push(() => made.stop(1_000))
  made.start()
  return made
}

const apns = (options: Parameters<typeof senderTo>[1] = {}): Provider =>
  new ApnsProvider({
    sender: senderTo(sim, options),
    style: () => ({ body: 'full' }),
    clock: systemClock,
    bytes: (n) => systemRandom.bytes(n),
  })

const device = (n: number, more: Partial<Registration> = {}): Promise<Device> =>
  run(() =>
    store.push.devices.enable(
      juliet.id,
      { topic: TOPIC, assumed: 'production', token: deviceToken(n), ...more },
      Date.now(),
      10_000,
    ),
  )

function queue(
  to: Device | undefined,
  messageId: string,
  { ttl = 3_600_000, badge = 1 }: { ttl?: number; badge?: number } = {},
): Promise<void> {
  const now = Date.now()
  const text = { sender: 'romeo@bix.org', title: 'Romeo', body: `message ${messageId}`, badge }
  return run(() =>
    store.push.queue({
      account: juliet,
      device: to,
      messageId,
      collapseId: messageId,
      kind: 'body',
      ...text,
      now,
      expiresAt: now + ttl,
    }),
  )
}

/** The first verdicts that are recorded, once there are `n`. */
async function verdicts(
  n: number,
): Promise<{ verdict: VerdictName; reason: string | null; messageId: string }[]> {
  await until(() => store.push.explain(juliet.id, 10_000).length >= n)
  const all = store.push.explain(juliet.id, 10_000)
  return all.map(({ verdict, reason, messageId }) => ({ verdict, reason, messageId })).reverse()
}

/** Looks once per turn of the loop. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition())
    await new Promise((resolve) => {
      setImmediate(resolve)
    })
}

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
    const phone = await device(1, { voipToken: VOIP })
    // Nobody listens yet: it is read from the table.
    await rings(phone)
    dispatcher({ apns: apns() })
    expect(await verdicts(1)).toMatchObject([{ verdict: 'sent' }])
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
    const phone = await device(1, { voipToken: VOIP })
    sim.script({ token: VOIP, status: 410, reason: 'Unregistered', timestamp: Date.now() + 1_000 })
    await rings(phone)
    expect(await verdicts(1)).toMatchObject([{ verdict: 'sent' }])
    expect(sim.received.map(({ token }) => token)).toEqual([VOIP, phone.token])
    expect(sim.received[1]?.payload).toMatchObject({ aps: { 'interruption-level': 'time-sensitive' } })
    expect(store.push.devices.get(phone.id)).toMatchObject({ token: phone.token, voipToken: null })
  })

  test('a 410 that is older than the registration forgets no token for calls', async () => {
    dispatcher({ apns: apns() })
    const phone = await device(1, { voipToken: VOIP })
    sim.script({ token: VOIP, status: 410, reason: 'Unregistered', timestamp: Date.now() - 60_000 })
    await rings(phone)
    expect(await verdicts(1)).toMatchObject([{ verdict: 'sent' }])
    expect(store.push.devices.get(phone.id)).toMatchObject({ voipToken: VOIP })
  })

  test('whose topic Apple refuses rings as an alert, and nothing else rests for it', async () => {
    const made = dispatcher({ apns: apns() })
    const phone = await device(1, { voipToken: VOIP })
    sim.script({ token: VOIP, status: 400, reason: 'TopicDisallowed' })
    await rings(phone)
    expect(await verdicts(1)).toMatchObject([{ verdict: 'sent' }])
    expect(sim.received.map(({ token }) => token)).toEqual([VOIP, phone.token])
    expect(made.paused()).toEqual([])
    expect(store.push.devices.get(phone.id)).toMatchObject({ voipToken: VOIP })
  })

  test('whose token is for another topic again and again says nothing of the app’s own topic', async () => {
    const made = dispatcher({ apns: apns() })
    const phones = await Promise.all(
      Array.from({ length: 8 }, (_, i) => device(i + 1, { voipToken: `e${i}`.repeat(32) })),
    )
    for (const [i, phone] of phones.entries()) {
      sim.script({ token: `e${i}`.repeat(32), status: 400, reason: 'DeviceTokenNotForTopic' })
      await rings(phone)
      await verdicts(i + 1)
    }
    expect(made.paused()).toEqual([])
    sim.script({ token: deviceToken(1), status: 400, reason: 'DeviceTokenNotForTopic' })
    const [first] = phones
    if (!first) throw new Error('no phone')
    await queue(first, 'm9')
    expect((await verdicts(9)).at(-1)).toMatchObject({ verdict: 'forgotten' })
  })

  test('that has rung out is not told any more', async () => {
    dispatcher({ apns: apns() })
    await rings(await device(1, { voipToken: VOIP }), Date.now() - 61_000)
    expect(await verdicts(1)).toMatchObject([{ verdict: 'dropped', reason: 'CallOver' }])
    expect(sim.received).toEqual([])
  })
})

describe('a row', () => {
  test('is sent after its commit and becomes a verdict', async () => {
    dispatcher({ apns: apns() })
    const phone = await device(1)
    await queue(phone, 'm1')
    expect(await verdicts(1)).toEqual([{ verdict: 'sent', reason: null, messageId: 'm1' }])
    expect(sim.received[0]).toMatchObject({ token: phone.token, collapseId: 'm1' })
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
    await verdicts(1)
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
    await verdicts(1)
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
    expect(await verdicts(1)).toMatchObject([{ verdict: 'sent' }])
    expect(sim.received).toHaveLength(5)
    expect(new Set(sim.received.map((r) => `${r.apnsId} ${r.collapseId}`)).size).toBe(1)
  })

  test('is given up when it expires', async () => {
    dispatcher({ apns: apns() })
    sim.script({ status: 500, reason: 'InternalServerError', times: 1_000 })
    await queue(await device(1), 'm1', { ttl: 150 })
    expect(await verdicts(1)).toEqual([{ verdict: 'dropped', reason: 'Expired', messageId: 'm1' }])
  })

  test('to a device that was removed meanwhile is not sent', async () => {
    dispatcher({ apns: apns() })
    sim.script({ status: 500, reason: 'InternalServerError' })
    const phone = await device(1)
    await queue(phone, 'm1')
    await sim.until(1)
    await run(() => store.push.devices.delete(phone.id))
    await queue(await device(2), 'm2')
    expect((await verdicts(2)).map(({ verdict, messageId }) => `${messageId} ${verdict}`)).toEqual([
      'm1 dropped',
      'm2 sent',
    ])
    expect(store.push.counts().queued).toBe(0)
    expect(sim.received.map((r) => r.collapseId)).toEqual(['m1', 'm2'])
  })

  test('without a configured app is dropped with that reason', async () => {
    dispatcher()
    await queue(await device(1), 'm1')
    expect(await verdicts(1)).toMatchObject([{ verdict: 'dropped', reason: 'NotConfigured' }])
  })

  test('that is too large for Apple is sent once more without its text', async () => {
    dispatcher({ apns: apns() })
    sim.script({ status: 413, reason: 'PayloadTooLarge' })
    await queue(await device(1), 'm1')
    expect(await verdicts(1)).toMatchObject([{ verdict: 'sent' }])
    expect(sim.received[1]?.payload).toMatchObject({ aps: { alert: { body: 'New message' } } })
  })
})

/** field/push A4, written down once more: what must be true after each answer, whatever our own table says. */
describe('each of Apple’s answers leaves behind', () => {
  interface Left {
    /** The verdict; 'waits' where the push is kept. */
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
    [400, 'DeviceTokenNotForTopic', forgotten],
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
        await until(() => sending.paused().length > 0 || store.push.waiting(0, 1)[0]?.attempts === 1)
      } else expect(await verdicts(1)).toMatchObject([{ verdict: left.is, messageId: 'm1' }])
      expect(sim.received).toHaveLength(left.requests)
      expect(sim.connections).toBe(left.connections)
      expect(new Set(sim.received.map((r) => `${r.apnsId} ${r.collapseId}`)).size).toBe(1)
      expect(store.push.counts().queued).toBe(left.is === 'waits' ? 1 : 0)
      expect(store.push.devices.get(phone.id) === undefined).toBe(left.is === 'forgotten')
      const [rest] = sending.paused()
      expect(rest?.reason).toBe(left.rests === undefined ? undefined : reason)
      if (rest && left.rests) expect(rest.until - Date.now()).toBeGreaterThan(left.rests * 60_000 - 5_000)
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
    expect(await verdicts(1)).toMatchObject([{ verdict: 'sent' }])
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
    const all = await verdicts(300)
    expect(all.every((v) => v.verdict === 'sent')).toBe(true)
    expect(sim.received).toHaveLength(300)
    expect(store.push.counts().queued).toBe(0)
  })

  test('that waited for the start are sent beside those that come during it', async () => {
    const phone = await device(1)
    await Promise.all(Array.from({ length: 1_200 }, (_, i) => queue(phone, `old${i}`)))
    dispatcher({ apns: apns() })
    await Promise.all(Array.from({ length: 50 }, (_, i) => queue(phone, `new${i}`)))
    await verdicts(1_250)
    expect(new Set(sim.received.map((r) => r.collapseId)).size).toBe(1_250)
    expect(sim.received).toHaveLength(1_250)
  })

  test('are not sent again when their answers cannot be recorded at once', async () => {
    const phone = await device(1)
    let broken = 1
    const failing = <T>(f: () => T): Promise<T> =>
      sim.received.length > 0 && broken-- > 0 ? Promise.reject(new Error('disk full')) : run(f)
    const clock = {
      ...systemClock,
      after: (ms: number, fn: () => void) => systemClock.after(ms === 1_000 ? 5 : ms, fn),
    }
    dispatcher({ apns: apns(), run: failing, clock })
    await queue(phone, 'm1')
    expect(await verdicts(1)).toMatchObject([{ verdict: 'sent' }])
    expect(sim.received).toHaveLength(1)
  })
})

describe('a dead token', () => {
  test('is deleted when Apple knew it to be dead after it was registered', async () => {
    dispatcher({ apns: apns() })
    const phone = await device(1)
    sim.script({ status: 410, reason: 'Unregistered', timestamp: Date.now() + 1_000 })
    await queue(phone, 'm1')
    expect(await verdicts(1)).toMatchObject([{ verdict: 'forgotten', reason: 'Unregistered' }])
    expect(store.push.devices.get(phone.id)).toBeUndefined()
  })

  test('stays when the app registered again since', async () => {
    dispatcher({ apns: apns() })
    const phone = await device(1)
    sim.script({ status: 410, reason: 'Unregistered', timestamp: Date.now() - 3_600_000 })
    await queue(phone, 'm1')
    expect(await verdicts(1)).toMatchObject([{ verdict: 'dropped', reason: 'Unregistered' }])
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
    expect(await verdicts(1)).toMatchObject([{ verdict: 'sent' }])
    expect(store.push.devices.get(phone.id)?.environment).toBe('sandbox')
    await queue(store.push.devices.get(phone.id), 'm2')
    await verdicts(2)
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
    await verdicts(1)
    await queue(await device(2, { environment: 'production' }), 'm2')
    expect(await verdicts(2)).toMatchObject([{ verdict: 'forgotten' }, { verdict: 'forgotten' }])
    expect(store.push.devices.count()).toBe(0)
    expect(sandbox.received).toHaveLength(1)
  })

  test('for this topic en masse is the operator’s fault: deleting stops', async () => {
    const sending = dispatcher({ apns: apns() })
    sim.script({ reason: 'DeviceTokenNotForTopic', times: 1_000 })
    for (let i = 0; i < 20; i++) await queue(await device(i), `m${i}`)
    await verdicts(4)
    await until(() => sending.paused().length > 0)
    expect(store.push.devices.count()).toBe(16)
    expect(sending.paused()[0]?.reason).toBe('DeviceTokenNotForTopic')
  })
})

describe('a fault of the configuration', () => {
  test('pauses its lane, keeps rows and tokens, and all goes on once it is mended', async () => {
    const sending = dispatcher({ apns: apns() })
    sim.script({ status: 403, reason: 'InvalidProviderToken', times: 1 })
    const phone = await device(1)
    for (let i = 0; i < 5; i++) await queue(phone, `m${i}`)
    await until(() => sending.paused().length > 0)
    expect(store.push.counts().queued).toBe(5)
    expect(store.push.devices.count()).toBe(1)
    expect(sim.received).toHaveLength(1)
    sending.resume()
    await verdicts(5)
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
    await until(() => sending.paused().length > 0)
    await queue(await device(2, { topic: OTHER }), 'm2')
    await until(() => sending.paused().length === 2)
    expect(sending.paused().map(({ reason }) => reason)).toEqual([
      'InvalidProviderToken',
      'InvalidProviderToken',
    ])
    expect(sim.received).toHaveLength(1)
    sending.resume()
    await verdicts(2)
    expect(sim.received.filter((r) => r.status === 200)).toHaveLength(2)
  })

  test('a topic that is refused rests alone', async () => {
    const sending = dispatcher({ apns: apns({ apps: both() }) })
    sim.script({ token: deviceToken(1), status: 400, reason: 'TopicDisallowed', times: 1 })
    await queue(await device(1), 'm1')
    await until(() => sending.paused().length > 0)
    await queue(await device(2, { topic: OTHER }), 'm2')
    expect(await verdicts(1)).toMatchObject([{ messageId: 'm2', verdict: 'sent' }])
    expect(sending.paused()).toHaveLength(1)
    expect(sending.lanes().find(({ paused }) => paused !== null)?.paused).toBe('TopicDisallowed')
  })

  test('sandbox goes on while production rests', async () => {
    const sandbox = await startApple()
    open.push(() => sandbox.close())
    const apps = [keyApp(sim.url, sim.ca), keyApp(sandbox.url, sandbox.ca, { environment: 'sandbox' })]
    const sending = dispatcher({ apns: apns({ apps }) })
    sim.script({ status: 403, reason: 'Forbidden', times: 1 })
    await queue(await device(1), 'm1')
    await until(() => sending.paused().length > 0)
    await queue(await device(2, { environment: 'sandbox' }), 'm2')
    expect(await verdicts(1)).toMatchObject([{ messageId: 'm2', verdict: 'sent' }])
  })
})

test('case 72: a device that is removed while its push waits is not rung', async () => {
  let later = 0
  const clock = { ...systemClock, now: () => Date.now() + later }
  const sending = dispatcher({ apns: apns(), clock })
  sim.script({ status: 403, reason: 'Forbidden', times: 1 })
  const phone = await device(1)
  await queue(phone, 'm1')
  await until(() => sending.paused().length > 0)
  await run(() => store.push.devices.delete(phone.id))
  later = 60_000
  sending.resume()
  await queue(await device(2), 'm2')
  expect(await verdicts(2)).toMatchObject([
    { messageId: 'm1', verdict: 'dropped', reason: 'DeviceGone' },
    { messageId: 'm2', verdict: 'sent' },
  ])
  expect(sim.received.filter((r) => r.status === 200).map(({ token }) => token)).toEqual([deviceToken(2)])
})

/** Apple refuses the first push, m1, and its lane rests until it is told to go on. */
async function rests() {
  const sending = dispatcher({ apns: apns() })
  sim.script({ status: 403, reason: 'InvalidProviderToken', times: 1 })
  const phone = await device(1)
  await queue(phone, 'm1')
  await until(() => sending.paused().length > 0)
  return { sending, phone }
}

/** A door whose trips are done at once and are heard of when the gate opens. */
function gated() {
  const gate = Promise.withResolvers<void>()
  const late = async <T>(f: () => T): Promise<T> => {
    const result = await run(f)
    await gate.promise
    return result
  }
  return { late, gate }
}

describe('a row that is taken back', () => {
  /** Deletes it as the store does, unless it is too late. */
  const takeBack = (messageId: string) =>
    run(() => store.held.waitingAbout(juliet.id, messageId).map((row) => store.held.drop(row)))

  test('is not sent when its lane goes on, and leaves no word on the device', async () => {
    const { sending, phone } = await rests()
    for (const id of ['m2', 'm3']) await queue(phone, id)
    expect(await takeBack('m2')).toEqual([true])
    sending.resume()
    await verdicts(2)
    await until(() => sending.size === 0)
    expect(sim.received.filter(({ status }) => status === 200).map((r) => r.collapseId)).toEqual(['m1', 'm3'])
    expect(store.push.devices.get(phone.id)?.lastReason).toBeNull()
  })

  test('stays where it is on the wire already', async () => {
    dispatcher({ apns: apns() })
    sim.script({ delayMs: 50 })
    await queue(await device(1), 'm1')
    await sim.until(1)
    expect(await takeBack('m1')).toEqual([false])
    expect(await verdicts(1)).toMatchObject([{ verdict: 'sent', messageId: 'm1' }])
  })

  test('is not sent either where the page of the table that is on its way still shows it', async () => {
    const phone = await device(1)
    for (const id of ['m1', 'm2']) await queue(phone, id)
    const { late, gate } = gated()
    const sending = dispatcher({ apns: apns(), run: late })
    // The page is read at once, before anything else.
    await run(() => undefined)
    expect(await takeBack('m1')).toEqual([true])
    gate.resolve()
    await verdicts(1)
    await until(() => sending.size === 0)
    expect(sim.received.map((r) => r.collapseId)).toEqual(['m2'])
  })

  test('is one whose device was removed a moment ago, but not where that trip has failed', async () => {
    const { sending, phone } = await rests()
    const { token } = phone
    await queue(await device(2), 'm2')
    const failed = run(() => {
      for (const each of store.push.devices.of(juliet.id)) store.push.devices.delete(each.id)
      throw new Error('thought better of it')
    })
    expect(await failed.catch(String)).toContain('better')
    await run(() => store.push.devices.disable(juliet.id, { token }))
    sending.resume()
    await verdicts(2)
    await until(() => sending.size === 0)
    expect(sim.received.filter(({ status }) => status === 200).map((r) => r.collapseId)).toEqual(['m2'])
  })

  test('is sent all the same when the trip that took it back has failed', async () => {
    const { sending } = await rests()
    const failed = run(() => {
      for (const row of store.held.waitingAbout(juliet.id, 'm1')) store.held.drop(row)
      throw new Error('thought better of it')
    })
    expect(await failed.catch(String)).toContain('better')
    sending.resume()
    expect(await verdicts(1)).toMatchObject([{ verdict: 'sent', messageId: 'm1' }])
  })
})

describe('a row whose words change', () => {
  const reword = (messageId: string, body: string) =>
    run(() => {
      for (const row of store.held.waitingAbout(juliet.id, messageId))
        store.held.reword(row, { kind: 'body', body })
    })
  const bodies = () =>
    sim.received
      .filter(({ status }) => status === 200)
      .map(({ payload }) => (payload as { aps: { alert: { body: string } } }).aps.alert.body)

  test('is sent with the new ones when its lane goes on, in its place and under its ids', async () => {
    const { sending, phone } = await rests()
    for (const id of ['m2', 'm3']) await queue(phone, id)
    const before = store.push.waiting(0, 10).map(({ apnsId }) => apnsId)
    await reword('m2', 'in other words')
    sending.resume()
    await verdicts(3)
    expect(bodies()).toEqual(['message m1', 'in other words', 'message m3'])
    expect(sim.received.slice(1).map(({ apnsId }) => apnsId)).toEqual(before)
  })

  test('says them at its next try where it is on the wire already', async () => {
    dispatcher({ apns: apns() })
    sim.script({ delayMs: 50, status: 500, reason: 'InternalServerError' })
    await queue(await device(1), 'm1')
    await sim.until(1)
    await reword('m1', 'in other words')
    await verdicts(1)
    expect(bodies()).toEqual(['in other words'])
    expect(new Set(sim.received.map(({ apnsId }) => apnsId)).size).toBe(1)
  })

  test('is not sent with the old ones by a page of the table that is on its way', async () => {
    await queue(await device(1), 'm1')
    const { late, gate } = gated()
    dispatcher({ apns: apns(), run: late })
    await run(() => undefined)
    await reword('m1', 'in other words')
    gate.resolve()
    await verdicts(1)
    expect(bodies()).toEqual(['in other words'])
  })

  test('keeps the old ones when the trip that changed it has failed', async () => {
    const { sending } = await rests()
    const failed = run(() => {
      for (const row of store.held.waitingAbout(juliet.id, 'm1'))
        store.held.reword(row, { kind: 'body', body: 'in other words' })
      throw new Error('thought better of it')
    })
    expect(await failed.catch(String)).toContain('better')
    sending.resume()
    await verdicts(1)
    expect(bodies()).toEqual(['message m1'])
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
    await until(() => sending.paused().length > 0)
    expect(requests).toBe(10)
    for (let i = 10; i < 60; i++) await queue(phone, `m${i}`)
    expect(requests).toBe(10)
    ill = false
    await verdicts(60)
    expect(requests).toBe(10 + 60)
  })
})

test('a push that comes late says the number of now, in whatever order such pushes come', async () => {
  const badges: (number | null)[] = []
  let ill = true
  const apns: Provider = {
    name: 'apns',
    concurrency: 100,
    laneConcurrency: 100,
    ordered: false,
    replayable: false,
    lane: () => 'one',
    send: ({ badge }) => {
      if (ill) return Promise.resolve({ is: 'retry', reason: 'NoAnswer' })
      badges.push(badge)
      return Promise.resolve({ is: 'sent' })
    },
    stop: () => Promise.resolve(),
  }
  const phone = await device(1)
  const unread = (id: number, peer: string) =>
    run(() => {
      store.unread.add(juliet.id, { id, peer, ref: undefined }, 100)
      const badge = store.unread.count(juliet.id)
      store.unread.tell(phone.id, badge)
      return badge
    })
  for (const [i, peer] of ['romeo@bix.org', 'nurse@bix.org', 'nurse@bix.org'].entries())
    await queue(phone, `m${i}`, { badge: await unread(i + 1, peer) })
  const sending = dispatcher({ apns })
  await until(() => store.push.waiting(0, 10).every(({ attempts }) => attempts > 0))
  // She has read what romeo wrote; the number is told by a push of its own, which may come first.
  await run(() => {
    store.unread.read(juliet.id, 'romeo@bix.org', 1)
    store.unread.tell(phone.id, 2)
  })
  ill = false
  await verdicts(3)
  expect(badges).toEqual([2, 2, 2])
  await sending.stop(0)
})

describe('429 TooManyRequests', () => {
  test('delays that device alone', async () => {
    const clock = {
      ...systemClock,
      after: (ms: number, fn: () => void) => systemClock.after(ms > 25_000 ? 100 : ms, fn),
    }
    dispatcher({ apns: apns(), clock: { ...clock } })
    const [busy, other] = [await device(1), await device(2)]
    sim.script({ token: busy.token, status: 429, reason: 'TooManyRequests' })
    await queue(busy, 'm1')
    await until(() => store.push.waiting(0, 1)[0]?.attempts === 1)
    await queue(busy, 'm2')
    await queue(other, 'm3')
    await until(() => sim.received.length === 2)
    expect(sim.received.map((r) => r.collapseId)).toEqual(['m1', 'm3'])
    expect(await verdicts(2)).toContainEqual({ verdict: 'sent', reason: null, messageId: 'm3' })
    expect(store.push.counts().queued).toBe(1)
  })
})

describe('429 TooManyRequests: what waits for that phone', () => {
  /** Long waits end when the test says so. */
  function patience() {
    let later = 0
    let waits: (() => void)[] = []
    const clock = {
      ...systemClock,
      now: () => Date.now() + later,
      after(ms: number, fn: () => void) {
        if (ms < 20_000) return systemClock.after(ms, fn)
        waits.push(fn)
        return () => void (waits = waits.filter((other) => other !== fn))
      },
    }
    const pass = (): void => {
      later += 60_000
      for (const fn of waits.splice(0)) fn()
    }
    return { clock, pass }
  }

  const from = (sender: string, to: Device, messageId: string, kind = 'body') =>
    run(() => {
      const now = Date.now()
      const what = { account: juliet, device: to, messageId, collapseId: messageId, kind, sender, now }
      store.push.queue({ ...what, badge: Number(messageId.slice(1)), expiresAt: now + 3_600_000 })
    })

  const attempts = (messageId: string) =>
    store.push.waiting(0, 10).find((row) => row.messageId === messageId)?.attempts

  test('is one ring per chat, the last, under the chat’s id; the others say into which they went', async () => {
    const { clock, pass } = patience()
    dispatcher({ apns: apns(), clock })
    const phone = await device(1)
    sim.script({ token: phone.token, status: 429, reason: 'TooManyRequests' })
    await from('romeo@bix.org', phone, 'm1')
    await until(() => store.push.waiting(0, 1)[0]?.attempts === 1)
    for (const id of ['m2', 'm3']) await from('romeo@bix.org', phone, id)
    await from('nurse@bix.org', phone, 'm4')
    expect(await verdicts(2)).toMatchObject([
      { verdict: 'coalesced', messageId: 'm1' },
      { verdict: 'coalesced', messageId: 'm2', reason: 'into m3' },
    ])
    // On disk as well: a crash does not bring the others back.
    const rows = store.push.waiting(0, 10)
    expect(rows.map(({ messageId }) => messageId)).toEqual(['m3', 'm4'])
    expect(rows[0]?.collapseId).toMatch(/^chat-/)
    expect(rows[1]?.collapseId).toBe('m4')
    pass()
    await verdicts(4)
    const rung = sim.received.filter(({ status }) => status === 200)
    expect(rung.map((r) => r.collapseId)).toEqual([rows[0]?.collapseId ?? '', 'm4'])
    expect(rung.map((r) => r.headers['apns-priority'])).toEqual(['10', '10'])
  })

  test('is not merged into one that is taken back', async () => {
    const { clock, pass } = patience()
    dispatcher({ apns: apns(), clock })
    const phone = await device(1)
    await from('romeo@bix.org', phone, 'm1')
    await verdicts(1)
    const busy = { token: phone.token, status: 429, reason: 'TooManyRequests' }
    sim.script({ ...busy, delayMs: 50 }, busy)
    for (const id of ['m2', 'm3']) await from('romeo@bix.org', phone, id)
    await until(() => attempts('m3') === 1)
    await run(() => store.held.waitingAbout(juliet.id, 'm3').map((row) => store.held.drop(row)))
    expect(attempts('m2')).toBe(0)
    await until(() => attempts('m2') === 1)
    pass()
    expect(await verdicts(2)).toMatchObject([{ messageId: 'm1' }, { messageId: 'm2', verdict: 'sent' }])
  })

  test('is not merged across kinds: a number, an update and a call keep their own', async () => {
    const { clock, pass } = patience()
    dispatcher({ apns: apns(), clock })
    const phone = await device(1)
    sim.script({ token: phone.token, status: 429, reason: 'TooManyRequests' })
    await from('romeo@bix.org', phone, 'm1')
    await until(() => store.push.waiting(0, 1)[0]?.attempts === 1)
    await from('romeo@bix.org', phone, 'm2', 'reaction')
    await from('juliet@bix.org', phone, 'm3', 'badge')
    await from('juliet@bix.org', phone, 'm4', 'badge')
    const call = { sid: 'c1', from: 'romeo@bix.org/orchard', media: ['audio'] }
    for (const id of ['m5', 'm6'])
      await run(() => {
        const now = Date.now() + 120_000
        const what = {
          account: juliet,
          device: phone,
          messageId: id,
          collapseId: id,
          kind: 'call',
          call,
          now,
        }
        store.push.queue({ ...what, sender: 'romeo@bix.org', expiresAt: now + 3_600_000 })
      })
    expect(await verdicts(1)).toMatchObject([{ verdict: 'coalesced', messageId: 'm3', reason: 'into m4' }])
    pass()
    await verdicts(6)
    const rung = sim.received.filter(({ status }) => status === 200)
    expect(rung).toHaveLength(5)
  })
})

describe('stop', () => {
  test('waits for what is on the wire and records it; the rest stays in the table', async () => {
    const sending = dispatcher({ apns: apns() })
    const phone = await device(1)
    await queue(phone, 'm0')
    await verdicts(1)
    sim.script({ delayMs: 50 })
    await queue(phone, 'm1')
    await new Promise((resolve) => {
      setImmediate(resolve)
    })
    await sending.stop(2_000)
    expect(await verdicts(2)).toHaveLength(2)
    await queue(phone, 'm2')
    expect(store.push.counts().queued).toBe(1)
  })
})

describe('the webhook', () => {
  /** Refuses each message as often as told before it takes it. */
  function server(answer: (body: string, tries: number) => number): { provider: Provider; taken: string[] } {
    const tries = new Map<string, number>()
    const taken: string[] = []
    const http = Bun.serve({
      port: 0,
      hostname: '127.0.0.1',
      fetch: async (request) => {
        const { stanza_id: id } = (await request.json()) as { stanza_id: string }
        const seen = (tries.get(id) ?? 0) + 1
        tries.set(id, seen)
        const status = answer(id, seen)
        if (status === 200) taken.push(id)
        return new Response('', { status })
      },
    })
    open.push(() => http.stop(true))
    const url = `http://127.0.0.1:${http.port}/`
    const provider = new Webhook({
      url,
      format: 'json',
      allowPrivate: true,
      timeoutMs: 2_000,
      clock: systemClock,
    })
    return { provider, taken }
  }

  test('gets the messages of one account in order, whatever fails between', async () => {
    const { provider, taken } = server((_id, tries) => (tries < 3 ? 503 : 200))
    dispatcher({ webhook: provider })
    const ids = ['m1', 'm2', 'm3', 'm4']
    for (const id of ids) await queue(undefined, id)
    expect(await verdicts(4)).toMatchObject(ids.map((messageId) => ({ verdict: 'sent', messageId })))
    expect(taken).toEqual(ids)
  })

  test('keeps what was refused for good or has expired, and goes on with the next', async () => {
    const { provider, taken } = server((id) => ({ m1: 404, m2: 503 })[id] ?? 200)
    dispatcher({ webhook: provider })
    await queue(undefined, 'm1')
    await queue(undefined, 'm2', { ttl: 100 })
    await queue(undefined, 'm3')
    expect(await verdicts(3)).toEqual([
      { verdict: 'dropped', reason: 'status 404', messageId: 'm1' },
      { verdict: 'dropped', reason: 'Expired', messageId: 'm2' },
      { verdict: 'sent', reason: null, messageId: 'm3' },
    ])
    expect(taken).toEqual(['m3'])
    expect(store.push.counts()).toEqual({ queued: 0, held: 0, dead: 2 })
  })
})

test('events of an account are told in order with its messages, given up ones are kept and told by a replay', async () => {
  let open = false
  const taken: string[] = []
  const http = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    fetch: async (request) => {
      const { event, stanza_id } = (await request.json()) as { event: string; stanza_id?: string }
      if (event === 'account.enabled' && !open) return new Response('', { status: 410 })
      if (event === 'account.disabled' && !open && taken.length === 1) {
        open = true
        return new Response('', { status: 503 })
      }
      taken.push(stanza_id ?? event)
      return new Response('')
    },
  })
  const provider = new Webhook({
    url: `http://127.0.0.1:${http.port}/`,
    format: 'json',
    allowPrivate: true,
    timeoutMs: 2_000,
    clock: systemClock,
  })
  store.events.terms = () => ({
    names: ['account.enabled', 'account.disabled', 'account.deleted'],
    keep: 60_000,
    most: 0,
  })
  dispatcher({ webhook: provider })
  await run(() => store.events.tell('account.enabled', juliet.id))
  await queue(undefined, 'm1')
  await run(() => store.accounts.setDisabled(juliet, true))
  await run(() => store.accounts.delete(juliet))
  await until(() => taken.length === 3)
  expect(taken).toEqual(['m1', 'account.disabled', 'account.deleted'])
  await until(() => store.push.counts().queued === 0)
  expect(store.push.counts()).toEqual({ queued: 0, held: 0, dead: 1 })
  expect(store.pushReports.dead(0, 10)).toMatchObject([{ kind: 'account.enabled', jid: 'juliet@bix.org' }])
  await run(() => store.deadLetters.replay(10, Date.now(), Date.now() + 60_000))
  await until(() => taken.length === 4)
  expect(taken[3]).toBe('account.enabled')
  await http.stop(true)
})

test('a webhook at a private address is tried for one account, and rests for all', async () => {
  let asked = 0
  const webhook = new Webhook({
    url: 'http://hook.example/',
    format: 'json',
    allowPrivate: false,
    timeoutMs: 1_000,
    clock: systemClock,
    resolve: () => {
      asked++
      return Promise.resolve(['10.0.0.1'])
    },
  })
  const sending = dispatcher({ webhook })
  await queue(undefined, 'm1')
  await until(() => sending.paused().length === 1)
  const romeo = await run(() =>
    store.accounts.create('romeo@bix.org', 'bix.org', { 'SHA-1': keys, 'SHA-256': keys }, 0),
  )
  if (!romeo) throw new Error('not made')
  juliet = romeo
  await queue(undefined, 'm2')
  await until(() => sending.paused().length === 2)
  expect(asked).toBe(1)
})

describe('the service', () => {
  test('names the file that is missing', () => {
    const { push, unread } = store
    const options = { push, unread, run, clock: systemClock, random: systemRandom }
    const off = { format: 'json', allow_private: false } as const
    const app = { topic: TOPIC, environment: 'production', body: 'none' } as const
    const key = { team_id: 'T', key_id: 'K', key_file: '/nonexistent/AuthKey.p8' }
    expect(() => new PushService({ ...options, apps: [{ ...app, ...key }], webhook: off })).toThrow(
      /push app org\.example\.chat: \/nonexistent\/AuthKey\.p8/,
    )
    const hook = { ...off, url: 'https://hook.example/', secret_file: '/nonexistent/secret' }
    expect(() => new PushService({ ...options, apps: [], webhook: hook })).toThrow(/\/nonexistent\/secret/)
  })

  test('forgets verdicts and dead rows that are older than push.keep_verdicts, the rest stays', async () => {
    const DAY = 86_400_000
    const clock = new FakeClock()
    const at = (daysAgo: number) => clock.now() - daysAgo * DAY
    await run(() => {
      for (const daysAgo of [15, 13])
        store.push.record({
          account: juliet.id,
          device: undefined,
          messageId: `${daysAgo} days`,
          verdict: 'sent',
          rule: 'body',
          at: at(daysAgo),
        })
    })
    await queue(undefined, 'dead')
    const [job] = store.push.waiting(0, 1)
    await run(() => job && store.push.bury(job, 'body', 'status 404', at(13)))
    store.db.raw.run('UPDATE outbox SET created_at = ?', [at(15)])
    const service = new PushService({
      push: store.push,
      unread: store.unread,
      run,
      clock,
      random: systemRandom,
      apps: [],
      webhook: { format: 'json', allow_private: false },
      keepMs: 14 * DAY,
    })
    service.start()
    open.push(() => service.stop(0))
    clock.advance(60_000)
    await until(() => store.push.counts().dead === 0)
    expect(store.push.explain(juliet.id, 10).map(({ messageId }) => messageId)).toEqual(['dead', '13 days'])
  })

  test('pushes any topic to the simulator, and keeps its provider token', async () => {
    const plain = await startApple({ publicKey: undefined, teamId: undefined, keyId: undefined })
    open.push(() => plain.close())
    const service = new PushService({
      push: store.push,
      unread: store.unread,
      run,
      clock: systemClock,
      random: systemRandom,
      apps: [],
      simulator: plain,
      webhook: { format: 'json', allow_private: false },
      times: QUICK,
    })
    service.start()
    open.push(() => service.stop(100))
    await queue(await device(1, { topic: 'com.whatever.app' }), 'm1')
    await verdicts(1)
    expect(plain.received[0]).toMatchObject({ topic: 'com.whatever.app', status: 200 })
    expect(store.push.tokens.get('SIMULATOR0', 'SIMULATOR0')).toBeDefined()
  })
})
