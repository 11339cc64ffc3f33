/** Indexes that are written late: nobody sees a difference, not even after a crash. */
import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import type { Account } from '../../src/store/accounts.ts'
import { DeferredIndex } from '../../src/store/deferred-index.ts'
import type { Store } from '../../src/store/store.ts'
import { crashed, make, numbers, open, tempDir, trip, tripThatEnds } from './support.ts'

const NAMES = ['romeo', 'juliet', 'nurse'] as const
const PEERS = ['a@b', 'c@d'] as const
/** Few, so that everything happens. */
const LIMITS = { together: 3, span: 8, look: 1, mark: 4 }

const who = fc.nat({ max: NAMES.length - 1 })
const act = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('add' as const), who, n: fc.nat({ max: 1 }) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('older' as const), who, n: fc.nat({ max: 1 }) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('settle' as const), who, n: fc.constant(0) }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('settleSome' as const), who, n: fc.nat({ max: 4 }) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('erase' as const), who, n: fc.nat({ max: 4 }) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('remove' as const), who, n: fc.nat({ max: 4 }) }) },
)
const step = fc.record({
  acts: fc.array(act, { minLength: 1, maxLength: 6 }),
  end: fc.constantFrom('ok', 'ok', 'ok', 'throw', 'full'),
  commit: fc.boolean(),
})
type Act = typeof act extends fc.Arbitrary<infer T> ? T : never

function rows(store: Store, account: Account): number[] {
  return numbers(store, 'SELECT id FROM archive WHERE account_id = ? ORDER BY id', account.id)
}

function indexed(store: Store, account: Account): number[] {
  const sql =
    'SELECT id FROM archive_index JOIN archive USING (id, account_id, peer) WHERE account_id = ? ORDER BY id'
  return numbers(store, sql, account.id)
}

function indexedOffline(store: Store): number[] {
  return numbers(store, 'SELECT id FROM offline_index ORDER BY id')
}

/** The id up to which the index is said to be complete, should the process end now. */
function told(store: Store): number {
  return Number(store.settings.get('indexed-archive')?.toString() ?? 0)
}

describe('an index that is written late', () => {
  test('knows every row, whatever was rolled back, and so does the one after a crash', () => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 5, maxLength: 40 }), (steps) => {
        using w = open()
        const { store } = w
        const accounts = trip(store, () => NAMES.map((name) => make(store, name)))
        const index = new DeferredIndex(store.db, 'archive', 'peer, id', { limits: LIMITS })
        let next = 1_000
        let low = 1_000
        const does = ({ kind, who, n }: Act) => {
          const account = accounts[who]
          if (!account) return
          const { id: accountId } = account
          if (kind === 'settle') index.flush(accountId)
          else if (kind === 'settleSome') index.flushSome(n)
          else if (kind === 'erase') index.erase(accountId, next - n, n)
          else if (kind === 'remove') {
            // Any of its rows, in the index or not.
            const id = rows(store, account).at(-1 - n)
            if (id === undefined) return
            store.db.raw.run('DELETE FROM archive WHERE id = ?', [id])
            index.remove(accountId, id)
          } else {
            // What is added is not always the newest.
            const id = kind === 'add' ? ++next : --low
            const peer = PEERS[n] ?? ''
            store.db.raw.run(`INSERT INTO archive VALUES (?, ?, ?, '<message/>')`, [id, accountId, peer])
            index.add({ accountId, id, peer })
          }
        }
        for (const { acts, end, commit } of steps) {
          tripThatEnds(store, end, () => {
            store.turn.writes()
            for (const each of acts) does(each)
          })
          if (commit) store.turn.end()
          let pending = 0
          for (const account of accounts) {
            const waiting = index.pending(account.id)
            pending += waiting.length
            expect([...indexed(store, account), ...waiting].sort((a, b) => a - b)).toEqual(
              rows(store, account),
            )
            expect(index.newest(account.id, 3)).toEqual(rows(store, account).reverse().slice(0, 3))
            expect(index.after(account.id, 1_002, 2)).toEqual(
              rows(store, account)
                .filter((id) => id > 1_002)
                .slice(0, 2),
            )
            expect(waiting.filter((id) => id <= told(store))).toEqual([])
          }
          expect(pending).toBeLessThanOrEqual(LIMITS.span + NAMES.length)
          expect(index.total()).toBe(accounts.flatMap((account) => rows(store, account)).length)
          expect(numbers(store, 'SELECT id FROM archive_index EXCEPT SELECT id FROM archive')).toEqual([])
        }
        store.turn.end()
        // What a fresh start makes of it.
        const after = new DeferredIndex(store.db, 'archive', 'peer, id', { limits: LIMITS })
        for (const account of accounts) {
          expect(indexed(store, account)).toEqual(rows(store, account))
          expect(after.pending(account.id)).toEqual([])
        }
      }),
      { numRuns: 150 },
    )
  }, 60_000)

  test('writes an account’s rows together, and what waits longest before too many do', () => {
    using w = open()
    const { store } = w
    const [romeo, juliet] = trip(store, () => [make(store, 'romeo'), make(store, 'juliet')])
    const index = new DeferredIndex(store.db, 'archive', 'peer, id', { limits: LIMITS })
    let id = 0
    const add = (account: Account, n: number) =>
      trip(store, () => {
        for (let i = 0; i < n; i++) {
          store.db.raw.run(`INSERT INTO archive VALUES (?, ?, 'a@b', '')`, [++id, account.id])
          index.add({ accountId: account.id, id, peer: 'a@b' })
        }
      })
    add(romeo, 1)
    add(juliet, 2)
    expect([index.pending(romeo.id), index.pending(juliet.id), told(store)]).toEqual([[1], [2, 3], 0])
    add(juliet, 1)
    // Three are written together; nothing is complete beyond romeo's first.
    expect([index.pending(romeo.id), index.pending(juliet.id), told(store)]).toEqual([[1], [], 0])
    add(juliet, 5)
    expect([index.pending(romeo.id), index.pending(juliet.id), told(store)]).toEqual([[], [8, 9], 0])
    add(juliet, 3)
    expect([index.pending(juliet.id), told(store)]).toEqual([[11, 12], 10])
  })
})

