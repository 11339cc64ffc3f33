import { describe, expect, test } from 'bun:test'
import { startLogging } from '../../src/log.ts'
import { type AlarmFacts, AlarmLog, alarmsOf } from '../../src/push/diagnose/alarms.ts'

const MINUTE = 60_000
const DAY = 24 * 60 * MINUTE
const NOW = 1_700_000_000_000
const calm: AlarmFacts = {
  now: NOW,
  oldest: undefined,
  lanes: [],
  apps: [],
  clockOffset: undefined,
  dead: 0,
  alarmAfter: 5 * MINUTE,
  certificateAlarm: 30 * DAY,
}
const lane = (paused: string | null) => ({ lane: 'T/K', waiting: 1, under_way: 0, paused, until: NOW + 1 })
const app = (expires: number) => ({ topic: 'org.bix.chat', environment: 'production' as const, expires })
const texts = (change: Partial<AlarmFacts>): string[] =>
  alarmsOf({ ...calm, ...change }).map(({ text }) => text)

describe('alarms', () => {
  test('nothing is wrong', () => {
    const apps = [app(NOW + 31 * DAY)]
    expect(texts({ oldest: NOW - 5 * MINUTE, lanes: [lane(null), lane('retry')], apps })).toEqual([])
  })

  test('a push that waits too long', () => {
    expect(texts({ oldest: NOW - 6 * MINUTE })).toEqual([
      'A push waits since 6 minutes: see belfry push queue.',
    ])
  })

  test('one device whose token is another app’s is an alarm, and stays', () => {
    expect(texts({ misfits: [{ topic: 'org.bix.chat', n: 1 }] })).toEqual([
      'Apple says that a device of org.bix.chat belongs to another app: compare topic with the app’s bundle id. Nothing was removed.',
    ])
  })

  test('DeviceTokenNotForTopic from many devices is the operator’s, not the devices’', () => {
    expect(texts({ lanes: [lane('DeviceTokenNotForTopic')] })[0]).toContain(
      'compare topic with the app’s bundle id',
    )
  })

  test('InvalidProviderToken names the clock when it is off, and only then', () => {
    const lanes = [lane('InvalidProviderToken')]
    expect(texts({ lanes, clockOffset: 7_200_000 })[0]).toContain('clock is 7200 s behind')
    expect(texts({ lanes, clockOffset: -7_200_000 })[0]).toContain('clock is 7200 s ahead')
    expect(texts({ lanes, clockOffset: 2_000 })[0]).not.toContain(' s ')
    expect(texts({ lanes: [lane('BadTopic')], clockOffset: 7_200_000 })[0]).not.toContain('7200')
  })

  test('the webhook is one, however many accounts wait for it', () => {
    const to = (name: string) => ({ ...lane('PrivateAddress'), lane: `webhook ${name}@bix.org` })
    const alarms = (lanes: AlarmFacts['lanes']) => alarmsOf({ ...calm, lanes })
    const two = alarms([to('juliet'), lane('BadTopic'), to('romeo')])
    expect(two.map(({ name }) => name)).toEqual(['paused webhook', 'paused T/K'])
    expect(two[0]?.text).toContain('Push rests at webhook for 2 accounts: PrivateAddress')
    const [one] = alarms([to('juliet')])
    expect(one?.name).toBe('paused webhook')
    expect(one?.text).toContain('Push rests at webhook juliet@bix.org: PrivateAddress')
  })

  test('a certificate that ends, and one that has ended', () => {
    expect(texts({ apps: [app(NOW + 3 * DAY)] })[0]).toContain('ends in 3 days')
    expect(texts({ apps: [app(NOW - DAY)] })[0]).toContain('has ended')
  })

  test('what the webhook refused', () => {
    expect(texts({ dead: 2 })[0]).toContain('refused 2 messages or events')
  })

  test('each is one line when it begins and one when it is over', () => {
    const lines: string[] = []
    startLogging({ level: 'info', format: 'text', write: (line) => void lines.push(line) })
    const log = new AlarmLog()
    const alarms = alarmsOf({ ...calm, dead: 1 })
    log.update(alarms)
    log.update(alarms)
    log.update([])
    log.update([])
    startLogging({ level: 'error', format: 'text' })
    expect(lines.filter((line) => line.includes('alarm'))).toHaveLength(2)
    expect(lines[1]).toContain('alarm is over')
  })
})
