/** The door for the operator's own back end: what goes over the wire to Apple, push type by push type. */
import { describe, expect, test } from 'bun:test'
import type { SimReceived } from '../../src/ops/apns-sim.ts'
import { doorOf } from '../support/door.ts'
import { explain, phoneOf } from '../support/phone.ts'
import { cast, PUSH, registersForCalls, settle } from '../support/phones.ts'
import { type Play, play } from '../support/world.ts'
import { after, asks, items, JULIET, registers, sends } from './push-send-support.ts'

const OWN = '1'.repeat(64)
const token = (digit: string) => digit.repeat(64)

const wire = (got: readonly SimReceived[]) =>
  got.map(({ headers, topic, payload }) => ({
    type: headers['apns-push-type'],
    topic,
    priority: headers['apns-priority'],
    expiration: Number(headers['apns-expiration']),
    payload,
  }))

/** Seconds from now, as Apple is told. */
const inSeconds = (p: Play, n: number) => Math.floor(p.clock.now() / 1000) + n

describe('each type goes to its own token, under its own topic', () => {
  test('alert: Apple’s keys and the app’s, with a collapse id', async () => {
    using p = play({ toml: PUSH })
    await using phone = await phoneOf(p)
    await cast(p)
    const aps = { alert: { title: 'Verona', body: 'Dinner is ready' }, sound: 'default', badge: 3 }
    const data = { order: 7, deep: { list: [1, 'two'] } }
    const sent = await sends(p, {
      to: { jid: JULIET },
      type: 'alert',
      aps,
      data,
      collapse_id: 'order-7',
      ttl: 60,
    })
    expect(sent).toMatchObject({ result: 'queued', code: null, pushes: [{ jid: JULIET, result: 'queued' }] })
    const [got] = await phone.gets()
    expect(wire(got ? [got] : [])).toEqual([
      {
        type: 'alert',
        topic: 'org.bix.chat',
        priority: '10',
        expiration: inSeconds(p, 60),
        payload: { aps, ...data },
      },
    ])
    expect(got?.collapseId).toBe('order-7')
    expect(sent.bytes).toBe(Buffer.byteLength(JSON.stringify(got?.payload)))
  })

  test('background: one content, priority 5, never kept', async () => {
    using p = play({ toml: PUSH })
    await using phone = await phoneOf(p)
    await cast(p)
    await sends(p, { to: { devices: ['1'] }, type: 'background', data: { sync: true } })
    expect(wire(await phone.gets())).toEqual([
      {
        type: 'background',
        topic: 'org.bix.chat',
        priority: '5',
        expiration: 0,
        payload: { aps: { 'content-available': 1 }, sync: true },
      },
    ])
  })

  test('widgets and controls: exactly their one content, a control by its name or each', async () => {
    using p = play({ toml: PUSH })
    await using phone = await phoneOf(p)
    await cast(p)
    await registers(p, 'widget', token('2'))
    await registers(p, 'control', token('3'), 'light')
    await registers(p, 'control', token('4'), 'door')
    await sends(p, { to: { jid: JULIET }, type: 'widgets' })
    await sends(p, { to: { jid: JULIET }, type: 'controls', name: 'light' })
    await sends(p, {
      to: { kind: 'control', tokens: [token('4')] },
      type: 'controls',
      aps: { 'content-changed': true },
    })
    const payload = { aps: { 'content-changed': true } }
    const uses = [2, 3, 4].map((n) => phone.other(n))
    const seen = () => Promise.all(uses.map(async (use) => wire(await use.gets())))
    expect(await seen()).toEqual([
      [{ type: 'widgets', topic: 'org.bix.chat.push-type.widgets', priority: '10', expiration: 0, payload }],
      [
        {
          type: 'controls',
          topic: 'org.bix.chat.push-type.controls',
          priority: '10',
          expiration: 0,
          payload,
        },
      ],
      [
        {
          type: 'controls',
          topic: 'org.bix.chat.push-type.controls',
          priority: '10',
          expiration: 0,
          payload,
        },
      ],
    ])
    await phone.isSilent()
    await sends(p, { to: { jid: JULIET }, type: 'controls' })
    expect((await seen()).map(({ length }) => length)).toEqual([0, 1, 1])
  })

  const others: [
    type: string,
    kind: string,
    topic: string,
    more: object,
    payload: Record<string, unknown>,
  ][] = [
    ['location', 'location', '.location-query', { data: { query: 1 } }, { aps: {}, query: 1 }],
    [
      'pushtotalk',
      'ptt',
      '.voip-ptt',
      { aps: { 'ptt-push-type': 'service-update' }, data: { speaker: 'Romeo' } },
      { aps: { 'ptt-push-type': 'service-update' }, speaker: 'Romeo' },
    ],
    ['complication', 'complication', '.complication', { data: { n: 1 } }, { aps: {}, n: 1 }],
    [
      'fileprovider',
      'fileprovider',
      '.pushkit.fileprovider',
      { data: { 'container-identifier': 'NSFileProviderWorkingSet', domain: 'work' } },
      { aps: {}, 'container-identifier': 'NSFileProviderWorkingSet', domain: 'work' },
    ],
  ]
  for (const [type, kind, topic, more, payload] of others)
    test(`${type} goes to the ${kind} token under ${topic}`, async () => {
      using p = play({ toml: PUSH })
      await using phone = await phoneOf(p)
      await cast(p)
      await registers(p, kind, token('2'))
      expect(await sends(p, { to: { jid: JULIET }, type, ...more })).toMatchObject({ result: 'queued' })
      expect(wire(await phone.other(2).gets())).toEqual([
        { type, topic: `org.bix.chat${topic}`, priority: '10', expiration: 0, payload },
      ])
      await phone.isSilent()
    })

  test('voip: a call as PushKit’s handlers read it, no longer than it rings', async () => {
    using p = play({ toml: PUSH })
    await using phone = await phoneOf(p)
    await cast(p)
    await registersForCalls(p, OWN, token('2'))
    const expires = inSeconds(p, 30)
    const call = { sid: 'c1', from: 'romeo@bix.org/orchard', media: ['audio'], expires }
    await sends(p, { to: { jid: JULIET }, type: 'voip', call, data: { line: 2 } })
    expect(wire(await phone.other(2).gets())).toEqual([
      {
        type: 'voip',
        topic: 'org.bix.chat.voip',
        priority: '10',
        expiration: expires,
        payload: {
          aps: {},
          line: 2,
          account: JULIET,
          call: 'proposed',
          sid: 'c1',
          media: ['audio'],
          sent: inSeconds(p, 0),
          expires,
          from: 'romeo@bix.org',
          sender: 'romeo@bix.org/orchard',
        },
      },
    ])
    await phone.isSilent()
  })
})