describe('the archive', () => {
  const bodies = (store: Store, account: Account) => ({
    all: store.history.page(account, {}, { limit: 1_000, fromEnd: false, scan: 1_000 }),
    last: store.history.page(account, {}, { limit: 3, fromEnd: true, scan: 1_000 }),
    some: store.history.page(
      account,
      { peer: 'a@b', afterId: 5_000_007 },
      { limit: 4, fromEnd: false, scan: 1_000 },
    ),
    early: store.history.page(
      account,
      { beforeId: 5_000_300, end: 5_000 },
      { limit: 5, fromEnd: true, scan: 1_000 },
    ),
    resource: store.history.page(
      account,
      { peer: 'c@d', resource: 'c@d/x' },
      { limit: 100, fromEnd: false, scan: 1_000 },
    ),
    named: store.history.page(
      account,
      { ids: [5_000_001, 5_000_640] },
      { limit: 10, fromEnd: false, scan: 1_000 },
    ),
    count: [{}, { peer: 'a@b' }, { peer: 'c@d', resource: 'c@d/x' }].map((filter) =>
      store.history.count(account, filter, { most: 1_000, scan: 1_000 }),
    ),
    bounds: store.history.bounds(account),
    scannable: store.history.isScannable(account, { peer: 'c@d', resource: 'c@d/x' }, 1_000),
  })

  test('is read the same before its index is written, after, and after a crash', () => {
    using dir = tempDir()
    using w = open(dir.file)
    const { store } = w
    const [romeo, juliet] = trip(store, () => [make(store, 'romeo'), make(store, 'juliet')])
    trip(store, () => {
      for (let i = 1; i <= 700; i++) {
        const peer = PEERS[i % 2] ?? ''
        store.messages.archive(romeo, 5_000_000 + i, peer, `<message from="${peer}/${i % 3 ? 'x' : 'y'}"/>`)
      }
      store.messages.archive(juliet, 5_000_701, 'a@b', '<message/>')
    })
    // More than one portion, so that both halves are there.
    const pending = store.indexes.archive.pending(romeo.id).length
    expect([pending > 0, pending < 700]).toEqual([true, true])
    const before = bodies(store, romeo)
    expect([before.all.length, before.count, before.bounds]).toEqual([
      700,
      [700, 350, 233],
      { first: 5_000_001, last: 5_000_700 },
    ])
    expect(before.last.map(({ id }) => id)).toEqual([5_000_698, 5_000_699, 5_000_700])
    expect(before.named).toHaveLength(2)
    store.turn.end()
    crashed(dir.file, `${dir.file}.crashed`)
    trip(store, () => store.indexes.archive.flush(romeo.id))
    expect(store.indexes.archive.pending(romeo.id)).toEqual([])
    expect(bodies(store, romeo)).toEqual(before)
    using again = open(`${dir.file}.crashed`)
    expect(again.store.indexes.archive.pending(romeo.id)).toEqual([])
    expect(bodies(again.store, romeo)).toEqual(before)
  })

  test('an orderly end leaves nothing to do', () => {
    using dir = tempDir()
    const w = open(dir.file)
    const [romeo, juliet] = trip(w.store, () => [make(w.store, 'romeo'), make(w.store, 'juliet')])
    trip(w.store, () => {
      for (let i = 1; i <= 5; i++)
        for (const account of [romeo, juliet])
          w.store.messages.archive(account, i * 10 + account.id, 'a@b', '')
    })
    w.store.close()
    using again = open(dir.file)
    expect(told(again.store)).toBe(50 + Math.max(romeo.id, juliet.id))
    expect(indexed(again.store, romeo)).toHaveLength(5)
  })
})

