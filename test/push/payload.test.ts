import { createDecipheriv } from 'node:crypto'
import { describe, expect, test } from 'bun:test'
import { type AppStyle, composeCall, composePayload, type PayloadInput } from '../../src/push/apns/payload.ts'
import { PAYLOAD_KEYS, payloadSchema } from '../../src/config/payload-schema.ts'
import { type BodyPolicy, keeps } from '../../src/push/rules/policy.ts'
import { cut, encodedSize } from '../../src/push/rules/text.ts'
import type { DeviceOptions } from '../../src/store/devices.ts'
import { seededRandom } from '../support/clock.ts'

const random = seededRandom(1)
const bytes = (n: number) => random.bytes(n)
const compose = (
  what: PayloadInput,
  style: BodyPolicy | AppStyle,
  options: DeviceOptions = {},
  short = false,
) =>
  composePayload(what, { style: typeof style === 'string' ? { body: style } : style, options, short, bytes })

const input = {
  kind: 'body',
  account: 'juliet@bix.org',
  sender: 'romeo@bix.org',
  title: 'Romeo',
  body: 'Neither, fair saint, if either thee dislike.',
  badge: 3,
  messageId: '17',
  createdAt: 1_767_225_600_500,
}
const ends = 1_767_225_660
const GENERIC = 'New message'
/** The same for every message of the chat. */
const CHAT = 'jd4vXNdpFWd6nX_Rughw24'
const IN_APS = { 'target-content-id': CHAT, 'relevance-score': 0.5, 'filter-criteria': 'juliet@bix.org' }
const BESIDE = { kind: 'body', name: 'Romeo', 'chat-id': CHAT }

