/** Lock screens of the simulator's phones: what arrives, stands together, is replaced and vanishes. */
import { expect, test } from 'bun:test'
import type { SimReceived } from '../../src/ops/apns-sim.ts'
import { SimPhones } from '../../src/ops/apns-sim-phones.ts'

const TOPIC = 'org.bix.chat'
let n = 0
const push = (aps: Record<string, unknown>, more: Partial<SimReceived> = {}): SimReceived => ({
  ...{ at: ++n, connection: 1, headers: {}, token: 'aa', topic: TOPIC, apnsId: `${n}`, bytes: 1 },
  ...{ collapseId: undefined, payload: { aps }, status: 200, reason: undefined },
  ...more,
})
const alert = (title: string, body: string) => ({ title, body })
const shown = (phones: SimPhones, token = 'aa') =>
  phones.find(TOPIC, token)?.notifications.map(({ title, body, updates }) => `${title}: ${body} ${updates}`)

test('an alert stands on the screen, the newest first; one with the same collapse id takes its place', () => {
  const phones = new SimPhones()
  phones.take(push({ alert: alert('Romeo', 'a'), badge: 1, 'thread-id': 'r' }, { collapseId: 'x' }))
  phones.take(push({ alert: 'plain', badge: 2 }))
  phones.take(push({ alert: alert('Romeo', 'b'), badge: 2, 'thread-id': 'r' }, { collapseId: 'x' }))
  phones.take(push({ alert: { 'loc-key': 'BELFRY_PHOTO' } }, { token: 'bb', collapseId: 'x' }))
  expect(shown(phones)).toEqual(['Romeo: b 1', ': plain 0'])
  expect(shown(phones, 'bb')).toEqual([': BELFRY_PHOTO 0'])
  expect(phones.find(TOPIC, 'aa')).toMatchObject({
    badge: 2,
    notifications: [{ thread: 'r' }, { thread: '' }],
  })
  expect(phones.list().map(({ token }) => token)).toEqual(['bb', 'aa'])
})

test('a lower number stays beside what stands there; a number of 0 and an opened app take all of it away', () => {
  const phones = new SimPhones()
  for (const token of ['aa', 'bb']) phones.take(push({ alert: alert('Romeo', 'a'), badge: 2 }, { token }))
  phones.take(push({ badge: 1 }))
  expect([phones.find(TOPIC, 'aa')?.badge, shown(phones)?.length]).toEqual([1, 1])
  phones.take(push({ badge: 0 }))
  phones.opened(TOPIC, 'bb')
  for (const token of ['aa', 'bb'])
    expect(phones.find(TOPIC, token)).toMatchObject({ badge: 0, notifications: [] })
})

test('what was refused, wakes the app unseen or is no alert at all shows nothing; a call is shown and ends', () => {
  const phones = new SimPhones()
  phones.take(push({ alert: 'x' }, { status: 410, reason: 'Unregistered' }))
  expect(phones.list()).toEqual([])
  for (const aps of [{ 'content-available': 1 }, { alert: 7 }, { alert: {} }, { alert: '' }])
    phones.take(push(aps))
  phones.take(push({}, { payload: {} }))
  expect(shown(phones)).toEqual([])
  for (const call of ['proposed', 'ended'])
    phones.take(
      push({}, { topic: `${TOPIC}.voip`, collapseId: 'sid', payload: { call, from: 'romeo@bix.org' } }),
    )
  expect(shown(phones)).toEqual(['romeo@bix.org: The call is over 1'])
})

test('neither phones, notifications nor their words grow without end', () => {
  const phones = new SimPhones()
  for (let i = 0; i < 300; i++) phones.take(push({ alert: 'x'.repeat(4000) }, { token: `${i}` }))
  for (let i = 0; i < 100; i++) phones.take(push({ alert: 'y' }))
  expect(phones.list().length).toBe(200)
  expect(phones.find(TOPIC, '299')?.notifications[0]?.body.length).toBe(500)
  expect(shown(phones)?.length).toBe(30)
})

test('a token of a widget, an activity or a talk is no phone', () => {
  const phones = new SimPhones()
  for (const use of ['push-type.widgets', 'push-type.liveactivity', 'location-query', 'voip-ptt'])
    phones.take(push({ 'content-changed': true }, { topic: `${TOPIC}.${use}` }))
  expect(phones.list()).toEqual([])
})

test('a room names its speaker, a call that was missed says so, and names in `remove` take notices off', () => {
  const phones = new SimPhones()
  const room = { alert: { title: 'The Garden', subtitle: 'Romeo', body: 'hist' } }
  phones.take(push(room, { collapseId: 'g' }))
  const missed = { aps: { alert: alert('Romeo', 'Missed call') }, call: 'ended', from: 'romeo@bix.org' }
  phones.take(push({}, { payload: missed, collapseId: 'c' }))
  expect(shown(phones)).toEqual(['Romeo: Missed call 0', 'The Garden: hist 0'])
  expect(phones.find(TOPIC, 'aa')?.notifications.at(-1)?.subtitle).toBe('Romeo')
  phones.take(push({}, { payload: { aps: { 'content-available': 1 }, remove: ['g', 7, 'x'] } }))
  expect(shown(phones)).toEqual(['Romeo: Missed call 0'])
  phones.take(push({}, { payload: { aps: { alert: alert('Nurse', 'a') }, remove: ['c'] } }))
  expect(shown(phones)).toEqual(['Nurse: a 0'])
})
