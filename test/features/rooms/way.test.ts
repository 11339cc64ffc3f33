/** A large room says what it has to say in parts, and everybody hears all of it in the order in which it happened. */
import { expect, test } from 'bun:test'
import { roomsOf } from '../../../src/rooms/registry.ts'
import { afterAll } from '../../../src/rooms/way.ts'
import { Jid } from '../../../src/xmpp/jid.ts'
import type { Actor } from '../../support/actor.ts'
import { settle } from '../../support/phones.ts'
import { changes, enters, hears, inside, MUC, ROOM, says } from '../../support/rooms.ts'
import { type Play, play } from '../../support/world.ts'

const CROWD = 100
/** Stanzas that a trip hands over: fewer than a join has here. */
const PART = 128
const TOML = '[limits]\nrates = false\nconnections_per_ip = 0'

const joins = (nick: string) => `<presence to='${ROOM}/${nick}'><x xmlns='${MUC}'/></presence>`
const nickOf = (i: number) => `n${String(i).padStart(3, '0')}`
const NICKS = Array.from({ length: CROWD }, (_, i) => nickOf(i))
/** All who are there, as a newcomer hears of them. */
const OTHERS = [...NICKS.map((nick) => `${nick} none/participant`), 'Romeo owner/moderator'].toSorted()
const SELF = 'Juliet none/participant 110 100'

interface Cast {
  readonly romeo: Actor
  readonly crowd: Actor[]
  readonly juliet: Actor
}

/** Romeo's room, full, and juliet before its door. */
async function cast(p: Play): Promise<Cast> {
  const romeo = await inside(p, 'romeo@bix.org/orchard', 'Romeo')
  const crowd: Actor[] = []
  for (const [i, nick] of NICKS.entries()) {
    const client = await p.online(`capulet${i % 5}@bix.org/${i}`)
    await enters(client, nick)
    crowd.push(client)
  }
  await later(p)
  for (const client of [romeo, ...crowd]) client.forget()
  return { romeo, crowd, juliet: await p.online('juliet@bix.org/balcony') }
}

async function later(p: Play): Promise<void> {
  for (let i = 0; i < 10; i++) await settle(p)
}

/** What each of the others hears, all the same. */
async function othersHear({ romeo, crowd }: Cast): Promise<string[]> {
  const all = await Promise.all(crowd.map((one) => hears(one)))
  for (const lines of all) expect(lines).toEqual(all[0]!)
  await hears(romeo)
  return all[0]!
}

test('XEP-0045 §7.2.2 a join of several parts: the others, oneself, the subject, and then what was said meanwhile', async () => {
  using p = play({ toml: TOML })
  const all = await cast(p)
  const { romeo, juliet } = all
  juliet.sends(joins('Juliet'))
  await p.router.run(() => {})
  // The loop was left to others with less than half of it told.
  expect(juliet.heard.length).toBeLessThanOrEqual(PART)
  says(romeo, 'hark')
  juliet.sends(`<message to='${ROOM}' type='groupchat'><body>who is there</body></message>`)
  await later(p)
  const heard = await hears(juliet)
  const own = heard.indexOf(SELF)
  expect(heard.slice(0, own).toSorted()).toEqual(OTHERS)
  expect(heard.slice(own + 1)).toEqual(['# ', 'Romeo: hark', 'Juliet: who is there'])
  expect(await othersHear(all)).toEqual(['Juliet none/participant', 'Romeo: hark', 'Juliet: who is there'])
})

const ENDS: [what: string, act: (all: Cast) => unknown, juliet: string[], others: string[]][] = [
  [
    'who is thrown out meanwhile has heard of all and hears that at the end',
    ({ romeo }) => void changes(romeo, `<item nick='Juliet' role='none'/>`),
    ['-Juliet none/none 307 110'],
    ['Juliet none/participant', '-Juliet none/none 307'],
  ],
  [
    'who leaves meanwhile',
    ({ juliet }) => juliet.sends(`<presence type='unavailable' to='${ROOM}/Juliet'/>`),
    ['-Juliet none/none 110'],
    ['Juliet none/participant', '-Juliet none/none'],
  ],
  [
    'who takes another nick meanwhile',
    ({ juliet }) => juliet.sends(`<presence to='${ROOM}/Capulet'/>`),
    ['-Juliet none/participant 303 110', 'Capulet none/participant 110'],
    ['Juliet none/participant', '-Juliet none/participant 303', 'Capulet none/participant'],
  ],
]
for (const [what, act, end, others] of ENDS)
  test(`a join of several parts: ${what}`, async () => {
    using p = play({ toml: TOML })
    const all = await cast(p)
    const { juliet } = all
    juliet.sends(joins('Juliet'))
    act(all)
    await later(p)
    const heard = await hears(juliet)
    const own = heard.indexOf(SELF)
    expect(heard.slice(0, own).toSorted()).toEqual(OTHERS)
    expect(heard.slice(own + 1)).toEqual(['# ', ...end])
    expect(await othersHear(all)).toEqual(others)
  })

