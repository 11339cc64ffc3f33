/** Demands of XEP-0045, XEP-0421 and XEP-0425 that no other play of rooms shows, section by section. */
import { expect, test } from 'bun:test'
import { child, children, childText, type Element } from '../../../src/xmpp/xml.ts'
import type { Actor } from '../../support/actor.ts'
import {
  changes,
  conditionOf,
  configures,
  enters,
  hears,
  inside,
  itemOf,
  MUC,
  opens,
  ROOM,
  says,
  short,
  statuses,
} from '../../support/rooms.ts'
import { play } from '../../support/world.ts'

const INFO = 'http://jabber.org/protocol/disco#info'
const ITEMS = 'http://jabber.org/protocol/disco#items'
const OCCUPANT_ID = 'urn:xmpp:occupant-id:0'
const CONFERENCE = 'conference.bix.org'

const info = async (actor: Actor, to: string, node?: string): Promise<Element> =>
  actor.asks('get', `<query xmlns='${INFO}'${node === undefined ? '' : ` node='${node}'`}/>`, to)
const features = (el: Element): (string | undefined)[] =>
  children(child(el, 'query', INFO)!, 'feature').map(({ attrs }) => attrs.var)
const idOf = (el: Element) => children(el, 'occupant-id', OCCUPANT_ID).map(({ attrs }) => attrs.id)

test('XEP-0045 §6.2, §6.4: service and room say what they are; XEP-0421 §2, XEP-0425 §2: the room what it knows, the service not', async () => {
  using p = play()
  const romeo = await inside(p, 'romeo@bix.org/orchard', 'Romeo')
  const service = await info(romeo, CONFERENCE)
  const room = await info(romeo, ROOM)
  for (const el of [service, room]) {
    const identity = child(child(el, 'query', INFO)!, 'identity')
    expect([identity?.attrs.category, identity?.attrs.type]).toEqual(['conference', 'text'])
    expect(features(el)).toContain(MUC)
  }
  for (const feature of [OCCUPANT_ID, 'urn:xmpp:message-moderate:1'])
    expect([feature, features(room).includes(feature)]).toEqual([feature, true])
  expect(features(service)).not.toContain(OCCUPANT_ID)
})

test('XEP-0045 §6.5, §6.6: who is in a room is listed to who may know; nobody from outside asks an occupant', async () => {
  using p = play()
  const romeo = await inside(p, 'romeo@bix.org/orchard', 'Romeo')
  const juliet = await p.online('juliet@bix.org/balcony')
  const list = async () =>
    children(child(await juliet.asks('get', `<query xmlns='${ITEMS}'/>`, ROOM), 'query', ITEMS)!, 'item').map(
      ({ attrs }) => attrs.jid,
    )
  expect(await list()).toEqual([`${ROOM}/Romeo`])
  await configures(romeo, { public_list: '0' })
  expect(await list()).toEqual([])
  for (const namespace of [INFO, ITEMS])
    expect(conditionOf(await juliet.asks('get', `<query xmlns='${namespace}'/>`, `${ROOM}/Romeo`))).toBe(
      'bad-request',
    )
})

test('XEP-0045 §7.2.1, §17.1: a room and a nick have names that are seen, and entering is available presence', async () => {
  using p = play()
  await inside(p, 'romeo@bix.org/orchard', 'Romeo')
  const juliet = await p.online('juliet@bix.org/balcony')
  const comes = async (to: string, attrs = ''): Promise<string[]> => {
    juliet.sends(`<presence to='${to}'${attrs}><x xmlns='${MUC}'/></presence>`)
    return hears(juliet)
  }
  expect(await comes(ROOM)).toEqual(['! jid-malformed'])
  expect(await comes(`${ROOM}/`)).toEqual(['! jid-malformed'])
  expect(await comes(`${ROOM}/ `)).toEqual(['! jid-malformed'])
  expect(await comes(`${ROOM}/\u3000\u2003`)).toEqual(['! jid-malformed'])
  expect(await comes(`@${CONFERENCE}/Juliet`)).toEqual(['! jid-malformed'])
  expect(await comes(`${ROOM}/Juliet`, ` type='unavailable'`)).toEqual([])
  // rooms.md: the resource is all behind the first "/".
  for (const nick of ['/help', 'a/b', '@', 'Nurse of Verona'])
    expect((await comes(`${ROOM}/${nick}`)).some((line) => line.includes(`${nick} none/participant`))).toBe(
      true,
    )
})

