/** When a turn ends and what happens behind its COMMIT. */
import { Database } from 'bun:sqlite'
import { describe, expect, test } from 'bun:test'
import { TurnFailed } from '../../src/store/turn-failed.ts'
import { FakeClock } from '../support/clock.ts'
import { elsewhere, loop, open, tempDir, cap, has, logged, NAMES, pages, put } from './support.ts'

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
