/** `kinds` of [[push.apps]] and [[push.fcm]]: sound, level, category, place and channel of single kinds of notices. */
import { describe, expect, test } from 'bun:test'
import { parseConfig } from '../../src/config/config.ts'
import type { NoticeKind } from '../../src/config/notice-kinds.ts'
import { NOTICE_KINDS } from '../../src/config/notice-kinds.ts'
import { type AppStyle, composePayload, type PayloadInput } from '../../src/push/apns/payload.ts'
import { messageOf } from '../../src/push/fcm/message.ts'
import { PUSH_RULES } from '../../src/push/rules/classify.ts'
import { noticeOf } from '../../src/push/rules/notice.ts'
import { noticeKind } from '../../src/push/rules/notice-kind.ts'
import { webPayload } from '../../src/push/webpush/payload.ts'
import type { DeviceOptions } from '../../src/store/devices.ts'
import type { AboutFacts, Job } from '../../src/store/push.ts'

const APP =
  '[[push.apps]]\ntopic = "org.bix.chat"\nteam_id = "ABCDE12345"\nkey_id = "ABC123DEFG"\nkey_file = "k.p8"\n'
const read = (toml: string) => parseConfig(toml, '/etc/belfry.toml')
const styleOf = (toml: string): AppStyle => {
  const { config, errors } = read(APP + toml)
  const style = config?.push.apps[0]
  if (errors || !style) throw new Error(JSON.stringify(errors))
  return style
}
const wrong = (toml: string) => (read(APP + toml).errors ?? []).map(({ message }) => message)

const push: PayloadInput = {
  kind: 'body',
  account: 'juliet@bix.org',
  sender: 'garden@rooms.bix.org',
  title: 'The Garden',
  nick: 'Romeo',
  body: 'Juliet!',
  badge: 1,
  messageId: '17',
  createdAt: 1_767_225_600_000,
}
const bytes = (n: number) => Buffer.alloc(n)
const apsOf = (style: AppStyle, change: Partial<PayloadInput> = {}, options: DeviceOptions = {}) =>
  composePayload({ ...push, ...change }, { style, options, bytes }).aps

test('each rule that rings has a kind, and what a message is to the reader tells mention and reply apart', () => {
  const rows: readonly [rule: string, about: AboutFacts | undefined, kind: NoticeKind][] = [
    ['body', undefined, 'message'],
    ['file', { recipients: 3 }, 'message'],
    ['encrypted', undefined, 'message'],
    ['body', { mention: true }, 'mention'],
    ['body', { mention: true, reply: true }, 'mention'],
    ['body', { reply: true }, 'reply'],
    ['reacted', { reply: true }, 'reaction'],
    ['call', undefined, 'call'],
    ['call-invite', undefined, 'group_call'],
    ['call-missed', undefined, 'missed_call'],
    ['subscription-request', undefined, 'contact_request'],
    ['invitation', undefined, 'invitation'],
    ['attention', { mention: true }, 'attention'],
    ['joined', undefined, 'joined'],
    ['digest', undefined, 'digest'],
  ]
  for (const [rule, about, kind] of rows) expect([rule, noticeKind(rule, about)]).toEqual([rule, kind])
  expect(new Set(rows.map(([, , kind]) => kind))).toEqual(new Set(NOTICE_KINDS))
  const rung = new Set(rows.map(([rule]) => rule))
  for (const { kind, rule } of PUSH_RULES) if (kind === 'ring') expect(rung).toContain(rule)
})