test('XEP-0045 §5.2.1, §7.2.4: in a semi-anonymous room addresses are for moderators, the list of members too', async () => {
  using p = play()
  const romeo = await inside(p, 'romeo@bix.org/orchard', 'Romeo')
  await configures(romeo, { 'muc#roomconfig_whois': 'moderators' })
  await changes(romeo, `<item affiliation='member' jid='juliet@bix.org'/>`)
  const juliet = await inside(p, 'juliet@bix.org/balcony', 'Juliet')
  romeo.forget()
  const nurse = await p.online('nurse@bix.org/kitchen')
  await enters(nurse, 'Nurse')
  const jidIn = async (actor: Actor) => {
    await actor.settles()
    const el = actor.heard.find(({ attrs }) => attrs.from === `${ROOM}/Nurse`)
    return el && itemOf(el)?.attrs.jid
  }
  expect([await jidIn(romeo), await jidIn(juliet)]).toEqual(['nurse@bix.org/kitchen', undefined])
  expect(nurse.heard.flatMap(statuses)).not.toContain('100')
  const list = await juliet.asks(
    'get',
    `<query xmlns='${MUC}#admin'><item affiliation='member'/></query>`,
    ROOM,
  )
  expect(conditionOf(list)).toBe('forbidden')
})

test('XEP-0045 §7.2.12, §14.3: a room whose archive everybody may read warns with 170, once', async () => {
  using p = play()
  const romeo = await inside(p, 'romeo@bix.org/orchard', 'Romeo')
  await configures(romeo, { 'muc#roomconfig_enablelogging': '1' })
  expect(await hears(romeo)).toContain(': 170')
  const juliet = await p.online('juliet@bix.org/balcony')
  await enters(juliet, 'Juliet')
  expect(await hears(juliet)).toContain('Juliet none/participant 110 100 170')
  juliet.sends(`<presence to='${ROOM}/Juliet'><show>away</show></presence>`)
  expect(await hears(juliet)).toEqual(['Juliet none/participant 110'])
})

test('XEP-0045 §7.2.13, §7.2.14: history is whole messages with the time and the room’s word for it, as few as the client wants', async () => {
  using p = play()
  const romeo = await inside(p, 'romeo@bix.org/orchard', 'Romeo')
  for (const text of ['one', 'two', 'three']) says(romeo, text)
  await romeo.settles()
  const comes = async (history: string): Promise<Element[]> => {
    const juliet = await p.online('juliet@bix.org/balcony')
    await enters(juliet, 'Juliet', `<history ${history}/>`)
    const messages = juliet.heard.filter((el) => child(el, 'body'))
    expect(juliet.heard.map(short).at(-1)).toBe('# ')
    juliet.sends('</stream:stream>')
    await romeo.settles()
    return messages
  }
  const bodies = async (history: string) => (await comes(history)).map((el) => childText(el, 'body'))
  const [whole] = await comes(`maxstanzas='1'`)
  const delay = child(whole!, 'delay', 'urn:xmpp:delay')
  expect([delay?.attrs.from, Date.parse(delay?.attrs.stamp ?? '')]).toEqual([ROOM, p.clock.now()])
  expect(await bodies(`maxstanzas='2'`)).toEqual(['two', 'three'])
  expect(await bodies(`maxchars='0'`)).toEqual([])
  expect(await bodies(`maxstanzas='0'`)).toEqual([])
  const size = whole!.toString().length
  expect(await bodies(`maxchars='${size}'`)).toEqual(['three'])
  expect(await bodies(`maxchars='${size * 2}' maxstanzas='1'`)).toEqual(['three'])
  p.clock.advance(60_000)
  expect(await bodies(`seconds='30'`)).toEqual([])
  expect(await bodies(`since='2000-01-01T00:00:00Z'`)).toHaveLength(3)
  expect(await bodies(`since='2000-01-01T00:00:00Z' seconds='30'`)).toEqual([])
})

test('XEP-0045 §7.14: who leaves hears it with 110, the others without, both with the role none', async () => {
  using p = play()
  const romeo = await inside(p, 'romeo@bix.org/orchard', 'Romeo')
  const juliet = await inside(p, 'juliet@bix.org/balcony', 'Juliet')
  await hears(romeo)
  juliet.sends(`<presence to='${ROOM}/Juliet' type='unavailable'><status>gone</status></presence>`)
  expect(await hears(juliet)).toEqual(['-Juliet none/none 110'])
  await romeo.settles()
  expect(romeo.heard.map((el) => childText(el, 'status'))).toEqual(['gone'])
  expect(await hears(romeo)).toEqual(['-Juliet none/none'])
})

test('XEP-0045 §10.1.1, §10.1.2: who may make rooms is the server’s to say; the first one in is the owner and opens the room', async () => {
  using p = play({ toml: '[muc]\ncreate = "admins"' })
  const juliet = await p.online('juliet@bix.org/balcony')
  await enters(juliet, 'Juliet')
  expect(await hears(juliet)).toEqual(['! not-allowed'])
  using q = play()
  const romeo = await q.online('romeo@bix.org/orchard')
  await enters(romeo, 'Romeo')
  expect((await hears(romeo))[0]).toBe('Romeo owner/moderator 110 100 201')
  const nurse = await q.online('nurse@bix.org/kitchen')
  await enters(nurse, 'Nurse')
  expect(await hears(nurse)).toEqual(['! item-not-found'])
  await opens(romeo)
  await enters(nurse, 'Nurse')
  expect(await hears(nurse)).toContain('Nurse none/participant 110 100')
})

