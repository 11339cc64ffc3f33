import { expect, test } from 'bun:test'
import { open, tempDir, trip } from './support.ts'

test('a setting is what was set last, byte for byte', () => {
  using w = open()
  const { settings } = w.store
  expect(settings.get('a')).toBeUndefined()
  trip(w.store, () => settings.set('a', Buffer.from([0, 255, 1])))
  trip(w.store, () => settings.set('a', Buffer.from([0, 254])))
  expect(settings.get('a')).toEqual(Buffer.from([0, 254]))
  trip(w.store, () => settings.set('empty', Buffer.alloc(0)))
  expect(settings.get('empty')).toEqual(Buffer.alloc(0))
})

test('a secret is made once and outlives a restart', () => {
  using dir = tempDir()
  const first = open(dir.file)
  const secret = trip(first.store, () => first.store.settings.secret('salts', 24))
  expect(secret.length).toBe(24)
  expect(trip(first.store, () => first.store.settings.secret('salts'))).toEqual(secret)
  expect(trip(first.store, () => first.store.settings.secret('other'))).not.toEqual(secret)
  first.store.close()
  using again = open(dir.file)
  expect(trip(again.store, () => again.store.settings.secret('salts'))).toEqual(secret)
})

test('a secret whose trip fails was never there', () => {
  using w = open()
  let lost: Buffer | undefined
  expect(() =>
    w.store.turn.trip(() => {
      lost = w.store.settings.secret('salts')
      throw new Error('bug')
    }),
  ).toThrow('bug')
  expect(lost).toBeDefined()
  expect(w.store.settings.get('salts')).toBeUndefined()
})
