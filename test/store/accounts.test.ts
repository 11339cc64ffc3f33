import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { Accounts, accounts as table } from '../../src/store/accounts.ts'
import type { Store } from '../../src/store/store.ts'
import { CREDENTIALS, make, numbers, open, trip, tripThatEnds } from './support.ts'

const NAMES = ['romeo', 'juliet', 'nurse'] as const
const jid = (name: string) => `${name}@bix.org`

describe('an account', () => {
  test('is made once, found by its JID, and has keys for both hashes', () => {
    using w = open()
    const { accounts } = w.store
    const made = trip(w.store, () => make(w.store, 'romeo'))
    expect(made).toMatchObject({ jid: 'romeo@bix.org', host: 'bix.org', disabled: false, lastSeen: null })
    expect(accounts.find('romeo@bix.org')).toEqual(made)
    expect(trip(w.store, () => accounts.create('romeo@bix.org', 'bix.org', CREDENTIALS, 1))).toBeUndefined()
    expect(accounts.find('nobody@bix.org')).toBeUndefined()
    for (const hash of ['SHA-1', 'SHA-256'] as const) {
      expect(accounts.scramKeys(made, hash)).toMatchObject(CREDENTIALS[hash])
    }
    expect(accounts.count()).toBe(1)
  })

  test('a name that was looked up in vain can be taken afterwards', () => {
    using w = open()
    expect(w.store.accounts.find('romeo@bix.org')).toBeUndefined()
    trip(w.store, () => make(w.store, 'romeo'))
    expect(w.store.accounts.find('romeo@bix.org')).toBeDefined()
  })

  test('its password, vCard, state and last activity change', () => {
    using w = open()
    const { accounts } = w.store
    const romeo = trip(w.store, () => make(w.store, 'romeo'))
    const other = { ...CREDENTIALS['SHA-1'], iterations: 10_000, storedKey: Buffer.alloc(32, 9) }
    trip(w.store, () => {
      accounts.setPassword(romeo, { 'SHA-1': other, 'SHA-256': other })
      accounts.setVcard(romeo, '<vCard/>', '')
      accounts.setDisabled(romeo, true)
      accounts.setLastSeen(romeo, 7, 'gone')
    })
    expect(accounts.scramKeys(romeo, 'SHA-256')).toMatchObject(other)
    expect(accounts.vcard(romeo)).toBe('<vCard/>')
    expect(accounts.find(romeo.jid)).toMatchObject({ disabled: true, lastSeen: 7, lastStatus: 'gone' })
  })

  test('the list is paged in the order of JIDs, by host, and searched literally', () => {
    using w = open()
    const { accounts } = w.store
    trip(w.store, () => {
      for (const name of ['c', 'a%b', 'a_b', 'axb', 'b']) make(w.store, name)
      accounts.create('z@other.example', 'other.example', CREDENTIALS, 0)
    })
    const list = (query: Partial<Parameters<typeof accounts.list>[0]>) =>
      accounts.list({ limit: 10, ...query }).map((account) => account.jid.split('@')[0])
    expect(list({})).toEqual(['a%b', 'a_b', 'axb', 'b', 'c', 'z'])
    expect(list({ limit: 2, after: 'a%b@bix.org' })).toEqual(['a_b', 'axb'])
    expect(list({ search: 'a_b' })).toEqual(['a_b'])
    expect(list({ search: '%' })).toEqual(['a%b'])
    expect(list({ search: '\\' })).toEqual([])
    expect(list({ host: 'other.example' })).toEqual(['z'])
  })
})

describe('a deleted account', () => {
  const held = (store: Store, id: number) =>
    ['archive', 'offline', 'contacts', 'credentials', 'vcards'].map(
      (name) =>
        store.db.raw
          .query<{ n: number }, [number]>(`SELECT count(*) AS n FROM ${name} WHERE account_id = ?`)
          .get(id)?.n,
    )

  test('takes what is little with it at once and the rest in batches of at most 500 rows', () => {
    using w = open()
    const { store } = w
    const { accounts, messages } = store
    const romeo = trip(store, () => make(store, 'romeo'))
    const juliet = trip(store, () => make(store, 'juliet'))
    trip(store, () => {
      accounts.setVcard(romeo, '<vCard/>', '')
      for (let i = 0; i < 1_100; i++) messages.archive(romeo, messages.nextId(), juliet.jid, '<message/>')
      for (let i = 0; i < 100; i++) messages.storeOffline(romeo, messages.nextId(), '<message/>', true)
      messages.archive(juliet, messages.nextId(), romeo.jid, '<message/>')
    })
    trip(store, () => accounts.delete(romeo))
    expect(held(store, romeo.id)).toEqual([600, 100, 0, 0, 0])
    // The name is free, the account is in no list, and a new owner inherits nothing.
    expect(accounts.find(romeo.jid)).toBeUndefined()
    expect([accounts.count(), accounts.list({ limit: 10 }).map((account) => account.jid)]).toEqual([
      1,
      [juliet.jid],
    ])
    const heir = trip(store, () => make(store, 'romeo'))
    expect(heir.id).not.toBe(romeo.id)
    expect(messages.waiting(heir, 0, 10)).toEqual([])
    const batch = () => trip(store, () => accounts.purgeDeparted(10_000))
    expect([batch(), held(store, romeo.id)]).toEqual([500, [100, 100, 0, 0, 0]])
    // The last batch ends with the account's own row.
    expect([batch(), held(store, romeo.id)]).toEqual([201, [0, 0, 0, 0, 0]])
    expect(batch()).toBe(0)
    expect(store.db.orm.select().from(table).all().length).toBe(2)
    expect(held(store, juliet.id).slice(0, 2)).toEqual([1, 0])
  })

  test('with little to its name is gone at once, and its number is not used again', () => {
    using w = open()
    const romeo = trip(w.store, () => make(w.store, 'romeo'))
    trip(w.store, () => w.store.accounts.delete(romeo))
    expect(w.store.db.orm.select().from(table).all()).toEqual([])
    expect(trip(w.store, () => make(w.store, 'juliet')).id).toBeGreaterThan(romeo.id)
  })
})

