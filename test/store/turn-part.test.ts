/** A part of a trip that fails by itself (routing/router.ts: the recipient's half of a message). */
import { describe, expect, test } from 'bun:test'
import { StanzaError } from '../../src/xmpp/errors.ts'
import { elsewhere, NAMES, open, put, settled, tempDir } from './support.ts'

const refused = new StanzaError('service-unavailable')
const fails = () => {
  throw refused
}

describe('a part that fails', () => {
  for (const [title, before, after] of [
    ['in the midst', ['a'], ['d']],
    ['before any other write', [], ['d']],
    ['behind everything', ['a'], []],
  ] as const)
    test(`${title}: takes back its rows, its words and its memory, and the trip goes on`, async () => {
      using dir = tempDir()
      using w = open(dir.file)
      const { turn } = w.store
      const memory: string[] = []
      const says = (name: string) => {
        put(w.store, name)
        turn.after(() => w.host.events.push(name))
        memory.push(name)
        turn.undo(() => memory.splice(memory.indexOf(name), 1))
      }
      turn.trip(() => {
        before.forEach(says)
        expect(() => turn.part(() => (says('b'), says('c'), fails()))).toThrow(refused)
        expect(memory).toEqual([...before])
        after.forEach(says)
      })
      turn.trip(() => says('z'))
      await settled(w.store)
      const rest = [...before, ...after, 'z']
      expect(elsewhere<{ name: string }>(dir.file, NAMES).map(({ name }) => name)).toEqual(rest)
      expect(memory).toEqual(rest)
      expect(w.host.take().filter((event) => event.length === 1)).toEqual(rest)
    })

  test('takes nothing back of parts that did not', async () => {
    using dir = tempDir()
    using w = open(dir.file)
    const { turn } = w.store
    turn.trip(() => {
      turn.part(() => put(w.store, 'a'))
      expect(() => turn.part(() => (put(w.store, 'b'), fails()))).toThrow(refused)
      turn.part(() => put(w.store, 'c'))
    })
    expect(() =>
      turn.trip(() => {
        turn.part(() => put(w.store, 'd'))
        fails()
      }),
    ).toThrow(refused)
    await settled(w.store)
    expect(elsewhere<{ name: string }>(dir.file, NAMES).map(({ name }) => name)).toEqual(['a', 'c'])
  })
})

test('parts stand in trips, and not in each other', () => {
  using w = open()
  const { turn } = w.store
  expect(() => turn.part(() => undefined)).toThrow('a part stands in a trip')
  turn.trip(() =>
    turn.part(() => expect(() => turn.part(() => undefined)).toThrow('a part stands in a trip')),
  )
})

test('a disk that is full within a part fails the whole trip', () => {
  using w = open()
  const { turn } = w.store
  const undone: string[] = []
  w.store.db.raw.run('PRAGMA max_page_count = 1')
  expect(() =>
    turn.trip(() => {
      turn.undo(() => undone.push('trip'))
      turn.part(() => {
        turn.undo(() => undone.push('part'))
        for (let i = 0; i < 1_000; i++) put(w.store, `${i}`.padEnd(4_000, 'x'))
      })
    }),
  ).toThrow()
  expect(undone).toEqual(['part', 'trip'])
})
