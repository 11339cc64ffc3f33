import { describe, expect, test } from 'bun:test'
import { hashOf } from '../../src/store/origins.ts'
import type { Store } from '../../src/store/store.ts'
import { FakeClock } from '../support/clock.ts'
import { make, open, tempDir, trip } from './support.ts'

describe('ids', () => {
  test('are microseconds since the epoch and rise by at least one', () => {
    using w = open()
    const { messages } = w.store
    const first = messages.nextId()
    expect(first).toBe(w.clock.now() * 1000)
    expect([messages.nextId(), messages.nextId()]).toEqual([first + 1, first + 2])
    w.clock.advance(5)
    expect(messages.nextId()).toBe(first + 5_000)
  })

  test('rise even if the clock jumps back, also over a restart', () => {
    const next = (store: Store) => trip(store, () => store.messages.nextId())
    using dir = tempDir()
    const clock = new FakeClock()
    const w = open(dir.file, clock)
    const romeo = trip(w.store, () => make(w.store, 'romeo'))
    const before = next(w.store)
    trip(w.store, () => w.store.messages.archive(romeo, before, 'juliet@bix.org', '<message/>'))
    clock.jump(-86_400_000)
    expect(next(w.store)).toBe(before + 1)
    const held = next(w.store)
    trip(w.store, () => w.store.messages.storeOffline(romeo, held, '<message/>', true))
    w.store.close()
    using again = open(dir.file, clock)
    expect(next(again.store)).toBe(held + 1)
  })
})

function fillOffline(store: Store, name: string, count: number) {
  return trip(store, () => {
    const account = make(store, name)
    for (let i = 0; i < count; i++) {
      store.messages.storeOffline(account, store.messages.nextId(), `<message id="é${i}"/>`, i % 2 === 0)
    }
    return account
  })
}

describe('offline storage', () => {
  test('gives messages in order of arrival, page by page, and knows its size in bytes', () => {
    using w = open()
    const { messages } = w.store
    const romeo = fillOffline(w.store, 'romeo', 5)
    const first = messages.waiting(romeo, 0, 3)
    expect(first.map(({ xml }) => xml)).toEqual([0, 1, 2].map((i) => `<message id="é${i}"/>`))
    expect(messages.waiting(romeo, first.at(-1)?.id ?? 0, 3).map(({ xml }) => xml)).toEqual(
      [3, 4].map((i) => `<message id="é${i}"/>`),
    )
    const bytes = Buffer.byteLength('<message id="é0"/>')
    expect(messages.offlineSize(romeo)).toEqual({ messages: 5, bytes: 5 * bytes, unread: 3 })
    expect(messages.totalOffline()).toBe(5)
  })

  test('forgets what was delivered, of that account only', () => {
    using w = open()
    const { messages } = w.store
    const romeo = fillOffline(w.store, 'romeo', 3)
    const nurse = fillOffline(w.store, 'nurse', 1)
    const ids = messages.waiting(romeo, 0, 10).map(({ id }) => id)
    trip(w.store, () => messages.delivered(nurse, ids))
    expect(messages.offlineSize(romeo).messages).toBe(3)
    trip(w.store, () => messages.delivered(romeo, [...ids.slice(0, 2), 12345]))
    expect(messages.waiting(romeo, 0, 10).map(({ id }) => id)).toEqual(ids.slice(2))
    expect(messages.offlineSize(nurse)).toMatchObject({ messages: 1 })
  })
})

describe('a purge', () => {
  test('deletes the oldest, at most 500 rows a trip, and nothing that is young enough', () => {
    using w = open()
    const { store, clock } = w
    const { messages } = store
    const romeo = trip(store, () => make(store, 'romeo'))
    const fill = (count: number) =>
      trip(store, () => {
        for (let i = 0; i < count; i++) {
          const id = messages.nextId()
          store.origins.remember(id, hashOf(`o${id}`))
          messages.storeOffline(romeo, id, '<message/>', false)
        }
      })
    fill(700)
    clock.advance(1_000)
    const before = clock.now()
    fill(3)
    const kinds = {
      origins: (limit: number) => store.origins.purge(before, 10_000, limit),
      offline: (limit: number) => messages.purgeOffline(before, limit),
    }
    for (const [name, purge] of Object.entries(kinds)) {
      const oldest = store.db.raw.query<{ id: number }, []>(`SELECT min(id) AS id FROM ${name}`)
      const first = oldest.get()?.id ?? 0
      expect(trip(store, () => purge(50))).toBe(50)
      expect(oldest.get()?.id).toBe(first + 50)
      expect(trip(store, () => purge(10_000))).toBe(500)
      expect([trip(store, () => purge(500)), trip(store, () => purge(500))]).toEqual([150, 0])
      expect(store.db.raw.query(`SELECT count(*) AS n FROM ${name}`).get()).toEqual({ n: 3 })
    }
  })

  test('with nothing to do writes nothing', () => {
    using w = open()
    trip(w.store, () => w.store.origins.purge(w.clock.now(), 10, 500))
    expect(w.host.take()).toEqual(['flushed'])
  })
})

test('XEP-0059 §2.7: a huge archive is counted up to a bound', () => {
  using w = open()
  const { store } = w
  const romeo = trip(store, () => make(store, 'romeo'))
  const fill = (to: number) =>
    store.db.raw.run(
      `WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < ${to})
       INSERT OR IGNORE INTO archive_index (account_id, peer, id) SELECT ${romeo.id}, 'a@b', n FROM c`,
    )
  const bounds = { most: 50_000, scan: 1 }
  fill(49_999)
  expect(store.history.count(romeo, {}, bounds)).toBe(49_999)
  fill(50_010)
  expect(store.history.count(romeo, {}, bounds)).toBe(50_000)
})