test('XEP-0045 §18.1, §18.1.1: who is told of a new affiliation outside of the room is told 101; no traffic is filtered', async () => {
  using p = play()
  const romeo = await inside(p, 'romeo@bix.org/orchard', 'Romeo')
  const juliet = await p.online('juliet@bix.org/balcony')
  await changes(romeo, `<item affiliation='member' jid='juliet@bix.org'/>`)
  juliet.forget()
  await changes(romeo, `<item affiliation='none' jid='juliet@bix.org'/>`)
  await juliet.settles()
  expect(juliet.heard.map((el) => [el.attrs.from, el.attrs.to, ...statuses(el)])).toEqual([
    [ROOM, 'juliet@bix.org', '101'],
  ])
  expect(conditionOf(await info(romeo, ROOM, `${MUC}#traffic`))).toBe('feature-not-implemented')
})

test('XEP-0421 §4, §4.1: one occupant id in all that an occupant says, the same at its return, another in another room', async () => {
  using p = play()
  const romeo = await inside(p, 'romeo@bix.org/orchard', 'Romeo')
  await configures(romeo, { 'muc#roomconfig_changesubject': '1' })
  const comes = async (room = ROOM): Promise<Actor> => {
    const juliet = await p.online('juliet@bix.org/balcony')
    await enters(juliet, 'Juliet', '', room)
    return juliet
  }
  const juliet = await comes()
  romeo.forget()
  const forged = `<occupant-id xmlns='${OCCUPANT_ID}' id='forged'/>`
  juliet.sends(`<presence to='${ROOM}/Juliet'>${forged}${forged}</presence>`)
  juliet.sends(`<message to='${ROOM}' type='groupchat'><body>hark</body>${forged}</message>`)
  juliet.sends(`<message to='${ROOM}' type='groupchat'><subject>night</subject>${forged}</message>`)
  juliet.sends(`<message to='${ROOM}/Romeo' type='chat'><body>psst</body>${forged}</message>`)
  juliet.sends(`<presence to='${ROOM}/Juliet' type='unavailable'>${forged}</presence>`)
  await juliet.settles()
  await romeo.settles()
  const ids = romeo.heard.map(idOf)
  const [[id = ''] = []] = ids
  expect(ids).toEqual(Array.from({ length: 5 }, () => [id]))
  expect([id.length > 20, id.length <= 128, id.includes('juliet')]).toEqual([true, true, false])
  const again = await comes()
  const own = again.heard.find((el) => statuses(el).includes('110'))
  expect(idOf(own!)).toEqual([id])
  // History and the subject of before carry it, too.
  expect(again.heard.filter(({ name }) => name === 'message').map(idOf)).toEqual([[id], [id]])
  const elsewhere = await comes('heath@conference.bix.org')
  expect(idOf(elsewhere.heard[0]!)).not.toEqual([id])
})

test('XEP-0425 §5, XEP-0045 §17.3: moderation is the room’s alone, whatever a client writes in one message', async () => {
  using p = play()
  const romeo = await inside(p, 'romeo@bix.org/orchard', 'Romeo')
  const juliet = await inside(p, 'juliet@bix.org/balcony', 'Juliet')
  await hears(romeo)
  says(romeo, 'mine')
  await romeo.settles()
  const id = child(romeo.heard[0]!, 'stanza-id', 'urn:xmpp:sid:0')?.attrs.id ?? ''
  const moderated = `<moderated xmlns='urn:xmpp:message-moderate:1' by='${ROOM}/Romeo'/>`
  const all =
    `<body>hark</body>${moderated}<hats xmlns='urn:xmpp:hats:0'><hat title='forged'/></hats>` +
    `<x xmlns='${MUC}#user'><status code='104'/></x><occupant-id xmlns='${OCCUPANT_ID}' id='forged'/>` +
    `<stanza-id xmlns='urn:xmpp:sid:0' id='forged' by='${ROOM}'/><delay xmlns='urn:xmpp:delay' from='${ROOM}' stamp='2000-01-01T00:00:00Z'/>`
  const retract = (of: string) =>
    `<retract xmlns='urn:xmpp:message-retract:1' id='${of}'>${moderated}</retract>`
  romeo.forget()
  juliet.forget()
  // Of another’s message it is refused whole, of one’s own it goes without what is forged.
  juliet.sends(`<message to='${ROOM}' type='groupchat' id='a'>${all}${retract(id)}</message>`)
  expect(await hears(juliet)).toEqual(['! forbidden'])
  says(juliet, 'own')
  await juliet.settles()
  const own = child(juliet.heard[0]!, 'stanza-id', 'urn:xmpp:sid:0')?.attrs.id ?? ''
  romeo.forget()
  juliet.sends(`<message to='${ROOM}' type='groupchat' id='b'>${all}${retract(own)}</message>`)
  await juliet.settles()
  await romeo.settles()
  expect(romeo.heard.map((el) => el.attrs.id)).toContain('b')
  expect(romeo.heard.join('')).not.toMatch(/forged|104|2000-01-01|moderated/)
})
