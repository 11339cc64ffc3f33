import { expect, test } from 'bun:test'
import type { Contact } from '../../src/store/contacts.ts'
import { make, open, trip } from './support.ts'

const contact = (jid: string, more: Partial<Contact> = {}): Omit<Contact, 'accountId' | 'version'> => ({
  jid,
  name: null,
  groups: [],
  subscription: 'none',
  ask: false,
  pending: null,
  approved: false,
  listed: true,
  ...more,
})

function withRomeo() {
  const w = open()
  const romeo = trip(w.store, () => make(w.store, 'romeo'))
  const { contacts } = w.store
  return {
    ...w,
    romeo,
    contacts,
    put: (jid: string, more: Partial<Contact> = {}) =>
      trip(w.store, () => contacts.put(romeo, contact(jid, more))),
    remove: (row: Contact) => trip(w.store, () => contacts.remove(romeo, row)),
    since: (version: number) =>
      contacts
        .changedSince(romeo, version)
        ?.map(({ jid, subscription, version: v }) => `${v} ${jid} ${subscription}`),
  }
}

test('a contact comes back as it was stored, under the next version', () => {
  using w = withRomeo()
  const more = {
    name: 'Ju',
    groups: ['a "b"', 'é'],
    subscription: 'both',
    ask: true,
    approved: true,
  } as const
  const row = w.put('juliet@bix.org', { ...more, groups: [...more.groups], pending: '<presence/>' })
  expect(row).toMatchObject({ accountId: w.romeo.id, version: 1 })
  expect(w.contacts.find(w.romeo, 'juliet@bix.org')).toEqual(row)
  expect(w.put('nurse@bix.org').version).toBe(2)
  expect(w.put('juliet@bix.org').version).toBe(3)
  expect(w.contacts.all(w.romeo).map(({ jid, version }) => [jid, version])).toEqual([
    ['juliet@bix.org', 3],
    ['nurse@bix.org', 2],
  ])
})

test('§2.6: what changed since a version is known in order, removals included', () => {
  using w = withRomeo()
  const juliet = w.put('juliet@bix.org')
  w.put('nurse@bix.org')
  w.remove(juliet)
  expect(w.contacts.find(w.romeo, 'juliet@bix.org')).toBeUndefined()
  expect(w.contacts.all(w.romeo).map(({ jid }) => jid)).toEqual(['nurse@bix.org'])
  expect(w.since(0)).toEqual(['2 nurse@bix.org none', '3 juliet@bix.org remove'])
  expect(w.since(2)).toEqual(['3 juliet@bix.org remove'])
  expect(w.since(3)).toEqual([])
  // A version that we never gave.
  expect(w.since(4)).toBeUndefined()
  w.put('juliet@bix.org', { subscription: 'to' })
  expect(w.since(2)).toEqual(['4 juliet@bix.org to'])
})

test('a contact that is not in the roster is in no difference, and leaves no tombstone', () => {
  using w = withRomeo()
  const asking = w.put('tybalt@bix.org', { listed: false, pending: '<presence/>' })
  expect(w.since(0)).toEqual([])
  expect(w.contacts.find(w.romeo, 'tybalt@bix.org')?.pending).toBe('<presence/>')
  w.remove(asking)
  expect([w.since(0), w.contacts.all(w.romeo)]).toEqual([[], []])
})

test('tombstones are kept for 500 versions; an older client gets the whole roster', () => {
  using w = withRomeo()
  w.remove(w.put('gone@bix.org'))
  trip(w.store, () => {
    for (let i = 0; i < 500; i++) w.contacts.put(w.romeo, contact('busy@bix.org', { name: String(i) }))
  })
  expect(w.since(1)).toBeUndefined()
  expect(w.since(2)).toEqual(['502 busy@bix.org none'])
  w.remove(w.put('last@bix.org'))
  const left = w.store.db.raw.query("SELECT jid FROM contacts WHERE subscription = 'remove'").all()
  expect(left).toEqual([{ jid: 'last@bix.org' }])
})

test('a version taken back with its trip is given again', () => {
  using w = withRomeo()
  w.put('a@bix.org')
  expect(() =>
    w.store.turn.trip(() => {
      expect(w.contacts.put(w.romeo, contact('b@bix.org')).version).toBe(2)
      throw new Error('bug')
    }),
  ).toThrow('bug')
  expect(w.contacts.all(w.romeo).length).toBe(1)
  expect(w.put('c@bix.org').version).toBe(2)
})

test('the rosters of two accounts know nothing of each other', () => {
  using w = withRomeo()
  const nurse = trip(w.store, () => make(w.store, 'nurse'))
  w.put('juliet@bix.org')
  expect(w.contacts.all(nurse)).toEqual([])
  expect(w.contacts.changedSince(nurse, 0)).toEqual([])
})
