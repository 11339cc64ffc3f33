/** Requests of a back end that cannot be right are refused before anything is queued, with the reason and the bytes. */
import { describe, expect, test } from 'bun:test'
import { doorOf } from '../support/door.ts'
import { phoneOf } from '../support/phone.ts'
import { cast, PUSH, registersForCalls } from '../support/phones.ts'
import { play } from '../support/world.ts'
import { items, JULIET, registers, sends } from './push-send-support.ts'

const token = (digit: string) => digit.repeat(64)
const to = { jid: JULIET }
const alert = { to, type: 'alert', aps: { alert: 'Dinner' } }
const START = {
  event: 'start',
  'attributes-type': 'Order',
  attributes: {},
  'content-state': {},
  alert: { title: 'Order', body: 'Cooking' },
}
const { alert: _, ...MUTE } = START
const CALL = { sid: 'c1', from: 'romeo@bix.org/orchard', media: ['audio'], expires: 1_767_225_660 }
const activity = { to, type: 'liveactivity' }
/** Lists in one another. */
const deep = (levels: number): unknown => JSON.parse('['.repeat(levels) + ']'.repeat(levels))

const ROWS: readonly [what: string, item: object, code: string, detail: string | RegExp][] = [
  [
    'an alert that shows nothing',
    { ...alert, aps: {} },
    'invalid',
    /^aps: an alert has alert, badge or sound/,
  ],
  ['no aps at all', { ...alert, aps: undefined }, 'invalid', /^aps: an alert has/],
  ['a key that Apple ignores', { ...alert, aps: { alert: 'x', order: 7 } }, 'invalid', /^aps: .*order/],
  [
    'a number as a string',
    { ...alert, aps: { alert: 'x', 'mutable-content': '1' } },
    'invalid',
    /^aps.mutable-content/,
  ],
  [
    'a score beyond 1',
    { ...alert, aps: { alert: 'x', 'relevance-score': 2 } },
    'invalid',
    /^aps.relevance-score/,
  ],
  ['a key that is Apple’s', { ...alert, data: { aps: {} } }, 'invalid', /^data.aps/],
  ['a key that is the server’s', { ...alert, data: { 'chat-id': 'x' } }, 'invalid', /^data.chat-id/],
  ['a key that is Google’s', { ...alert, data: { google_x: 'x' } }, 'invalid', /^data.google_x/],
  ['lists in lists', { ...alert, data: { deep: deep(100) } }, 'invalid', /at most 32/],
  [
    'background with a sound',
    { to, type: 'background', aps: { 'content-available': 1, sound: 'x' } },
    'invalid',
    /^aps/,
  ],
  [
    'background at once',
    { to, type: 'background', priority: 10 },
    'invalid',
    'priority: background takes 5.',
  ],
  ['a widget with data', { to, type: 'widgets', data: { n: 1 } }, 'invalid', /^data: widgets/],
  ['a widget with more', { to, type: 'widgets', aps: { 'content-changed': true, n: 1 } }, 'invalid', /^aps/],
  [
    'a control that is not true',
    { to, type: 'controls', aps: { 'content-changed': 1 } },
    'invalid',
    /^aps.content-changed/,
  ],
  ['a widget with a place', { to, type: 'widgets', collapse_id: 'x' }, 'invalid', /^collapse_id/],
  ['a start without alert', { ...activity, aps: MUTE }, 'invalid', /^aps.alert/],
  [
    'a start without type',
    { ...activity, aps: { ...START, 'attributes-type': undefined } },
    'invalid',
    /^aps.attributes-type/,
  ],
  [
    'a start without attributes',
    { ...activity, aps: { ...START, attributes: undefined } },
    'invalid',
    /^aps.attributes/,
  ],
  [
    'an update without state',
    { ...activity, name: 'x', aps: { event: 'update' } },
    'invalid',
    /^aps.content-state/,
  ],
  [
    'milliseconds',
    { ...activity, aps: { ...START, timestamp: 1_767_225_600_000 } },
    'invalid',
    /^aps.timestamp.*milliseconds/,
  ],
  [
    'a token and a channel at once',
    { ...activity, aps: { ...START, 'input-push-token': 1, 'input-push-channel': 'x' } },
    'invalid',
    /one of them/,
  ],
  ['an event that there is not', { ...activity, aps: { event: 'pause' } }, 'invalid', /^aps.event/],
  [
    'an update of nobody knows which',
    { ...activity, aps: { event: 'update', 'content-state': {} } },
    'invalid',
    'name: which activity?',
  ],
  [
    'a priority of activities',
    { ...activity, aps: START, priority: 1 },
    'invalid',
    'priority: liveactivity takes 10 or 5.',
  ],
  [
    'a call that is none',
    { to, type: 'voip', data: { hello: 1 } },
    'invalid',
    /^call: voip is for calls alone/,
  ],
  [
    'a call that is over',
    { to, type: 'voip', call: { ...CALL, expires: 1 } },
    'invalid',
    'call.expires: the call is over.',
  ],
  [
    'a call until milliseconds',
    { to, type: 'voip', call: { ...CALL, expires: 1_767_225_660_000 } },
    'invalid',
    /seconds/,
  ],
  ['a call of nobody', { to, type: 'voip', call: { ...CALL, from: '@@' } }, 'invalid', /^call.from/],
  ['a call for a month', { to, type: 'voip', call: CALL, ttl: 3600 }, 'invalid', /^ttl/],
  ['a call in an alert', { ...alert, call: CALL }, 'invalid', /^call: it belongs to voip/],
  ['a call and no PushKit', { to, type: 'voip', call: CALL }, 'no-token', /has a token of kind voip/],
  ['a file provider without its container', { to, type: 'fileprovider' }, 'invalid', /container-identifier/],
  [
    'ptt of another kind',
    { to, type: 'pushtotalk', aps: { 'ptt-push-type': 'hello' } },
    'invalid',
    /^aps.ptt-push-type/,
  ],
  ['a widget of an account that has none', { to, type: 'widgets' }, 'no-token', /of kind widget/],
  ['a name where there is none', { ...alert, name: 'x' }, 'invalid', 'name: alert has none.'],
  ['another app', { ...alert, to: { jid: JULIET, topic: 'org.other' } }, 'no-token', /No device/],
]

