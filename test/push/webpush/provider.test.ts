/** The whole way from a row of the outbox to what a browser reads, and every answer of a push service. */
import { describe, expect, test } from 'bun:test'
import { systemClock } from '../../../src/store/clock.ts'
import { account, dispatcher, explained, open, outbox, queue, resting, run, store, until } from '../outbox.ts'
import { browser, KEY, providerTo, service } from './support.ts'

outbox()

describe('a push', () => {
  test('is opened by the browser: a notice that a worker shows, and that Safari shows without one', async () => {
    const sim = await service()
    dispatcher({ providers: { webpush: providerTo(sim) } })
    await queue(await browser(sim.subscribe()), 'm1', { badge: 3 })
    expect(await explained(1)).toEqual(['m1 sent'])
    const [push] = sim.received
    expect(push?.payload).toMatchObject({
      web_push: 8030,
      notification: {
        title: 'Romeo',
        body: 'message m1',
        navigate: 'https://bix.org/',
        tag: 'm1',
        app_badge: '3',
        data: { account: 'juliet@bix.org', from: 'romeo@bix.org', 'stanza-id': 'm1', kind: 'body' },
      },
      mutable: true,
    })
    expect(push?.headers).toMatchObject({
      'content-encoding': 'aes128gcm',
      'content-type': 'application/notification+json',
      urgency: 'high',
    })
    expect(Number(push?.headers.ttl)).toBeGreaterThan(3_500)
    expect(push?.headers.topic).toMatch(/^[\w-]{32}$/)
  })

  test('a hundred go over one connection, with one token', async () => {
    const sim = await service({ always: { delayMs: 5 } })
    dispatcher({ providers: { webpush: providerTo(sim) } })
    const to = await browser(sim.subscribe())
    for (let i = 0; i < 100; i++) await queue(to, `m${i}`)
    await explained(100)
    // The handshake that asks what it speaks is none of them.
    expect(sim.connections).toBeLessThanOrEqual(2)
    expect(new Set(sim.received.map(({ headers }) => headers.authorization)).size).toBe(1)
  })

  test('over HTTP/1.1 where the server knows nothing newer', async () => {
    const sim = await service()
    const heard: unknown[] = []
    const old = Bun.serve({
      port: 0,
      hostname: '127.0.0.1',
      fetch: (request) => {
        heard.push([new URL(request.url).pathname, request.headers.get('host')])
        return new Response('{"id":"x"}', { status: 200 })
      },
    })
    open.push(() => old.stop(true))
    dispatcher({ providers: { webpush: providerTo(sim) } })
    const to = { ...sim.subscribe(), endpoint: `http://localhost:${old.port}/up?id=1` }
    await queue(await browser(to), 'm1')
    expect(await explained(1)).toEqual(['m1 sent'])
    expect(heard).toEqual([['/up', `localhost:${old.port}`]])
  })
})

