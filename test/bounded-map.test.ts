/** A table with a bound: what it forgets, and what a trip that is undone gives back. */
import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { BoundedMap } from '../src/bounded-map.ts'

/** A trip that may be undone. */
class Undoing {
  readonly #undo: (() => void)[] = []
  undo(fn: () => void): void {
    this.#undo.push(fn)
  }
  fails(): void {
    for (const fn of this.#undo.reverse()) fn()
  }
}

describe('beyond its bound', () => {
  test('the entry goes whose last set is longest ago, and none but that', () => {
    const table = new BoundedMap<string, number>(3)
    for (const key of ['a', 'b', 'c', 'a', 'd']) table.set(key, table.size)
    expect(['a', 'b', 'c', 'd'].filter((key) => table.has(key))).toEqual(['a', 'c', 'd'])
  })

  test('reads make nothing younger, but those by `use`', () => {
    const table = new BoundedMap<string, number>(2)
    table.set('a', 1)
    table.set('b', 2)
    table.get('a')
    table.set('c', 3)
    expect(table.has('a')).toBe(false)
    expect(table.use('b')).toBe(2)
    table.set('d', 4)
    expect([...table.values()]).toEqual([2, 4])
  })

  test('entries count by their weight', () => {
    const table = new BoundedMap<string, string>(10, ({ length }) => length)
    table.set('a', 'aaaa')
    table.set('b', 'bbb')
    table.set('a', 'a')
    table.set('c', 'cccccc')
    expect([...table.values()]).toEqual(['bbb', 'a', 'cccccc'])
    table.set('d', 'dd')
    expect([...table.values()]).toEqual(['a', 'cccccc', 'dd'])
  })
})

test('entries may be deleted while they are walked', () => {
  const table = new BoundedMap<number, number>(5)
  for (let n = 0; n < 5; n++) table.set(n, n)
  for (const n of table.values()) if (n % 2 === 0) table.delete(n)
  expect([...table.values()]).toEqual([1, 3])
})

test('it holds what a plain list of the youngest holds', () => {
  const act = fc.tuple(
    fc.constantFrom('set', 'use', 'get', 'delete', 'getOr'),
    fc.nat({ max: 6 }),
    fc.nat({ max: 99 }),
  )
  fc.assert(
    fc.property(fc.array(act), (acts) => {
      const table = new BoundedMap<number, number>(4)
      let list: [number, number][] = []
      for (const [what, key, value] of acts) {
        const known = list.find(([k]) => k === key)
        const others = list.filter(([k]) => k !== key)
        if (what === 'set') {
          table.set(key, value)
          list = [...others, [key, value]]
        } else if (what === 'use') {
          expect(table.use(key)).toBe(known?.[1])
          if (known) list = [...others, known]
        } else if (what === 'get') expect(table.get(key)).toBe(known?.[1])
        else if (what === 'delete') {
          expect(table.delete(key)).toBe(known !== undefined)
          list = others
        } else {
          expect(table.getOr(key, () => value)).toBe(known?.[1] ?? value)
          if (!known) list = [...list, [key, value]]
        }
        list = list.slice(-4)
        expect([...table.values()]).toEqual(list.map(([, v]) => v))
        expect(table.size).toBe(list.length)
      }
    }),
  )
})

test('a trip that is undone leaves what there was, also what had been forgotten for it', () => {
  const write = fc.tuple(fc.nat({ max: 9 }), fc.nat({ max: 99 }))
  fc.assert(
    fc.property(fc.array(write), fc.array(write), (before, within) => {
      const table = new BoundedMap<number, number>(4)
      for (const [key, value] of before) table.set(key, value)
      const held = () => Array.from({ length: 10 }, (_, key) => table.get(key))
      const was = held()
      const t = new Undoing()
      for (const [key, value] of within) table.setIn(t, key, value)
      t.fails()
      expect(held()).toEqual(was)
    }),
  )
})
