/** Making, configuring and destroying rooms: XEP-0045 §10.1, §10.2, §10.9. */
import { expect, test } from 'bun:test'
import { child, children, childText, type Element } from '../../../src/xmpp/xml.ts'
import type { Actor } from '../../support/actor.ts'
import {
  conditionOf,
  configures,
  enters,
  hears,
  inside,
  itemOf,
  MUC_USER,
  OWNER,
  ROOM,
} from '../../support/rooms.ts'
import { play } from '../../support/world.ts'

const form = async (actor: Actor, room = ROOM): Promise<Map<string, string[]>> => {
  const answer = await actor.asks('get', `<query xmlns='${OWNER}'/>`, room)
  const x = child(child(answer, 'query', OWNER)!, 'x', 'jabber:x:data')!
  return new Map(
    children(x, 'field').map((field) => [
      field.attrs.var ?? '',
      children(field, 'value').map((value) => value.getText()),
    ]),
  )
}
const destroys = (actor: Actor, inner: string, attrs = '') =>
  actor.asks('set', `<query xmlns='${OWNER}'><destroy${attrs}>${inner}</destroy></query>`, ROOM)
const errorOf = (el: Element) => child(el, 'error')!

test('XEP-0045 §10.1.3 a new room’s form has every field of the registry; a cancel ends the room', async () => {
  using p = play()
  const romeo = await p.online('romeo@bix.org/orchard')
  await enters(romeo, 'Romeo')
  romeo.forget()
  const fields = await form(romeo)
  for (const name of [
    'roomname roomdesc lang enablelogging changesubject allowinvites allowpm maxusers publicroom persistentroom',
    'moderatedroom membersonly passwordprotectedroom roomsecret whois presencebroadcast getmemberlist roomadmins',
    'roomowners pubsub',
  ]
    .join(' ')
    .split(' '))
    expect([name, fields.has(`muc#roomconfig_${name}`)]).toEqual([name, true])
  expect(fields.get('muc#roomconfig_roomowners')).toEqual(['romeo@bix.org'])
  await romeo.asks('set', `<query xmlns='${OWNER}'><x xmlns='jabber:x:data' type='cancel'/></query>`, ROOM)
  await romeo.settles()
  expect(child(child(romeo.heard[0]!, 'x', MUC_USER)!, 'destroy')).toBeDefined()
  expect(p.store.rooms.find(ROOM)).toBeUndefined()
})

test('XEP-0045 §10.1.3 a room whose maker goes before it is configured ends', async () => {
  using p = play()
  const romeo = await p.online('romeo@bix.org/orchard')
  await enters(romeo, 'Romeo')
  romeo.sends(`<presence type='unavailable' to='${ROOM}/Romeo'/>`)
  await romeo.settles()
  expect(p.store.rooms.find(ROOM)).toBeUndefined()
})

test('XEP-0045 §10.2 what is set is in the form; unknown fields and a missing FORM_TYPE do no harm, one bad value changes nothing', async () => {
  using p = play()
  const romeo = await inside(p, 'romeo@bix.org/orchard', 'Romeo')
  const set = (fields: string) =>
    romeo.asks(
      'set',
      `<query xmlns='${OWNER}'><x xmlns='jabber:x:data' type='submit'>${fields}</x></query>`,
      ROOM,
    )
  const field = (name: string, value: string) => `<field var='${name}'><value>${value}</value></field>`
  expect((await set(field('muc#roomconfig_roomname', 'Coven') + field('x-unknown', '7'))).attrs.type).toBe(
    'result',
  )
  expect((await form(romeo)).get('muc#roomconfig_roomname')).toEqual(['Coven'])
  for (const [name, value] of [
    ['muc#roomconfig_whois', 'nobody'],
    ['muc#roomconfig_membersonly', 'maybe'],
    ['muc#roomconfig_maxusers', '-1'],
    ['muc#roomconfig_allowpm', 'cats'],
    ['muc#roomconfig_presencebroadcast', 'king'],
    ['muc#maxhistoryfetch', 'all'],
    ['muc#roomconfig_passwordprotectedroom', '1'],
  ] as const) {
    const answer = await set(field('muc#roomconfig_roomname', 'Other') + field(name, value))
    expect([name, conditionOf(answer)]).toEqual([name, 'not-acceptable'])
  }
  expect((await form(romeo)).get('muc#roomconfig_roomname')).toEqual(['Coven'])
})

test('XEP-0045 §10.2.1 what concerns privacy is told with its code, the rest with 104; nothing when nothing changes', async () => {
  using p = play()
  const romeo = await inside(p, 'romeo@bix.org/orchard', 'Romeo')
  const juliet = await inside(p, 'juliet@bix.org/balcony', 'Juliet')
  for (const [fields, codes] of [
    [{ 'muc#roomconfig_enablelogging': '1' }, ': 170'],
    [{ 'muc#roomconfig_enablelogging': '0' }, ': 171'],
    [{ 'muc#roomconfig_whois': 'moderators' }, ': 173'],
    [{ 'muc#roomconfig_roomname': 'Coven' }, ': 104'],
  ] as const) {
    await configures(romeo, fields)
    expect(await hears(juliet)).toEqual([codes])
  }
  await configures(romeo, { 'muc#roomconfig_whois': 'anyone' })
  expect(await hears(juliet)).toContain(': 172')
  await configures(romeo, { 'muc#roomconfig_whois': 'anyone' })
  expect(await hears(juliet)).toEqual([])
})

