/** `offline_messages` and `offline_bytes` hold for what waits and for what is in flight; what is archived never bounces. */
import { describe, expect, test } from 'bun:test'
import { chat, cut, enables, rows, SM, takesBodies } from '../support/sm.ts'
import { play, type Play } from '../support/world.ts'

const LIMITS = ['offline_messages = 3', 'offline_bytes = 700'] as const
const toml = (limit: string, archive: string) =>
  `[archive]\ndefault = "${archive}"\n[limits]\nrates = false\nsm_queue = 50\n${limit}\n`
const count = (p: Play, table: string) =>
  p.store.db.raw.query<{ n: number }, []>(`SELECT count(*) AS n FROM ${table}`).get()?.n ?? -1
const text = (i: number) => chat(`m${i}`.padEnd(100, '.'))
const numbers = (bodies: readonly string[]) => bodies.map((body) => body.replaceAll('.', ''))

describe('a client that never acknowledges', () => {
  for (const limit of LIMITS) {
    test(`${limit}: with an archive nothing bounces, and it has no more rows than that`, async () => {
      using p = play({ toml: toml(limit, 'always') })
      const romeo = await p.online('romeo@bix.org/orchard')
      const juliet = await p.online('juliet@bix.org/balcony')
      await enables(juliet)
      for (let i = 0; i < 20; i++) romeo.sends(text(i))
      await romeo.hearsNothing()
      expect([rows(p, '1'), count(p, 'archive')]).toEqual([3, 40])
      // It is there all the same: it has them all, and the rows go as it says so.
      await juliet.settles()
      expect(numbers(takesBodies(juliet))).toEqual(Array.from({ length: 20 }, (_, i) => `m${i}`))
      juliet.sends(`<a xmlns='${SM}' h='21'/>`)
      await juliet.settles()
      expect(rows(p, '1')).toBe(0)
      romeo.sends(text(20))
      await romeo.settles()
      expect(rows(p, '1')).toBe(1)
    })

    test(`${limit}: without one the sender is told`, async () => {
      using p = play({ toml: toml(limit, 'never') })
      const romeo = await p.online('romeo@bix.org/orchard')
      const juliet = await p.online('juliet@bix.org/balcony')
      await enables(juliet)
      for (let i = 0; i < 5; i++) romeo.sends(text(i))
      for (let i = 0; i < 2; i++) await romeo.hearsError('service-unavailable')
      await romeo.hearsNothing()
      expect(rows(p, '1')).toBe(3)
      await juliet.settles()
      expect(numbers(takesBodies(juliet))).toEqual(['m0', 'm1', 'm2'])
    })

    test(`${limit}: what it leaves behind when it is gone fills the box and no more`, async () => {
      using p = play({ toml: toml(limit, 'always') })
      const romeo = await p.online('romeo@bix.org/orchard')
      const juliet = await p.online('juliet@bix.org/balcony')
      juliet.sends(`<enable xmlns='${SM}'/>`)
      await juliet.receives(`<enabled xmlns='${SM}'/>`)
      for (let i = 0; i < 20; i++) romeo.sends(text(i))
      await romeo.settles()
      cut(juliet)
      await romeo.settles()
      romeo.sends(text(20))
      await romeo.hearsNothing()
      expect([rows(p, 'in_flight = 0'), rows(p, 'in_flight = 1')]).toEqual([3, 0])
      const back = await p.online('juliet@bix.org/balcony')
      await back.settles()
      expect(count(p, 'archive')).toBe(42)
    })
  }
})

test('of several clients one that acknowledges keeps the box empty for all', async () => {
  using p = play({ toml: toml('offline_messages = 3', 'never') })
  const romeo = await p.online('romeo@bix.org/orchard')
  const [desk, phone] = [await p.online('juliet@bix.org/desk'), await p.online('juliet@bix.org/phone')]
  for (const client of [desk, phone]) {
    await client.settles()
    client.forget()
    await enables(client)
  }
  for (let i = 1; i <= 10; i++) {
    romeo.sends(text(i))
    await romeo.hearsNothing()
    // The answers to its own pings count too.
    desk.sends(`<a xmlns='${SM}' h='${2 * i - 1}'/>`)
    await desk.settles()
  }
  expect(rows(p, '1')).toBe(0)
})

for (const limit of LIMITS) {
  test(`${limit}: for somebody who is away what the archive takes does not bounce`, async () => {
    using p = play({ toml: toml(limit, 'always') })
    const romeo = await p.online('romeo@bix.org/orchard')
    await p.account('juliet@bix.org')
    for (let i = 0; i < 10; i++) romeo.sends(text(i))
    await romeo.hearsNothing()
    expect([rows(p, '1'), count(p, 'archive')]).toEqual([3, 20])
  })
}
