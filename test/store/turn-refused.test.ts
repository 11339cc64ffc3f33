/** What the turn does when the store refuses: a full disk, a constraint, a lock that another process holds. */
import { Database } from 'bun:sqlite'
import { describe, expect, test } from 'bun:test'
import type { Store } from '../../src/store/store.ts'
import { TurnFailed } from '../../src/store/turn-failed.ts'
import { StanzaError } from '../../src/xmpp/errors.ts'
import { loop, make, open, settled, tempDir, trip, cap, has, logged, pages, put } from './support.ts'

/** Eight trips, each with an account and a row of several pages, until one meets the full disk. */
function fill(store: Store, refused: string[]) {
  const { turn } = store
  const memory = new Set<string>()
  let failedAt: number | undefined
  for (let i = 0; i < 8 && failedAt === undefined; i++) {
    const name = `n${i}`
    try {
      turn.trip(
        () => {
          memory.add(name)
          turn.undo(() => memory.delete(name))
          make(store, name)
          put(store, name, 20_000)
          turn.after(() => refused.push(`${name} said`))
        },
        (error) => turn.after(() => refused.push(`${name} ${error.condition} ${error.type}`)),
      )
    } catch (error) {
      expect(error).toBeInstanceOf(TurnFailed)
      failedAt = i
    }
  }
  return { memory, failedAt }
}

describe('a full disk', () => {
  test('at any page of any savepoint undoes the whole turn', async () => {
    const met = new Set<number>()
    for (let room = 1; ; room++) {
      using w = open()
      const { store } = w
      trip(store, () => make(store, 'old'))
      w.host.take()
      cap(store, pages(store) + room)
      const said: string[] = []
      // What no trip said stands, in its place.
      store.turn.after(() => said.push('header'))
      const { memory, failedAt } = fill(store, said)
      if (failedAt === undefined) break
      met.add(failedAt)
      expect(store.db.raw.inTransaction).toBe(false)
      expect(memory.size).toBe(0)
      expect(store.turn.failure?.at).toBe(w.clock.now())
      // Reads go on, and memory says what a fresh load of the database says.
      for (let i = 0; i < 8; i++) expect(store.accounts.find(`n${i}@bix.org`)).toBeUndefined()
      expect(store.accounts.list({ limit: 10 }).map(({ jid }) => jid)).toEqual(['old@bix.org'])
      expect(store.turn.trip(() => store.accounts.find('old@bix.org')?.jid)).toBe('old@bix.org')
      await loop()
      const refused = Array.from({ length: failedAt + 1 }, (_, i) => `n${i} resource-constraint wait`)
      expect(said).toEqual(['header', ...refused])
      expect(w.host.take()).toEqual(['flushed'])
      expect(store.turn.failure).toBeDefined()
      // The disk has room again.
      cap(store, 1_000_000)
      trip(store, () => make(store, 'new'))
      expect(store.turn.failure).toBeUndefined()
      expect(store.accounts.find('new@bix.org')).toBeDefined()
    }
    expect([...met].sort()).toEqual([0, 1, 2, 3, 4, 5, 6, 7])
  })

  test('an error that the trip swallows ends the turn all the same, and nothing of it is committed', async () => {
    using w = open()
    const { store } = w
    cap(store, pages(store) + 3)
    let afterwards: unknown
    const run = () =>
      store.turn.trip(() => {
        put(store, 'small')
        try {
          put(store, 'big', 100_000)
        } catch {
          // Beyond here every statement would commit by itself.
          try {
            put(store, 'next')
          } catch (error) {
            afterwards = error
          }
        }
      })
    expect(run).toThrow(TurnFailed)
    expect(afterwards).toBeInstanceOf(TurnFailed)
    await loop()
    expect([has(store, 'small'), has(store, 'big'), has(store, 'next')]).toEqual([false, false, false])
  })

  test('at a statement that SQLite undoes alone undoes its trip, and says the same; its neighbours stay', async () => {
    using w = open()
    const { store } = w
    // A statement of several writes that may fail in their midst keeps a journal of its own.
    store.db.raw.run(
      `CREATE TEMP TRIGGER more AFTER INSERT ON settings WHEN new.name = 'big'
         BEGIN INSERT INTO settings (name, value) VALUES ('more', zeroblob(100000)); END`,
    )
    cap(store, pages(store) + 3)
    store.turn.trip(() => put(store, 'small'))
    expect(() => store.turn.trip(() => put(store, 'big'))).toThrow(StanzaError)
    expect(store.db.raw.inTransaction).toBe(true)
    expect(store.turn.failure?.at).toBe(w.clock.now())
    await loop()
    expect([has(store, 'small'), has(store, 'big'), has(store, 'more')]).toEqual([true, false, false])
    expect(store.turn.failure).toBeUndefined()
  })

  test('trips that come after the failure in the same turn have a transaction of their own', async () => {
    using w = open()
    const { store } = w
    cap(store, pages(store) + 3)
    expect(() => store.turn.trip(() => put(store, 'big', 100_000))).toThrow(TurnFailed)
    store.turn.trip(() => put(store, 'small'))
    await loop()
    expect(w.host.take()).toEqual(['committed 1', 'flushed'])
    expect(has(store, 'small')).toBe(true)
    expect(store.turn.failure).toBeUndefined()
  })

  test('the answer to a trip that failed by itself is not lost with the turn', async () => {
    using w = open()
    const { store } = w
    const { turn } = store
    cap(store, pages(store) + 3)
    const said: string[] = []
    turn.trip(
      () => turn.after(() => said.push('first')),
      () => turn.after(() => said.push('first refused')),
    )
    expect(() =>
      turn.trip(() => {
        throw new StanzaError('item-not-found')
      }),
    ).toThrow(StanzaError)
    turn.after(() => said.push('item-not-found'))
    expect(() => turn.trip(() => put(store, 'big', 100_000))).toThrow(TurnFailed)
    await loop()
    expect(said).toEqual(['first refused', 'item-not-found'])
  })

  test('a refusal that throws does not cost the others theirs', async () => {
    using w = open()
    const { store } = w
    cap(store, pages(store) + 3)
    const said: string[] = []
    const log = await logged(async () => {
      store.turn.trip(
        () => {},
        () => {
          throw new Error('bug')
        },
      )
      store.turn.trip(
        () => {},
        () => said.push('refused'),
      )
      expect(() => store.turn.trip(() => put(store, 'big', 100_000))).toThrow(TurnFailed)
      await loop()
    })
    expect(said).toEqual(['refused'])
    expect(log).toContain('a refusal failed')
  })
})

