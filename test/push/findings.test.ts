import { describe, expect, test } from 'bun:test'
import { APNS_REASONS } from '../../src/push/apns/reasons.ts'
import { PUSH_RULES } from '../../src/push/rules/classify.ts'
import { DECISION_RULES } from '../../src/push/rules/decide.ts'
import { findings, type PushFacts } from '../../src/push/diagnose/findings.ts'
import { inWords, reasonInWords, ruleInWords } from '../../src/push/rules/reasons-text.ts'

const well: PushFacts = {
  target: 'services',
  running: true,
  disabled: false,
  devices: [{ id: 7, lastReason: null }],
  awake: [],
  paused: [],
  waiting: 0,
  verdicts: [],
}
const row = (verdict: string, rule: string, reason: string | null = null) => ({ verdict, rule, reason })

describe('each thing that stands in the way is one sentence', () => {
  test.each<[string, Partial<PushFacts>, string]>([
    ['push is off', { target: 'off' }, 'no [[push.apps]]'],
    ['the simulator', { target: 'simulator' }, 'no phone rings'],
    ['a stopped server', { running: false }, 'belfry serve'],
    ['a key that Apple refuses', { paused: [{ lane: 'T/K', reason: 'InvalidProviderToken' }] }, 'key_file'],
    ['a disabled account', { disabled: true }, 'disabled'],
    ['no device', { devices: [] }, 'must enable push'],
    [
      'a device that Apple called dead',
      { devices: [], verdicts: [row('forgotten', 'body', 'Unregistered')] },
      'the app was removed from the phone',
    ],
    ['a device with a fault', { devices: [{ id: 7, lastReason: 'BadDeviceToken' }] }, 'sandbox'],
    ['somebody at a computer', { awake: ['desk (tcp)'] }, 'desk (tcp) is connected'],
    ['pushes on their way', { waiting: 3 }, '3 of its pushes wait'],
    ['nothing but the last verdict', { verdicts: [row('suppressed', 'session-active')] }, 'took the message'],
    ['nothing at all', {}, 'nobody has written'],
  ])('%s', (_name, change, words) => {
    const found = findings({ ...well, ...change })
    expect(found.filter((sentence) => sentence.includes(words))).toHaveLength(1)
  })

  test('where nothing is wrong only the last push is told, and only the newest', () => {
    const verdicts = [row('sent', 'body'), row('dropped', 'body', 'Expired')]
    expect(findings({ ...well, verdicts })).toEqual([
      'The last push: taken by the provider: Messages with text.',
    ])
  })
})

test('of one message what was decided about it is told first', () => {
  const verdicts = [row('withdrawn', 'read-elsewhere'), row('held', 'other-device-active')]
  expect(findings({ ...well, message: true, verdicts, awake: ['desk (tls)'] })).toEqual([
    'This message: taken back before it was sent: it was read on another device.',
    'desk (tls) is connected and takes messages: then phones stay quiet.',
  ])
})

test('every rule and every reason of Apple’s has words of its own', () => {
  for (const { rule } of PUSH_RULES) expect(ruleInWords(rule)).not.toBe(rule)
  for (const reason of Object.keys(APNS_REASONS)) expect(reasonInWords(reason)).not.toBe(reason)
})

test('what is ours beside the rule stands beside its words', () => {
  expect(inWords(row('held', 'other-device-active', '2026-11-23T08:56:30.115Z'))).toBe(
    'kept back until later: another device is in use and may still read it; until 2026-11-23T08:56:30.115Z',
  )
  expect(inWords(row('coalesced', 'burst', 'into 17'))).toBe(
    'merged into a later push of the same chat: too many came within a minute; into 17',
  )
  for (const rule of ['badge', 'call-missed', ...DECISION_RULES.map((entry) => entry.rule)])
    if (!['not-for-ringing', 'filter'].includes(rule)) expect(ruleInWords(rule)).not.toBe(rule)
})

test('what nobody knows is told as it is', () => {
  expect(inWords({ verdict: 'novel', rule: 'unheard', reason: null })).toBe('novel: unheard')
})