test('offline storage is the same after a crash, and what is in flight is in no index', () => {
  using dir = tempDir()
  using w = open(dir.file)
  const { store } = w
  const romeo = trip(store, () => make(store, 'romeo'))
  trip(store, () => {
    for (let id = 1; id <= 6; id++)
      store.messages.storeOffline(romeo, id, `<m id="${id}"/>`, id > 2, id % 2 === 0)
    store.messages.land(romeo, 4)
    store.messages.delivered(romeo, [5, 6])
  })
  crashed(dir.file, `${dir.file}.crashed`)
  using again = open(`${dir.file}.crashed`)
  for (const { messages, indexes } of [store, again.store]) {
    expect(messages.waiting(romeo, 0, 10).map(({ id }) => id)).toEqual([1, 3, 4])
    expect(messages.waiting(romeo, 1, 1).map(({ id }) => id)).toEqual([3])
    expect(messages.offlineSize(romeo)).toEqual({ messages: 3, bytes: 3 * 11, unread: 2 })
    expect([messages.totalOffline(), indexes.offline.total()]).toEqual([3, 3])
    expect(messages.inFlight(0, 10).map(({ id }) => id)).toEqual([2])
  }
  trip(again.store, () => {
    again.store.messages.land(romeo, 2)
    again.store.messages.delivered(romeo, [1, 2])
  })
  expect(indexedOffline(again.store)).toEqual([3, 4])
  expect(again.store.messages.offlineSize(romeo).messages).toBe(2)
})

test('an account takes its rows along, those that no index knows too', () => {
  using w = open()
  const { store } = w
  const romeo = trip(store, () => make(store, 'romeo'))
  const device = undefined
  trip(store, () => {
    for (let i = 1; i <= 20; i++) {
      store.messages.archive(romeo, i, 'a@b', '')
      store.messages.storeOffline(romeo, i, '', true, i % 2 === 0)
      store.unread.add(romeo.id, { id: i, peer: 'a@b', ref: undefined }, 100)
      store.push.record({ account: romeo.id, device, messageId: 'm', verdict: 'sent', rule: 'body', at: i })
    }
  })
  const left = () =>
    ['archive', 'offline', 'unread', 'verdicts'].flatMap((table) =>
      [table, `${table}_index`].map((name) => numbers(store, `SELECT count(*) AS id FROM ${name}`)[0]),
    )
  expect(left()).toEqual([20, 0, 20, 0, 20, 0, 20, 0])
  trip(store, () => store.accounts.delete(romeo))
  expect(left()).toEqual([0, 0, 0, 0, 0, 0, 0, 0])
  for (const index of Object.values(store.indexes)) expect(index.pending(romeo.id)).toEqual([])
})