describe('Live Activities', () => {
  const alert = { title: 'Order', body: { 'loc-key': 'COOKING', 'loc-args': ['7'] }, sound: 'default' }

  test('start by attributes type, update by activity, whose token changes, and end', async () => {
    using p = play({ toml: PUSH })
    await using phone = await phoneOf(p)
    await cast(p)
    await registers(p, 'liveactivity-start', token('2'), 'OrderAttributes')
    const start = {
      event: 'start',
      'attributes-type': 'OrderAttributes',
      attributes: { order: 7 },
      'content-state': { minutes: 20 },
      alert,
      'input-push-token': 1,
    }
    await sends(p, { to: { jid: JULIET }, type: 'liveactivity', aps: start })
    const topic = 'org.bix.chat.push-type.liveactivity'
    const timestamp = inSeconds(p, 0)
    expect(wire(await phone.other(2).gets())).toMatchObject([
      { topic, priority: '10', expiration: timestamp + 3600, payload: { aps: { timestamp, ...start } } },
    ])
    await registers(p, 'liveactivity', token('3'), 'order-7')
    await registers(p, 'liveactivity', token('4'), 'order-8')
    const update = { event: 'update', 'content-state': { minutes: 5 }, 'stale-date': timestamp + 600 }
    const to = { to: { jid: JULIET }, type: 'liveactivity', name: 'order-7' }
    await sends(p, { ...to, aps: update, priority: 5 })
    const before = phone.other(3)
    expect(wire(await before.gets())).toMatchObject([{ topic, priority: '5', payload: { aps: update } }])
    await registers(p, 'liveactivity', token('5'), 'order-7')
    await sends(p, {
      ...to,
      aps: { event: 'end', 'content-state': { minutes: 0 }, 'dismissal-date': timestamp },
    })
    expect(await before.gets()).toEqual([])
    expect(await phone.other(4).gets()).toEqual([])
    expect(wire(await phone.other(5).gets())).toMatchObject([{ payload: { aps: { event: 'end' } } }])
  })

  test('a push that waited for Apple goes to the token that the activity has by then', async () => {
    using p = play({ toml: PUSH })
    await using phone = await phoneOf(p, { reached: false })
    await cast(p)
    await registers(p, 'liveactivity', token('3'), 'order-7')
    const aps = { event: 'update', 'content-state': { minutes: 5 } }
    await sends(p, { to: { jid: JULIET }, type: 'liveactivity', name: 'order-7', aps })
    await registers(p, 'liveactivity', token('5'), 'order-7')
    p.clock.advance(2_000)
    phone.isReached()
    expect(await phone.other(3).gets()).toEqual([])
    expect(await phone.other(5).gets()).toHaveLength(1)
  })
})

