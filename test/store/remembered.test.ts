/** What stores remember of their rows: the same as a fresh store reads, whatever was written and rolled back. */
import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { Devices } from '../../src/store/devices.ts'
import { Events } from '../../src/store/events.ts'
import { Messages } from '../../src/store/messages.ts'
import { Remembered } from '../../src/store/remembered.ts'
import type { Store } from '../../src/store/store.ts'
import { Unread } from '../../src/store/unread.ts'
import { make, open, trip, tripThatEnds } from './support.ts'

const NAMES = ['romeo', 'juliet'] as const
const TOKENS = ['aa', 'bb', 'cc'] as const

interface Act {
  readonly who: number
  readonly what: (store: Store, account: ReturnType<typeof make>) => void
}
interface Step {
  readonly acts: readonly Act[]
  readonly end: 'ok' | 'throw' | 'full'
  readonly commit: boolean
}

/** Few, so that acts meet. */
const n = fc.integer({ min: 1, max: 4 })
const token = fc.constantFrom(...TOKENS)
const peer = fc.constantFrom('nurse@bix.org', 'tybalt@bix.org')

/** Everything that changes a row behind a remembered value, or has one remembered. */
const what: fc.Arbitrary<Act['what']> = fc.oneof(
  fc.tuple(n, fc.boolean(), fc.boolean()).map(([id, unread, flies]): Act['what'] => (store, account) => {
    const known = store.db.raw.query('SELECT 1 FROM offline WHERE id = ?').get(id)
    if (!known) store.messages.storeOffline(account, id, `<message>${id}</message>`, unread, flies)
  }),
  n.map(
    (id): Act['what'] =>
      (store, account) =>
        store.messages.land(account, id),
  ),
  n.map(
    (id): Act['what'] =>
      (store, account) =>
        store.messages.delivered(account, [id, id + 1]),
  ),
  n.map(
    (before): Act['what'] =>
      (store) =>
        void store.messages.purgeOffline(before / 1000, 3),
  ),
  fc.constant<Act['what']>(
    (store, account) => void store.messages.dropArchived(account, Number.MAX_SAFE_INTEGER),
  ),
  fc.constant<Act['what']>((store, account) => void store.messages.offlineSize(account)),
  fc.tuple(n, peer, n).map(([id, from, most]): Act['what'] => (store, account) => {
    store.unread.add(account.id, { id, peer: from, ref: undefined }, most)
  }),
  fc.tuple(n, peer).map(([id, from]): Act['what'] => (store, { id: account }) => {
    store.unread.read(account, from, id)
  }),
  n.map(
    (id): Act['what'] =>
      (store, account) =>
        void store.unread.forget(account.id, id),
  ),
  fc.constant<Act['what']>((store, account) => void store.unread.clear(account.id)),
  fc.constant<Act['what']>((store, account) => store.unread.hasMarked(account.id)),
  fc.boolean().map((unknownSenders): Act['what'] => (store, account) => {
    store.unread.setSettings(account.id, { quiet: null, unknownSenders })
  }),
  fc.tuple(token, n).map(([t, now]): Act['what'] => (store, account) => {
    store.push.devices.enable(
      account.id,
      { kind: 'apns', topic: 'app', assumed: 'production', address: t },
      now,
      2,
    )
  }),
  token.map((t): Act['what'] => (store, account) => {
    const mine = store.push.devices.of(account.id).find(({ address }) => address === t)
    if (mine) store.push.devices.delete(mine.id, 'disabled')
  }),
  fc
    .tuple(token, fc.nat({ max: 5 }), n)
    .map(([t, kind, at]): Act['what'] => ({ push: { devices }, unread }) => {
      const device = devices.at({ kind: 'apns', topic: 'app', address: t })[0]
      if (!device) return
      const { id } = device
      if (kind === 0) devices.succeeded(device, at * 30_000)
      else if (kind === 1) devices.failed(id, 'Unregistered')
      else if (kind === 2) devices.learned(id, 'sandbox')
      else if (kind === 3) devices.forget(id, at)
      else if (kind === 4) unread.tell(id, at)
      else devices.delete(id)
    }),
)

const step: fc.Arbitrary<Step> = fc.record({
  acts: fc.array(fc.record({ who: fc.nat({ max: NAMES.length - 1 }), what }), { minLength: 1, maxLength: 6 }),
  end: fc.constantFrom('ok', 'ok', 'ok', 'throw', 'full'),
  commit: fc.boolean(),
})

function walk(store: Store, accounts: readonly ReturnType<typeof make>[], { acts, end }: Step): void {
  tripThatEnds(store, end, () => {
    for (const act of acts) {
      const account = accounts[act.who]
      if (account) act.what(store, account)
    }
  })
}

test('sizes, counts, settings and devices are what a fresh load says', () => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 10, maxLength: 30 }), (steps) => {
      using w = open()
      const { store, clock } = w
      const accounts = trip(store, () => NAMES.map((name) => make(store, name)))
      for (const each of steps) {
        walk(store, accounts, each)
        if (each.commit) store.turn.end()
        const unread = new Unread(store.db, store.accounts, store.indexes.unread)
        const devices = new Devices(store.db, new Events(store.db, clock), store.audit)
        const messages = new Messages(store.db, store.receipts, store.accounts, store.indexes)
        const state = (of: { unread: Unread; devices: Devices; messages: Messages }) =>
          accounts.map((account) => ({
            offline: of.messages.offlineSize(account),
            unread: of.unread.count(account.id),
            settings: of.unread.settings(account.id),
            devices: of.devices.of(account.id),
            told: of.devices.of(account.id).map(({ id }) => of.unread.told(id)),
          }))
        expect(
          state({ unread: store.unread, devices: store.push.devices, messages: store.messages }),
        ).toEqual(state({ unread, devices, messages }))
      }
    }),
    { numRuns: 40 },
  )
}, 60_000)

test('beyond its bound it forgets the oldest alone, and reads it again', () => {
  using w = open()
  const remembered = new Remembered<number, number>(w.store.turn, 3)
  const reads: number[] = []
  const get = (key: number) => remembered.get(key, () => (reads.push(key), key * 2))
  expect([1, 2, 3, 1, 4, 1].map(get)).toEqual([2, 4, 6, 2, 8, 2])
  expect(reads).toEqual([1, 2, 3, 4, 1])
  // The others are known as before.
  expect([3, 4, 1].map(get)).toEqual([6, 8, 2])
  expect(reads).toEqual([1, 2, 3, 4, 1])
})
