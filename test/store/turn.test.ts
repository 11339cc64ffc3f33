import { Database } from 'bun:sqlite'
import { afterEach, describe, expect, test } from 'bun:test'
import { startLogging, stopLogging } from '../../src/log.ts'
import type { Store } from '../../src/store/store.ts'
import { TurnFailed } from '../../src/store/turn-failed.ts'
import { StanzaError } from '../../src/xmpp/errors.ts'
import { FakeClock } from '../support/clock.ts'
import { elsewhere, loop, make, open, settled, tempDir, trip } from './support.ts'

const put = (store: Store, name: string, bytes = 1) => store.settings.set(name, Buffer.alloc(bytes))
const has = (store: Store, name: string) => store.settings.get(name) !== undefined
const NAMES = 'SELECT name FROM settings ORDER BY name'

/** Lines of the log while `f` runs. */
async function logged(f: () => void | Promise<void>): Promise<string> {
  const lines: string[] = []
  startLogging({ level: 'error', format: 'text', write: (line) => lines.push(line) })
  try {
    await f()
  } finally {
    stopLogging()
  }
  return lines.join('\n')
}

/** A disk whose commits take `ms` on a clock that stands still otherwise. */
class SlowDisk extends FakeClock {
  database: Database | undefined
  ms = 0
  #open = false

  override monotonic(): number {
    const open = this.database?.inTransaction ?? false
    if (this.#open && !open) {
      this.#open = false
      this.advance(this.ms)
    }
    this.#open = open
    return super.monotonic()
  }
}

function onSlowDisk(ms: number) {
  const clock = new SlowDisk()
  const opened = open(':memory:', clock)
  clock.database = opened.store.db.raw
  clock.ms = ms
  return opened
}

describe('group commit', () => {
  test('output leaves after the COMMIT of all trips of the turn, in order, with one flush', async () => {
    using dir = tempDir()
    using w = open(dir.file)
    const { turn } = w.store
    for (const name of ['a', 'b']) {
      turn.trip(() => {
        put(w.store, name)
        turn.after(() => w.host.events.push(`${name} of ${elsewhere(dir.file, NAMES).length}`))
      })
    }
    // A trip that only reads belongs to the open turn as well: it may have seen what is not on disk yet.
    turn.trip(() => turn.after(() => w.host.events.push('reader')))
    turn.after(() => w.host.events.push('outside'))
    expect(elsewhere(dir.file, NAMES)).toEqual([])
    expect(w.host.take()).toEqual([])
    await settled(w.store)
    expect(w.host.take()).toEqual(['committed 2', 'a of 2', 'b of 2', 'reader', 'outside', 'flushed'])
  })

  test('a promise that settles by `after` settles after the COMMIT', async () => {
    using dir = tempDir()
    using w = open(dir.file)
    await new Promise<void>((resolve) => {
      w.store.turn.trip(() => {
        put(w.store, 'a')
        w.store.turn.after(resolve)
      })
    })
    expect(elsewhere<object>(dir.file, NAMES)).toEqual([{ name: 'a' }])
  })

  test('a turn ends at 256 writing trips', () => {
    using w = open()
    for (let i = 0; i < 255; i++) w.store.turn.trip(() => put(w.store, `n${i}`))
    for (let i = 0; i < 100; i++) w.store.turn.trip(() => has(w.store, 'x'))
    expect(w.host.take()).toEqual([])
    w.store.turn.trip(() => put(w.store, 'last'))
    expect(w.host.take()).toEqual(['committed 256', 'flushed'])
  })

  test('a turn ends after 5 ms, with the trip that is under way', () => {
    using w = open()
    w.store.turn.trip(() => put(w.store, 'a'))
    w.clock.advance(4.9)
    w.store.turn.trip(() => put(w.store, 'b'))
    expect(w.host.take()).toEqual([])
    w.clock.advance(0.1)
    w.store.turn.trip(() => has(w.store, 'c'))
    expect(w.host.take()).toEqual(['committed 2', 'flushed'])
  })

  test('a turn ends when the loop has gone round', async () => {
    using w = open()
    w.store.turn.trip(() => put(w.store, 'a'))
    await loop()
    expect(w.host.take()).toEqual(['committed 1', 'flushed'])
    await loop()
    expect(w.host.take()).toEqual([])
  })

  test('a turn without writes flushes without COMMIT', async () => {
    using w = open()
    w.store.turn.trip(() => w.store.turn.after(() => w.host.events.push('said')))
    await loop()
    expect(w.host.take()).toEqual(['said', 'flushed'])
  })

  test('a turn that was ended early does not end the next one early', async () => {
    using w = open()
    const { turn } = w.store
    turn.trip(() => put(w.store, 'a'))
    turn.end()
    const before = new Promise<string[]>((resolve) => setImmediate(() => resolve([...w.host.events])))
    turn.trip(() => put(w.store, 'b'))
    // The wake-up of the first turn would have come before this one.
    expect(await before).toEqual(['committed 1', 'flushed'])
    await loop()
    expect(w.host.take()).toEqual(['committed 1', 'flushed', 'committed 1', 'flushed'])
  })

  test('trips do not nest, writes and undo need a trip', () => {
    using w = open()
    const { turn } = w.store
    expect(() => turn.trip(() => turn.trip(() => 1))).toThrow('a trip runs inside a trip')
    expect(() => turn.trip(() => turn.end())).toThrow('the turn ends inside a trip')
    expect(() => put(w.store, 'a')).toThrow('a write outside a trip')
    expect(() => turn.undo(() => {})).toThrow('undo outside a trip')
    expect(turn.inTrip).toBe(false)
  })
})