test('nothing is stored for an account that is gone, whoever still knows it; a deletion taken back changes nothing', () => {
  using w = open()
  const { store } = w
  const { accounts, messages } = store
  const romeo = trip(store, () => make(store, 'romeo'))
  const write = (id: number) =>
    trip(store, () => {
      messages.archive(romeo, id, 'juliet@bix.org', '<message/>')
      messages.storeOffline(romeo, id, '<message/>', true)
      messages.storeOffline(romeo, id + 1, '<message/>', true, true)
      store.unread.add(romeo.id, { id, peer: 'juliet@bix.org', ref: undefined }, 9)
      const verdict = { messageId: 'm', verdict: 'suppressed', rule: 'body', at: id } as const
      store.push.record({ account: romeo.id, device: undefined, ...verdict })
    })
  const rows = () =>
    ['archive', 'offline', 'unread', 'verdicts'].map((name) => numbers(store, `SELECT id FROM ${name}`))
  expect(() =>
    store.turn.trip(() => {
      accounts.delete(romeo)
      throw new RangeError('on purpose')
    }),
  ).toThrow('on purpose')
  write(1)
  expect([accounts.byId(romeo.id)?.jid, rows()]).toEqual([romeo.jid, [[1], [1, 2], [1], [1]]])
  trip(store, () => accounts.delete(romeo))
  write(3)
  expect([accounts.isGone(romeo.id), rows()]).toEqual([true, [[], [], [], []]])
  const heir = trip(store, () => make(store, 'romeo'))
  expect([accounts.isGone(heir.id), messages.offlineSize(heir).messages]).toEqual([false, 0])
})

test('an account of which rows are left to be deleted is none', () => {
  using w = open()
  const { store } = w
  const romeo = trip(store, () => make(store, 'romeo'))
  trip(store, () => {
    for (let id = 1; id <= 600; id++) store.messages.archive(romeo, id, 'juliet@bix.org', '<message/>')
  })
  trip(store, () => store.accounts.delete(romeo))
  expect(store.db.orm.select().from(table).all()).toHaveLength(1)
  expect(store.accounts.byId(romeo.id)).toBeUndefined()
})

type Act = 'create' | 'delete' | 'disable' | 'enable' | 'seen' | 'bump' | 'look'
interface Step {
  readonly acts: readonly { readonly act: Act; readonly name: (typeof NAMES)[number] }[]
  /** How the trip ends: well, with an error of its own, or with the whole turn on a full disk. */
  readonly end: 'ok' | 'throw' | 'full'
  readonly commit: boolean
}

function perform({ accounts }: Store, act: Act, name: string): void {
  const account = accounts.find(jid(name))
  if (act === 'create') accounts.create(jid(name), 'bix.org', CREDENTIALS, 0)
  if (!account) return
  if (act === 'delete') accounts.delete(account)
  else if (act === 'disable' || act === 'enable') accounts.setDisabled(account, act === 'disable')
  else if (act === 'seen') accounts.setLastSeen(account, 5, null)
  else if (act === 'bump') accounts.nextRosterVersion(account)
}

function walk(store: Store, { acts, end }: Step): void {
  tripThatEnds(store, end, () => {
    for (const { act, name } of acts) perform(store, act, name)
  })
}

test('the cache says what a fresh load says, whatever was rolled back', () => {
  const act = fc.record({
    act: fc.constantFrom<Act>('create', 'create', 'delete', 'disable', 'enable', 'seen', 'bump', 'look'),
    name: fc.constantFrom(...NAMES),
  })
  const step: fc.Arbitrary<Step> = fc.record({
    acts: fc.array(act, { maxLength: 4 }),
    end: fc.constantFrom('ok', 'ok', 'throw', 'full'),
    commit: fc.boolean(),
  })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
      using w = open()
      for (const each of steps) {
        walk(w.store, each)
        if (each.commit) w.store.turn.end()
        const fresh = new Accounts(w.store.db, w.store.events, w.store.audit, Object.values(w.store.indexes))
        for (const name of NAMES) expect(w.store.accounts.find(jid(name))).toEqual(fresh.find(jid(name)))
      }
    }),
    { numRuns: 80 },
  )
})
