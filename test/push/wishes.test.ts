import { describe, expect, test } from 'bun:test'
import type { DeviceWishes } from '../../src/store/devices.ts'
import { stilled } from '../../src/push/rules/wishes.ts'

const NIGHT = { from: '22:00', to: '07:00', zone: 'Europe/Rome' }
/** Rome is an hour ahead in winter. */
const at = (time: string) => Date.parse(`2026-01-01T${time}:00Z`)
const MIDNIGHT = at('23:00')
const NOON = at('11:00')
const message = { kind: 'body', mention: false }
const mention = { kind: 'body', mention: true }
const call = { kind: 'call', mention: false }

interface Row {
  readonly wishes: DeviceWishes
  readonly what: typeof message
  readonly now: number
  readonly is: ReturnType<typeof stilled>
  /** The account has the same quiet hours. */
  readonly account?: true
}

const ROWS: readonly Row[] = [
  { wishes: {}, what: message, now: MIDNIGHT, is: undefined },
  { wishes: {}, what: message, now: MIDNIGHT, account: true, is: 'quiet-hours' },
  { wishes: { quiet: NIGHT }, what: message, now: MIDNIGHT, is: 'device-quiet-hours' },
  { wishes: { quiet: NIGHT }, what: message, now: NOON, is: undefined },
  { wishes: { quiet: NIGHT }, what: call, now: MIDNIGHT, is: 'device-quiet-hours' },
  { wishes: { quiet: NIGHT, through: ['calls'] }, what: call, now: MIDNIGHT, is: undefined },
  { wishes: { quiet: NIGHT, through: ['calls'] }, what: mention, now: MIDNIGHT, is: 'device-quiet-hours' },
  { wishes: { quiet: NIGHT, through: ['mentions'] }, what: mention, now: MIDNIGHT, is: undefined },
  { wishes: { through: ['mentions'] }, what: mention, now: MIDNIGHT, account: true, is: undefined },
  { wishes: { through: ['mentions'] }, what: message, now: MIDNIGHT, account: true, is: 'quiet-hours' },
  { wishes: { muted: { until: null }, through: ['calls'] }, what: call, now: NOON, is: 'device-muted' },
  { wishes: { muted: { until: NOON + 1 } }, what: call, now: NOON, is: 'device-muted' },
  { wishes: { muted: { until: NOON } }, what: call, now: NOON, is: undefined },
]

describe('wishes of a person for a device', () => {
  for (const { wishes, what, now, account, is } of ROWS)
    test(`${JSON.stringify(wishes)}, ${what.kind}${what.mention ? ' that names one' : ''}${account ? ', and the account’s hours' : ''} at ${new Date(now).toISOString().slice(11, 16)}: ${is ?? 'rings'}`, () => {
      expect(stilled(wishes, what, account ? NIGHT : null, now)).toBe(is)
    })
})