describe('an Apple phone', () => {
  const style = styleOf(
    'body = "full"\nsound = "bell.caf"\ncategory = "CHAT"\ncritical_alerts = true\n' +
      '[push.apps.kinds.mention]\nsound = "name.caf"\ninterruption_level = "time-sensitive"\ncategory = "NAMED"\nrelevance = 0.8\n' +
      '[push.apps.kinds.call]\nsound = "ring.caf"\ninterruption_level = "critical"\nvolume = 0.5\n' +
      '[push.apps.kinds.attention]\ninterruption_level = "critical"\n' +
      '[push.apps.kinds.reaction]\nsound = ""\ninterruption_level = "passive"\nrelevance = 0\n' +
      '[push.apps.kinds.contact_request]\ncategory = "REQUEST"\n' +
      '[push.apps.kinds.group_call]\ninterruption_level = "active"\n',
  )

  test('sounds and presses as its app’s table says for the kind, else as for all', () => {
    const plain = { sound: 'bell.caf', category: 'CHAT' }
    expect(apsOf(style)).toMatchObject({ ...plain, 'relevance-score': 0.5 })
    expect(apsOf(style)).not.toHaveProperty('interruption-level')
    expect(apsOf(style, { about: { mention: true } })).toMatchObject({
      sound: 'name.caf',
      category: 'NAMED',
      'interruption-level': 'time-sensitive',
      'relevance-score': 0.8,
    })
    expect(apsOf(style, { about: { reply: true } })).toMatchObject({ ...plain, 'relevance-score': 0.9 })
    const reaction = apsOf(style, { kind: 'reacted', about: { reply: true } })
    expect(reaction).toMatchObject({ 'interruption-level': 'passive', 'relevance-score': 0 })
    expect(reaction).not.toHaveProperty('sound')
    expect(apsOf(style, { kind: 'subscription-request' })).toMatchObject({ ...plain, category: 'REQUEST' })
    expect(apsOf(style, { kind: 'call-invite' })).toMatchObject({ 'interruption-level': 'active' })
  })

  test('rings for a critical kind by Apple’s dictionary, and no other', () => {
    expect(apsOf(style, { kind: 'call' })).toMatchObject({
      sound: { critical: 1, name: 'ring.caf', volume: 0.5 },
      'interruption-level': 'critical',
    })
    expect(apsOf(style, { kind: 'attention' })).toMatchObject({
      sound: { critical: 1, name: 'bell.caf', volume: 1 },
    })
    expect(apsOf(style, { kind: 'call-missed' }).sound).toBe('bell.caf')
    // What only takes the place of another stays still.
    const ended = apsOf(style, { kind: 'call-ended' })
    expect(ended).toMatchObject({ 'interruption-level': 'passive' })
    expect(ended).not.toHaveProperty('sound')
  })

  test('that wants no sound has none; its own sound is that of kinds without one', () => {
    expect(apsOf(style, { kind: 'call' }, { sound: '' })).not.toHaveProperty('sound')
    expect(apsOf(style, {}, { sound: 'own.caf', category: 'OWN' })).toMatchObject({
      sound: 'own.caf',
      category: 'OWN',
    })
    expect(apsOf(style, { about: { mention: true } }, { sound: 'own.caf', category: 'OWN' })).toMatchObject({
      sound: 'name.caf',
      category: 'NAMED',
    })
  })

  test('tells Apple by no sound of a mention that Apple must not see', () => {
    const about = { mention: true } as const
    const seen = (options: DeviceOptions, body: AppStyle['body'] = 'full') =>
      apsOf({ ...style, body }, { about }, options)
    const sealed = {
      encryption: { scheme: 'aes-128-gcm', key: Buffer.alloc(16).toString('base64') },
    } as const
    for (const aps of [seen({ hides: 'sender' }), seen({}, 'none'), seen(sealed)])
      expect([aps.sound, aps['interruption-level']]).toEqual(['bell.caf', undefined])
  })
})

test('a table that cannot be so is refused with its place', () => {
  expect(wrong('[push.apps.kinds.call]\ninterruption_level = "critical"\n')[0]).toContain(
    'critical_alerts = true',
  )
  expect(wrong('[push.apps.kinds.call]\nvolume = 0.5\n')[0]).toContain('only a critical alert has a volume')
  expect(wrong('[push.apps.kinds.poke]\nsound = "x"\n')[0]).toContain(
    'unknown key "poke" in [push.apps.kinds]',
  )
  expect(wrong('[push.apps.kinds.call]\nsonud = "x"\n')[0]).toContain('unknown key "sonud"')
  expect(wrong('[push.apps.kinds.call]\nrelevance = 2\n')[0]).toContain('"relevance"')
})

const about: AboutFacts = {
  mention: true,
  reply: true,
  recipients: 7,
  avatar: 'a'.repeat(40),
  avatarUrl: 'https://bix.org/upload/x/a.png',
}
const job = {
  ...push,
  about,
  call: null,
  removal: undefined,
  collapseId: '17',
  expiresAt: 0,
} as unknown as Job

describe('a phone of Google’s', () => {
  const style = {
    body: 'full',
    notification: true,
    channel: 'messages',
    kinds: { mention: { channel: 'mentions' } },
  } as const
  const of = (change: Partial<Job> = {}, body: 'full' | 'none' = 'full') =>
    messageOf({ ...job, ...change }, { style: { ...style, body }, now: 0, ringMs: 60_000 })

  test('has a channel for a kind, and in its data why it is rung', () => {
    const { data, android } = of()
    expect(android).toMatchObject({ notification: { channel_id: 'mentions' } })
    expect(data).toMatchObject({
      mention: 'true',
      reply: 'true',
      recipients: '7',
      avatar: about.avatar,
      'avatar-url': about.avatarUrl,
    })
    expect(of({ about: null }).android).toMatchObject({ notification: { channel_id: 'messages' } })
    expect(of({ kind: 'call', about: null }).data).toMatchObject({ level: 'time-sensitive' })
    const hidden = of({}, 'none')
    expect(hidden.android).toMatchObject({ notification: { channel_id: 'messages' } })
    expect(Object.keys(hidden.data)).not.toContain('mention')
  })
})

test('a browser has the sender’s picture as the icon, a call that stays, and the rest for its worker', () => {
  const of = (change: Partial<Job>, body: 'full' | 'none' = 'full') => {
    const changed = { ...job, ...change }
    const notice = noticeOf(changed, { body }, {})
    return webPayload(changed, notice, { style: { body }, options: {}, limit: 3_993, short: false })
  }
  expect(of({})).toMatchObject({
    notification: {
      icon: about.avatarUrl,
      data: { mention: true, reply: true, 'recipient-count': 7, avatar: about.avatar },
    },
  })
  expect(of({}).notification).not.toHaveProperty('requireInteraction')
  expect(of({ kind: 'call' })).toMatchObject({ notification: { requireInteraction: true } })
  expect(JSON.stringify(of({}, 'none'))).not.toMatch(/icon|mention|upload/)
})
