import { expect, test } from 'bun:test'
import { purgeOnce } from '../../src/ops/housekeeping.ts'
import { deriveCredentials } from '../../src/store/credentials.ts'
import type { WriteTx } from '../../src/store/tx.ts'
import { makeInvite } from '../../src/accounts/invites.ts'
import { BASE, play, type Play } from '../support/world.ts'

const DAY = 24 * 3_600_000

const householdOf = (p: Play) => ({
  store: p.store,
  limits: p.config.limits,
  hosts: p.config.hosts,
  muc: p.config.muc,
  push: p.config.push,
  audit: p.config.audit,
  archive: { ...p.config.archive, keep: 30 * DAY },
  clock: p.clock,
  run: <T>(f: (t: WriteTx) => T) => p.router.run(f),
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

test('[[archive.hosts]]: each host keeps its messages as long as it is told, the others as long as all', async () => {
  const named = (name: string, keep: string) => `[[archive.hosts]]\nname = "${name}"\nkeep = "${keep}"\n`
  const toml = `[archive]\nkeep = "5d"\n${named('bix.org', '30d')}${named('kept.example', 'forever')}`
  using p = play({
    config: BASE.replace('hosts = [', 'hosts = ["kept.example", ') + toml,
  })
  for (const host of ['bix.org', 'other.example', 'kept.example']) {
    const romeo = await p.online(`romeo@${host}/orchard`)
    romeo.sends(`<message to='romeo@${host}' type='chat'><body>note</body></message>`)
    await romeo.settles()
  }
  const household = { ...householdOf(p), archive: p.config.archive }
  const left = async () => {
    await purgeOnce(household)
    return p.store.db.raw
      .query<{ host: string }, []>('SELECT host FROM archive JOIN accounts ON accounts.id = account_id')
      .all()
      .map(({ host }) => host)
  }
  expect(await left()).toEqual(['bix.org', 'other.example', 'kept.example'])
  p.clock.jump(6 * DAY)
  expect(await left()).toEqual(['bix.org', 'kept.example'])
  p.clock.jump(25 * DAY)
  expect(await left()).toEqual(['kept.example'])
  p.clock.jump(10_000 * DAY)
  expect(await left()).toEqual(['kept.example'])
})

test('old messages of many accounts go in several trips, each of it bounded', async () => {
  using p = play()
  const keys = await deriveCredentials('x', 16, () => Buffer.alloc(16))
  await p.router.run((t) => {
    for (let i = 0; i < 450; i++) t.store.accounts.create(`u${i}@bix.org`, 'bix.org', keys, t.now)
    for (let i = 0; i < 450; i++) {
      const account = t.store.accounts.find(`u${i}@bix.org`)
      for (let n = 0; account && n < 2; n++)
        t.store.messages.archive(account, t.store.messages.nextId(), 'x@y', '<m/>')
    }
  })
  p.clock.advance(31 * DAY)
  const household = householdOf(p)
  const place = { host: 0, after: '', room: 0 }
  const left = () =>
    p.store.db.raw.query<{ n: number }, []>('SELECT count(*) AS n FROM archive').get()?.n ?? 0
  const steps: number[] = []
  for (let more = true; more && steps.length < 10;) {
    const before = left()
    more = await purgeOnce(household, place)
    steps.push(before - left())
  }
  expect(left()).toBe(0)
  expect(Math.max(...steps)).toBeLessThanOrEqual(500)
  expect(steps.length).toBeLessThan(10)
  expect(place).toEqual({ host: 0, after: '', room: 0 })
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

test('what an upgrade left open of the accounts is filled in, a batch at a time', async () => {
  using p = play()
  await p.account('juliet@bix.org')
  p.store.turn.end()
  p.store.db.raw.run('UPDATE accounts SET skeleton = NULL')
  const insert = p.store.db.raw.prepare(
    `INSERT INTO accounts (jid, host, created_at) VALUES (?, 'bix.org', 0)`,
  )
  for (let i = 0; i < 600; i++) insert.run(`u${i}@bix.org`)
  const open = () =>
    p.store.db.raw.query<{ n: number }, []>('SELECT count(*) AS n FROM accounts WHERE skeleton IS NULL').get()
      ?.n
  const household = { ...householdOf(p), archive: p.config.archive }
  const left: [more: boolean, open?: number][] = []
  for (let i = 0; i < 3; i++) left.push([await purgeOnce(household), open()])
  expect(left).toEqual([
    [true, 101],
    [false, 0],
    [false, 0],
  ])
})