describe('a trip that throws', () => {
  test('loses its rows, its output and, in reverse, its memory; its neighbours stay', async () => {
    using w = open()
    const { turn } = w.store
    const memory: string[] = []
    const good = (name: string) =>
      turn.trip(() => {
        put(w.store, name)
        turn.after(() => w.host.events.push(name))
      })
    good('before')
    const bad = () =>
      turn.trip(() => {
        put(w.store, 'bad')
        turn.undo(() => memory.push('first'))
        turn.after(() => w.host.events.push('bad'))
        turn.undo(() => memory.push('second'))
        throw new StanzaError('not-allowed')
      })
    expect(bad).toThrow(StanzaError)
    expect(memory).toEqual(['second', 'first'])
    expect(has(w.store, 'bad')).toBe(false)
    good('after')
    await loop()
    expect(w.host.take().filter((event) => !event.startsWith('committed'))).toEqual([
      'before',
      'after',
      'flushed',
    ])
    expect([has(w.store, 'before'), has(w.store, 'bad'), has(w.store, 'after')]).toEqual([true, false, true])
  })

  test('an undo that throws does not keep the others from being run', async () => {
    using w = open()
    const { turn } = w.store
    const memory: string[] = []
    const log = await logged(() => {
      expect(() =>
        turn.trip(() => {
          turn.undo(() => memory.push('first'))
          turn.undo(() => {
            throw new Error('bug')
          })
          turn.undo(() => memory.push('third'))
          throw new StanzaError('conflict')
        }),
      ).toThrow(StanzaError)
    })
    expect(memory).toEqual(['third', 'first'])
    expect(log).toContain('could not be taken back')
  })

  test('the first writer fails: the others of the turn commit all the same', async () => {
    using w = open()
    expect(() =>
      w.store.turn.trip(() => {
        put(w.store, 'bad')
        throw new Error('bug')
      }),
    ).toThrow('bug')
    w.store.turn.trip(() => put(w.store, 'good'))
    await loop()
    expect([has(w.store, 'bad'), has(w.store, 'good')]).toEqual([false, true])
  })
})

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

const pages = (store: Store) =>
  store.db.raw.query<{ page_count: number }, []>('PRAGMA page_count').get()?.page_count ?? 0
const cap = (store: Store, most: number) => void store.db.raw.query(`PRAGMA max_page_count = ${most}`).get()

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

describe('pacing', () => {
  test('after a COMMIT of d ms the next starts no sooner than d ms later', async () => {
    using w = onSlowDisk(10)
    const { turn } = w.store
    turn.trip(() => put(w.store, 'a'))
    await loop()
    expect(w.host.take()).toEqual(['committed 1', 'flushed'])
    turn.trip(() => put(w.store, 'b'))
    await loop()
    w.clock.advance(9)
    // Full by count and by time, and still not yet.
    for (let i = 0; i < 300; i++) turn.trip(() => put(w.store, `n${i}`))
    expect(w.host.take()).toEqual([])
    w.clock.advance(1)
    expect(w.host.take()).toEqual(['committed 301', 'flushed'])
  })

  test('a turn without writes does not wait for the disk', async () => {
    using w = onSlowDisk(10)
    w.store.turn.trip(() => put(w.store, 'a'))
    await loop()
    w.host.take()
    w.store.turn.trip(() => w.store.turn.after(() => w.host.events.push('said')))
    await loop()
    expect(w.host.take()).toEqual(['said', 'flushed'])
  })

  test('a read in a paced turn waits with it, since it may have seen its rows', async () => {
    using w = onSlowDisk(10)
    w.store.turn.trip(() => put(w.store, 'a'))
    await loop()
    w.host.take()
    w.store.turn.trip(() => put(w.store, 'b'))
    w.store.turn.trip(() => w.store.turn.after(() => w.host.events.push('said')))
    await loop()
    expect(w.host.take()).toEqual([])
    w.clock.advance(10)
    expect(w.host.take()).toEqual(['committed 1', 'said', 'flushed'])
  })

  test('end() does not wait and leaves no timer behind', async () => {
    using w = onSlowDisk(10)
    w.store.turn.trip(() => put(w.store, 'a'))
    await loop()
    w.store.turn.trip(() => put(w.store, 'b'))
    await loop()
    expect(w.clock.pending).toBe(1)
    w.host.take()
    w.store.turn.end()
    expect(w.host.take()).toEqual(['committed 1', 'flushed'])
    expect(w.clock.pending).toBe(0)
  })
})