describe('its answer', () => {
  test('404 and 410: the device goes', async () => {
    const sim = await service()
    dispatcher({ providers: { webpush: providerTo(sim) } })
    const subscription = sim.subscribe()
    const gone = await browser(subscription)
    sim.unsubscribe(subscription)
    await queue(gone, 'm1')
    expect(await explained(1)).toEqual(['m1 forgotten: Unregistered'])
    expect(store.push.devices.get(gone.id)).toBeUndefined()
    const other = await browser(sim.subscribe())
    sim.script({ status: 404 })
    await queue(other, 'm2')
    expect(await explained(2)).toContain('m2 forgotten: status 404')
  })

  for (const status of [500, 502, 503, 504, 507])
    test(`${status}: it is tried again`, async () => {
      const sim = await service()
      dispatcher({ providers: { webpush: providerTo(sim) } })
      sim.script({ status, times: 2 })
      await queue(await browser(sim.subscribe()), 'm1')
      expect(await explained(1)).toEqual(['m1 sent'])
      expect(sim.received.map((push) => push.status)).toEqual([status, status, 201])
    })

  test('429: the subscription waits as long as it says, others do not', async () => {
    const sim = await service()
    dispatcher({ providers: { webpush: providerTo(sim) } })
    const [busy, other] = [await browser(sim.subscribe()), await browser(sim.subscribe())]
    sim.script({ status: 429, headers: { 'retry-after': '1200' } })
    await queue(busy, 'm1')
    await until(() => store.push.waiting(0, 10)[0]?.attempts === 1)
    const [waiting] = store.push.waiting(0, 10)
    expect((waiting?.nextAt ?? 0) - Date.now()).toBeGreaterThan(1_190_000)
    await queue(other, 'm2')
    expect(await explained(1)).toEqual(['m2 sent'])
  })

  test('413: once more without the text', async () => {
    const sim = await service()
    dispatcher({ providers: { webpush: providerTo(sim) } })
    sim.script({ status: 413 })
    await queue(await browser(sim.subscribe()), 'm1')
    expect(await explained(1)).toEqual(['m1 sent'])
    const bodies = sim.received.map(({ payload }) => (payload.notification as { body?: string }).body)
    expect(bodies).toEqual(['message m1', 'New message'])
  })

  test('a redirect is not followed', async () => {
    const sim = await service()
    const trap = await service()
    dispatcher({ providers: { webpush: providerTo(sim) } })
    sim.script({ status: 307, headers: { location: trap.subscribe().endpoint } })
    await queue(await browser(sim.subscribe()), 'm1')
    expect(await explained(1)).toEqual(['m1 dropped: status 307'])
    expect(trap.received).toEqual([])
  })

  test('10 MB of it: 4 KB are read, and the connection serves on', async () => {
    const sim = await service()
    dispatcher({ providers: { webpush: providerTo(sim) } })
    sim.script({ status: 201, body: 'x'.repeat(10_000_000) })
    const to = await browser(sim.subscribe())
    await queue(to, 'm1')
    expect(await explained(1)).toEqual(['m1 sent'])
    await queue(to, 'm2')
    expect(await explained(2)).toEqual(['m1 sent', 'm2 sent'])
  })

  test('none in time: it is tried again, and the wait is bounded', async () => {
    const sim = await service()
    const times = { connectMs: 2_000, queueMs: 3_000, answerMs: 50, backoffMs: 20, backoffCapMs: 100 }
    dispatcher({ providers: { webpush: providerTo(sim, { times }) } })
    sim.script({ stall: true })
    await queue(await browser(sim.subscribe()), 'm1')
    expect(await explained(1)).toEqual(['m1 sent'])
    expect(sim.received.map(({ status }) => status)).toEqual([0, 201])
  })
})

describe('a key that is refused', () => {
  test('by one subscription: it waits, nothing is forgotten, and others are rung', async () => {
    const sim = await service()
    dispatcher({ providers: { webpush: providerTo(sim) } })
    const [wrong, right] = [await browser(sim.subscribe()), await browser(sim.subscribe())]
    sim.script({ status: 403, body: '{"reason":"VapidPkHashMismatch"}' })
    await queue(wrong, 'm1')
    await until(() => store.push.waiting(0, 10)[0]?.attempts === 1)
    await queue(right, 'm2')
    expect(await explained(1)).toEqual(['m2 sent'])
    expect(store.push.devices.get(wrong.id)?.id).toBe(wrong.id)
  })

  test('by the subscriptions of many accounts: the service rests until the operator has looked', async () => {
    const sim = await service()
    sim.key = 'another'
    const sending = dispatcher({ providers: { webpush: providerTo(sim) } })
    for (let i = 0; i < 6; i++) {
      const who = await account(`user${i}@bix.org`)
      const { endpoint: address, p256dh, auth } = sim.subscribe()
      const options = { web: { p256dh, auth, vapid: KEY.publicKey } }
      const wish = { kind: 'webpush', topic: 'web', assumed: '', address, options }
      const to = await run(() => store.push.devices.enable(who.id, wish, Date.now(), 10))
      await queue(to, `m${i}`, { account: who })
    }
    await until(() => resting(sending).length === 1)
    expect(resting(sending)[0]?.paused).toBe('VapidPkHashMismatch')
  })

  test('that is lost: the push is dropped with its reason, and nobody is asked', async () => {
    const sim = await service()
    dispatcher({ providers: { webpush: providerTo(sim) } })
    await queue(await browser(sim.subscribe(), {}, 'a key of before'), 'm1')
    expect(await explained(1)).toEqual(['m1 dropped: VapidKeyLost'])
    expect(sim.received).toEqual([])
  })

  test('since the clock of this machine is wrong by days: the next token is made by the other’s', async () => {
    const sim = await service()
    const late = { ...systemClock, now: () => Date.now() - 3 * 86_400_000 }
    dispatcher({ providers: { webpush: providerTo(sim, { clock: late }) } })
    await queue(await browser(sim.subscribe()), 'm1')
    expect(await explained(1)).toEqual(['m1 sent'])
    expect(sim.received.map(({ status }) => status)).toEqual([403, 201])
  })
})
