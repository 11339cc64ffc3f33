import { expect, test } from 'bun:test'
import { purgeOnce } from '../../src/ops/housekeeping.ts'
import { makeInvite } from '../../src/routing/invites.ts'
import { play, type Play } from '../support/world.ts'

const DAY = 24 * 3_600_000

const householdOf = (p: Play) => ({
  store: p.store,
  limits: p.config.limits,
  archiveKeep: 30 * DAY,
  clock: p.clock,
  run: <T>(f: () => T) => p.router.run(f),
  figures: () => {},
})

test('the archive, waiting messages and origin-ids go when their time is over', async () => {
  using p = play()
  const romeo = await p.online('romeo@bix.org/orchard')
  await p.account('juliet@bix.org')
  romeo.sends(
    `<message to='juliet@bix.org' type='chat'><body>old</body><origin-id xmlns='urn:xmpp:sid:0' id='o'/></message>`,
  )
  await romeo.settles()
  const household = householdOf(p)
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

test('XEP-0313 §3.2: the oldest messages go first, and no id comes again', async () => {
  using p = play()
  await p.account('juliet@bix.org')
  const household = householdOf(p)
  const ids = () =>
    p.store.db.raw
      .query<{ id: number }, []>('SELECT id FROM archive ORDER BY id')
      .all()
      .map(({ id }) => id)
  const given: number[] = []
  const says = async (body: string) => {
    const romeo = await p.online(`romeo@bix.org/${body}`)
    romeo.sends(`<message to='juliet@bix.org' type='chat'><body>${body}</body></message>`)
    await romeo.settles()
    given.push(...ids().filter((id) => !given.includes(id)))
  }
  for (const body of ['1', '2', '3']) {
    await says(body)
    p.clock.advance(10 * DAY)
  }
  await purgeOnce(household)
  expect(ids()).toEqual(given)
  p.clock.advance(5 * DAY)
  await purgeOnce(household)
  // Both sides have lost the first message, and nothing else.
  expect(ids()).toEqual(given.slice(2))
  p.clock.jump(-60 * DAY)
  await says('4')
  expect(given).toEqual(given.toSorted((a, b) => a - b))
  expect(new Set(given).size).toBe(8)
})

test('an invitation stays in the list for a day after its end', async () => {
  using p = play()
  const wanted = { host: 'bix.org', register: true, contact: false }
  await p.router.run((t) => makeInvite(t, { ...wanted, lifetime: DAY }))
  await p.router.run((t) => makeInvite(t, { ...wanted, lifetime: 3 * DAY }))
  const left = async () => {
    await purgeOnce(householdOf(p))
    return p.store.invites.count()
  }
  p.clock.advance(2 * DAY)
  expect(await left()).toBe(2)
  p.clock.advance(1)
  expect(await left()).toBe(1)
  expect(p.store.invites.list(10)[0]?.expiresAt).toBe(p.clock.now() + DAY - 1)
})
