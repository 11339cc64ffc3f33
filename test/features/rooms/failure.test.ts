/** Rooms on a disk that fails, in a crash and over a restart; floods. */
import { expect, test } from 'bun:test'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { roomsOf } from '../../../src/rooms/registry.ts'
import type { Actor } from '../../support/actor.ts'
import { FakeClock } from '../../support/clock.ts'
import { FULL, settle } from '../../support/phones.ts'
import {
  changes,
  conditionOf,
  configures,
  enters,
  hears,
  inside,
  MUC,
  OWNER,
  ROOM,
  says,
  short,
} from '../../support/rooms.ts'
import { granted } from '../../support/sm.ts'
import { type Play, play } from '../../support/world.ts'

/** Who is in which room in what way, as memory has it, and what rows say of rooms. */
function rooms(p: Play): unknown {
  const inThem = [...roomsOf(p.world).occupied].map((room) => [
    room.jid.toString(),
    room.settings,
    // A room is no list: who comes back by an undo may stand elsewhere in it.
    [...room.occupants]
      .sort((a, b) => (a.nick < b.nick ? -1 : 1))
      .map(({ nick, user, affiliation, role, seats, shown }) => ({
        nick,
        user,
        affiliation,
        role,
        seats: [...seats.values()].map(({ jid, presence }) => `${jid.toString()} ${presence.join('')}`),
        shown: shown?.jid.toString(),
        found: [room.byNick(nick)?.user, [...room.occupantsOf(user)].length],
      })),
  ])
  const rows = ['rooms', 'room_affiliations', 'room_archive'].map((table) =>
    p.store.db.raw.query(`SELECT * FROM ${table}`).all(),
  )
  return { inThem, rows }
}

const chat = `<message to='nurse@bix.org' type='chat'><body>x</body></message>`
const query = (payload: string) => `<iq type='set' id='q' to='${ROOM}'>${payload}</iq>`
const enter = (address: string) => `<presence to='${address}'><x xmlns='${MUC}'/></presence>`

/** What romeo, an owner, or the stranger asks for in a turn that fails. */
const FAILING: [what: string, who: 'romeo' | 'paul', xml: string][] = [
  ['a join', 'paul', enter(`${ROOM}/Paul`)],
  ['the making of a room', 'paul', enter('heath@conference.bix.org/Paul')],
  ['a change of nick', 'romeo', `<presence to='${ROOM}/Montague'/>`],
  ['a status', 'romeo', `<presence to='${ROOM}/Romeo'><show>dnd</show></presence>`],
  ['a kick', 'romeo', query(`<query xmlns='${MUC}#admin'><item nick='Juliet' role='none'/></query>`)],
  ['a role', 'romeo', query(`<query xmlns='${MUC}#admin'><item nick='Juliet' role='moderator'/></query>`)],
  [
    'a ban',
    'romeo',
    query(`<query xmlns='${MUC}#admin'><item jid='juliet@bix.org' affiliation='outcast'/></query>`),
  ],
  ['the end of a room', 'romeo', query(`<query xmlns='${OWNER}'><destroy/></query>`)],
  ['a subject', 'romeo', `<message to='${ROOM}' type='groupchat'><subject>night</subject></message>`],
  ['a message', 'romeo', `<message to='${ROOM}' type='groupchat'><body>hark</body></message>`],
  ['a subscription', 'paul', query(`<subscribe xmlns='urn:xmpp:mucsub:0' nick='Paul'/>`)],
]

for (const [what, who, xml] of FAILING)
  test(`a turn that fails: ${what} leaves memory as it was, nobody else hears of it, and it works afterwards`, async () => {
    using p = play()
    await p.account('nurse@bix.org')
    const romeo = await inside(p, 'romeo@bix.org/orchard', 'Romeo')
    const juliet = await inside(p, 'juliet@bix.org/balcony', 'Juliet')
    const paul = await p.online('paul@bix.org/home')
    await hears(romeo)
    const asker = { romeo, paul }[who]
    const before = rooms(p)
    const mend = p.commitsFail()
    // Of what is in memory alone the turn fails by its neighbour.
    asker.sends(xml + chat)
    const heard = await hears(asker)
    expect(heard).toEqual(['! resource-constraint', '! resource-constraint'])
    expect(rooms(p)).toEqual(before)
    mend()
    for (const other of [romeo, juliet, paul]) expect(await hears(other)).toEqual([])
    asker.sends(xml)
    await asker.settles()
    expect(asker.heard.filter((el) => conditionOf(el) !== undefined)).toEqual([])
    expect(rooms(p)).not.toEqual(before)
  })