describe('one item is refused', () => {
  for (const [what, item, code, detail] of ROWS)
    test(what, async () => {
      using p = play({ toml: PUSH })
      await cast(p)
      const { result, pushes, ...why } = await sends(p, item)
      expect(result).toBe('refused')
      expect(why.code).toBe(code)
      if (typeof detail === 'string') expect(why.detail).toBe(detail)
      else expect(why.detail).toMatch(detail)
      expect(pushes.every((push) => push.result === 'refused')).toBe(true)
      expect(p.store.push.counts().queued).toBe(0)
    })
})

describe('bytes', () => {
  test('4,096 of an alert go, 4,097 do not, whatever they are written in', async () => {
    using p = play({ toml: PUSH })
    await using phone = await phoneOf(p)
    await cast(p)
    const least = Buffer.byteLength(JSON.stringify({ aps: { alert: '' } }))
    for (const letter of ['x', 'é', '"']) {
      const bytes = Buffer.byteLength(JSON.stringify(letter)) - 2
      const fits = Math.floor((4096 - least) / bytes)
      const of = (n: number) => ({ ...alert, aps: { alert: letter.repeat(n) } })
      expect(await sends(p, of(fits))).toMatchObject({ result: 'queued', bytes: least + fits * bytes })
      const over = least + (fits + 1) * bytes
      expect(await sends(p, of(fits + 1))).toMatchObject({
        result: 'refused',
        code: 'too-large',
        bytes: over,
        detail: `It has ${over} bytes; alert may have 4096.`,
      })
    }
    expect((await phone.gets()).map(({ status }) => status)).toEqual([200, 200, 200])
  })

  test('a call may have 5,120, with the server’s own words', async () => {
    using p = play({ toml: PUSH })
    await using phone = await phoneOf(p)
    await cast(p)
    await registersForCalls(p, token('1'), token('2'))
    const of = (n: number) => ({ to, type: 'voip', call: CALL, data: { x: 'x'.repeat(n) } })
    const [first] = await sends(p, of(4_500)).then(() => phone.other(2).gets())
    const room = 5120 - (first?.bytes ?? 0)
    expect(await sends(p, of(4_500 + room))).toMatchObject({ result: 'queued' })
    expect(await sends(p, of(4_501 + room))).toMatchObject({
      result: 'refused',
      code: 'too-large',
      detail: 'It has 5121 bytes; voip may have 5120.',
    })
  })
})

