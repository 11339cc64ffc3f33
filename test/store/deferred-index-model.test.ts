/** Archive, offline storage, unread messages and verdicts say what their rows say, whatever happens to them. */
import { expect, test } from 'bun:test'
import fc from 'fast-check'
import type { Account } from '../../src/store/accounts.ts'
import { Store } from '../../src/store/store.ts'
import { seededRandom } from '../support/clock.ts'
import { make, numbers, open, trip, tripThatEnds } from './support.ts'

const NAMES = ['romeo', 'juliet', 'nurse'] as const
const PEERS = ['a@b', 'c@d'] as const
const TABLES = ['archive', 'offline', 'unread', 'verdicts'] as const

type Does = (store: Store, account: Account, n: number) => unknown

/** Ids as they are given out, and some that were given long ago. */
const freshId = ({ messages }: Store, n: number) =>
  n === 7 ? 9_000 - (messages.nextId() % 5_000) : messages.nextId()
const idAt = (store: Store, table: string, n: number) =>
  numbers(store, `SELECT id FROM ${table} ORDER BY id DESC LIMIT 1 OFFSET ?`, n)[0] ?? 0
const isFree = (store: Store, table: string, id: number) =>
  numbers(store, `SELECT id FROM ${table} WHERE id = ?`, id).length === 0

const DOES: readonly Does[] = [
  (store, account, n) => {
    const id = freshId(store, n)
    if (isFree(store, 'archive', id)) store.messages.archive(account, id, PEERS[n % 2] ?? '', `<m n="${n}"/>`)
  },
  (store, account, n) => {
    const id = freshId(store, n)
    if (isFree(store, 'offline', id))
      store.messages.storeOffline(account, id, `<m>${'x'.repeat(n)}</m>`, n > 3, n % 2 > 0)
  },
  (store, account, n) => {
    // A message stands in both.
    const id = store.messages.nextId()
    store.messages.archive(account, id, PEERS[n % 2] ?? '', '<m/>')
    store.messages.storeOffline(account, id, '<m/>', true)
  },
  (store, account, n) => store.messages.land(account, idAt(store, 'offline', n)),
  (store, account, n) =>
    store.messages.delivered(account, [idAt(store, 'offline', n), idAt(store, 'offline', n + 1)]),
  (store, account) => store.messages.dropArchived(account, Number.MAX_SAFE_INTEGER),
  (store, _account, n) => store.messages.purgeOffline(idAt(store, 'offline', n) / 1000, 3),
  (store, account, n) =>
    store.unread.add(
      account.id,
      { id: freshId(store, n), peer: PEERS[n % 2] ?? '', ref: `r${n}` },
      n === 6 ? 2 : 100,
    ),
  (store, account, n) => store.unread.read(account.id, PEERS[n % 2] ?? '', idAt(store, 'unread', n)),
  (store, account, n) => store.unread.forget(account.id, idAt(store, 'unread', n)),
  (store, account, n) => n === 0 && store.unread.clear(account.id),
  (store, account, n) => store.unread.idOf(account.id, PEERS[n % 2] ?? '', `r${n}`),
  (store, account, n) =>
    store.push.record({
      account: account.id,
      device: undefined,
      messageId: 'm',
      verdict: 'sent',
      rule: 'body',
      at: n,
    }),
  (store, _account, n) => store.push.purgeVerdicts(n, 4),
  (store, _account, n) => store.history.purge('bix.org', idAt(store, 'archive', n) / 1000, '', 4),
  (store, account, n) => store.indexes[TABLES[n % 4] ?? 'archive'].flush(account.id),
  (store, _account, n) => store.indexes[TABLES[n % 4] ?? 'archive'].flushSome(3),
  (store, account, n) => n === 0 && store.accounts.delete(account),
  (store) => store.accounts.purgeDeparted(3),
]

const act = fc.record({
  does: fc.nat({ max: DOES.length - 1 }),
  who: fc.nat({ max: NAMES.length - 1 }),
  n: fc.nat({ max: 7 }),
})
const step = fc.record({
  acts: fc.array(act, { minLength: 1, maxLength: 8 }),
  end: fc.constantFrom('ok', 'ok', 'ok', 'throw', 'full'),
  commit: fc.boolean(),
  crash: fc.nat({ max: 7 }).map((n) => n === 0),
})

/** What the four say, and the same read from the rows alone. */
function check(store: Store, accounts: readonly Account[]): void {
  for (const table of TABLES) {
    const waits = table === 'offline' ? 'AND in_flight = 0' : ''
    const owners = new Set([
      ...numbers(store, `SELECT account_id AS id FROM ${table}`),
      ...numbers(store, `SELECT account_id AS id FROM ${table}_index`),
    ])
    for (const owner of owners) {
      const rows = numbers(store, `SELECT id FROM ${table} WHERE account_id = ? ${waits} ORDER BY id`, owner)
      const index = numbers(store, `SELECT id FROM ${table}_index WHERE account_id = ?`, owner)
      const places = [...index, ...store.indexes[table].pending(owner)].sort((a, b) => a - b)
      // the index says what the rows say
      expect([table, owner, places]).toEqual([table, owner, rows])
    }
    // no row is nobody's
    const nobodys = `SELECT id FROM ${table} WHERE account_id NOT IN (SELECT id FROM accounts)`
    expect([table, numbers(store, nobodys)]).toEqual([table, []])
  }
  // readers see the rows
  for (const account of accounts) {
    const { id } = account
    const mine = (sql: string) => numbers(store, sql, id)
    const waiting = mine('SELECT id FROM offline WHERE account_id = ? AND in_flight = 0 ORDER BY id')
    const bytes = 'SELECT coalesce(sum(bytes), 0) AS id FROM offline WHERE account_id = ? AND in_flight = 0'
    expect(store.messages.waiting(account, 0, 1_000).map((row) => row.id)).toEqual(waiting)
    expect(store.messages.offlineSize(account)).toMatchObject({
      messages: waiting.length,
      bytes: mine(bytes)[0],
    })
    expect(store.unread.count(id)).toBe(mine('SELECT id FROM unread WHERE account_id = ?').length)
    expect(store.push.explain(id, 3).map((row) => row.id)).toEqual(
      mine('SELECT id FROM verdicts WHERE account_id = ? ORDER BY id DESC LIMIT 3'),
    )
    expect(
      store.history.page(account, {}, { limit: 1_000, fromEnd: false, scan: 1_000 }).map((row) => row.id),
    ).toEqual(mine('SELECT id FROM archive WHERE account_id = ? ORDER BY id'))
  }
}

test('they say what the rows say, through failures, crashes and the ends of accounts', () => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 10, maxLength: 40 }), (steps) => {
      using w = open()
      let { store } = w
      const alive = () =>
        NAMES.flatMap(
          (name) => store.accounts.find(`${name}@bix.org`) ?? trip(store, () => make(store, name)),
        )
      for (const { acts, end, commit, crash } of steps) {
        const accounts = alive()
        tripThatEnds(store, end, () => {
          store.turn.writes()
          for (const { does, who, n } of acts) {
            const account = accounts[who]
            // It may be gone since the trip began: whoever knew it still does.
            if (account) DOES[does]?.(store, account, n)
          }
        })
        if (commit || crash) store.turn.end()
        // All that memory knew is gone.
        if (crash) store = new Store(store.db, w.clock, seededRandom(1))
        check(store, alive())
      }
    }),
    { numRuns: 60 },
  )
}, 60_000)
