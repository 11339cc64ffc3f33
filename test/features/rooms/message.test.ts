/** What is said in rooms and between occupants: XEP-0045 §7.4, §7.5, §7.13, §8.1, §8.6, §17.4; XEP-0410. */
import { expect, test } from 'bun:test'
import { child, children } from '../../../src/xmpp/xml.ts'
import {
  changes,
  conditionOf,
  configures,
  enters,
  hears,
  inside,
  MUC_USER,
  ROOM,
  says,
} from '../../support/rooms.ts'
import { play } from '../../support/world.ts'

test('XEP-0045 §7.4, §17.2: a message reaches all, its sender too, with its id; who is not in the room is told so', async () => {
  using p = play()
  const romeo = await inside(p, 'romeo@bix.org/orchard', 'Romeo')
  const juliet = await inside(p, 'juliet@bix.org/balcony', 'Juliet')
  await hears(romeo)
  says(romeo, 'hark')
  await romeo.settles()
  expect(romeo.heard.map(({ attrs }) => [attrs.id, attrs.from])).toEqual([['hark', `${ROOM}/Romeo`]])
  expect(await hears(juliet)).toEqual(['Romeo: hark'])
  const nurse = await p.online('nurse@bix.org/kitchen')
  says(nurse, 'hark')
  expect(await hears(nurse)).toEqual(['! not-acceptable'])
})

test('XEP-0045 §8.1 a subject is one without body and thread; who may set it is the room’s to say', async () => {
  using p = play()
  const romeo = await inside(p, 'romeo@bix.org/orchard', 'Romeo')
  const juliet = await inside(p, 'juliet@bix.org/balcony', 'Juliet')
  const subject = (inner: string) => `<message to='${ROOM}' type='groupchat'>${inner}</message>`
  juliet.sends(subject('<subject>mine</subject>'))
  expect(await hears(juliet)).toEqual(['! forbidden'])
  romeo.sends(subject('<subject>Fire</subject>'))
  expect(await hears(juliet)).toEqual(['# Fire'])
  juliet.sends(subject('<subject>no</subject><body>text</body>'))
  expect(await hears(juliet)).toEqual(['Juliet: text'])
  await configures(romeo, { 'muc#roomconfig_changesubject': '1' })
  juliet.forget()
  juliet.sends(subject('<subject/>'))
  expect(await hears(juliet)).toContain('# ')
  const nurse = await p.online('nurse@bix.org/kitchen')
  await enters(nurse, 'Nurse')
  expect((await hears(nurse)).at(-1)).toBe('# ')
})

test('XEP-0045 §7.5 a private message reaches all clients of one occupant, marked as such, and nobody else', async () => {
  using p = play()
  const romeo = await inside(p, 'romeo@bix.org/orchard', 'Romeo')
  const juliet = await inside(p, 'juliet@bix.org/balcony', 'Juliet')
  const nurse = await inside(p, 'nurse@bix.org/kitchen', 'Nurse')
  romeo.sends(`<message to='${ROOM}/Juliet' type='chat' id='pm'><body>psst</body></message>`)
  await juliet.settles()
  const el = juliet.heard.find(({ name }) => name === 'message')
  expect([el?.attrs.from, el?.attrs.type, el?.attrs.id]).toEqual([`${ROOM}/Romeo`, 'chat', 'pm'])
  expect(child(el!, 'x', MUC_USER)).toBeDefined()
  expect(await hears(nurse)).toEqual([])
  romeo.forget()
  romeo.sends(`<message to='${ROOM}/Nobody' type='chat'><body>psst</body></message>`)
  romeo.sends(`<message to='${ROOM}/Juliet' type='groupchat'><body>psst</body></message>`)
  expect(await hears(romeo)).toEqual(['! item-not-found', '! bad-request'])
  await configures(romeo, { 'muc#roomconfig_allowpm': 'moderators' })
  nurse.forget()
  nurse.sends(`<message to='${ROOM}/Juliet' type='chat'><body>psst</body></message>`)
  expect((await hears(nurse)).filter((line) => line.startsWith('!'))).toEqual(['! forbidden'])
})

