/** Figures over time: taken from the metrics once a minute, kept for a day and a month, and no longer. */
import { expect, test } from 'bun:test'
import { loopLag, pushes, pushLatency, sessions, stanzas } from '../../src/metrics/metrics.ts'
import { quantile, Sampler, startFigures } from '../../src/ops/figures.ts'
import type { Figures } from '../../src/store/figures.ts'
import type { WriteTx } from '../../src/store/tx.ts'
import { open, trip } from '../store/support.ts'

const MINUTE = 60_000
const DAY = 24 * 60 * MINUTE
const NONE: Figures = {
  ...{ sessions: 0, messages: 0, pushSent: 0, pushMerged: 0, pushRetried: 0, pushDropped: 0 },
  ...{ pushLatency: null, loopLag: null, diskFree: 0, memory: 0 },
}

test('a sample is what has happened since the one before, a minute', async () => {
  const sampler = new Sampler()
  await sampler.take(1)
  for (let i = 0; i < 6; i++) stanzas.inc({ kind: 'message', direction: 'in' })
  stanzas.inc({ kind: 'message', direction: 'out' })
  pushes.inc({ provider: 'simulator', result: 'sent', reason: 'Success' })
  pushes.inc({ provider: 'apns', result: 'sent', reason: 'Success' })
  pushes.inc({ provider: 'apns', result: 'dropped', reason: 'Unregistered' })
  for (let i = 0; i < 100; i++) pushLatency.observe({ provider: 'apns' }, i < 90 ? 0.07 : 0.2)
  sessions.set({ transport: 'tls', state: 'open' }, 7)
  const taken = await sampler.take(2)
  expect(taken).toMatchObject({ messages: 3, pushSent: 1, pushDropped: 0.5, pushRetried: 0, sessions: 7 })
  expect(taken.pushLatency).toBeCloseTo(0.175)
  expect(taken.memory).toBeGreaterThan(1e6)
  loopLag.observe(0.3)
  const quiet = await sampler.take(1)
  expect([quiet.messages, quiet.pushLatency]).toEqual([0, null])
  sessions.reset()
})

test('a part of what was observed, within its bucket and never beyond the highest bound', () => {
  const at = (...n: number[]) => new Map([0.1, 1, Infinity].map((bound, i) => [bound, n[i] ?? 0]))
  expect(quantile(0.5, at(0, 0, 0))).toBeNull()
  expect(quantile(0.5, at(10, 10, 10))).toBeCloseTo(0.05)
  expect(quantile(0.9, at(8, 10, 10))).toBeCloseTo(0.55)
  expect(quantile(0.99, at(0, 0, 5))).toBe(1)
  expect(quantile(0.5, at(14, 20, 20), at(10, 10, 10))).toBeCloseTo(0.25)
})

test('a row a minute, in one trip', async () => {
  using w = open()
  let trips = 0
  let written = Promise.withResolvers<void>()
  const run = async <T>(f: (t: WriteTx) => T): Promise<T> => {
    trips++
    const result = trip(w.store, () => f({ store: w.store }))
    written.resolve()
    return result
  }
  w.clock.advance(10_000)
  const end = startFigures(w.clock, run)
  const from = w.clock.now() - 10_000
  for (let i = 0; i < 3; i++) {
    written = Promise.withResolvers()
    w.clock.advance(i === 0 ? 50_000 : MINUTE)
    await written.promise
  }
  expect(trips).toBe(3)
  expect(w.store.figures.between(from, from + DAY, MINUTE).map(({ at }) => at - from)).toEqual([
    0,
    MINUTE,
    2 * MINUTE,
  ])
  end()
  w.clock.advance(5 * MINUTE)
  expect(trips).toBe(3)
})

test('minutes are kept for a day and half hours for a month, whatever the clock does', () => {
  using w = open()
  const from = w.clock.now()
  const rows = (step: number) =>
    w.store.db.raw
      .query<{ n: number }, [number]>('SELECT count(*) AS n FROM figures WHERE step = ?')
      .get(step)?.n
  const add = (at: number, figures: Partial<Figures>) =>
    trip(w.store, () => w.store.figures.add(at, { ...NONE, ...figures }))
  for (let i = 0; i < 60; i++) add(from + i * MINUTE, { sessions: i, pushLatency: i === 7 ? 2 : null })
  const halves = w.store.figures.between(from, from + DAY, 30 * MINUTE)
  expect(halves.map(({ sessions: n, pushLatency: s }) => [n, s])).toEqual([
    [14.5, 2],
    [44.5, null],
  ])
  expect(w.store.figures.between(from, from + DAY, 10 * MINUTE).map(({ sessions: n }) => n)).toEqual([
    4.5, 14.5, 24.5, 34.5, 44.5, 54.5,
  ])
  for (let day = 1; day < 80; day++)
    for (let i = 0; i < 3; i++) add(from + day * DAY + i * MINUTE, { sessions: day })
  expect(rows(60)).toBeLessThanOrEqual(6)
  expect(rows(1800)).toBe(31)
  // The same minute again, as after a clock that was set back, is one row.
  add(from + 79 * DAY, { sessions: 1 })
  add(from + 79 * DAY, { sessions: 2 })
  expect(w.store.figures.between(from + 79 * DAY, from + 79 * DAY + MINUTE, MINUTE)).toMatchObject([
    { sessions: 2 },
  ])
})
