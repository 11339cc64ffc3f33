/** The simulator against a bare HTTP/2 client: each of Apple's checks, the script, the control path, the screen. */
import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { createPrivateKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import http2 from 'node:http2'
import { type ApnsSim, startApnsSim } from '../../src/ops/apns-sim.ts'
import { phoneScreen } from '../../src/ops/apns-sim-screen.ts'
import { deviceToken, KEY_ID, P8, startApple, TEAM, TOPIC } from '../support/apns.ts'

let sim: ApnsSim
let session: http2.ClientHttp2Session

const connect = async (to: ApnsSim): Promise<void> => {
  session = http2.connect(to.url, { ca: to.ca })
  await new Promise((resolve) => session.once('remoteSettings', resolve))
}

beforeEach(async () => {
  sim = await startApple({ topics: [TOPIC], control: true, tokenUpdates: 2 })
  await connect(sim)
})
afterEach(async () => {
  session.destroy()
  await sim.close()
})

const NOW = Math.floor(Date.now() / 1000)
const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')

function jwt(
  change: { alg?: string; kid?: string; iss?: string; iat?: number; key?: KeyObject; der?: boolean } = {},
) {
  const {
    alg = 'ES256',
    kid = KEY_ID,
    iss = TEAM,
    iat = NOW,
    key = createPrivateKey(P8),
    der = false,
  } = change
  const text = `${encode({ alg, kid })}.${encode({ iss, iat })}`
  const signature = sign('sha256', Buffer.from(text), { key, dsaEncoding: der ? 'der' : 'ieee-p1363' })
  return `bearer ${text}.${signature.toString('base64url')}`
}

const GOOD: Record<string, string | undefined> = {
  ':method': 'POST',
  ':path': `/3/device/${deviceToken(1)}`,
  authorization: jwt(),
  'apns-topic': TOPIC,
  'apns-push-type': 'alert',
}
const BODY = JSON.stringify({ aps: { alert: 'hello' } })

interface Reply {
  readonly status: number
  readonly apnsId: string
  readonly body: string
}

function post(headers: Record<string, string | undefined>, body = BODY): Promise<Reply> {
  const all = { ...GOOD, ...headers }
  for (const name of Object.keys(all)) if (all[name] === undefined) delete all[name]
  return new Promise((resolve, reject) => {
    const stream = session.request(all)
    let status = 0
    let apnsId = ''
    let text = ''
    stream.setEncoding('utf8')
    stream.on('response', (answer) => {
      status = answer[':status'] ?? 0
      apnsId = String(answer['apns-id'])
    })
    stream.on('data', (chunk: string) => (text += chunk))
    stream.on('error', reject)
    stream.on('close', () => resolve({ status, apnsId, body: text }))
    stream.end(body)
  })
}

const stranger = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey

const refused: [string, Record<string, string | undefined>, string | undefined, string][] = [
  ['another method', { ':method': 'GET' }, '', '405 MethodNotAllowed'],
  ['another path', { ':path': '/4/device/aa' }, undefined, '404 BadPath'],
  ['no token', { ':path': '/3/device/' }, undefined, '400 MissingDeviceToken'],
  [
    'a token that is not hexadecimal',
    { ':path': `/3/device/${'zz'.repeat(32)}` },
    undefined,
    '400 BadDeviceToken',
  ],
  ['a token that is too short', { ':path': '/3/device/abcd' }, undefined, '400 BadDeviceToken'],
  ['no provider token', { authorization: undefined }, undefined, '403 MissingProviderToken'],
  ['a provider token that is none', { authorization: 'bearer x' }, undefined, '403 InvalidProviderToken'],
  ['another algorithm', { authorization: jwt({ alg: 'RS256' }) }, undefined, '403 InvalidProviderToken'],
  ['another team', { authorization: jwt({ iss: 'TEAM999999' }) }, undefined, '403 InvalidProviderToken'],
  ['another key id', { authorization: jwt({ kid: 'KEY9999999' }) }, undefined, '403 InvalidProviderToken'],
  ['another key', { authorization: jwt({ key: stranger }) }, undefined, '403 InvalidProviderToken'],
  ['a DER signature', { authorization: jwt({ der: true }) }, undefined, '403 InvalidProviderToken'],
  ['a token of tomorrow', { authorization: jwt({ iat: NOW + 600 }) }, undefined, '403 InvalidProviderToken'],
  ['an old token', { authorization: jwt({ iat: NOW - 3_700 }) }, undefined, '403 ExpiredProviderToken'],
  ['no topic', { 'apns-topic': undefined }, undefined, '400 MissingTopic'],
  ['an unknown topic', { 'apns-topic': 'org.example.other' }, undefined, '400 TopicDisallowed'],
  ['voip without its suffix', { 'apns-push-type': 'voip' }, undefined, '400 BadTopic'],
  ['an unknown push type', { 'apns-push-type': 'loud' }, undefined, '400 InvalidPushType'],
  ['an id that is no UUID', { 'apns-id': '17' }, undefined, '400 BadMessageId'],
  ['an expiration that is no number', { 'apns-expiration': 'soon' }, undefined, '400 BadExpirationDate'],
  ['another priority', { 'apns-priority': '3' }, undefined, '400 BadPriority'],
  [
    'background at priority 10',
    { 'apns-push-type': 'background', 'apns-priority': '10' },
    undefined,
    '400 BadPriority',
  ],
  ['a collapse-id of 65 bytes', { 'apns-collapse-id': 'é'.repeat(33) }, undefined, '400 BadCollapseId'],
  ['no payload', {}, '', '400 PayloadEmpty'],
  ['a payload that is no JSON', {}, 'hello', '400 PayloadEmpty'],
  ['a payload of 4097 bytes', {}, JSON.stringify({ aps: 'x'.repeat(4_087) }), '413 PayloadTooLarge'],
  ['a payload of a megabyte', {}, 'x'.repeat(1_000_000), '413 PayloadTooLarge'],
]

describe('the simulator refuses', () => {
  for (const [name, headers, body, answer] of refused) {
    test(`${name}: ${answer}`, async () => {
      const got = await post(headers, body)
      const { reason } = JSON.parse(got.body) as { reason: string }
      expect(`${got.status} ${reason}`).toBe(answer)
      expect(sim.received[0]).toMatchObject({ status: got.status, reason })
    })
  }

  test('a token under the topic of another use: 400 DeviceTokenNotForTopic', async () => {
    const widgets = { 'apns-push-type': 'widgets', 'apns-topic': `${TOPIC}.push-type.widgets` }
    expect((await post({})).status).toBe(200)
    expect((await post(widgets)).body).toContain('DeviceTokenNotForTopic')
    const other = { ':path': `/3/device/${deviceToken(2)}` }
    expect((await post({ ...widgets, ...other })).status).toBe(200)
    expect((await post(other)).body).toContain('DeviceTokenNotForTopic')
  })

  test('the third provider token within 20 minutes: 429', async () => {
    expect((await post({ authorization: jwt({ iat: NOW - 1 }) })).status).toBe(200)
    expect((await post({ authorization: jwt({ iat: NOW - 2 }) })).status).toBe(200)
    expect((await post({ authorization: jwt({ iat: NOW - 3 }) })).body).toContain(
      'TooManyProviderTokenUpdates',
    )
  })
})

describe('the simulator takes', () => {
  test('what Apple takes: 4096 bytes, a longer token, voip of 5120 bytes, each with an id', async () => {
    const full = JSON.stringify({ aps: 'x'.repeat(4_086) })
    expect(Buffer.byteLength(full)).toBe(4_096)
    expect((await post({}, full)).status).toBe(200)
    expect((await post({ ':path': `/3/device/${'ab'.repeat(80)}` })).status).toBe(200)
    const voip = { 'apns-push-type': 'voip', 'apns-topic': `${TOPIC}.voip` }
    const call = { ...voip, ':path': `/3/device/${deviceToken(2)}` }
    expect((await post(call, JSON.stringify({ aps: 'x'.repeat(5_110) }))).status).toBe(200)
    const id = '6B1CD1B0-0000-4000-8000-000000000001'
    expect((await post({ 'apns-id': id })).apnsId).toBe(id)
    expect((await post({})).apnsId).toMatch(/^[0-9A-F]{8}(-[0-9A-F]{4}){3}-[0-9A-F]{12}$/)
  })
})

describe('the control path', () => {
  test('scripts answers and lists what was received', async () => {
    const steps = JSON.stringify([{ status: 410, reason: 'Unregistered', timestamp: 17, nonsense: true }])
    expect((await post({ ':path': '/sim/script' }, steps)).body).toBe('{"steps":1}\n')
    expect(await post({})).toMatchObject({ status: 410, body: '{"reason":"Unregistered","timestamp":17}' })
    const list = JSON.parse(
      (await post({ ':path': '/sim/received', ':method': 'GET' }, '')).body,
    ) as unknown[]
    expect(list).toMatchObject([{ token: deviceToken(1), status: 410 }])
    expect((await post({ ':path': '/sim/nothing' })).status).toBe(404)
  })
})

describe('the screen', () => {
  test('shows what a phone would, and when a push updates an earlier one', async () => {
    const blocks: string[] = []
    const printing = await startApnsSim({ print: (block) => blocks.push(block) })
    session.destroy()
    await connect(printing)
    const body = JSON.stringify({
      aps: { alert: { title: 'Romeo', body: 'Art thou not Romeo?' }, badge: 3, sound: 'default' },
    })
    for (let i = 0; i < 2; i++) await post({ 'apns-collapse-id': 'm1', authorization: jwt() }, body)
    expect(blocks[0]).toContain(
      '   Romeo\n   Art thou not Romeo?\n   badge 3 · sound default · token 00000000… · collapse-id m1',
    )
    expect(blocks[0]).not.toContain('updates')
    expect(blocks[1]).toContain('(updates the earlier one)')
    await printing.close()
  })

  test('lets no control or direction character through', () => {
    const block = phoneScreen({
      at: 0,
      token: 'ab',
      topic: TOPIC,
      pushType: 'alert',
      priority: '10',
      collapseId: '\u001b]0;x\u0007',
      payload: { aps: { alert: { title: '\u001b[31mred\u202e', body: 'a\r\nb' } } },
      replaces: false,
    })
    expect(block.replaceAll('\n', '')).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u202a-\u202e]/)
    expect(block).toContain('a ⏎ b')
  })
})