test('XEP-0045 §7.13, §8.6 a visitor has no voice, asks for it, and a moderator gives it', async () => {
  using p = play()
  const romeo = await inside(p, 'romeo@bix.org/orchard', 'Romeo')
  await configures(romeo, { 'muc#roomconfig_moderatedroom': '1' })
  const juliet = await inside(p, 'juliet@bix.org/balcony', 'Juliet')
  says(juliet, 'hark')
  expect(await hears(juliet)).toEqual(['! forbidden'])
  romeo.forget()
  const REQUEST = 'http://jabber.org/protocol/muc#request'
  const form = (fields: string) =>
    `<message to='${ROOM}'><x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>${REQUEST}</value></field>` +
    `${fields}</x></message>`
  juliet.sends(form(`<field var='muc#role'><value>participant</value></field>`))
  await romeo.settles()
  const asked = child(romeo.heard.at(-1)!, 'x', 'jabber:x:data')
  expect(children(asked!, 'field').map(({ attrs }) => attrs.var)).toContain('muc#request_allow')
  romeo.sends(
    form(
      `<field var='muc#roomnick'><value>Juliet</value></field><field var='muc#request_allow'><value>1</value></field>`,
    ),
  )
  expect(await hears(juliet)).toEqual(['Juliet none/participant 110'])
  juliet.sends(form(`<field var='muc#role'><value>participant</value></field>`))
  says(juliet, 'hark')
  expect(await hears(juliet)).toEqual(['Juliet: hark'])
})

test('XEP-0410 §3.3: a ping to the own nick tells whether one is in the room; queries go between occupants and back', async () => {
  using p = play()
  const romeo = await inside(p, 'romeo@bix.org/orchard', 'Romeo')
  const juliet = await inside(p, 'juliet@bix.org/balcony', 'Juliet')
  const ping = `<ping xmlns='urn:xmpp:ping'/>`
  expect((await romeo.asks('get', ping, `${ROOM}/Romeo`)).attrs.type).toBe('result')
  const nurse = await p.online('nurse@bix.org/kitchen')
  expect(conditionOf(await nurse.asks('get', ping, `${ROOM}/Nurse`))).toBe('not-acceptable')
  const info = `<query xmlns='http://jabber.org/protocol/disco#info'/>`
  expect(conditionOf(await nurse.asks('get', info, `${ROOM}/Romeo`))).toBe('bad-request')
  romeo.sends(`<iq type='get' id='v' to='${ROOM}/Juliet'><query xmlns='jabber:iq:version'/></iq>`)
  await juliet.settles()
  const asked = juliet.heard.find(({ name, attrs }) => name === 'iq' && attrs.type === 'get')!
  expect(asked.attrs.from).toBe(`${ROOM}/Romeo`)
  juliet.sends(
    `<iq type='result' id='${asked.attrs.id}' to='${ROOM}/Romeo'><query xmlns='jabber:iq:version'/></iq>`,
  )
  await juliet.settles()
  const answer = await romeo.answer('v')
  expect([answer.attrs.type, answer.attrs.from]).toEqual(['result', `${ROOM}/Juliet`])
})

test('XEP-0045 §11.1, §18.1.2: only errors that show that a client is gone remove it', async () => {
  using p = play()
  const romeo = await inside(p, 'romeo@bix.org/orchard', 'Romeo')
  const juliet = await inside(p, 'juliet@bix.org/balcony', 'Juliet')
  await hears(romeo)
  const error = (condition: string) =>
    juliet.sends(
      `<message type='error' to='${ROOM}/Romeo'><error type='cancel'><${condition} xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>`,
    )
  error('not-acceptable')
  await juliet.settles()
  expect(await hears(romeo)).toEqual([])
  error('recipient-unavailable')
  await juliet.settles()
  expect(await hears(romeo)).toEqual(['-Juliet none/none 333'])
})

