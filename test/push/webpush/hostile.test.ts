/** Endpoints are what users say: none of them may lead into the operator's own network, or hold up the pushes of others. */
import { createServer } from 'node:net'
import { describe, expect, test } from 'bun:test'
import { isBrowsers, mostBytes, readEndpoint } from '../../../src/push/webpush/endpoint.ts'
import { retryAfterMs, rulingOf } from '../../../src/push/webpush/answers.ts'
import { dispatcher, explained, open, outbox, queue, store, until } from '../outbox.ts'
import { browser, providerTo, service } from './support.ts'

outbox()

const open_ = { allowPrivate: false, hosts: [] }
const reads = (text: string, rules = {}) => typeof readEndpoint(text, { ...open_, ...rules }) === 'object'

describe('an endpoint', () => {
  test('is an https address, and a name that begins like an address of a private network is a name', () => {
    for (const good of [
      'https://fcm.googleapis.com/fcm/send/abc:def',
      'https://fd-push.example/x',
      'https://fe80.example/x',
      'https://10.example/x',
      'https://127.push.example/x',
      'https://updates.push.services.mozilla.com/wpush/v2/gAAA',
      'https://web.push.apple.com/QL',
      'https://ntfy.sh/upABC?up=1',
      'https://push.example:8443/x',
    ])
      expect([good, reads(good)]).toEqual([good, true])
  })

  const bad = [
    'http://push.example/x',
    'ftp://push.example/x',
    'push.example/x',
    '',
    'https://user:secret@push.example/x',
    'https://push.example/x#fragment',
    'https://push.example/a b',
    'https://push.example/\tx',
    'https://pus\u0445.example/x',
    `https://push.example/${'x'.repeat(2048)}`,
    'https://api.push.apple.com/3/device/ab',
    'https://api.sandbox.push.apple.com/3/device/ab',
    'javascript:alert(1)',
  ]
  for (const text of bad)
    test(`is not ${JSON.stringify(text).slice(0, 50)}`, () => expect(reads(text)).toBe(false))

  test('is of the services that the operator has named, where he has', () => {
    const hosts = ['*.push.apple.com', 'ntfy.example']
    expect(reads('https://web.push.apple.com/x', { hosts })).toBe(true)
    expect(reads('https://ntfy.example/x', { hosts })).toBe(true)
    for (const other of ['https://push.apple.com/x', 'https://xpush.apple.com/x', 'https://a.ntfy.example/x'])
      expect([other, reads(other, { hosts })]).toEqual([other, false])
  })

  test('of a browser’s service is known by the end of its name, whole labels of it', () => {
    expect(isBrowsers('web.push.apple.com')).toBe(true)
    expect(isBrowsers('evilpush.apple.com')).toBe(false)
    expect(isBrowsers('fcm.googleapis.com.evil.example')).toBe(false)
    expect([mostBytes('updates.push.services.mozilla.com'), mostBytes('web.push.apple.com')]).toEqual([
      2800, 3993,
    ])
  })
})

describe('its address', () => {
  const PRIVATE = [
    '127.0.0.1',
    '10.1.2.3',
    '192.168.0.1',
    '172.16.9.9',
    '169.254.169.254',
    '100.64.0.1',
    '0.0.0.0',
    '224.0.0.1',
    '::1',
    'fe80::1',
    'fd00::1',
    '::ffff:127.0.0.1',
    '64:ff9b::7f00:1',
    'ff02::1',
  ]
  for (const address of PRIVATE)
    test(`${address}: nothing is sent there, by its name or as it is`, async () => {
      const sim = await service()
      const resolve = () => Promise.resolve([address])
      dispatcher({ providers: { webpush: providerTo(sim, { allowPrivate: false, resolve }) } })
      const literal = address.includes(':') ? `[${address}]` : address
      const endpoints = ['https://looks-fine.example/x', `https://${literal}/x`]
      for (const [i, endpoint] of endpoints.entries())
        await queue(await browser({ ...sim.subscribe(), endpoint }), `m${i}`)
      expect((await explained(2)).toSorted()).toEqual([
        'm0 dropped: PrivateAddress',
        'm1 dropped: PrivateAddress',
      ])
    })

  test('is checked again at each connection: a name that changes its mind gains nothing', async () => {
    const sim = await service()
    let asked = 0
    // The first answer is for the look at what the server speaks; the one that would be connected to is another.
    const resolve = () => Promise.resolve(asked++ === 0 ? ['192.0.2.1'] : ['127.0.0.1'])
    const times = { connectMs: 50, queueMs: 200, backoffMs: 20, backoffCapMs: 100 }
    dispatcher({ providers: { webpush: providerTo(sim, { allowPrivate: false, resolve, times }) } })
    await queue(await browser(sim.subscribe()), 'm1')
    expect(await explained(1)).toEqual(['m1 dropped: PrivateAddress'])
    expect([sim.connections, sim.received]).toEqual([0, []])
  })
})

test('a server that takes connections and says nothing holds up nobody else', async () => {
  const sim = await service()
  const mute = createServer(() => undefined)
  await new Promise<void>((done) => mute.listen(0, '127.0.0.1', () => done()))
  open.push(() => mute.close())
  const address = mute.address()
  const port = typeof address === 'object' ? address?.port : 0
  dispatcher({ providers: { webpush: providerTo(sim) } })
  const slow = await browser({ ...sim.subscribe(), endpoint: `https://localhost:${port}/x` })
  for (let i = 0; i < 50; i++) await queue(slow, `slow${i}`)
  await queue(await browser(sim.subscribe()), 'm1')
  expect(await explained(1)).toEqual(['m1 sent'])
})

test('a subscription whose requests are malformed three times in a row rests, and stays', async () => {
  const sim = await service()
  dispatcher({ providers: { webpush: providerTo(sim) } })
  sim.script({ status: 400, times: 3 })
  const to = await browser(sim.subscribe())
  for (const [i, id] of ['m1', 'm2'].entries()) {
    await queue(to, id)
    await explained(i + 1)
  }
  expect(await explained(2)).toEqual(['m1 dropped: status 400', 'm2 dropped: status 400'])
  await queue(to, 'm3')
  await until(() => store.push.waiting(0, 10)[0]?.attempts === 1)
  expect(store.push.devices.get(to.id)?.id).toBe(to.id)
  expect(sim.received.length).toBe(3)
})

test('statuses and Retry-After', () => {
  const said = [200, 201, 202, 301, 308, 400, 401, 403, 404, 405, 410, 413, 418, 429, 500, 502, 503, 507]
  expect(said.map(rulingOf)).toEqual([
    ...['accepted', 'accepted', 'accepted', 'strange', 'strange', 'malformed', 'refused', 'refused', 'gone'],
    ...['strange', 'gone', 'too-large', 'strange', 'later', 'retry', 'retry', 'later', 'later'],
  ] as never)
  const now = Date.parse('2026-11-30T12:00:00Z')
  expect(
    ['5', 'Mon, 30 Nov 2026 12:00:30 GMT', '99999999', '-1', 'soon', undefined, '0'].map((text) =>
      retryAfterMs(text, now),
    ),
  ).toEqual([5_000, 30_000, 3_600_000, undefined, undefined, undefined, undefined])
})
