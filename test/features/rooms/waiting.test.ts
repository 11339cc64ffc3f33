/** Clients that wait to come into a room that is busy: whatever they say meanwhile gets them past no check and nobody. */
import { expect, test } from 'bun:test'
import { roomsOf } from '../../../src/rooms/registry.ts'
import type { Actor } from '../../support/actor.ts'
import { settle } from '../../support/phones.ts'
import { changes, configures, enters, hears, inside, MUC, OWNER, ROOM, says } from '../../support/rooms.ts'
import { type Play, play } from '../../support/world.ts'

const CROWD = 70
const TOML = '[limits]\nrates = false\nconnections_per_ip = 0'
const joins = (nick: string) => `<presence to='${ROOM}/${nick}' id='in'><x xmlns='${MUC}'/></presence>`

async function later(p: Play): Promise<void> {
  for (let i = 0; i < 10; i++) await settle(p)
}

interface Cast {
  readonly p: Play
  readonly romeo: Actor
  readonly juliet: Actor
  /** Others, who have asked for nothing yet. */
  readonly others: readonly Actor[]
}

/** Romeo's room, so full that one more join takes several parts, and juliet, who waits behind the nurse's. */
async function waiting(p: Play, names: readonly string[] = []): Promise<Cast> {
  const romeo = await inside(p, 'romeo@bix.org/orchard', 'Romeo')
  for (let i = 0; i < CROWD; i++)
    await enters(await p.online(`capulet${i % 5}@bix.org/${i}`), `n${i}`, `<history maxstanzas='0'/>`)
  const nurse = await p.online('nurse@bix.org/kitchen')
  const juliet = await p.online('juliet@bix.org/balcony')
  const others: Actor[] = []
  for (const name of names) others.push(await p.online(`${name}@bix.org/home`))
  await later(p)
  romeo.forget()
  nurse.sends(joins('Nurse'))
  juliet.sends(joins('Juliet'))
  return { p, romeo, juliet, others }
}

const message = (text: string) =>
  `<message to='${ROOM}' type='groupchat' id='${text}'><body>${text}</body></message>`

/** What becomes so while juliet waits; what she hears of her join. */
const CHECKS: [what: string, act: (cast: Cast) => unknown, heard: string][] = [
  [
    'a ban',
    ({ romeo }) => changes(romeo, `<item affiliation='outcast' jid='juliet@bix.org'/>`),
    '! forbidden',
  ],
  [
    'a room for members',
    ({ romeo }) => configures(romeo, { 'muc#roomconfig_membersonly': '1' }),
    '! registration-required',
  ],
  [
    'a password',
    ({ romeo }) =>
      configures(romeo, { 'muc#roomconfig_passwordprotectedroom': '1', 'muc#roomconfig_roomsecret': 'ring' }),
    '! not-authorized',
  ],
  [
    'a full room',
    ({ romeo }) => configures(romeo, { 'muc#roomconfig_maxusers': '10' }),
    '! service-unavailable',
  ],
  [
    'a nick that is kept for another',
    ({ romeo }) => changes(romeo, `<item affiliation='member' jid='paul@bix.org' nick='Juliet'/>`),
    '! conflict',
  ],
  [
    'the end of the room',
    ({ romeo }) => romeo.asks('set', `<query xmlns='${OWNER}'><destroy/></query>`, ROOM),
    '! gone',
  ],
]
for (const [what, act, refusal] of CHECKS)
  test(`who waits to come in, and speaks meanwhile, is held up by ${what} like anybody`, async () => {
    using p = play({ toml: TOML })
    const cast = await waiting(p)
    const { romeo, juliet } = cast
    const acted = act(cast)
    juliet.sends(message('hark'))
    await acted
    await later(p)
    const heard = await hears(juliet)
    expect(heard[0]).toBe(refusal)
    expect(heard[1]).toMatch(/^! (not-acceptable|gone)$/)
    expect(heard).toHaveLength(2)
    const others = (await hears(romeo)).join('\n')
    expect(others).not.toMatch(/Juliet (none|member)\/|hark/)
  })

test('nobody gets past those who came before by speaking: joins are told one after the other, each with what was said behind it', async () => {
  using p = play({ toml: TOML })
  const names = ['paul', 'peter', 'abram', 'gregory', 'sampson']
  const { romeo, others: clients } = await waiting(p, names)
  const [room] = roomsOf(p.world).occupied
  if (!room) throw new Error('nobody is in the room')
  const before = room.size
  for (const [i, client] of clients.entries()) {
    client.sends(joins(names[i]!) + `<iq type='get' id='p' to='${ROOM}'><ping xmlns='urn:xmpp:ping'/></iq>`)
    client.sends(joins(names[i]!) + message(names[i]!))
  }
  // What is said of a join is said before the next one comes in.
  let most = 0
  let last = room.size
  for (let i = 0; i < 60; i++) {
    await p.router.run(() => {})
    most = Math.max(most, room.size - last)
    last = room.size
  }
  // Juliet's is among them.
  expect([most, room.size - before]).toEqual([1, names.length + 1])
  await later(p)
  const lines = (await hears(romeo)).filter((line) => names.some((name) => line.includes(name)))
  expect(lines).toEqual(names.flatMap((name) => [`${name} none/participant`, `${name}: ${name}`]))
  for (const [i, client] of clients.entries()) {
    const heard = await hears(client)
    const own = heard.indexOf(`${names[i]} none/participant 110 100`)
    expect(heard.indexOf(`${names[i]}: ${names[i]}`)).toBeGreaterThan(own)
  }
})

test('who waits and thinks better of it is told so, and nobody hears of either; with words of its own it comes in to say them', async () => {
  using p = play({ toml: TOML })
  const { romeo, juliet, others } = await waiting(p, ['paul'])
  const leaves = (nick: string) => `<presence to='${ROOM}/${nick}' type='unavailable'/>`
  juliet.sends(leaves('Juliet'))
  others[0]?.sends(joins('Paul') + message('hail') + '</stream:stream>')
  await later(p)
  expect(await hears(juliet)).toEqual(['-Juliet none/none 110'])
  expect((await hears(romeo)).filter((line) => /Juliet|Paul/.test(line))).toEqual([
    'Paul none/participant',
    'Paul: hail',
    '-Paul none/none',
  ])
})

test('more than fifty stanzas of one client do not wait; each is refused, and the stream stays', async () => {
  using p = play({ toml: TOML })
  const { romeo, juliet } = await waiting(p)
  juliet.sends(Array.from({ length: 60 }, (_, i) => message(`m${i}`)).join(''))
  await later(p)
  const heard = await hears(juliet)
  expect(heard.filter((line) => line === '! resource-constraint')).toHaveLength(10)
  expect(heard.filter((line) => line.startsWith('Juliet: '))).toHaveLength(50)
  says(romeo, 'on')
  await romeo.settles()
  expect(await hears(juliet)).toEqual(['Romeo: on'])
})

test('a turn that fails takes back what waits behind a join, too', async () => {
  using p = play({ toml: TOML })
  const { juliet, romeo } = await waiting(p)
  const mend = p.commitsFail()
  juliet.sends(message('lost') + `<message to='nurse@bix.org' type='chat'><body>x</body></message>`)
  await p.router.run(() => {}).catch(() => {})
  mend()
  for (let i = 0; i < 5; i++) {
    p.clock.advance(1_000)
    await later(p)
  }
  expect((await hears(juliet)).filter((line) => line.startsWith('!'))).toContain('! resource-constraint')
  expect((await hears(romeo)).filter((line) => line.includes('Juliet'))).toEqual(['Juliet none/participant'])
})