test('XEP-0045 §7.8.2, §7.10, §7.12: invitations, declines and registration, as XMPPRoom and Siskin write them', async () => {
  using p = play()
  const romeo = await inside(p, 'romeo@bix.org/orchard', 'Romeo')
  const juliet = await p.online('juliet@bix.org/balcony')
  const nurse = await p.online('nurse@bix.org/kitchen')
  await configures(romeo, { 'muc#roomconfig_membersonly': '1' })
  romeo.sends(
    `<message to='${ROOM}'><x xmlns='${MUC_USER}'><invite to='juliet@bix.org'><reason>come</reason></invite>` +
      `<invite to='nurse@bix.org'/></x></message>`,
  )
  await juliet.settles()
  const invite = child(child(juliet.heard[0]!, 'x', MUC_USER)!, 'invite')
  expect(invite?.attrs.from).toBe(`${ROOM}/Romeo`)
  juliet.forget()
  await nurse.settles()
  expect(nurse.heard).toHaveLength(1)
  await enters(juliet, 'Juliet')
  expect((await hears(juliet)).at(-2)).toBe('Juliet member/participant 110 100')
  romeo.forget()
  nurse.sends(
    `<message to='${ROOM}'><x xmlns='${MUC_USER}'><decline to='${ROOM}/Romeo'><reason>busy</reason></decline></x></message>`,
  )
  await nurse.settles()
  await romeo.settles()
  expect(child(child(romeo.heard.at(-1)!, 'x', MUC_USER)!, 'decline')?.attrs.from).toBe('nurse@bix.org')
  romeo.forget()
  romeo.sends(`<message to='${ROOM}'><x xmlns='${MUC_USER}'><invite to='nobody@bix.org'/></x></message>`)
  expect(await hears(romeo)).toEqual(['! item-not-found'])
  // Registering keeps a nick, and giving it back keeps the membership that others have given.
  const REGISTER = 'jabber:iq:register'
  const nick = `<x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>http://jabber.org/protocol/muc#register</value></field><field var='muc#register_roomnick'><value>Capulet</value></field></x>`
  expect((await juliet.asks('set', `<query xmlns='${REGISTER}'>${nick}</query>`, ROOM)).attrs.type).toBe(
    'result',
  )
  expect(conditionOf(await nurse.asks('set', `<query xmlns='${REGISTER}'>${nick}</query>`, ROOM))).toBe(
    'conflict',
  )
  const registered = await juliet.asks('get', `<query xmlns='${REGISTER}'/>`, ROOM)
  expect(child(child(registered, 'query', REGISTER)!, 'x', 'jabber:x:data')).toBeDefined()
  await juliet.asks('set', `<query xmlns='${REGISTER}'><remove/></query>`, ROOM)
  expect(p.store.roomAffiliations.get(p.store.rooms.find(ROOM)!.id, 'juliet@bix.org')).toMatchObject({
    affiliation: 'member',
    nick: null,
  })
  const item = `<query xmlns='http://jabber.org/protocol/disco#info' node='x-roomuser-item'/>`
  const none = child(await juliet.asks('get', item, ROOM), 'query', 'http://jabber.org/protocol/disco#info')
  expect(none?.children).toEqual([])
})

test('XEP-0045 §6 the service lists public rooms page by page; a hidden one answers who knows it', async () => {
  using p = play()
  const ITEMS = 'http://jabber.org/protocol/disco#items'
  const romeo = await p.online('romeo@bix.org/orchard')
  for (const name of ['a', 'b', 'c']) {
    const room = `${name}@conference.bix.org`
    await enters(romeo, 'Romeo', '', room)
    await configures(romeo, { 'muc#roomconfig_roomname': name.toUpperCase() }, room)
  }
  await configures(romeo, { 'muc#roomconfig_publicroom': '0' }, 'b@conference.bix.org')
  const list = async (inner = '') => {
    const answer = await romeo.asks('get', `<query xmlns='${ITEMS}'>${inner}</query>`, 'conference.bix.org')
    return children(child(answer, 'query', ITEMS)!, 'item').map(({ attrs }) => attrs.name)
  }
  expect(await list()).toEqual(['A', 'C'])
  const rsm = (inner: string) => `<set xmlns='http://jabber.org/protocol/rsm'>${inner}</set>`
  expect(await list(rsm('<max>1</max>'))).toEqual(['A'])
  expect(await list(rsm('<max>1</max><after>a</after>'))).toEqual(['C'])
  const info = await romeo.asks(
    'get',
    `<query xmlns='http://jabber.org/protocol/disco#info'/>`,
    'b@conference.bix.org',
  )
  expect(info.toString()).toContain('muc_hidden')
  await changes(romeo, `<item affiliation='member' jid='juliet@bix.org'/>`, 'b@conference.bix.org')
})

test('XEP-0486 §4: owners set the picture of a room; its hash is in what the room says of itself', async () => {
  using p = play()
  const romeo = await inside(p, 'romeo@bix.org/orchard', 'Romeo')
  const juliet = await inside(p, 'juliet@bix.org/balcony', 'Juliet')
  const png = Buffer.from('\x89PNG\r\n\x1a\nrest', 'latin1').toString('base64')
  const card = `<vCard xmlns='vcard-temp'><PHOTO><TYPE>image/png</TYPE><BINVAL>${png}</BINVAL></PHOTO></vCard>`
  expect(conditionOf(await juliet.asks('set', card, ROOM))).toBe('forbidden')
  expect((await romeo.asks('set', card, ROOM)).attrs.type).toBe('result')
  expect(await hears(juliet)).toContain(': 104')
  expect((await juliet.asks('get', `<vCard xmlns='vcard-temp'/>`, ROOM)).toString()).toContain(png)
  const info = await juliet.asks('get', `<query xmlns='http://jabber.org/protocol/disco#info'/>`, ROOM)
  expect(info.toString()).toContain('muc#roominfo_avatarhash')
})
