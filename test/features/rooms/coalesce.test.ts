/** Status in large rooms: gathered for a second, the newest of each; nothing else waits (XEP-0045 §7.2.2, §7.6, §7.7). */
import { expect, test } from 'bun:test'
import { childText, type Element } from '../../../src/xmpp/xml.ts'
import type { Actor } from '../../support/actor.ts'
import { passes, settle } from '../../support/phones.ts'
import { changes, enters, hears, inside, ROOM, short } from '../../support/rooms.ts'
import { type Play, play } from '../../support/world.ts'

const TOML = '[limits]\nrates = false\nroom_presence_at_once = 2'

/** Romeo moderates, juliet and nurse are participants: one more than the limit. */
async function crowd(p: Play): Promise<[Actor, Actor, Actor]> {
  const romeo = await inside(p, 'romeo@bix.org/orchard', 'Romeo')
  const juliet = await inside(p, 'juliet@bix.org/balcony', 'Juliet')
  const nurse = await inside(p, 'nurse@bix.org/kitchen', 'Nurse')
  for (const actor of [romeo, juliet, nurse]) await hears(actor)
  return [romeo, juliet, nurse]
}

const status = (actor: Actor, text: string, nick = 'Juliet') =>
  actor.sends(`<presence to='${ROOM}/${nick}' id='${text}'><status>${text}</status></presence>`)

const line = (el: Element) => `${short(el)} ${childText(el, 'status') ?? ''}`.trim()

async function lines(actor: Actor): Promise<string[]> {
  await actor.settles()
  const heard = actor.heard.map(line)
  actor.forget()
  return heard
}

test('of many changes the newest is told once, after a second; who asked hears each at once', async () => {
  using p = play({ toml: TOML })
  const [romeo, juliet, nurse] = await crowd(p)
  for (const text of ['one', 'two', 'three']) status(juliet, text)
  expect(await lines(juliet)).toEqual(
    ['one', 'two', 'three'].map((text) => `Juliet none/participant 110 ${text}`),
  )
  status(nurse, 'busy', 'Nurse')
  await nurse.settles()
  expect(await lines(romeo)).toEqual([])
  await passes(p, 1_000)
  expect(await lines(romeo)).toEqual(['Juliet none/participant three', 'Nurse none/participant busy'])
  expect(await lines(juliet)).toEqual(['Nurse none/participant busy'])
  await passes(p, 5_000)
  expect(await lines(romeo)).toEqual([])
  // And anew.
  status(juliet, 'four')
  await juliet.settles()
  await passes(p, 1_000)
  expect(await lines(romeo)).toEqual(['Juliet none/participant four'])
})

test('moderators, nicks, roles, affiliations, who comes and who goes never wait', async () => {
  using p = play({ toml: TOML })
  const [romeo, juliet, nurse] = await crowd(p)
  status(romeo, 'here', 'Romeo')
  await romeo.settles()
  expect(await lines(juliet)).toEqual(['Romeo owner/moderator here'])
  romeo.forget()
  juliet.sends(`<presence to='${ROOM}/Jule'/>`)
  await juliet.settles()
  await changes(romeo, `<item nick='Nurse' role='visitor'/>`)
  await changes(romeo, `<item affiliation='member' jid='juliet@bix.org'/>`)
  const paul = await p.online('paul@bix.org/home')
  await enters(paul, 'Paul')
  paul.sends(`<presence to='${ROOM}/Paul' type='unavailable'/>`)
  await paul.settles()
  await changes(romeo, `<item nick='Jule' role='none'/>`)
  expect((await lines(nurse)).slice(1)).toEqual([
    '-Juliet none/participant 303',
    'Jule none/participant',
    'Nurse none/visitor 110',
    'Jule member/participant',
    'Paul none/participant',
    '-Paul none/none',
    '-Jule member/none 307',
  ])
})

test('whoever left before it was told is not told of again; a newcomer sees the newest at once', async () => {
  using p = play({ toml: TOML })
  const [romeo, juliet, nurse] = await crowd(p)
  status(juliet, 'one')
  await juliet.settles()
  const paul = await p.online('paul@bix.org/home')
  await enters(paul, 'Paul')
  expect(paul.heard.map(line)).toContain('Juliet none/participant one')
  juliet.sends(`<presence to='${ROOM}/Juliet' type='unavailable'/>`)
  await juliet.settles()
  await passes(p, 1_000)
  expect((await lines(romeo)).filter((text) => text.includes('Juliet'))).toEqual(['-Juliet none/none'])
  await hears(nurse)
})

test('in a room that is no larger than the limit everything is told at once', async () => {
  using p = play({ toml: TOML.replace('= 2', '= 3') })
  const [romeo, juliet] = await crowd(p)
  status(juliet, 'one')
  status(juliet, 'two')
  await juliet.settles()
  await settle(p)
  expect(await lines(romeo)).toEqual(['Juliet none/participant one', 'Juliet none/participant two'])
})