test('a session that leaves in a turn that fails leaves all the same, once the disk is mended', async () => {
  using p = play()
  const romeo = await inside(p, 'romeo@bix.org/orchard', 'Romeo')
  const juliet = await inside(p, 'juliet@bix.org/balcony', 'Juliet')
  await hears(romeo)
  const mend = p.commitsFail()
  juliet.sends(`${chat}</stream:stream>`)
  await p.router.run(() => {}).catch(() => {})
  mend()
  p.clock.advance(5_000)
  await settle(p)
  expect(await hears(romeo)).toEqual(['-Juliet none/none'])
})

async function inDirectory(f: (file: string) => Promise<void>): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), 'belfry-rooms-'))
  try {
    await f(join(dir, 'belfry.db'))
  } finally {
    rmSync(dir, { recursive: true })
  }
}

/** More than one trip tells. */
const MEMBERS = 60
const outbox = (p: Play) =>
  p.store.db.raw
    .query<{ device: number }, []>(
      'SELECT device_id AS device FROM outbox WHERE body IS NOT NULL ORDER BY device_id',
    )
    .all()
    .map(({ device }) => device)

test('a crash amid the telling of a message: every member’s phone has one row in the outbox, none two', () =>
  inDirectory(async (file) => {
    const clock = new FakeClock()
    let crashed = ''
    let devices: number[] = []
    {
      using p = play({ file, toml: FULL, clock })
      const romeo = await inside(p, 'romeo@bix.org/orchard', 'Romeo')
      await configures(romeo, { 'muc#roomconfig_persistentroom': '1', 'muc#roomconfig_membersonly': '1' })
      for (let i = 0; i < MEMBERS; i++) {
        const phone = await p.online(`m${i}@bix.org/phone`)
        const node = (i + 16).toString(16).repeat(32)
        await phone.asks('set', `<enable xmlns='urn:xmpp:push:0' jid='push.bix.org' node='${node}'/>`)
        phone.sends('</stream:stream>')
      }
      await settle(p)
      const items = Array.from(
        { length: MEMBERS },
        (_, i) => `<item affiliation='member' jid='m${i}@bix.org'/>`,
      )
      await changes(romeo, items.join(''))
      await settle(p)
      p.store.db.raw.run('DELETE FROM outbox')
      devices = p.store.db.raw
        .query<{ id: number }, []>('SELECT id FROM devices ORDER BY id')
        .all()
        .map(({ id }) => id)
      const told = () =>
        p.store.db.raw.query<{ after: string }, []>('SELECT after FROM room_fanouts').get()?.after ?? ''
      says(romeo, 'hark')
      for (let i = 0; i < 20 && told() === ''; i++) await p.router.run(() => {})
      const n = outbox(p).length
      expect([told() !== '', n > 0, n < MEMBERS]).toEqual([true, true, true])
      crashed = p.crash()
    }
    using p = play({ file: crashed, toml: FULL, clock: new FakeClock(clock.now() + 1_000), seed: 2 })
    for (let i = 0; i < 10; i++) await settle(p)
    expect(outbox(p)).toEqual(devices)
    expect(devices).toHaveLength(MEMBERS)
    expect(p.store.db.raw.query('SELECT * FROM room_fanouts').all()).toEqual([])
  }))