describe('a payload', () => {
  test('shows what the policy allows and nothing else', () => {
    expect(compose(input, 'full')).toEqual({
      ...BESIDE,
      aps: {
        ...IN_APS,
        alert: { title: 'Romeo', body: input.body },
        badge: 3,
        sound: 'default',
        'thread-id': 'romeo@bix.org',
      },
      account: 'juliet@bix.org',
      from: 'romeo@bix.org',
      'stanza-id': '17',
    })
    expect(compose(input, 'sender').aps.alert).toEqual({ title: 'Romeo', body: GENERIC })
    expect(compose(input, 'none')).toEqual({
      aps: {
        'filter-criteria': 'juliet@bix.org',
        alert: { body: GENERIC },
        badge: 3,
        sound: 'default',
      },
      account: 'juliet@bix.org',
      'stanza-id': '17',
    })
    const hidden = JSON.stringify(compose(input, 'encrypted'))
    expect(hidden).toContain('"mutable-content":1')
    expect(hidden).not.toMatch(/romeo|saint/i)
  })

  test('of an encrypted message never shows the fallback text', () => {
    const { aps } = compose({ ...input, kind: 'encrypted', body: null }, 'full')
    expect(aps).toMatchObject({ alert: { title: 'Romeo', body: 'Encrypted message' }, 'mutable-content': 1 })
  })

  test('says what a call, an invitation and a subscription request are', () => {
    for (const kind of ['call', 'invitation', 'subscription-request']) {
      expect(compose({ ...input, kind, body: null }, 'sender').aps.alert).not.toMatchObject({
        body: GENERIC,
      })
    }
  })

  test('case 71: keeps no text in the outbox that the policy hides', () => {
    const kept: [BodyPolicy, DeviceOptions, names: boolean, body: boolean][] = [
      ['none', {}, false, false],
      ['encrypted', {}, false, false],
      ['sender', {}, true, false],
      ['full', {}, true, true],
      ['full', { hides: 'body' }, true, false],
      ['full', { hides: 'sender' }, false, false],
      ['none', { encryption: { scheme: 'aes-128-gcm', key: KEY } }, true, true],
    ]
    for (const [policy, options, names, body] of kept) expect(keeps(policy, options)).toEqual({ names, body })
  })

  const hard = ['a', 'é', '"\\', '\u0001\n', '漢', '👩‍👩‍👧‍👦', '🇫🇷', 'e\u0301\u0302', '\ud800', 'שלום ']
  for (const unit of hard) {
    test(`case 71: of ${JSON.stringify(unit)} × 6000 is trimmed to at most 4096 encoded bytes, close to it`, () => {
      const payload = compose({ ...input, body: unit.repeat(6000) }, 'full')
      expect(encodedSize(payload)).toBeLessThanOrEqual(4096)
      expect(encodedSize(payload)).toBeGreaterThan(4000)
    })
  }

  test('is cut between graphemes', () => {
    const family = '👩‍👩‍👧‍👦'
    expect(cut(family.repeat(3), 60)).toBe(`${family.repeat(2)}…`)
    expect(cut('short', 60)).toBe('short')
    expect(cut('a\u0301'.repeat(10), 10)).toBe('a\u0301a\u0301…')
  })

  test('has what an extension builds a communication notification of', () => {
    const avatar = '0'.repeat(40)
    const about = { mention: true, reply: true, recipients: 7, avatar } as const
    const payload = compose({ ...input, about, collapseId: 'c1' }, 'sender')
    expect(payload).toMatchObject({
      'collapse-id': 'c1',
      mention: true,
      reply: true,
      'recipient-count': 7,
      avatar,
      aps: { 'relevance-score': 0.9 },
    })
    expect(compose({ ...input, kind: 'call' }, 'sender').aps['relevance-score']).toBe(1)
    // The same for each message of a chat, another for another chat or account.
    const chat = (change: Partial<PayloadInput>) => compose({ ...input, ...change }, 'full')['chat-id']
    expect([
      chat({ messageId: '18', body: 'x', title: 'R' }),
      chat({ sender: 'nurse@bix.org' }) === CHAT,
    ]).toEqual([CHAT, false])
    expect(chat({ account: 'other@bix.org' })).not.toBe(CHAT)
    // Nothing of it where Apple must not see whom it is from.
    for (const options of [{}, { hides: 'sender' } as const]) {
      const hidden = compose({ ...input, about }, options.hides ? 'full' : 'none', options)
      expect(Object.keys(hidden).sort()).toEqual(['account', 'aps', 'stanza-id'])
      expect(hidden.aps).not.toHaveProperty('target-content-id')
    }
  })

  test('has no key that an app’s own could be', () => {
    const file = { kind: 'photo', url: 'https://files.example/a.jpg', type: 'image/jpeg' } as const
    const about = {
      mention: true,
      reply: true,
      recipients: 7,
      avatar: 'x',
      avatarUrl: 'https://a.example/x',
    } as const
    const removal = { ids: ['a'], counts: true, most: 1 }
    const all = { ...input, nick: 'Romeo', about, file, collapseId: 'c', removal }
    const call = { ...all, call: { ...CALL, ended: 'ended' as const }, ends }
    const how = (options: DeviceOptions) => ({ style: { body: 'full' as const }, options, bytes })
    const payloads = [
      compose(all, 'full'),
      compose({ ...all, kind: 'reaction' }, 'full'),
      compose({ ...call, kind: 'call-ended' }, 'full', { dialect: 'tigase' }),
      compose(all, 'full', { silent: true }),
      compose(all, 'full', sealing),
      composeCall({ ...call, kind: 'call' }, how({})),
      composeCall({ ...call, kind: 'call' }, how(sealing)),
    ]
    const keys = new Set(payloads.flatMap((payload) => Object.keys(payload)))
    keys.delete('aps')
    expect([...keys].sort()).toEqual([...PAYLOAD_KEYS].sort())
    // Authors of apps find each of them explained.
    expect(Object.keys(payloadSchema.properties).sort()).toEqual(['aps', ...keys].sort())
  })

  test('wakes the app as well where its table says so', () => {
    expect(compose(input, { body: 'full', content_available: true }).aps).toMatchObject({
      'content-available': 1,
      sound: 'default',
    })
    expect(compose(input, 'full').aps).not.toHaveProperty('content-available')
  })

  test('of Siskin and Snikket has what their extension reads: without a body it says "New message!"', () => {
    const options = { dialect: 'tigase' } as const
    expect(compose(input, 'full', options)).toMatchObject({
      sender: 'romeo@bix.org',
      body: input.body,
      'unread-messages': 3,
    })
    expect(compose({ ...input, body: null, kind: 'encrypted' }, 'sender', options)).toMatchObject({
      body: 'Encrypted message',
    })
    expect(compose(input, 'none', options)).not.toHaveProperty('sender')
    expect(encodedSize(compose({ ...input, body: '漢'.repeat(4000) }, 'full', options))).toBeLessThanOrEqual(
      4096,
    )
  })

  test('names the room and who speaks in it', () => {
    const room = { ...input, sender: 'garden@conference.bix.org', title: 'The Garden', nick: 'Romeo' }
    const payload = compose(room, 'full')
    expect(payload.aps).toMatchObject({
      alert: { title: 'The Garden', subtitle: 'Romeo', body: input.body },
      'thread-id': 'garden@conference.bix.org',
    })
    expect(payload).toMatchObject({ nick: 'Romeo', from: 'garden@conference.bix.org' })
    expect(JSON.stringify(compose(room, 'none'))).not.toMatch(/Romeo|arden/)
  })

  test('looks as the app’s table says', () => {
    const style: AppStyle = {
      body: 'sender',
      localized: true,
      sound: 'bell.caf',
      category: 'CHAT',
      mutable_content: true,
      interruption_level: 'passive',
      custom: { tenant: 'verona', beta: true },
    }
    expect(compose(input, style)).toEqual({
      ...BESIDE,
      tenant: 'verona',
      beta: true,
      aps: {
        ...IN_APS,
        alert: { title: 'Romeo', 'loc-key': 'BELFRY_MESSAGE', 'loc-args': ['Romeo'] },
        badge: 3,
        sound: 'bell.caf',
        'thread-id': 'romeo@bix.org',
        category: 'CHAT',
        'mutable-content': 1,
        'interruption-level': 'passive',
      },
      account: 'juliet@bix.org',
      from: 'romeo@bix.org',
      'stanza-id': '17',
    })
    expect(compose(input, { ...style, title: 'key' }).aps.alert).toEqual({
      'title-loc-key': 'BELFRY_TITLE',
      'title-loc-args': ['Romeo'],
      'loc-key': 'BELFRY_MESSAGE',
      'loc-args': ['Romeo'],
    })
    const room = { ...input, title: 'The Garden', nick: 'Romeo' }
    expect(compose(room, { ...style, title: 'key' }).aps.alert).toMatchObject({
      'title-loc-key': 'BELFRY_ROOM_TITLE',
      'title-loc-args': ['The Garden', 'Romeo'],
    })
    expect(compose(input, { body: 'full', sound: '' }).aps).not.toHaveProperty('sound')
    expect(compose(input, style, { sound: 'own.caf', category: 'OWN' }).aps).toMatchObject({
      sound: 'own.caf',
      category: 'OWN',
    })
  })

  test('of a call: an alert that disturbs, one that replaces it in silence, one that is missed', () => {
    const of = (kind: string) => compose({ ...input, kind, body: null, call: CALL }, 'sender').aps
    expect(of('call')).toMatchObject({ 'interruption-level': 'time-sensitive', sound: 'default' })
    expect(of('call-ended')).toMatchObject({
      alert: { body: 'Call ended' },
      'interruption-level': 'passive',
    })
    expect(of('call-ended')).not.toHaveProperty('sound')
    expect(of('call-missed')).toMatchObject({ alert: { body: 'Missed call' }, sound: 'default' })
  })

  test('silent: nothing is shown, the summary is there for the app', () => {
    expect(compose(input, 'full', { silent: true })).toEqual({
      ...BESIDE,
      aps: { 'content-available': 1 },
      account: 'juliet@bix.org',
      from: 'romeo@bix.org',
      'message-count': 3,
      'last-message-sender': 'romeo@bix.org',
      'last-message-body': input.body,
      'stanza-id': '17',
    })
    for (const unit of hard) {
      const long = compose({ ...input, body: unit.repeat(6000) }, 'full', { silent: true })
      expect(encodedSize(long)).toBeLessThanOrEqual(4096)
    }
  })

  test('of a reaction, correction or retraction wakes the app and shows nothing', () => {
    for (const kind of ['reaction', 'correction', 'retraction']) {
      const update = { ...input, kind, badge: null }
      expect(compose(update, 'full')).toEqual({
        aps: { 'content-available': 1 },
        account: 'juliet@bix.org',
        from: 'romeo@bix.org',
        event: kind,
        'stanza-id': '17',
      })
      for (const hidden of [compose(update, 'none'), compose(update, 'full', sealing)])
        expect(Object.keys(hidden)).toEqual(['aps', 'account', 'stanza-id'])
    }
  })

  test('stays below the limit whatever the names are', () => {
    const long = '漢'.repeat(680)
    for (const policy of ['sender', 'full'] as const) {
      const names = { account: `${long}@bix.org`, sender: `${long}@other.example`, title: long, nick: long }
      const payload = compose({ ...input, ...names }, { body: policy, custom: { k: 'x'.repeat(500) } })
      expect(encodedSize(payload)).toBeLessThanOrEqual(4096)
      expect(payload.account).toBe(names.account)
    }
  })
})

