/** Accounts by what their names look like: new ones at once, those of an older version some at a time. */
import { Database } from 'bun:sqlite'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'bun:test'
import { migrate } from '../../src/store/migrations.ts'
import type { Store } from '../../src/store/store.ts'
import { Jid } from '../../src/xmpp/jid.ts'
import { make, open, tempDir, trip } from './support.ts'

const MIGRATIONS = join(import.meta.dir, '../../migrations')
const like = (store: Store, jid: string) => store.skeletons.like(Jid.parse(jid))

test('a new account is found by names that look like its own, on its own host, until it goes', () => {
  using w = open()
  const { store } = w
  trip(store, () => make(store, 'mike'))
  expect(like(store, 'rnike@bix.org')).toBe('mike@bix.org')
  for (const other of ['mike@bix.org', 'rnike@other.example', 'mika@bix.org'])
    expect(like(store, other)).toBeUndefined()
  trip(store, () => {
    const found = store.accounts.find('mike@bix.org')
    if (found) store.accounts.delete(found)
  })
  expect(like(store, 'rnike@bix.org')).toBeUndefined()
})

test('accounts of an older version are found at once, and written down in slices', () => {
  using dir = tempDir()
  const db = new Database(dir.file, { create: true, strict: true })
  const before = readdirSync(MIGRATIONS)
    .sort()
    .filter((file) => file < '0016')
  migrate(
    db,
    before.map((file) => readFileSync(join(MIGRATIONS, file), 'utf8')),
  )
  const insert = db.prepare('INSERT INTO accounts (jid, host, created_at) VALUES (?, ?, 0)')
  const names = ['mike@bix.org', 'rnike@bix.org', 'user1@bix.org', 'romeo@other.example', 'müller@bix.org']
  for (const jid of names) insert.run(jid, jid.slice(jid.indexOf('@') + 1))
  db.close()
  using w = open(dir.file)
  const { store } = w
  const expectFound = () => {
    expect(
      ['mike@bix.org', 'rnike@bix.org', 'userl@bix.org', 'rorneo@bix.org', 'rnüller@bix.org'].map((jid) =>
        like(store, jid),
      ),
    ).toEqual(['rnike@bix.org', 'mike@bix.org', 'user1@bix.org', undefined, 'müller@bix.org'])
  }
  expectFound()
  for (const filled of [2, 2, 1, 0]) {
    expect(trip(store, () => store.skeletons.fill(2))).toBe(filled)
    expectFound()
  }
  // Those that looked like each other before stay.
  expect(names.filter((jid) => !store.accounts.find(jid))).toEqual([])
})
