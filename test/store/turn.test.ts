import { describe, expect, test } from 'bun:test'
import { StanzaError } from '../../src/xmpp/errors.ts'
import { elsewhere, loop, open, settled, tempDir, has, logged, NAMES, put } from './support.ts'

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