const KEY = Buffer.from('0123456789abcdef').toString('base64')
const CALL = { sid: 'ca3cf894', from: 'romeo@bix.org/orchard', media: ['audio', 'video'] }
const sealing: DeviceOptions = {
  dialect: 'tigase',
  encryption: { scheme: 'aes-128-gcm', key: KEY },
}

/**
 * What Siskin's notification extension does with it: NotificationService.swift:53 and Cipher+AES.swift:125 of
 * tigase/siskin-im (d77818f), where the last 16 bytes are the tag and a wrong one ends it.
 */
function unseal(payload: object, key = KEY): unknown {
  const { encrypted, iv } = payload as { encrypted: string; iv: string }
  const data = Buffer.from(encrypted, 'base64')
  const decipher = createDecipheriv('aes-128-gcm', Buffer.from(key, 'base64'), Buffer.from(iv, 'base64'))
  decipher.setAuthTag(data.subarray(-16))
  const text = Buffer.concat([decipher.update(data.subarray(0, -16)), decipher.final()])
  return JSON.parse(text.toString())
}

describe('tigase:push:encrypt:0: a sealed payload', () => {
  test('shows Apple nothing, and its reader all, under a tag that holds', () => {
    const payload = compose(input, 'none', sealing)
    expect(JSON.stringify(payload)).not.toMatch(/romeo|saint/i)
    expect(payload.aps).toMatchObject({ alert: { body: 'New message' }, 'mutable-content': 1, badge: 3 })
    expect(unseal(payload)).toEqual({
      unread: 3,
      sender: 'romeo@bix.org',
      type: 'chat',
      message: input.body,
    })
    const { encrypted } = payload as unknown as { encrypted: string }
    const forged = Buffer.from(encrypted, 'base64')
    forged.writeUInt8(forged.readUInt8(0) ^ 1, 0)
    expect(() => unseal({ ...payload, encrypted: forged.toString('base64') })).toThrow()
    expect(() => unseal(payload, Buffer.from('another key 1234').toString('base64'))).toThrow()
  })

  test('never has the same IV twice', () => {
    const ivs = Array.from({ length: 50 }, () => compose(input, 'none', sealing).iv)
    expect(new Set(ivs).size).toBe(50)
  })

  test('has the words that end no extension: type and media are known ones', () => {
    expect(unseal(compose({ ...input, nick: 'Romeo' }, 'none', sealing))).toMatchObject({
      type: 'groupchat',
      nickname: 'Romeo',
    })
    const call = { style: { body: 'none' }, options: sealing, bytes } as const
    expect(unseal(composeCall({ ...input, kind: 'call', call: CALL, ends }, call))).toEqual({
      unread: 3,
      sender: 'romeo@bix.org/orchard',
      type: 'call',
      sid: 'ca3cf894',
      media: ['audio', 'video'],
    })
    // As an alert it is a text: the extension says "New message!" where there is none.
    const missed = { ...input, kind: 'call-missed', body: null, call: { ...CALL, media: [] } }
    expect(unseal(compose(missed, 'none', sealing))).toMatchObject({ type: 'chat', message: 'Missed call' })
  })

  for (const unit of ['a', '"\\', '漢', '👩‍👩‍👧‍👦', '\ud800'])
    test(`of ${JSON.stringify(unit)} × 6000 fits, with max-size and without`, () => {
      const long = { ...input, body: unit.repeat(6000) }
      const payload = compose(long, 'none', sealing)
      expect(encodedSize(payload)).toBeLessThanOrEqual(4096)
      expect(encodedSize(payload)).toBeGreaterThan(3900)
      const small = compose(long, 'none', {
        ...sealing,
        encryption: { scheme: 'aes-128-gcm', key: KEY, maxSize: 1000 },
      })
      const content = JSON.stringify(unseal(small))
      expect(Buffer.byteLength(content)).toBeLessThanOrEqual(1000)
      expect(Buffer.byteLength(content)).toBeGreaterThan(900)
    })

  test('is left out where the names alone are too long', () => {
    const long = '漢'.repeat(680)
    const names = { account: `${long}@bix.org`, sender: `${long}@other.example`, nick: long }
    const payload = compose({ ...input, ...names }, 'none', sealing)
    expect(Object.keys(payload)).toEqual(['aps', 'account'])
    const room = compose({ ...input, nick: long }, 'none', {
      ...sealing,
      encryption: { scheme: 'aes-128-gcm', key: KEY, maxSize: 300 },
    })
    expect(unseal(room)).toMatchObject({ sender: 'romeo@bix.org', type: 'groupchat' })
    expect(Buffer.byteLength(JSON.stringify(unseal(room)))).toBeLessThanOrEqual(300)
  })

  test('says nothing of an encrypted message but that it is one', () => {
    expect(unseal(compose({ ...input, kind: 'encrypted' }, 'full', sealing))).toMatchObject({
      message: 'Encrypted message',
    })
  })
})

