import { expect, test } from 'bun:test'
import type { ItemRange } from '../../src/store/pep.ts'
import { DEFAULT_CONFIG } from '../../src/xmpp/pubsub.ts'
import { make, open, trip } from './support.ts'

const ALL: ItemRange = { fromEnd: false, limit: 100, bytes: 1000 }

function withJuliet() {
  const w = open()
  const juliet = trip(w.store, () => make(w.store, 'juliet'))
  const { pep } = w.store
  return {
    ...w,
    juliet,
    pep,
    put: (node: string, seq: number, id: string, xml = id, kept = 100) =>
      trip(w.store, () => pep.putItem(juliet, node, { seq, id, xml }, kept)),
    ids: (node: string, range: Partial<ItemRange> = {}) =>
      pep.items(juliet, node, { ...ALL, ...range }).map(({ id }) => id),
  }
}

test('a node comes back with its options and can be changed', () => {
  using w = withJuliet()
  trip(w.store, () => w.pep.putNode(w.juliet, 'n', DEFAULT_CONFIG))
  expect(w.pep.node(w.juliet, 'n')).toEqual({ node: 'n', config: DEFAULT_CONFIG })
  const config = { ...DEFAULT_CONFIG, title: ['T'] }
  trip(w.store, () => w.pep.putNode(w.juliet, 'n', config))
  expect(w.pep.nodes(w.juliet)).toEqual([{ node: 'n', config }])
  expect(w.pep.node(w.juliet, 'm')).toBeUndefined()
})

test('items stand in the order of publication; the oldest give way', () => {
  using w = withJuliet()
  for (const [seq, id] of [
    [1, 'a'],
    [2, 'b'],
    [3, 'c'],
  ] as const)
    w.put('n', seq, id)
  w.put('other', 4, 'a')
  w.put('n', 5, 'a')
  expect(w.ids('n')).toEqual(['b', 'c', 'a'])
  w.put('n', 6, 'd', 'd', 2)
  expect(w.ids('n')).toEqual(['a', 'd'])
  expect(w.ids('other')).toEqual(['a'])
  trip(w.store, () => w.pep.trim(w.juliet, 'n', 2))
  expect(w.ids('n')).toEqual(['a', 'd'])
  trip(w.store, () => w.pep.trim(w.juliet, 'n', 1))
  expect(w.pep.last(w.juliet, 'n')).toEqual({ seq: 6, id: 'd', xml: 'd' })
  expect(w.pep.count(w.juliet, 'n')).toBe(1)
})

test('a range ends at its number, its bytes and its neighbours', () => {
  using w = withJuliet()
  for (let i = 1; i <= 5; i++) w.put('n', i, `i${i}`, 'x'.repeat(10))
  expect(w.ids('n', { limit: 2 })).toEqual(['i1', 'i2'])
  expect(w.ids('n', { limit: 2, fromEnd: true })).toEqual(['i4', 'i5'])
  expect(w.ids('n', { after: 1, before: 5 })).toEqual(['i2', 'i3', 'i4'])
  expect(w.ids('n', { bytes: 29 })).toEqual(['i1', 'i2'])
  expect(w.ids('n', { bytes: 30 })).toEqual(['i1', 'i2', 'i3'])
  expect(w.ids('n', { bytes: 1, fromEnd: true })).toEqual(['i5'])
  expect(w.pep.bytes(w.juliet)).toBe(50)
})

test('a deleted node leaves no item and no subscription, and other nodes alone', () => {
  using w = withJuliet()
  for (const node of ['n', 'm']) {
    trip(w.store, () => {
      w.pep.putNode(w.juliet, node, DEFAULT_CONFIG)
      w.pep.subscribe(w.juliet, node, 'romeo@bix.org')
      w.pep.subscribe(w.juliet, node, 'romeo@bix.org')
    })
    w.put(node, node === 'n' ? 1 : 2, 'a')
  }
  trip(w.store, () => w.pep.deleteNode(w.juliet, 'n'))
  expect(w.ids('n')).toEqual([])
  expect(w.pep.subscribers(w.juliet, 'n')).toEqual([])
  expect(w.ids('m')).toEqual(['a'])
  expect(w.pep.subscribers(w.juliet, 'm')).toEqual(['romeo@bix.org'])
})

test('what an account has published goes with it in batches', () => {
  using w = withJuliet()
  trip(w.store, () => w.pep.putNode(w.juliet, 'n', DEFAULT_CONFIG))
  trip(w.store, () => {
    for (let i = 1; i <= 1001; i++) w.pep.putItem(w.juliet, 'n', { seq: i, id: `${i}`, xml: 'x' }, 2000)
  })
  trip(w.store, () => w.store.accounts.delete(w.juliet))
  expect(w.pep.nodes(w.juliet)).toEqual([])
  expect(w.pep.count(w.juliet, 'n')).toBe(501)
  while (trip(w.store, () => w.store.accounts.purgeDeparted(500)) > 0);
  expect(w.pep.count(w.juliet, 'n')).toBe(0)
})