test('a COMMIT that cannot be because of a constraint undoes the turn, and the server lives', async () => {
  using w = open()
  const { store } = w
  store.db.raw.run('CREATE TABLE parent (id INTEGER PRIMARY KEY)')
  store.db.raw.run('CREATE TABLE child (id REFERENCES parent (id) DEFERRABLE INITIALLY DEFERRED)')
  const said: string[] = []
  store.turn.trip(
    () => {
      store.turn.writes()
      store.db.raw.run('INSERT INTO child VALUES (1)')
    },
    (error) => said.push(error.condition),
  )
  await loop()
  expect(said).toEqual(['resource-constraint'])
  expect(w.host.fatals).toEqual([])
  expect(store.db.raw.inTransaction).toBe(false)
  trip(store, () => put(store, 'a'))
  expect(has(store, 'a')).toBe(true)
})

describe('another process holds the write lock', () => {
  test('writers are refused with a defined error, readers served, and nothing is lost', async () => {
    using dir = tempDir()
    using w = open(dir.file)
    const { store } = w
    const memory: string[] = []
    const other = new Database(dir.file)
    other.run('BEGIN IMMEDIATE')
    const write = () =>
      store.turn.trip(() => {
        memory.push('x')
        store.turn.undo(() => memory.pop())
        put(store, 'a')
      })
    let error: unknown
    try {
      write()
    } catch (caught) {
      error = caught
    }
    expect(error).toBeInstanceOf(StanzaError)
    expect(error).toMatchObject({ condition: 'resource-constraint', type: 'wait' })
    expect(memory).toEqual([])
    expect(store.turn.failure).toBeDefined()
    expect(store.turn.trip(() => has(store, 'a'))).toBe(false)
    await loop()
    expect(w.host.take()).toEqual(['flushed'])
    other.run('ROLLBACK')
    other.close()
    write()
    await settled(store)
    expect(w.host.take()).toEqual(['committed 1', 'flushed'])
    expect(store.turn.failure).toBeUndefined()
  })
})