describe('the flush', () => {
  test('an effect that throws is logged and does not cost the others their output', async () => {
    using w = open()
    const log = await logged(async () => {
      w.store.turn.trip(() => {
        put(w.store, 'a')
        w.store.turn.after(() => w.host.events.push('one'))
        w.store.turn.after(() => {
          throw new Error('bad effect')
        })
        w.store.turn.after(() => w.host.events.push('three'))
      })
      await loop()
    })
    expect(w.host.take()).toEqual(['committed 1', 'one', 'three', 'flushed'])
    expect(log).toContain('bad effect')
  })

  test('a trip inside an effect belongs to the next turn', async () => {
    using w = open()
    const { turn } = w.store
    turn.trip(() => {
      put(w.store, 'a')
      turn.after(() => {
        turn.trip(() => {
          put(w.store, 'b')
          turn.after(() => w.host.events.push('second'))
        })
        turn.after(() => w.host.events.push('third'))
      })
      turn.after(() => w.host.events.push('first'))
    })
    await loop()
    expect(w.host.take()).toEqual(['committed 1', 'first', 'flushed'])
    await loop()
    expect(w.host.take()).toEqual(['committed 1', 'second', 'third', 'flushed'])
  })

  test('effects that fill the next turn do not end it before this one is out', async () => {
    using w = open()
    const { turn } = w.store
    turn.trip(() => {
      turn.after(() => {
        for (let i = 0; i < 70; i++) turn.trip(() => put(w.store, `n${i}`))
      })
      turn.after(() => w.host.events.push('last of the first'))
    })
    await loop()
    expect(w.host.take()).toEqual(['last of the first', 'flushed'])
    await loop()
    expect(w.host.take()).toEqual(['committed 70', 'flushed'])
  })

  test('a failure inside an effect waits for its own flush', async () => {
    using w = open()
    const { turn } = w.store
    cap(w.store, pages(w.store) + 3)
    turn.trip(() => {
      turn.after(() => {
        const bad = () =>
          turn.trip(
            () => put(w.store, 'big', 100_000),
            () => turn.after(() => w.host.events.push('refused')),
          )
        expect(bad).toThrow(TurnFailed)
      })
      turn.after(() => w.host.events.push('rest'))
    })
    await loop()
    await loop()
    expect(w.host.take()).toEqual(['rest', 'flushed', 'refused', 'flushed'])
  })

  test('end() takes along the turns that the flush opens, and may be called from an effect', () => {
    using w = open()
    const { turn } = w.store
    turn.trip(() => {
      put(w.store, 'a')
      turn.after(() => {
        turn.trip(() => put(w.store, 'b'))
        turn.end()
      })
      turn.after(() => w.host.events.push('rest'))
    })
    turn.end()
    expect(w.host.take()).toEqual(['committed 1', 'rest', 'flushed', 'committed 1', 'flushed'])
  })

  test('closing the store commits the open turn', () => {
    using dir = tempDir()
    const w = open(dir.file)
    w.store.turn.trip(() => put(w.store, 'a'))
    w.store.close()
    expect(elsewhere<object>(dir.file, NAMES)).toEqual([{ name: 'a' }])
  })
})

describe('between two turns', () => {
  test('no transaction is open, and an error is only logged', async () => {
    using w = open()
    const { store } = w
    const log = await logged(async () => {
      store.turn.between = () => {
        w.host.events.push(`between ${store.db.raw.inTransaction}`)
        throw new Error('bad work')
      }
      store.turn.trip(() => put(store, 'a'))
      await loop()
    })
    expect(w.host.take()).toEqual(['between false', 'committed 1', 'flushed'])
    expect(log).toContain('bad work')
  })

  test('a turn without a commit has none', async () => {
    using w = open()
    w.store.turn.between = () => w.host.events.push('between')
    w.store.turn.trip(() => has(w.store, 'a'))
    await loop()
    expect(w.host.take()).toEqual(['flushed'])
  })

  test('flushes that open the next transaction at once do not starve it', async () => {
    using w = open()
    const { store } = w
    store.turn.between = () => w.host.events.push(`between ${store.db.raw.inTransaction}`)
    let left = 3
    const again = (): void => {
      store.turn.trip(() => {
        put(store, `n${left}`)
        if (--left > 0) store.turn.after(again)
      })
    }
    again()
    for (let i = 0; i < 4; i++) await loop()
    const { events } = w.host
    expect(events.filter((event) => event.startsWith('between'))).toEqual(['between false', 'between false', 'between false']) // prettier-ignore
    expect(events.slice(0, 4)).toEqual(['between false', 'committed 1', 'flushed', 'between false'])
  })
})

afterEach(() => stopLogging())
