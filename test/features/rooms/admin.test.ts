/** Roles and affiliations: XEP-0045 §8, §9, §10.3–§10.8. */
import { expect, test } from 'bun:test'
import { child, children, childText, type Element } from '../../../src/xmpp/xml.ts'
import type { Actor } from '../../support/actor.ts'
import {
  ADMIN,
  changes,
  conditionOf,
  configures,
  enters,
  hears,
  inside,
  itemOf,
  MUC_USER,
  ROOM,
} from '../../support/rooms.ts'
import { play } from '../../support/world.ts'

const items = (answer: Element) => children(child(answer, 'query', ADMIN)!, 'item')
const lists = (actor: Actor, what: string) =>
  actor.asks('get', `<query xmlns='${ADMIN}'><item ${what}/></query>`, ROOM)

test('XEP-0045 §8.2 a kick: 307 with reason and actor, for the kicked first, then for the others', async () => {
  using p = play()
  const romeo = await inside(p, 'romeo@bix.org/orchard', 'Romeo')
  const juliet = await inside(p, 'juliet@bix.org/balcony', 'Juliet')
  const nurse = await inside(p, 'nurse@bix.org/kitchen', 'Nurse')
  romeo.forget()
  juliet.forget()
  const answer = await changes(romeo, `<item nick='Juliet' role='none'><reason>out</reason></item>`)
  expect(answer.attrs.type).toBe('result')
  await juliet.settles()
  const item = itemOf(juliet.heard[0]!)
  expect(item && childText(item, 'reason')).toBe('out')
  expect(item && child(item, 'actor')?.attrs.nick).toBe('Romeo')
  expect(await hears(juliet)).toEqual(['-Juliet none/none 307 110'])
  expect(await hears(nurse)).toEqual(['-Juliet none/none 307'])
  // Out of the room, and free to come in again.
  await enters(juliet, 'Juliet')
  expect((await hears(juliet)).at(-2)).toBe('Juliet none/participant 110 100')
})

test('XEP-0045 §7.2.7, §9.1: a ban: 301, the nick is free, the door is shut; a full address is taken for its bare one', async () => {
  using p = play()
  const romeo = await inside(p, 'romeo@bix.org/orchard', 'Romeo')
  const juliet = await inside(p, 'juliet@bix.org/balcony', 'Juliet')
  await changes(romeo, `<item affiliation='outcast' jid='juliet@bix.org/balcony'/>`)
  expect(await hears(juliet)).toEqual(['-Juliet outcast/none 301 110'])
  await enters(juliet, 'Juliet')
  expect(await hears(juliet)).toEqual(['! forbidden'])
  expect(items(await lists(romeo, `affiliation='outcast'`)).map(({ attrs }) => attrs.jid)).toEqual([
    'juliet@bix.org',
  ])
  expect(conditionOf(await changes(romeo, `<item affiliation='outcast' jid='romeo@bix.org'/>`))).toBe(
    'conflict',
  )
  await changes(romeo, `<item affiliation='none' jid='juliet@bix.org'/>`)
  await enters(juliet, 'Juliet')
  expect(await hears(juliet)).toContain('Juliet none/participant 110 100')
})

test('XEP-0045 §9.2 a banned domain is shut out, but for who has an affiliation of his own', async () => {
  using p = play()
  const romeo = await inside(p, 'romeo@bix.org/orchard', 'Romeo')
  const fred = await inside(p, 'fred@other.example/work', 'Fred')
  const bob = await inside(p, 'bob@other.example/work', 'Bob')
  await changes(
    romeo,
    `<item affiliation='member' jid='bob@other.example'/><item affiliation='outcast' jid='other.example'/>`,
  )
  expect((await hears(fred)).at(-1)).toBe('-Fred none/none 301 110'.replace('none/none', 'outcast/none'))
  await enters(fred, 'Fred')
  expect(await hears(fred)).toEqual(['! forbidden'])
  expect(await hears(bob)).not.toContain('-Bob outcast/none 301 110')
})

test('XEP-0045 §9.2, §10.5 several items are one change: all of them, or none', async () => {
  using p = play()
  const romeo = await inside(p, 'romeo@bix.org/orchard', 'Romeo')
  const both = `<item affiliation='member' jid='a@bix.org'/><item affiliation='admin' jid='b@bix.org'/>`
  expect((await changes(romeo, both)).attrs.type).toBe('result')
  for (const [affiliation, jid] of [
    ['member', 'a@bix.org'],
    ['admin', 'b@bix.org'],
  ])
    expect(items(await lists(romeo, `affiliation='${affiliation}'`)).map(({ attrs }) => attrs.jid)).toEqual([
      jid!,
    ])
  const bad = `<item affiliation='none' jid='a@bix.org'/><item affiliation='none' jid='romeo@bix.org'/>`
  expect(conditionOf(await changes(romeo, bad))).toBe('conflict')
  expect(items(await lists(romeo, `affiliation='member'`))).toHaveLength(1)
})

