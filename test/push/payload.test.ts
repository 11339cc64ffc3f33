import { describe, expect, test } from 'bun:test'
import { type BodyPolicy, composePayload, cut, encodedSize, keptText } from '../../src/push/payload.ts'

const input = {
  kind: 'body',
  account: 'juliet@bix.org',
  sender: 'romeo@bix.org',
  title: 'Romeo',
  body: 'Neither, fair saint, if either thee dislike.',
  badge: 3,
  messageId: '17',
}
const GENERIC = 'New message'

describe('a payload', () => {
  test('shows what the policy allows and nothing else', () => {
    expect(composePayload(input, 'full')).toEqual({
      aps: {
        alert: { title: 'Romeo', body: input.body },
        badge: 3,
        sound: 'default',
        'thread-id': 'romeo@bix.org',
      },
      account: 'juliet@bix.org',
      from: 'romeo@bix.org',
      'stanza-id': '17',
    })
    expect(composePayload(input, 'sender').aps.alert).toEqual({ title: 'Romeo', body: GENERIC })
    expect(composePayload(input, 'none')).toEqual({
      aps: { alert: { body: GENERIC }, badge: 3, sound: 'default' },
      account: 'juliet@bix.org',
      'stanza-id': '17',
    })
    const hidden = JSON.stringify(composePayload(input, 'encrypted'))
    expect(hidden).toContain('"mutable-content":1')
    expect(hidden).not.toMatch(/romeo|saint/i)
  })

  test('of an encrypted message never shows the fallback text', () => {
    const { aps } = composePayload({ ...input, kind: 'encrypted', body: null }, 'full')
    expect(aps).toMatchObject({ alert: { title: 'Romeo', body: 'Encrypted message' }, 'mutable-content': 1 })
  })

  test('says what a call, an invitation and a subscription request are', () => {
    for (const kind of ['call', 'invitation', 'subscription-request']) {
      expect(composePayload({ ...input, kind, body: null }, 'sender').aps.alert).not.toMatchObject({
        body: GENERIC,
      })
    }
  })

  test('keeps no text in the outbox that the policy hides', () => {
    const text = { title: 'Romeo', body: 'saint' }
    const kept: Record<BodyPolicy, object> = {
      none: {},
      encrypted: {},
      sender: { title: 'Romeo' },
      full: text,
    }
    for (const policy of ['none', 'encrypted', 'sender', 'full'] as const)
      expect(keptText(policy, text)).toEqual(kept[policy])
  })

  const hard = ['a', 'é', '"\\', '\u0001\n', '漢', '👩‍👩‍👧‍👦', '🇫🇷', 'e\u0301\u0302', '\ud800', 'שלום ']
  for (const unit of hard) {
    test(`of ${JSON.stringify(unit)} × 6000 is trimmed to at most 4096 encoded bytes, close to it`, () => {
      const payload = composePayload({ ...input, body: unit.repeat(6000) }, 'full')
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
})