describe('a call for PushKit', () => {
  const how = (body: BodyPolicy) => ({ style: { body }, options: {}, bytes })
  test('names who calls, which call and with what, and until when; an alert about its end names the same call', () => {
    const call = { ...input, call: CALL, ends }
    expect(composeCall({ ...call, kind: 'call' }, how('sender'))).toEqual({
      aps: {},
      account: 'juliet@bix.org',
      call: 'proposed',
      sid: 'ca3cf894',
      from: 'romeo@bix.org',
      sender: 'romeo@bix.org/orchard',
      media: ['audio', 'video'],
      sent: 1_767_225_600,
      expires: ends,
    })
    const ended = {
      ...input,
      kind: 'call-ended',
      body: null,
      call: { ...CALL, ended: 'declined-elsewhere' },
    } as const
    expect(compose(ended, 'none')).toMatchObject({
      account: 'juliet@bix.org',
      call: 'ended',
      sid: 'ca3cf894',
      reason: 'declined-elsewhere',
      sent: 1_767_225_600,
    })
  })

  const long = (unit: string, n: number) => unit.repeat(n)
  const of = (names: { account?: string; local?: string; resource?: string; sid?: string }, custom = {}) => {
    const sender = `${names.local ?? 'romeo'}@bix.org`
    const call = { sid: names.sid ?? 'c1', from: `${sender}/${names.resource ?? 'r'}`, media: ['audio'] }
    const what = { ...input, kind: 'call', account: names.account ?? input.account, sender, call, ends }
    return composeCall(what, { ...how('sender'), style: { body: 'sender', custom } })
  }

  test('is at most 5120 bytes as encoded: exactly so is left whole, one more is cut', () => {
    const room = 5120 - encodedSize(of({}, { k: '' }))
    const whole = of({}, { k: long('x', room) })
    expect(encodedSize(whole)).toBe(5120)
    expect(whole).toMatchObject({ k: long('x', room), sender: 'romeo@bix.org/r' })
    const over = of({}, { k: long('x', room + 1) })
    expect(over).not.toHaveProperty('k')
    expect(over).toMatchObject({ from: 'romeo@bix.org', sender: 'romeo@bix.org/r', sid: 'c1' })
  })

  test('whatever the names are: first the app’s keys go, then the device, then a part of the name', () => {
    const wide = of({
      account: `${long('漢', 680)}@bix.org`,
      local: long('漢', 340),
      resource: long('\\', 1023),
    })
    expect(encodedSize(wide)).toBeLessThanOrEqual(5120)
    expect(wide).not.toHaveProperty('sender')
    const family = '👩‍👩‍👧‍👦'
    for (const unit of ['a', '漢', '\\', '"', family, 'e\u0301']) {
      const payload = of({
        account: `${long('\\', 1023)}@bix.org`,
        local: long(unit, 3000),
        sid: long('"', 200),
      })
      expect(encodedSize(payload)).toBeLessThanOrEqual(5120)
      expect(encodedSize(payload)).toBeGreaterThan(5120 - 30)
      const { from } = payload as unknown as { from: string }
      // Whole graphemes, and a sign that something is left out.
      expect(from.slice(0, -1)).toBe(long(unit, (from.length - 1) / unit.length))
      expect(from.endsWith('…')).toBe(true)
    }
  })

  test('is as small where the policy hides who calls', () => {
    const what = {
      ...input,
      kind: 'call',
      account: `${long('漢', 680)}@bix.org`,
      call: { ...CALL, sid: long('"', 200) },
      ends,
    }
    const style = { body: 'none' as const, custom: { k: long('x', 4000) } }
    const payload = composeCall(what, { ...how('none'), style })
    expect(encodedSize(payload)).toBeLessThanOrEqual(5120)
    expect(Object.keys(payload)).toEqual(['aps', 'account', 'call', 'sid', 'media', 'sent', 'expires'])
  })

  test('is under the limit when it is sealed as well', () => {
    const from = `${long('漢', 340)}@bix.org/${long('漢', 341)}`
    const what = {
      ...input,
      kind: 'call',
      account: `${long('漢', 340)}@bix.org`,
      call: { ...CALL, from },
      ends,
    }
    const payload = composeCall(what, { style: { body: 'none' }, options: sealing, bytes })
    expect(encodedSize(payload)).toBeLessThanOrEqual(5120)
    expect(unseal(payload)).toMatchObject({ sender: from, sid: CALL.sid })
  })
})

