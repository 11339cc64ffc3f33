import { describe, expect, test } from 'bun:test'
import { goesToPushKit, requestFor } from '../../src/push/apns/request.ts'
import { hasRungOut, ttlOf } from '../../src/push/outbox/life.ts'
import { callNews } from '../../src/push/rules/calls.ts'
import { classify } from '../../src/push/rules/classify.ts'
import type { Device, DeviceOptions } from '../../src/store/devices.ts'
import type { CallEnding, Job } from '../../src/store/push.ts'
import { seededRandom } from '../support/clock.ts'
import { parse } from '../support/xml.ts'

const random = seededRandom(1)
const FROM = 'romeo@bix.org/orchard'
const news = (inner: string) => callNews(parse(`<message>${inner}</message>`), FROM)
const jmi = (name: string, inner = '') =>
  `<${name} xmlns='urn:xmpp:jingle-message:0' id='c1'>${inner}</${name}>`
const rtp = (media: string) => `<description xmlns='urn:xmpp:jingle:apps:rtp:1' media='${media}'/>`

const ENDINGS: Readonly<Record<string, CallEnding>> = {
  accept: 'answered-elsewhere',
  proceed: 'answered-elsewhere',
  reject: 'declined-elsewhere',
  finish: 'ended',
  retract: 'cancelled',
}

describe('XEP-0353', () => {
  test('§3.1: a proposal, with the media that phones know', () => {
    expect(news(jmi('propose', rtp('audio') + rtp('video') + rtp('smell') + rtp('audio')))).toEqual({
      is: 'proposed',
      call: { sid: 'c1', from: FROM, media: ['audio', 'video'] },
    })
  })

  test('§3.2–3.7: what ends the ringing; each in its way', () => {
    for (const name of ['accept', 'proceed', 'reject', 'finish', 'retract'])
      expect(news(jmi(name))).toMatchObject({ is: 'ended', how: ENDINGS[name], call: { sid: 'c1' } })
    expect(news(jmi('ringing'))).toBeUndefined()
  })

  test('XEP-0234: a file that is proposed is no call; a call that has a file beside it is one', () => {
    const file = `<description xmlns='urn:xmpp:jingle:apps:file-transfer:5'/>`
    expect(news(jmi('propose', file))).toBeUndefined()
    expect(news(jmi('propose', file + rtp('audio')))).toMatchObject({
      is: 'proposed',
      call: { media: ['audio'] },
    })
    expect(classify(parse(`<message>${jmi('propose', file)}</message>`)).kind).toBe('nothing')
    expect(classify(parse(`<message>${jmi('propose')}</message>`)).kind).toBe('ring')
  })

  test('what is no call, or has no id that can be kept', () => {
    expect(news('<body>hist!</body>')).toBeUndefined()
    expect(news(`<propose xmlns='urn:xmpp:jingle-message:0'/>`)).toBeUndefined()
    expect(news(jmi('propose').replace('c1', 'x'.repeat(201)))).toBeUndefined()
  })
})

