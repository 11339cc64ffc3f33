/** Deferred indexes at their edges: after a crash, on a full disk, and how much they do at once. */
import { describe, expect, test } from 'bun:test'
import type { Account } from '../../src/store/accounts.ts'
import { type Clock, systemClock } from '../../src/store/clock.ts'
import { DeferredIndex } from '../../src/store/deferred-index.ts'
import { openStore, type Store } from '../../src/store/store.ts'
import { crashed, make, numbers, open, tempDir, trip } from './support.ts'

/** Few, so that everything happens. */
const LIMITS = { together: 3, span: 8, look: 1, mark: 4 }

const indexed = (store: Store, account: Account) =>
  numbers(store, 'SELECT id FROM archive_index WHERE account_id = ? ORDER BY id', account.id)

/** The id up to which the archive's index is said to be complete. */
const told = (store: Store) => Number(store.settings.get('indexed-archive')?.toString() ?? 0)

/** `n` rows of as many accounts, or of one. */
function fill(
  { db }: Store,
  index: DeferredIndex,
  from: number,
  n: number,
  accountOf = (id: number) => id,
): void {
  for (let id = from; id < from + n; id++) {
    db.raw.run(`INSERT INTO archive VALUES (?, ?, 'a@b', '')`, [id, accountOf(id)])
    index.add({ accountId: accountOf(id), id, peer: 'a@b' })
  }
}

describe('after a crash', () => {
  const explained = ({ push }: Store, account: Account) => push.explain(account.id, 9).map(({ at }) => at)
  const record = (store: Store, account: Account, at: number) =>
    trip(store, () => {
      const verdict = { messageId: 'm', verdict: 'sent', rule: 'body', at } as const
      store.push.record({ account: account.id, device: undefined, ...verdict })
    })

  test('rows are found that came after the newest had been deleted', () => {
    using dir = tempDir()
    {
      const { store } = open(dir.file)
      const romeo = trip(store, () => make(store, 'romeo'))
      for (let at = 1; at <= 5; at++) record(store, romeo, at)
      // The index goes up to here.
      store.close()
    }
    {
      const { store } = open(dir.file)
      const romeo = store.accounts.find('romeo@bix.org')
      if (romeo) trip(store, () => store.accounts.delete(romeo))
      store.close()
    }
    using w = open(dir.file)
    const juliet = trip(w.store, () => make(w.store, 'juliet'))
    for (let at = 6; at <= 8; at++) record(w.store, juliet, at)
    // Of other tables time gives the ids, and a clock that was ahead gives lower ones later.
    trip(w.store, () => {
      w.store.messages.archive(juliet, 2, 'a@b', '')
      w.store.settings.set('indexed-archive', Buffer.from('9'))
    })
    crashed(dir.file, `${dir.file}.1`)
    using again = open(`${dir.file}.1`)
    expect(explained(again.store, juliet)).toEqual([8, 7, 6])
    trip(again.store, () => again.store.messages.archive(juliet, 3, 'a@b', ''))
    // A start later nobody would look for it.
    expect(indexed(again.store, juliet)).toEqual([3])
  })

  test('what a start has made up for is done: the next one does not begin anew', () => {
    using dir = tempDir()
    using w = open(dir.file)
    const romeo = trip(w.store, () => make(w.store, 'romeo'))
    trip(w.store, () => w.store.messages.archive(romeo, 7, 'a@b', ''))
    crashed(dir.file, `${dir.file}.1`)
    expect(told(w.store)).toBe(0)
    using again = open(`${dir.file}.1`)
    expect([told(again.store), indexed(again.store, romeo)]).toEqual([7, [7]])
  })

  test('a full disk does not keep the start from reading, and the index is written once there is room', () => {
    using w = open()
    const { store } = w
    const [romeo, juliet] = trip(store, () => [make(store, 'romeo'), make(store, 'juliet')])
    trip(store, () => {
      // Whoever wrote these is gone.
      store.turn.writes()
      for (let id = 1; id <= 2_000; id++)
        store.db.raw.run(`INSERT INTO archive VALUES (?, ?, 'a@b', '')`, [id, (id % 2 ? romeo : juliet).id])
    })
    store.db.raw.query('PRAGMA max_page_count = 1').get()
    const index = new DeferredIndex(store.db, 'archive', 'peer, id', { limits: { ...LIMITS, span: 1_500 } })
    expect([index.highest, index.total(), indexed(store, romeo)]).toEqual([2_000, 2_000, []])
    expect(index.newest(romeo.id, 2)).toEqual([1_999, 1_997])
    expect(index.pending(juliet.id)).toHaveLength(1_000)
    store.db.raw.query('PRAGMA max_page_count = 1000000').get()
    trip(store, () => fill(store, index, 2_001, 2, () => juliet.id))
    expect([index.pending(romeo.id), index.pending(juliet.id)]).toEqual([[], [2_002]])
    expect([indexed(store, romeo).length, indexed(store, juliet).length]).toEqual([1_000, 1_001])
  })
})

