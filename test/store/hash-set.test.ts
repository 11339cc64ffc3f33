import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { HashSet } from '../../src/store/hash-set.ts'

/** Hashes that meet in one shard and in few slots, those of zeros among them. */
const hash = fc.record({
  high: fc.constantFrom(0, 256, 512, 0xffff_ff00),
  low: fc.oneof(fc.integer({ min: 0, max: 40 }), fc.constantFrom(0xffff_ffff, 0x8000_0000, 16, 32, 64)),
})
const step = fc.record({ add: fc.boolean(), hash })

test('a set of hashes says what a plain set says, whatever is added and deleted', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 400 }), (steps) => {
      const [set, model] = [new HashSet(), new Set<string>()]
      // The hash of zeros stands as (0, 1): the two are one.
      const key = ({ high, low }: { high: number; low: number }) =>
        `${high} ${high === 0 && low === 0 ? 1 : low}`
      for (const { add, hash } of steps) {
        if (add) {
          expect(set.add(hash)).toBe(!model.has(key(hash)))
          model.add(key(hash))
        } else {
          set.delete(hash)
          model.delete(key(hash))
        }
      }
      for (const { hash } of steps) expect(set.has(hash)).toBe(model.has(key(hash)))
    }),
    { numRuns: 500 },
  )
})

test('a hundred thousand hashes are found, and others are not', () => {
  const set = new HashSet()
  const at = (i: number) => ({ high: Bun.hash.xxHash32(`${i}`, 1), low: Bun.hash.xxHash32(`${i}`, 2) })
  for (let i = 0; i < 100_000; i++) set.add(at(i))
  for (let i = 0; i < 100_000; i += 2) set.delete(at(i))
  const found = Array.from({ length: 200_000 }, (_, i) => set.has(at(i)))
  expect(found.every((is, i) => is === (i < 100_000 && i % 2 === 1))).toBe(true)
})