describe('what Apple is asked', () => {
  const device = (more: Partial<Device> = {}): Device => ({
    id: 1,
    accountId: 1,
    kind: 'apns',
    topic: 'org.bix.chat',
    environment: 'production',
    environmentPinned: true,
    address: 'aa'.repeat(32),
    callAddress: 'bb'.repeat(32),
    options: {},
    sessionKey: null,
    tie: 'named',
    shared: false,
    node: null,
    service: null,
    createdAt: 0,
    refreshedAt: 0,
    lastSuccess: null,
    lastReason: null,
    ...more,
  })
  const job = (kind: string, more: Partial<Job> = {}): Job => ({
    id: 1,
    accountId: 1,
    account: 'juliet@bix.org',
    device: device(),
    messageId: '17',
    pushId: '6b1cd1b0-0000-4000-8000-000000000001',
    collapseId: '17',
    kind,
    sender: 'romeo@bix.org',
    title: null,
    body: null,
    badge: 1,
    nick: null,
    call: kind.startsWith('call') ? { sid: 'c1', from: FROM, media: ['audio'] } : null,
    createdAt: 1_000_000,
    expiresAt: 900_000_000,
    attempts: 0,
    nextAt: 0,
    ...more,
  })
  const request = (what: Job) =>
    requestFor(what, {
      environment: 'production',
      style: { body: 'sender' },
      ringMs: 60_000,
      short: false,
      voip: goesToPushKit(what, {}),
      bytes: (n) => random.bytes(n),
    })

  test('a call goes to PushKit for as long as it rings', () => {
    const { token, pushType, expiration, collapseId, priority } = request(job('call'))
    expect({ token, pushType, expiration, collapseId, priority }).toEqual({
      token: 'bb'.repeat(32),
      pushType: 'voip',
      expiration: 1_060,
      collapseId: undefined,
      priority: 10,
    })
    expect(hasRungOut(job('call'), 1_059_999, 60_000)).toBe(false)
    expect(hasRungOut(job('call'), 1_060_000, 60_000)).toBe(true)
  })

  test('nothing but a call that begins goes there: iOS would end the app', () => {
    for (const kind of ['body', 'encrypted', 'invitation', 'attention', 'call-missed', 'call-ended'])
      expect(request(job(kind))).toMatchObject({ pushType: 'alert', token: 'aa'.repeat(32) })
    expect(request(job('call', { call: null }))).toMatchObject({ pushType: 'alert' })
    const siskin = (options: DeviceOptions) => ({
      device: device({ options: { dialect: 'tigase', ...options } }),
    })
    expect(request(job('call', siskin({}))).pushType).toBe('alert')
    const encryption = { scheme: 'aes-128-gcm', key: Buffer.alloc(16).toString('base64') } as const
    expect(request(job('call', siskin({ encryption }))).pushType).toBe('voip')
    expect(goesToPushKit(job('call'), { calls: 'alert' })).toBe(false)
    expect(hasRungOut(job('call-missed'), 5_000_000, 60_000)).toBe(false)
  })

  test('without PushKit’s token: alerts of one call, each in the other’s place', () => {
    const alone = { device: device({ callAddress: null }) }
    const ids = ['call', 'call-ended', 'call-missed'].map((kind) => request(job(kind, alone)).collapseId)
    expect(new Set(ids).size).toBe(1)
    expect(ids[0]?.length).toBeLessThanOrEqual(64)
    expect(request(job('call', alone))).toMatchObject({ pushType: 'alert', priority: 10, expiration: 1_060 })
    expect(request(job('call-missed', alone)).expiration).toBe(900_000)
  })

  test('silent and thrifty apps', () => {
    const asks = (options: DeviceOptions, kind = 'body') =>
      request(job(kind, { device: device({ options, callAddress: null }) }))
    expect(asks({ silent: true })).toMatchObject({ pushType: 'background', priority: 5 })
    // A number alone shows nothing, and Apple wants no badge in what wakes an app.
    expect(asks({ silent: true }, 'badge')).toMatchObject({ pushType: 'alert', priority: 5 })
    expect(asks({ importance: 'normal' })).toMatchObject({ pushType: 'alert', priority: 5 })
    for (const kind of ['reaction', 'correction', 'retraction'])
      expect(asks({}, kind)).toMatchObject({ pushType: 'background', priority: 5 })
    expect(asks({ silent: true }).expiration).toBe(900_000)
    for (const kind of ['badge', 'reaction', 'correction', 'retraction'])
      expect(asks({}, kind).expiration).toBe(0)
    expect(asks({ importance: 'normal' }, 'call')).toMatchObject({ priority: 10 })
    expect(asks({ importance: 'high' })).toMatchObject({ priority: 10, collapseId: '17' })
  })
})

test('a missed call is told for as long as a message, by whatever service; what rings is over soon', () => {
  const job = (kind: string) => ({ kind, createdAt: 1_000_000, expiresAt: 900_000_000 })
  const ttl = (kind: string, now = 1_010_000) => ttlOf(job(kind), now, 60_000, 1_000_000)
  expect(['call', 'call-ended', 'call-missed', 'body'].map((kind) => ttl(kind))).toEqual([
    50, 50, 898_990, 898_990,
  ])
  expect(ttlOf(job('body'), 1_010_000, 60_000, 300)).toBe(300)
  expect(ttl('call', 2_000_000)).toBe(0)
  expect(['badge', 'reaction', 'correction', 'retraction'].map((kind) => ttl(kind))).toEqual([0, 0, 0, 0])
})