test('XEP-0045 §9.4 who loses membership of a members-only room is out with 321, and stays out', async () => {
  using p = play()
  const romeo = await inside(p, 'romeo@bix.org/orchard', 'Romeo')
  await changes(romeo, `<item affiliation='member' jid='juliet@bix.org'/>`)
  await configures(romeo, { 'muc#roomconfig_membersonly': '1' })
  const juliet = await inside(p, 'juliet@bix.org/balcony', 'Juliet')
  await changes(romeo, `<item affiliation='none' jid='juliet@bix.org'/>`)
  expect(await hears(juliet)).toEqual(['-Juliet none/none 321 110', ': You were removed from coven 101'])
  await enters(juliet, 'Juliet')
  expect(await hears(juliet)).toEqual(['! registration-required'])
})

test('XEP-0045 §5.1.3, §5.2.2, §9.3, §9.6: new roles and affiliations of who is there are told to all', async () => {
  using p = play()
  const romeo = await inside(p, 'romeo@bix.org/orchard', 'Romeo')
  const juliet = await inside(p, 'juliet@bix.org/balcony', 'Juliet')
  await hears(romeo)
  await changes(romeo, `<item nick='Juliet' role='moderator'/>`)
  expect(await hears(juliet)).toEqual(['Juliet none/moderator 110'])
  await changes(romeo, `<item jid='juliet@bix.org' affiliation='admin'/>`)
  await changes(romeo, `<item jid='juliet@bix.org' affiliation='none'/>`)
  expect(await hears(romeo)).toEqual([
    'Juliet none/moderator',
    'Juliet admin/moderator',
    'Juliet none/participant',
  ])
})

test('XEP-0045 §9.3 of who is not there hear those who may see addresses', async () => {
  using p = play()
  const romeo = await inside(p, 'romeo@bix.org/orchard', 'Romeo')
  const juliet = await inside(p, 'juliet@bix.org/balcony', 'Juliet')
  await changes(romeo, `<item affiliation='member' jid='nurse@bix.org'><reason>kin</reason></item>`)
  await juliet.receives(
    `<message from='${ROOM}' to='juliet@bix.org/balcony'><x xmlns='${MUC_USER}'>` +
      `<mav xmlns='urn:xmpp:muc:affiliations:1' since='{any}' until='{any}'/><item affiliation='member' jid='nurse@bix.org' role='none'><reason>kin</reason></item></x><no-store xmlns='urn:xmpp:hints'/></message>`,
  )
  await configures(romeo, { 'muc#roomconfig_whois': 'moderators' })
  await hears(juliet)
  await changes(romeo, `<item affiliation='none' jid='nurse@bix.org'/>`)
  expect(await hears(juliet)).toEqual([])
})

test('XEP-0045 §9.4 a change by who is not in the room works like any other', async () => {
  using p = play()
  const romeo = await inside(p, 'romeo@bix.org/orchard', 'Romeo')
  const juliet = await inside(p, 'juliet@bix.org/balcony', 'Juliet')
  romeo.sends(`<presence type='unavailable' to='${ROOM}/Romeo'/>`)
  await hears(juliet)
  await changes(romeo, `<item affiliation='outcast' jid='juliet@bix.org'/>`)
  expect(await hears(juliet)).toEqual(['-Juliet outcast/none 301 110'])
})

test('XEP-0045 §17.4 role and affiliation in one item, neither, or unknown ones are a bad request', async () => {
  using p = play()
  const romeo = await inside(p, 'romeo@bix.org/orchard', 'Romeo')
  for (const item of [
    `<item nick='Romeo' role='visitor' affiliation='member'/>`,
    `<item nick='Romeo'/>`,
    `<item nick='Romeo' role='king'/>`,
    `<item jid='a@bix.org' affiliation='king'/>`,
    ``,
  ])
    expect(conditionOf(await changes(romeo, item))).toBe('bad-request')
  expect(conditionOf(await changes(romeo, `<item nick='Nobody' role='visitor'/>`))).toBe('item-not-found')
})
