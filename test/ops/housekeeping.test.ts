import { expect, test } from 'bun:test'
import { purgeOnce } from '../../src/ops/housekeeping.ts'
import { play } from '../support/world.ts'

const DAY = 24 * 3_600_000

test('the archive, waiting messages and origin-ids go when their time is over', async () => {
  using p = play()
  const romeo = await p.online('romeo@bix.org/orchard')
  await p.account('juliet@bix.org')
  romeo.sends(
    `<message to='juliet@bix.org' type='chat'><body>old</body><origin-id xmlns='urn:xmpp:sid:0' id='o'/></message>`,
  )
  await romeo.settles()
  const household = {
    store: p.store,
    limits: p.config.limits,
    archiveKeep: 30 * DAY,
    clock: p.clock,
    run: <T>(f: () => T) => p.router.run(f),
    figures: () => {},
  }
  const rows = (table: string) =>
    p.store.db.raw.query<{ n: number }, []>(`SELECT count(*) AS n FROM ${table}`).get()?.n
  await purgeOnce(household)
  expect([rows('archive'), rows('offline'), rows('origins')]).toEqual([2, 1, 1])
  p.clock.advance(2 * DAY)
  await purgeOnce(household)
  expect([rows('archive'), rows('offline'), rows('origins')]).toEqual([2, 1, 0])
  p.clock.advance(29 * DAY)
  await purgeOnce(household)
  expect([rows('archive'), rows('offline'), rows('origins')]).toEqual([0, 1, 0])
  p.clock.advance(60 * DAY)
  await purgeOnce(household)
  expect([rows('archive'), rows('offline'), rows('origins')]).toEqual([0, 0, 0])
})