test('a trip writes some of what has waited long, not all of it', () => {
  using w = open()
  const { store } = w
  const limits = { together: 100, span: 1_000, look: 10, mark: 1_000_000 }
  const index = new DeferredIndex(store.db, 'archive', 'peer, id', { limits })
  const places = () => numbers(store, 'SELECT count(*) AS id FROM archive_index')[0] ?? 0
  let most = 0
  for (let id = 1; id <= 6_000; id++) {
    const before = places()
    // Eleven accounts that talk as much as each other: their rows come to their age together.
    trip(store, () => fill(store, index, id, 1, () => id % 11))
    most = Math.max(most, places() - before)
    expect(id - places()).toBeLessThanOrEqual(limits.span + limits.together)
  }
  expect(most).toBeLessThanOrEqual(2 * limits.look + limits.together)
  expect(places()).toBeGreaterThan(4_000)
})

test('a stop on a full disk comes to its end', () => {
  let asked = 0
  const clock: Clock = {
    ...systemClock,
    monotonic() {
      if (++asked > 10_000) throw new Error('it goes round and round')
      // So that each turn is over soon.
      return asked
    },
  }
  using dir = tempDir()
  const store = openStore(dir.file, { flushed() {}, fatal() {} }, clock)
  trip(store, () => {
    store.turn.writes()
    fill(store, store.indexes.archive, 1, 3_000)
  })
  // No COMMIT that has written to the index goes through.
  store.db.raw.run('CREATE TABLE broken (id INTEGER REFERENCES accounts (id) DEFERRABLE INITIALLY DEFERRED)')
  store.db.raw.run(
    'CREATE TEMP TRIGGER breaking AFTER INSERT ON archive_index BEGIN INSERT INTO broken VALUES (-1); END',
  )
  store.close()
  expect(store.turn.failure).toBeDefined()
  expect(asked).toBeLessThan(1_000)
  using again = open(dir.file)
  expect(numbers(again.store, 'SELECT count(*) AS id FROM archive')).toEqual([3_000])
})

test('old rows go, whether they have a place, wait for one or were in flight', () => {
  using w = open()
  const { store } = w
  const [romeo, juliet] = trip(store, () => [make(store, 'romeo'), make(store, 'juliet')])
  trip(store, () => {
    for (let i = 1; i <= 300; i++) store.messages.storeOffline(romeo, i * 2, '<m/>', true, i % 3 === 0)
    for (let i = 1; i <= 20; i++) store.messages.storeOffline(juliet, i * 2 + 1, '<m/>', true)
  })
  trip(store, () => store.indexes.offline.flush(romeo.id))
  trip(store, () => store.messages.storeOffline(romeo, 700, '<m/>', true))
  const sizes = () => [romeo, juliet].map((account) => store.messages.offlineSize(account).messages)
  expect(sizes()).toEqual([201, 20])
  expect(store.indexes.offline.pending(juliet.id)).toHaveLength(20)
  // Ids 2 to 30 and 3 to 29.
  expect(trip(store, () => store.messages.purgeOffline(0.03, 29))).toBe(28)
  expect(sizes()).toEqual([191, 6])
  expect(trip(store, () => store.messages.purgeOffline(0.7, 500))).toBe(292)
  expect([
    sizes(),
    store.indexes.offline.pending(romeo.id),
    store.indexes.offline.pending(juliet.id),
  ]).toEqual([[1, 0], [700], []])
  expect(numbers(store, 'SELECT id FROM offline_index')).toEqual([])
  expect(numbers(store, 'SELECT id FROM offline')).toEqual([700])
})

test('beyond the most that are counted as unread the oldest go, some at once', () => {
  using w = open()
  const { store } = w
  const romeo = trip(store, () => make(store, 'romeo'))
  const add = (id: number) =>
    trip(store, () => store.unread.add(romeo.id, { id, peer: 'a@b', ref: undefined }, 500))
  for (let id = 1; id <= 500; id++) add(id)
  expect(store.unread.count(romeo.id)).toBe(500)
  add(501)
  expect([store.unread.count(romeo.id), store.unread.has(6), store.unread.has(7)]).toEqual([495, false, true])
  for (let id = 502; id <= 506; id++) add(id)
  expect([store.unread.count(romeo.id), store.unread.has(7)]).toEqual([500, true])
  expect(numbers(store, 'SELECT count(*) AS id FROM unread')).toEqual([500])
})