describe('the end of a token', () => {
  const widgets = { to: { jid: JULIET }, type: 'widgets' }
  const gone = { token: token('2'), status: 410, reason: 'Unregistered' }

  test('410: the token goes, the device and its messages stay', async () => {
    using p = play({ toml: PUSH })
    await using phone = await phoneOf(p)
    await cast(p)
    await registers(p, 'widget', token('2'))
    p.clock.advance(1_000)
    phone.refuses({ ...gone, timestamp: p.clock.now() })
    await sends(p, widgets)
    expect(await phone.other(2).gets()).toHaveLength(1)
    await settle(p)
    expect(await sends(p, widgets)).toMatchObject({ result: 'refused', code: 'no-token' })
    await sends(p, { to: { jid: JULIET }, type: 'alert', aps: { alert: 'Dinner' } })
    await phone.rings({})
    const { body } = await asks(p, 'GET', `/v1/users/${JULIET}/devices`)
    expect(body).toMatchObject({ items: [{ tokens: [], state: 'ok' }] })
  })

  test('410 from before the token was registered anew changes nothing', async () => {
    using p = play({ toml: PUSH })
    await using phone = await phoneOf(p)
    await cast(p)
    await registers(p, 'widget', token('2'))
    phone.refuses({ ...gone, timestamp: p.clock.now() - 1_000 })
    await sends(p, widgets)
    expect(await phone.other(2).gets()).toHaveLength(1)
    expect(await sends(p, widgets)).toMatchObject({ result: 'queued' })
  })

  test('a topic that Apple refuses keeps no message back', async () => {
    using p = play({ toml: PUSH })
    await using phone = await phoneOf(p)
    await cast(p)
    await registers(p, 'widget', token('2'))
    phone.refuses({ token: token('2'), status: 400, reason: 'TopicDisallowed' })
    await sends(p, widgets)
    expect(await phone.other(2).gets()).toHaveLength(1)
    await sends(p, { to: { jid: JULIET }, type: 'alert', aps: { alert: 'Dinner' } })
    await phone.rings({})
    expect(await explain(p)).toEqual(['given up: this key or certificate may not push to the topic'])
  })

  test('its app forgets it, and nobody else can', async () => {
    using p = play({ toml: PUSH })
    await cast(p)
    const id = await registers(p, 'widget', token('2'))
    const path = `/v1/me/devices/1/tokens/${id}`
    await p.online('romeo@bix.org/orchard')
    expect((await doorOf(p)('DELETE', path, undefined, 'romeo@bix.org')).status).toBe(404)
    expect((await doorOf(p)('DELETE', path, undefined, JULIET)).status).toBe(204)
    expect((await doorOf(p)('DELETE', path, undefined, JULIET)).status).toBe(404)
    expect(await sends(p, widgets)).toMatchObject({ result: 'refused', code: 'no-token' })
  })
})

describe('the person’s wishes and the account', () => {
  test('a muted device and quiet hours keep an alert back, with a verdict; a widget is nothing to hear', async () => {
    using p = play({ toml: PUSH })
    await using phone = await phoneOf(p)
    await cast(p)
    await registers(p, 'widget', token('2'))
    await doorOf(p)('PATCH', '/v1/me/devices/1', { muted: true }, JULIET)
    const sent = await sends(p, { to: { jid: JULIET }, type: 'alert', aps: { alert: 'Dinner' } })
    expect(sent).toMatchObject({ result: 'suppressed', pushes: [{ detail: 'device-muted' }] })
    await sends(p, { to: { jid: JULIET }, type: 'widgets' })
    await phone.isSilent()
    expect(await phone.other(2).gets()).toHaveLength(1)
    expect(await explain(p)).toEqual(['not rung: its person has muted the device'])
  })

  test('explain tells of a push by its id', async () => {
    using p = play({ toml: PUSH })
    await using phone = await phoneOf(p)
    await cast(p)
    const { id } = await sends(p, { to: { jid: JULIET }, type: 'alert', aps: { alert: 'Dinner' } })
    await phone.rings({})
    await settle(p)
    const { body } = await asks(p, 'GET', `/v1/push/explain?message=${id}`)
    expect(body).toMatchObject({
      verdicts: [
        {
          rule: 'direct-alert',
          verdict: 'sent',
          meaning: 'taken by the provider: your back end has sent it (alert)',
        },
      ],
    })
  })
})

