import { describe, expect, test } from 'bun:test'
import type { Proposal } from '../../src/push/rules/classify.ts'
import {
  type AccountState,
  type Connection,
  decide,
  DECISION_RULES,
  type DeviceState,
  type Waits,
} from '../../src/push/rules/decide.ts'

const NOW = 1_000_000
const WAITS: Waits = { elsewhere: 30_000, inactive: 3_000, call: 2_000 }
const RING: Proposal = { kind: 'ring', rule: 'body' }
const SILENT: Proposal = { kind: 'silent', rule: 'reaction' }
const CALL: Proposal = { kind: 'ring', rule: 'call' }

const device = (more: Partial<DeviceState> = {}): DeviceState => ({
  connection: 'none',
  took: false,
  acknowledges: true,
  ringsWhenAway: false,
  ...more,
})
const state = (more: Partial<AccountState> = {}): AccountState => ({
  proposal: RING,
  disabled: false,
  elsewhere: 'none',
  notify: undefined,
  mention: false,
  stranger: false,
  unknownSenders: true,
  quiet: false,
  ...more,
})

interface Row {
  readonly what: string
  readonly device?: Partial<DeviceState>
  readonly state?: Partial<AccountState>
  readonly waits?: Partial<Waits>
  readonly is: string
}

const ROWS: readonly Row[] = [
  { what: 'nobody is there', is: 'send away' },
  { what: 'its stream is gone', device: { connection: 'hibernating', took: true }, is: 'send away' },
  { what: 'it shows no sign of life', device: { connection: 'suspect', took: true }, is: 'send away' },
  { what: 'it is open', device: { connection: 'active', took: true }, is: 'suppress session-active' },
  { what: 'it is open, but the message went to another', device: { connection: 'active' }, is: 'send away' },
  {
    what: 'the app is in the background',
    device: { connection: 'inactive', took: true },
    is: 'hold inactive-unacked 1003000',
  },
  {
    what: 'the app is in the background and no wait is set',
    device: { connection: 'inactive', took: true },
    waits: { inactive: 0 },
    is: 'send away',
  },
  {
    what: 'another device is in use',
    state: { elsewhere: 'in-use' },
    is: 'hold other-device-active 1030000',
  },
  {
    what: 'another device is in use and no wait is set',
    state: { elsewhere: 'in-use' },
    waits: { elsewhere: 0 },
    is: 'send away',
  },
  {
    what: 'it is open: a call waits shortly for the ack, iOS may have suspended the app',
    device: { connection: 'active', took: true },
    state: { proposal: CALL },
    is: 'hold call-unacked 1002000',
  },
  {
    what: 'it is open and never acknowledges: it has the call',
    device: { connection: 'active', took: true, acknowledges: false },
    state: { proposal: CALL },
    is: 'suppress session-active',
  },
  {
    what: 'the app is in the background: a call waits no longer than that',
    device: { connection: 'inactive', took: true, acknowledges: false },
    state: { proposal: CALL },
    is: 'hold call-unacked 1002000',
  },
  {
    what: 'no wait is set for calls: as a message would',
    device: { connection: 'inactive', took: true },
    state: { proposal: CALL },
    waits: { call: 0 },
    is: 'hold inactive-unacked 1003000',
  },
  { what: 'a call cannot wait', state: { elsewhere: 'in-use', proposal: CALL }, is: 'send away' },
  {
    what: 'in the background while another is in use: the shorter wait is asked first',
    device: { connection: 'inactive', took: true },
    state: { elsewhere: 'in-use' },
    is: 'hold inactive-unacked 1003000',
  },
  {
    what: 'another device is in use, whatever the app asked for when they are away',
    device: { ringsWhenAway: true },
    state: { elsewhere: 'in-use' },
    is: 'hold other-device-active 1030000',
  },
  {
    what: 'it is open and says away',
    device: { connection: 'away', took: true },
    is: 'suppress session-active',
  },
  {
    what: 'it says away, and the app asked to be rung then: as in the background',
    device: { connection: 'away', took: true, ringsWhenAway: true },
    is: 'hold inactive-unacked 1003000',
  },
  { what: 'the account is disabled', state: { disabled: true }, is: 'suppress account-disabled' },
  {
    what: 'a marker',
    state: { proposal: { kind: 'nothing', rule: 'marker' } },
    is: 'suppress marker',
  },
  {
    what: 'a reaction that only counts',
    state: { proposal: { kind: 'badge', rule: 'reaction' } },
    is: 'suppress reaction',
  },
  { what: 'a reaction that wakes the app', state: { proposal: SILENT }, is: 'send away' },
  {
    what: 'what nobody sees does not wait for another device',
    state: { proposal: SILENT, elsewhere: 'in-use' },
    is: 'send away',
  },
  {
    what: 'an app in the background that has it need not be woken for it',
    device: { connection: 'inactive', took: true },
    state: { proposal: SILENT },
    is: 'suppress session-active',
  },
  { what: 'the chat is muted', state: { notify: 'never', mention: true }, is: 'suppress muted' },
  { what: 'the chat always rings', state: { notify: 'always' }, is: 'send away' },
  { what: 'mentions alone, and none', state: { notify: 'on-mention' }, is: 'suppress not-mentioned' },
  { what: 'mentions alone, and one', state: { notify: 'on-mention', mention: true }, is: 'send away' },
  { what: 'a stranger may ring', state: { stranger: true }, is: 'send away' },
  {
    what: 'a stranger may not ring',
    state: { stranger: true, unknownSenders: false },
    is: 'suppress unknown-sender',
  },
  { what: 'a contact rings where strangers do not', state: { unknownSenders: false }, is: 'send away' },
  { what: 'quiet hours', state: { quiet: true }, is: 'suppress quiet-hours' },
  {
    what: 'a muted device, whoever may pass',
    device: { still: { muted: true, quiet: false, passes: true } },
    is: 'suppress device-muted',
  },
  {
    what: 'the account’s quiet hours, and the device lets it through',
    device: { still: { muted: false, quiet: true, passes: true } },
    state: { quiet: true },
    is: 'send away',
  },
  {
    what: 'quiet hours of the device',
    device: { still: { muted: false, quiet: true, passes: false } },
    is: 'suppress device-quiet-hours',
  },
  { what: 'quiet hours hold for calls', state: { quiet: true, proposal: CALL }, is: 'suppress quiet-hours' },
  { what: 'a filter of the app', device: { filter: 'muted-by-app' }, is: 'suppress muted-by-app' },
  {
    what: 'the first rule that matches names the verdict',
    device: { connection: 'active', took: true },
    state: { disabled: true, notify: 'never', quiet: true },
    is: 'suppress account-disabled',
  },
]

describe('decide', () => {
  for (const row of ROWS)
    test(`${row.what}: ${row.is}`, () => {
      const waits = { ...WAITS, ...row.waits }
      const { verdict, rule, until } = decide(device(row.device), state(row.state), waits, NOW)
      expect([verdict, rule, ...(until === undefined ? [] : [until])].join(' ')).toBe(row.is)
    })

  test('every rule has a row here', () => {
    const named = (rule: string) => ROWS.some(({ is }) => is.split(' ')[1] === rule)
    const missing = DECISION_RULES.map(({ rule }) => rule).filter((rule) => !named(rule))
    expect(missing).toEqual(['not-for-ringing', 'filter'])
  })

  test('a device that took nothing and is connected in whatever way rings', () => {
    const all: Connection[] = ['none', 'hibernating', 'suspect', 'inactive', 'away', 'active']
    for (const connection of all)
      expect(decide(device({ connection }), state(), WAITS, NOW).verdict).toBe('send')
  })
})
