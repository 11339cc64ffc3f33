/** The figures of the quota are those of the rows that were counted, whatever happens to them. */
import { expect, test } from 'bun:test'
import fc from 'fast-check'
import type { Account } from '../../src/store/accounts.ts'
import { Store } from '../../src/store/store.ts'
import { seededRandom } from '../support/clock.ts'
import { make, numbers, open, trip, tripThatEnds } from './support.ts'

type Does = (store: Store, account: Account, n: number) => unknown

const DOES: readonly Does[] = [
  (store, account, n) =>
    store.messages.archive(account, store.messages.nextId(), 'a@b', `<m>${'ä'.repeat(n)}</m>`),
  (store, _account, n) => store.archiveSizes.count(2 * n),
  (store, account, n) => store.history.trim(account.id, 10 * n, 1 + n),
  (store, _account, n) =>
    store.history.purge(
      'bix.org',
      (numbers(store, 'SELECT max(id) AS id FROM archive')[0] ?? 0) / 1000,
      '',
      n,
    ),
  (store, account, n) => n === 0 && store.accounts.delete(account),
  (store) => store.accounts.purgeDeparted(3),
]

const act = fc.record({
  // Messages are more than what is done to them.
  does: fc.nat({ max: DOES.length + 3 }).map((n) => (n < DOES.length ? n : 0)),
  who: fc.nat({ max: 1 }),
  n: fc.nat({ max: 7 }),
})
const step = fc.record({
  acts: fc.array(act, { minLength: 1, maxLength: 8 }),
  end: fc.constantFrom('ok', 'ok', 'ok', 'throw', 'full'),
  restart: fc.nat({ max: 4 }).map((n) => n === 0),
})

test('they say what the counted rows say, through failures, restarts and the ends of accounts', () => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 5, maxLength: 20 }), (steps) => {
      using w = open()
      let { store } = w
      const alive = () =>
        ['romeo', 'juliet'].map(
          (name) => store.accounts.find(`${name}@bix.org`) ?? trip(store, () => make(store, name)),
        )
      for (const { acts, end, restart } of steps) {
        const accounts = alive()
        tripThatEnds(store, end, () => {
          store.turn.writes()
          for (const { does, who, n } of acts) {
            const account = accounts[who]
            if (account && !store.accounts.isGone(account.id)) DOES[does]?.(store, account, n)
          }
        })
        store.turn.end()
        if (restart) store = new Store(store.db, w.clock, seededRandom(1))
        const upTo = Number(store.settings.get('counted-archive')?.toString() ?? 0)
        for (const { id } of alive())
          expect([store.archiveSizes.of(id)]).toEqual(
            numbers(
              store,
              'SELECT coalesce(sum(octet_length(xml)), 0) AS id FROM archive WHERE account_id = ? AND id <= ?',
              id,
              upTo,
            ),
          )
      }
    }),
    { numRuns: 40 },
  )
}, 60_000)

test('where there never was a quota, nothing is written for one', () => {
  using w = open()
  const romeo = trip(w.store, () => make(w.store, 'romeo'))
  trip(w.store, () => w.store.messages.archive(romeo, w.store.messages.nextId(), 'a@b', '<m/>'))
  w.clock.advance(10_000)
  trip(w.store, () => w.store.history.purge('bix.org', w.clock.now(), '', 10))
  expect(numbers(w.store, 'SELECT count(*) AS id FROM archive')).toEqual([0])
  expect(numbers(w.store, 'SELECT count(*) AS id FROM archive_sizes')).toEqual([0])
  expect(w.store.settings.get('counted-archive')).toBeUndefined()
})