describe('batches', () => {
  test('what is refused keeps no other back, and each says why', async () => {
    using p = play({ toml: PUSH })
    await using phone = await phoneOf(p)
    await cast(p)
    const alert = { type: 'alert', aps: { alert: 'Dinner' } }
    const answer = await items(p, [
      { ref: 'a', to: { jid: 'nobody@bix.org' }, ...alert },
      { ref: 'b', to: { jid: JULIET }, ...alert },
      { ref: 'c', to: { devices: ['1', '99'] }, ...alert },
      { ref: 'd', to: { kind: 'device', tokens: ['ff00'.repeat(16)] }, ...alert },
    ])
    expect(answer).toMatchObject({
      queued: 2,
      refused: 2,
      items: [
        { ref: 'a', result: 'refused', code: 'no-such-user' },
        { ref: 'b', result: 'queued' },
        { ref: 'c', result: 'queued', pushes: [{ device: '1' }, { device: '99', code: 'no-such-device' }] },
        { ref: 'd', result: 'refused', code: 'no-such-token' },
      ],
    })
    await phone.rings({}, {})
  })

  test('500 go out, 501 are refused as a whole', async () => {
    using p = play({ toml: PUSH })
    await using phone = await phoneOf(p)
    await cast(p)
    const one = { to: { jid: JULIET }, type: 'background' }
    const most = Array.from({ length: 500 }, () => one)
    expect(await items(p, most)).toMatchObject({ queued: 500, refused: 0 })
    expect(await phone.gets()).toHaveLength(500)
    expect(await asks(p, 'POST', '/v1/push/send', { items: [...most, one] })).toMatchObject({ status: 422 })
    expect(await asks(p, 'POST', '/v1/push/send', { items: [] })).toMatchObject({ status: 422 })
  })

  test('a batch that broke off between two trips goes on under its key where it broke off', async () => {
    using p = play({ toml: PUSH })
    await using phone = await phoneOf(p)
    await cast(p)
    const item = { to: { jid: JULIET }, type: 'background' }
    const body = { items: Array.from({ length: 250 }, () => item) }
    const again = { headers: { 'idempotency-key': 'k2' } }
    let trips = 0
    const broken: Play = Object.create(p, {
      router: {
        value: {
          run: (f: Parameters<typeof p.router.run>[0]) =>
            ++trips === 2 ? Promise.reject(new Error('the process has ended')) : p.router.run(f),
        },
      },
    }) as Play
    expect((await doorOf(broken)('POST', '/v1/push/send', body, undefined, again)).status).toBe(500)
    expect(await phone.gets()).toHaveLength(100)
    const { status, body: answer } = await doorOf(p)('POST', '/v1/push/send', body, undefined, again)
    expect([status, answer.queued]).toEqual([202, 250])
    expect(await phone.gets()).toHaveLength(150)
  })

  test('under an Idempotency-Key nothing is sent twice, even where the answer was lost before it was kept', async () => {
    using p = play({ toml: PUSH })
    await using phone = await phoneOf(p)
    await cast(p)
    const body = { items: [{ to: { jid: JULIET }, type: 'alert', aps: { alert: 'Dinner' } }] }
    const again = { headers: { 'idempotency-key': 'k1' } }
    const first = await doorOf(p)('POST', '/v1/push/send', body, undefined, again)
    const second = await doorOf(p)('POST', '/v1/push/send', body, undefined, again)
    expect(second).toEqual(first)
    await phone.rings({})
    await settle(p)
    await p.router.run(after.forgetsAnswers)
    expect(await doorOf(p)('POST', '/v1/push/send', body, undefined, again)).toEqual(first)
    await phone.isSilent()
  })
})
