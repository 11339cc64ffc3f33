/** A later account with the address of a deleted one is nobody in rooms: XEP-0045 §5.2, XEP-0421 §5, XEP-0424 §5. */
import { expect, test } from 'bun:test'
import { Jid } from '../../../src/xmpp/jid.ts'
import { child, type Element } from '../../../src/xmpp/xml.ts'
import type { Actor } from '../../support/actor.ts'
import { FULL, registers, settle } from '../../support/phones.ts'
import { changes, enters, hears, inside, OWNER, ROOM, says, short } from '../../support/rooms.ts'
import { type Play, play } from '../../support/world.ts'

const RETRACT = 'urn:xmpp:message-retract:1'
const HEATH = 'heath@conference.bix.org'
const JULIET = 'juliet@bix.org'

const occupantId = (el: Element | undefined) =>
  el && child(el, 'occupant-id', 'urn:xmpp:occupant-id:0')?.attrs.id

/** Romeo is in his room; juliet is deleted, and somebody else has her address. */
async function again(p: Play): Promise<Actor> {
  await p.router.run((t) => p.world.deleteAccount(t, Jid.parse(JULIET)))
  await settle(p)
  return p.online(`${JULIET}/attic`)
}

async function spoken(listener: Actor, speaker: Actor, text: string): Promise<Element | undefined> {
  await hears(listener)
  says(speaker, text)
  await speaker.settles()
  await listener.settles()
  return listener.heard.find(({ name, attrs }) => name === 'message' && attrs.id === text)
}

test('the occupant id is another, and what the first one said is not the second one’s to take back', async () => {
  using p = play()
  const romeo = await inside(p, 'romeo@bix.org/orchard', 'Romeo')
  const first = await inside(p, `${JULIET}/balcony`, 'Juliet')
  const said = await spoken(romeo, first, 'oops')
  const second = await again(p)
  await enters(second, 'Juliet')
  second.forget()
  const id = child(said!, 'stanza-id', 'urn:xmpp:sid:0')?.attrs.id
  second.sends(`<message to='${ROOM}' type='groupchat'><retract xmlns='${RETRACT}' id='${id}'/></message>`)
  expect(await hears(second)).toEqual(['! forbidden'])
  const later = await spoken(romeo, second, 'hark')
  expect(occupantId(later)).not.toBe(occupantId(said))
  // The same account has the same one for ever.
  expect(occupantId(await spoken(romeo, second, 'again'))).toBe(occupantId(later))
})

test('a subscription, a kept nick and an affiliation are not inherited, also where the room is in memory', async () => {
  using p = play()
  const romeo = await inside(p, 'romeo@bix.org/orchard', 'Romeo')
  const first = await p.online(`${JULIET}/balcony`)
  await changes(romeo, `<item affiliation='admin' jid='${JULIET}'/>`)
  const nodes = `<event node='urn:xmpp:mucsub:nodes:messages'/>`
  await first.asks('set', `<subscribe xmlns='urn:xmpp:mucsub:0' nick='Capulet'>${nodes}</subscribe>`, ROOM)
  says(romeo, 'one')
  await romeo.settles()
  const second = await again(p)
  says(romeo, 'two')
  await romeo.settles()
  expect(await hears(second)).toEqual([])
  says(second, 'as before')
  expect(await hears(second)).toEqual(['! not-acceptable'])
  await enters(second, 'Anyone')
  expect(await hears(second)).toContain('Anyone none/participant 110 100')
  const nurse = await p.online('nurse@bix.org/kitchen')
  await enters(nurse, 'Capulet')
  expect(nurse.heard.map(short)).toContain('Capulet none/participant 110 100')
})

test('XEP-0045 §10.9 a room that the first one has destroyed stays gone for the second', async () => {
  using p = play()
  const first = await inside(p, `${JULIET}/balcony`, 'Juliet', HEATH)
  await first.asks('set', `<query xmlns='${OWNER}'><destroy/></query>`, HEATH)
  const second = await again(p)
  await enters(second, 'Juliet', '', HEATH)
  expect(await hears(second)).toEqual(['! gone'])
  const form = `<query xmlns='${OWNER}'><x xmlns='jabber:x:data' type='submit'/></query>`
  expect(short(await second.asks('set', form, HEATH))).toBe('! gone')
})

test('the second one’s phone rings for what the first one’s message set off only as anybody’s would', async () => {
  using p = play({ toml: FULL })
  const romeo = await inside(p, 'romeo@bix.org/orchard', 'Romeo')
  const first = await inside(p, `${JULIET}/balcony`, 'Juliet')
  await spoken(romeo, first, 'Capulet, hark')
  const second = await again(p)
  second.sends('</stream:stream>')
  await registers(p)
  await settle(p)
  expect(p.pushed.filter(({ body }) => body !== null)).toEqual([])
  await changes(romeo, `<item affiliation='member' jid='${JULIET}' nick='Capulet'/>`)
  p.pushed.length = 0
  says(romeo, 'Capulet, welcome')
  await settle(p)
  await settle(p)
  expect(p.pushed.map(({ body }) => body)).toEqual(['Capulet, welcome'])
})