test('XEP-0045 §10.2.1 a room that becomes members-only puts the others out with 322', async () => {
  using p = play()
  const romeo = await inside(p, 'romeo@bix.org/orchard', 'Romeo')
  const juliet = await inside(p, 'juliet@bix.org/balcony', 'Juliet')
  await hears(romeo)
  await configures(romeo, { 'muc#roomconfig_membersonly': '1' })
  expect(await hears(juliet)).toEqual(['-Juliet none/none 322 110'])
  expect((await hears(romeo))[0]).toBe('-Juliet none/none 322')
})

test('XEP-0045 §10.5 in the form a list is the whole of it; the last owner stays', async () => {
  using p = play()
  const romeo = await inside(p, 'romeo@bix.org/orchard', 'Romeo')
  await configures(romeo, { 'muc#roomconfig_roomadmins': ['a@bix.org', 'b@bix.org'] })
  await configures(romeo, { 'muc#roomconfig_roomadmins': ['b@bix.org'] })
  expect((await form(romeo)).get('muc#roomconfig_roomadmins')).toEqual(['b@bix.org'])
  expect(conditionOf(await configures(romeo, { 'muc#roomconfig_roomowners': [] }))).toBe('conflict')
  await configures(romeo, { 'muc#roomconfig_roomowners': ['romeo@bix.org', 'juliet@bix.org'] })
  expect((await form(romeo)).get('muc#roomconfig_roomowners')).toEqual(['juliet@bix.org', 'romeo@bix.org'])
})

test('only owners configure and destroy; who may not make rooms is told so', async () => {
  using p = play({ toml: '[muc]\ncreate = "admins"' })
  const romeo = await p.online('romeo@bix.org/orchard')
  await enters(romeo, 'Romeo')
  expect(await hears(romeo)).toEqual(['! not-allowed'])
  using q = play()
  await inside(q, 'romeo@bix.org/orchard', 'Romeo')
  const juliet = await inside(q, 'juliet@bix.org/balcony', 'Juliet')
  await juliet.isRefused('forbidden', 'get', `<query xmlns='${OWNER}'/>`, ROOM)
  expect(conditionOf(await destroys(juliet, ''))).toBe('forbidden')
})

test('XEP-0045 §10.9 a destroyed room says where to go, once to each, and is not made anew for a while', async () => {
  using p = play()
  const romeo = await inside(p, 'romeo@bix.org/orchard', 'Romeo')
  const juliet = await inside(p, 'juliet@bix.org/balcony', 'Juliet')
  await hears(romeo)
  await destroys(romeo, '<reason>fire</reason>', ` jid='heath@conference.bix.org'`)
  await juliet.settles()
  expect(juliet.heard).toHaveLength(1)
  const x = child(juliet.heard[0]!, 'x', MUC_USER)!
  expect(itemOf(juliet.heard[0]!)?.attrs).toMatchObject({ affiliation: 'none', role: 'none' })
  const destroyed = child(x, 'destroy')!
  expect([destroyed.attrs.jid, childText(destroyed, 'reason')]).toEqual(['heath@conference.bix.org', 'fire'])
  juliet.forget()
  await enters(juliet, 'Juliet')
  const gone = child(errorOf(juliet.heard[0]!), 'gone', 'urn:ietf:params:xml:ns:xmpp-stanzas')
  expect(gone?.getText()).toBe('xmpp:heath@conference.bix.org?join')
  juliet.forget()
  await juliet.isRefused('gone', 'get', `<query xmlns='http://jabber.org/protocol/disco#info'/>`, ROOM)
  p.clock.advance(32 * 86_400_000)
})

test('XEP-0045 §10.9 who has destroyed a room hears of its end before the answer, and may make it anew', async () => {
  using p = play()
  const romeo = await inside(p, 'romeo@bix.org/orchard', 'Romeo')
  const juliet = await inside(p, 'juliet@bix.org/balcony', 'Juliet')
  await hears(romeo)
  await destroys(romeo, '')
  expect(romeo.heard.map(({ name, attrs }) => `${name} ${attrs.type}`)).toEqual(['presence unavailable'])
  await hears(romeo)
  juliet.forget()
  await enters(juliet, 'Juliet')
  expect(await hears(juliet)).toEqual(['! gone'])
  // By entering alone another client of his does not: it may do that by itself.
  const garden = await p.online('romeo@bix.org/garden')
  await enters(garden, 'Romeo')
  expect(await hears(garden)).toEqual(['! gone'])
  romeo.forget()
  // As Smack's create does: the client that has ended it enters, and is in a new one.
  await enters(romeo, 'Romeo')
  expect(await hears(romeo)).toEqual(['Romeo owner/moderator 110 100 201', '# '])
  await juliet.isRefused(
    'item-not-found',
    'get',
    `<query xmlns='http://jabber.org/protocol/disco#info'/>`,
    `x${ROOM}`,
  )
  expect(p.store.roomAffiliations.roomsOf('romeo@bix.org', 9)).toHaveLength(1)
})