test('several who come at once: each hears of all who were before, and is heard of by all', async () => {
  using p = play({ toml: TOML })
  const all = await cast(p)
  const { juliet } = all
  const nurse = await p.online('nurse@bix.org/kitchen')
  const paris = await p.online('paris@bix.org/home')
  juliet.sends(joins('Juliet'))
  nurse.sends(joins('Nurse'))
  // Does not wait for the end of it to speak, so comes in at once.
  paris.sends(joins('Paris') + `<message to='${ROOM}' type='groupchat'><body>hail</body></message>`)
  await later(p)
  expect((await othersHear(all)).toSorted()).toEqual(
    ['Juliet none/participant', 'Nurse none/participant', 'Paris none/participant', 'Paris: hail'].toSorted(),
  )
  for (const [client, nick] of [
    [juliet, 'Juliet'],
    [nurse, 'Nurse'],
    [paris, 'Paris'],
  ] as const) {
    const heard = await hears(client)
    const own = heard.indexOf(`${nick} none/participant 110 100`)
    expect(own).toBeGreaterThanOrEqual(OTHERS.length)
    expect(heard.indexOf('# ')).toBeGreaterThan(own)
    const rest = ['Juliet', 'Nurse', 'Paris'].filter((name) => name !== nick)
    for (const name of rest)
      expect(heard.filter((line) => line === `${name} none/participant`)).toHaveLength(1)
    // As history or as it was said.
    expect(heard.indexOf('Paris: hail')).toBeGreaterThan(own)
    expect(heard.filter((line) => line === 'Paris: hail')).toHaveLength(1)
  }
})

test('a client that is gone before its join is told, and comes back under its name, hears what is its own alone', async () => {
  using p = play({ toml: TOML })
  const all = await cast(p)
  all.juliet.sends(joins('Juliet'))
  all.juliet.sends('</stream:stream>')
  const again = await p.online('juliet@bix.org/balcony')
  await later(p)
  expect((await hears(again)).filter((line) => line.includes('none/'))).toEqual([])
  expect(await othersHear(all)).toEqual(['Juliet none/participant', '-Juliet none/none'])
  again.sends(joins('Juliet'))
  await later(p)
  const heard = await hears(again)
  expect(heard.slice(0, heard.indexOf(SELF)).toSorted()).toEqual(OTHERS)
})

test('a turn that fails amid a join of several parts: nobody hears anything twice, and all hear it once the disk is mended', async () => {
  using p = play({ toml: TOML })
  const all = await cast(p)
  const { juliet, romeo } = all
  juliet.sends(joins('Juliet'))
  const mend = p.commitsFail()
  romeo.sends(`<message to='nurse@bix.org' type='chat'><body>x</body></message>`)
  await p.router.run(() => {}).catch(() => {})
  mend()
  for (let i = 0; i < 5; i++) {
    p.clock.advance(1_000)
    await later(p)
  }
  const heard = await hears(juliet)
  expect(heard.slice(0, heard.indexOf(SELF)).toSorted()).toEqual(OTHERS)
  expect(await othersHear(all)).toEqual(['Juliet none/participant'])
})

test('a turn that fails with the last part of a join in it: what is said afterwards still comes behind it', async () => {
  using p = play({ toml: TOML })
  const all = await cast(p)
  const { juliet, romeo } = all
  const room = Jid.parse(ROOM)
  juliet.sends(joins('Juliet'))
  let mend = () => {}
  let lost: Promise<void> | undefined
  await p.router.run((t) =>
    // The last part has joined the next turn just before.
    t.after(() => {
      mend = p.commitsFail()
      lost = p.router.run((next) => {
        afterAll(next, room, () => {})
        roomsOf(next.world).need(next, room).update(next, { subject: null })
      })
    }),
  )
  expect(await lost?.catch(() => 'lost')).toBe('lost')
  mend()
  says(romeo, 'hark')
  for (let i = 0; i < 3; i++) {
    await later(p)
    p.clock.advance(1_000)
  }
  await later(p)
  const heard = await hears(juliet)
  const own = heard.indexOf(SELF)
  expect(heard.slice(0, own).toSorted()).toEqual(OTHERS)
  expect(heard.slice(own + 1)).toEqual(['# ', 'Romeo: hark'])
  expect(await othersHear(all)).toEqual(['Juliet none/participant', 'Romeo: hark'])
})

test('what always fails in the way of a room is given up, and the room speaks on', async () => {
  using p = play({ toml: TOML })
  const all = await cast(p)
  all.juliet.sends(joins('Juliet'))
  await p.router.run(() => {})
  await later(p)
  const nurse = await p.online('nurse@bix.org/kitchen')
  let tries = 0
  nurse.sends(joins('Nurse'))
  await p.router.run((t) =>
    afterAll(t, Jid.parse(ROOM), () => {
      tries++
      throw new TypeError('a bug')
    }),
  )
  for (let i = 0; i < 20; i++) {
    await later(p)
    p.clock.advance(1_000)
  }
  expect(tries).toBe(5)
  all.juliet.forget()
  says(all.romeo, 'hark')
  await later(p)
  expect(await hears(all.juliet)).toEqual(['Romeo: hark'])
})

test('XEP-0045 §16.2 a stop amid a join of several parts: all of it is told before, and who waits to come in hears 332', async () => {
  using p = play({ toml: TOML })
  const { juliet, romeo } = await cast(p)
  const nurse = await p.online('nurse@bix.org/kitchen')
  juliet.sends(joins('Juliet'))
  nurse.sends(joins('Nurse'))
  await p.router.run(() => {})
  p.router.farewell()
  await p.router.run(() => {})
  const heard = await hears(juliet)
  const own = heard.indexOf(SELF)
  expect(heard.slice(0, own).toSorted()).toEqual(OTHERS)
  expect(heard.slice(own + 1)).toEqual(['# ', '-Juliet none/none 332 110'])
  expect(await hears(nurse)).toEqual(['-Nurse none/none 332 110'])
  expect(await hears(romeo)).toEqual(['Juliet none/participant', '-Romeo owner/none 332 110'])
})