test('XEP-0045 §16.2 an orderly stop: 332 to all, also to who resumes; rooms that are not to stay are erased by the next start', () =>
  inDirectory(async (file) => {
    const clock = new FakeClock()
    let id = ''
    {
      using p = play({ file, clock })
      const romeo = await inside(p, 'romeo@bix.org/orchard', 'Romeo')
      const juliet = await inside(p, 'juliet@bix.org/balcony', 'Juliet')
      ;({ id } = await granted(juliet))
      await inside(p, 'nurse@bix.org/kitchen', 'Nurse', 'heath@conference.bix.org')
      await configures(romeo, { 'muc#roomconfig_persistentroom': '1' })
      await hears(romeo)
      await juliet.settles()
      juliet.transport.destroy()
      p.stop()
      expect(await untilEnd(romeo)).toContain('-Romeo owner/none 332 110')
    }
    using p = play({ file, clock: new FakeClock(clock.now() + 1_000), seed: 2 })
    await settle(p)
    expect([p.store.rooms.find(ROOM)?.jid, p.store.rooms.find('heath@conference.bix.org')]).toEqual([
      ROOM,
      undefined,
    ])
    const juliet = await p.returns('juliet@bix.org')
    juliet.sends(`<resume xmlns='urn:xmpp:sm:3' previd='${id}' h='1'/>`)
    await juliet.settles()
    expect(juliet.heard.map(short)).toContain('-Juliet none/none 332 110')
    juliet.forget()
    // The room knows that nobody is in it.
    await enters(juliet, 'Juliet')
    expect((await hears(juliet)).at(-2)).toBe('Juliet none/participant 110 100')
  }))

test('XEP-0045 §16.2 the 332 of a stop is the last that anybody hears of being in, whoever else goes then; a join behind it is told so', () =>
  inDirectory(async (file) => {
    const clock = new FakeClock()
    let id = ''
    let heard = 0
    {
      using p = play({ file, clock })
      const romeo = await inside(p, 'romeo@bix.org/orchard', 'Romeo')
      await configures(romeo, { 'muc#roomconfig_persistentroom': '1' })
      const desk = await inside(p, 'juliet@bix.org/desk', 'Juliet')
      ;({ id } = await granted(desk))
      await inside(p, 'juliet@bix.org/phone', 'Juliet')
      await desk.settles()
      heard = desk.heard.filter(({ name }) => name !== 'r').length + 1
      const nurse = await p.online('nurse@bix.org/kitchen')
      desk.transport.destroy()
      await settle(p)
      p.router.farewell()
      nurse.sends(enter(`${ROOM}/Nurse`))
      expect(await hears(nurse)).toEqual(['-Nurse none/none 332 110'])
      p.stop()
    }
    using p = play({ file, clock: new FakeClock(clock.now() + 1_000), seed: 2 })
    await settle(p)
    const desk = await p.returns('juliet@bix.org')
    desk.sends(`<resume xmlns='urn:xmpp:sm:3' previd='${id}' h='${heard}'/>`)
    await desk.settles()
    const own = desk.heard.map(short).filter((line) => line.includes('110'))
    expect(own.at(-1)).toBe('-Juliet none/none 332 110')
  }))

/** What was heard until the stream has ended. */
async function untilEnd(actor: Actor): Promise<string[]> {
  const heard = actor.heard.map(short)
  for (;;) {
    try {
      heard.push(short(await actor.next()))
    } catch {
      return heard
    }
  }
}

test('floods are answered, and no stream is closed', async () => {
  using p = play()
  const romeo = await inside(p, 'romeo@bix.org/orchard', 'Romeo')
  const paul = await p.online('paul@bix.org/home')
  const N = 200
  const many = (f: (i: number) => string) => Array.from({ length: N }, (_, i) => f(i)).join('')
  for (const xml of [
    many(() => enter(`${ROOM}/Paul`) + `<presence to='${ROOM}/Paul' type='unavailable'/>`),
    many(() => enter(`${ROOM}/Paul`)),
    many(() => enter(`${ROOM}/Romeo`)),
    many((i) => `<presence to='${ROOM}/Paul ${i} x'/>`),
    many((i) => `<presence to='${ROOM}/Paul 199 x'><status>${'x'.repeat(2_000)}${i}</status></presence>`),
    many((i) => `<message to='${ROOM}' type='groupchat' id='s${i}'><subject>${i}</subject></message>`),
    many(
      (i) =>
        `<message to='elsewhere@conference.bix.org' type='groupchat' id='e${i}'><body>x</body></message>`,
    ),
  ]) {
    paul.sends(xml)
    await paul.settles()
    await romeo.settles()
    romeo.forget()
    paul.forget()
  }
  says(paul, 'still here')
  expect(await hears(romeo)).toEqual(['Paul 199 x: still here'])
})