describe('tokens of the wrong kind', () => {
  test('are refused before they are queued, in every direction', async () => {
    using p = play({ toml: PUSH })
    await cast(p)
    await registersForCalls(p, token('1'), token('2'))
    await registers(p, 'widget', token('3'))
    const rows: [item: object, detail: RegExp][] = [
      [
        { ...alert, to: { kind: 'device', tokens: [token('3')] } },
        /token of kind widget; alert goes to one of kind device/,
      ],
      [{ ...alert, to: { kind: 'device', tokens: [token('2')] } }, /token of kind voip/],
      [
        { ...alert, to: { kind: 'widget', tokens: [token('3')] } },
        /goes to a token of kind device, not widget/,
      ],
      [{ to: { kind: 'widget', tokens: [token('1')] }, type: 'widgets' }, /token of kind device/],
      [{ to: { kind: 'control', tokens: [token('3')] }, type: 'controls' }, /token of kind widget/],
      [
        { to: { kind: 'liveactivity', tokens: [token('3')] }, ...{ type: 'liveactivity', aps: START } },
        /liveactivity-start/,
      ],
    ]
    for (const [item, detail] of rows) {
      const { code, detail: why } = await sends(p, item)
      expect(code).toBe('wrong-token')
      expect(why).toMatch(detail)
    }
    expect(p.store.push.counts().queued).toBe(0)
  })

  test('cannot be registered either, nor without a name where there are several', async () => {
    using p = play({ toml: PUSH })
    await cast(p)
    const bad = [
      { kind: 'widget', token: token('1') },
      { kind: 'widget', token: token('2'), name: 'x' },
      { kind: 'control', token: token('2') },
      { kind: 'liveactivity-start', token: token('2') },
      { kind: 'device', token: token('2') },
      { kind: 'widget', token: 'no hex' },
      { kind: 'widget' },
    ]
    for (const body of bad)
      expect((await doorOf(p)('POST', '/v1/me/devices/1/tokens', body, JULIET)).status).toBe(422)
    await registers(p, 'widget', token('2'))
    const twice = { kind: 'ptt', token: token('2') }
    expect((await doorOf(p)('POST', '/v1/me/devices/1/tokens', twice, JULIET)).status).toBe(422)
  })

  test('location needs a key: an app with a certificate has none', async () => {
    using p = play({
      toml: '[[push.apps]]\ntopic = "org.bix.chat"\ncert_file = "a.pem"\ncert_key_file = "a.key"',
    })
    await cast(p)
    await registers(p, 'location', token('2'))
    expect(await sends(p, { to, type: 'location' })).toMatchObject({
      result: 'refused',
      code: 'not-possible',
      detail: 'location needs a key (key_file); org.bix.chat has a certificate.',
    })
  })

  test('beyond the limit the oldest token of a device gives way', async () => {
    using p = play({ toml: `${PUSH}\n[limits]\ndevice_tokens = 2` })
    await cast(p)
    for (const name of ['a', 'b', 'c']) {
      p.clock.advance(1_000)
      await registers(p, 'control', token(name), name)
    }
    const { items: devices } = (await doorOf(p)('GET', '/v1/me/devices', undefined, JULIET)).body
    expect(devices).toMatchObject([{ tokens: [{ name: 'b' }, { name: 'c' }] }])
  })
})

describe('a request that is none', () => {
  const raw = (json: string) => ({ raw: json })
  const rows: [what: string, more: { raw: string }, status: number, code: string][] = [
    ['mdm', raw(JSON.stringify({ items: [{ to, type: 'mdm' }] })), 422, 'invalid'],
    ['another key', raw(JSON.stringify({ items: [{ ...alert, x: 1 }] })), 422, 'invalid'],
    [
      'two targets',
      raw(JSON.stringify({ items: [{ ...alert, to: { jid: JULIET, devices: ['1'] } }] })),
      422,
      'invalid',
    ],
    ['no target', raw(JSON.stringify({ items: [{ ...alert, to: {} }] })), 422, 'invalid'],
    [
      'a header in the collapse id',
      raw(JSON.stringify({ items: [{ ...alert, collapse_id: 'a\r\nb: c' }] })),
      422,
      'invalid',
    ],
    [
      '65 bytes of collapse id',
      raw(JSON.stringify({ items: [{ ...alert, collapse_id: 'x'.repeat(65) }] })),
      422,
      'invalid',
    ],
    ['a ttl of years', raw(JSON.stringify({ items: [{ ...alert, ttl: 1e9 }] })), 422, 'invalid'],
    ['no JSON', raw('{"items":['), 400, 'bad-json'],
    [
      'a key that stands twice, spelled in two ways',
      raw(`{"items":[{"to":{"jid":"${JULIET}"},"type":"alert","aps":{"alert":"a","\\u0061lert":"b"}}]}`),
      400,
      'bad-json',
    ],
    ['lists without end', raw(`{"items":${'['.repeat(200_000)}${']'.repeat(200_000)}}`), 422, 'invalid'],
  ]
  for (const [what, more, status, code] of rows)
    test(what, async () => {
      using p = play({ toml: PUSH })
      await cast(p)
      const answer = await doorOf(p)('POST', '/v1/push/send', undefined, undefined, more)
      expect(answer).toMatchObject({ status, body: { code } })
      expect(p.store.push.counts().queued).toBe(0)
    })

  test('keys that stand in several objects, and look like JSON in a text, are no twins', async () => {
    using p = play({ toml: PUSH })
    await cast(p)
    const data = { a: { x: 1 }, b: { x: 2 }, c: [{ x: 1 }, { x: 1 }], d: '{"x":1,"x":2}', e: 'x":"' }
    expect((await items(p, [{ ...alert, data }])).items).toMatchObject([{ result: 'queued' }])
  })
})
