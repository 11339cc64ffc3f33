import { expect, test } from 'bun:test'
import { hashOf } from '../../src/store/origins.ts'
import { open, tempDir, trip } from './support.ts'

const [A, B] = [hashOf('a'), hashOf('A')]

test('an origin is known from its trip on, unless that is taken back', () => {
  using w = open()
  const { messages, origins } = w.store
  expect(origins.has(A)).toBe(false)
  expect(() =>
    w.store.turn.trip(() => {
      origins.remember(messages.nextId(), A)
      expect(origins.has(A)).toBe(true)
      throw new Error('bug')
    }),
  ).toThrow('bug')
  expect(origins.has(A)).toBe(false)
  trip(w.store, () => origins.remember(messages.nextId(), A))
  expect([A, B, hashOf('')].map((hash) => origins.has(hash))).toEqual([true, false, false])
})

test('origins are known again after a restart, those beyond one page of reading too', () => {
  using dir = tempDir()
  const hashes = Array.from({ length: 20_001 }, (_, i) => hashOf(`message ${i}`))
  {
    using w = open(dir.file)
    const { messages, origins } = w.store
    trip(w.store, () => hashes.forEach((hash) => origins.remember(messages.nextId(), hash)))
  }
  using w = open(dir.file)
  expect(hashes.every((hash) => w.store.origins.has(hash))).toBe(true)
  expect(w.store.origins.has(A)).toBe(false)
})

test('the oldest are forgotten beyond a number, by age or not, and a purge that is taken back forgets nothing', () => {
  using w = open()
  const { messages, origins } = w.store
  const hashes = Array.from({ length: 10 }, (_, i) => hashOf(`message ${i}`))
  trip(w.store, () => hashes.forEach((hash) => origins.remember(messages.nextId(), hash)))
  const known = () => hashes.map((hash) => origins.has(hash))
  expect(() =>
    trip(w.store, () => {
      expect(origins.purge(0, 4, 100)).toBe(6)
      throw new Error('bug')
    }),
  ).toThrow('bug')
  expect(known()).not.toContain(false)
  expect(trip(w.store, () => origins.purge(0, 4, 5))).toBe(5)
  expect(trip(w.store, () => origins.purge(0, 4, 5))).toBe(1)
  expect(known()).toEqual(hashes.map((_, i) => i >= 6))
  expect(trip(w.store, () => origins.purge(Number.NEGATIVE_INFINITY, 4, 5))).toBe(0)
})