describe('at the limit of an alert', () => {
  const family = '👩‍👩‍👧‍👦'
  const sizeOf = (body: string, options: DeviceOptions = {}) =>
    encodedSize(compose({ ...input, body }, 'full', options))

  for (const [what, options] of [
    ['an alert', {}],
    // The text stands in the summary and nowhere else.
    ['a silent push', { silent: true }],
  ] as const)
    test(`${what} of exactly 4096 bytes is left whole; one more byte, and it is cut between graphemes`, () => {
      const base = sizeOf('x', options) - 1
      const fits = 'x'.repeat(4096 - base)
      expect(sizeOf(fits, options)).toBe(4096)
      expect(JSON.stringify(compose({ ...input, body: fits }, 'full', options))).toContain(`"${fits}"`)
      const over = JSON.stringify(compose({ ...input, body: `${fits}x` }, 'full', options))
      expect(Buffer.byteLength(over)).toBeLessThanOrEqual(4096)
      expect(over).toContain('x…"')
      const emoji = JSON.stringify(
        compose({ ...input, body: 'x'.repeat(4096 - base - 10) + family }, 'full', options),
      )
      expect(Buffer.byteLength(emoji)).toBeLessThanOrEqual(4096)
      expect(emoji).toContain('x…"')
      expect(emoji).not.toContain('👩')
    })
})
