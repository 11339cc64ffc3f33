import { expect, test } from 'bun:test'
import { purgeOnce } from '../../src/ops/housekeeping.ts'
import type { WriteTx } from '../../src/store/tx.ts'
import { settle } from '../support/phones.ts'
import { configures, inside, OWNER, says } from '../support/rooms.ts'
import { BASE, play, type Play } from '../support/world.ts'

const DAY = 24 * 3_600_000

/** Until there is nothing more to do. */
async function purge(p: Play): Promise<number> {
  const household = { ...p.config, clock: p.clock, run: <T>(f: (t: WriteTx) => T) => p.router.run(f) }
  const place = { host: 0, after: '', room: 0 }
  let trips = 1
  while (await purgeOnce(household, place)) trips++
  return trips
}

const count = (p: Play, table: string): number =>
  p.store.db.raw.query<{ n: number }, []>(`SELECT count(*) AS n FROM ${table}`).get()?.n ?? 0

test('[archive] keep, and that of each host, holds for what is said in rooms', async () => {
  const toml = `[archive]\nkeep = "5d"\n[[archive.hosts]]\nname = "other.example"\nkeep = "forever"\n`
  using p = play({ config: BASE + toml })
  const romeo = await inside(p, 'romeo@bix.org/orchard', 'Romeo')
  const other = 'coven@conference.other.example'
  const rosaline = await inside(p, 'rosaline@other.example/hall', 'Rosaline', other)
  for (let n = 0; n < 3; n++) says(romeo, `n${n}`)
  says(rosaline, 'kept', other)
  await settle(p)
  await purge(p)
  expect(count(p, 'room_archive')).toBe(4)
  p.clock.jump(6 * DAY)
  await purge(p)
  expect(p.store.db.raw.query<{ nick: string }, []>('SELECT nick FROM room_archive').all()).toEqual([
    { nick: 'Rosaline' },
  ])
})

test('many old messages, and those of rooms that are no more, go in bounded trips', async () => {
  using p = play({ config: `${BASE}[archive]\nkeep = "5d"\n` })
  await inside(p, 'romeo@bix.org/orchard', 'Romeo')
  await p.router.run((t) => {
    const { id } = t.store.rooms.find('coven@conference.bix.org')!
    for (let n = 0; n < 1300; n++)
      t.store.roomArchive.add({
        id: t.store.messages.nextId(),
        roomId: n % 2 ? id : 999,
        user: '',
        nick: '',
        counts: true,
        xml: '<message/>',
      })
  })
  await purge(p)
  expect(count(p, 'room_archive')).toBe(650)
  p.clock.jump(6 * DAY)
  expect(await purge(p)).toBeGreaterThanOrEqual(2)
  expect(count(p, 'room_archive')).toBe(0)
})

test('muc.tombstone: that a room was there is forgotten', async () => {
  using p = play()
  const romeo = await inside(p, 'romeo@bix.org/orchard', 'Romeo')
  await configures(romeo, { 'muc#roomconfig_persistentroom': '1' })
  await romeo.asks('set', `<query xmlns='${OWNER}'><destroy/></query>`, 'coven@conference.bix.org')
  await settle(p)
  p.clock.jump(30 * DAY)
  await purge(p)
  expect(count(p, 'rooms')).toBe(1)
  p.clock.jump(2 * DAY)
  await purge(p)
  expect(count(p, 'rooms')).toBe(0)
})
