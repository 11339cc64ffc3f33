/** Entering a room: XEP-0045 §7.1, §7.2. */
import { expect, test } from 'bun:test'
import { child } from '../../../src/xmpp/xml.ts'
import {
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
} from '../../support/rooms.ts'
import { play } from '../../support/world.ts'

test('XEP-0045 §7.1, §7.2.2, §7.2.3, §7.2.15, §7.2.16, §10.1.1, §14.5: the order is: others, oneself, history, subject, what is live', async () => {
  using p = play()
  const romeo = await p.online('romeo@bix.org/orchard')
  await enters(romeo, 'Romeo')
  expect(await hears(romeo)).toEqual(['Romeo owner/moderator 110 100 201', '# '])
  await opens(romeo)
  says(romeo, 'hark')
  expect(await hears(romeo)).toEqual(['Romeo: hark'])
  const juliet = await p.online('juliet@bix.org/balcony')
  await enters(juliet, 'Juliet')
  const self = juliet.heard[1]
  expect(self?.attrs.id).toBe('in-Juliet')
  expect(itemOf(self!)?.attrs.jid).toBe('juliet@bix.org/balcony')
  expect(await hears(juliet)).toEqual([
    'Romeo owner/moderator',
    'Juliet none/participant 110 100',
    'Romeo: hark',
    '# ',
  ])
  expect(await hears(romeo)).toEqual(['Juliet none/participant'])
})

test('XEP-0045 §7.2.5, §7.2.6, §7.2.8, §7.2.9: who may not come in is told why, with the element and the id of the request', async () => {
  using p = play()
  const romeo = await inside(p, 'romeo@bix.org/orchard', 'Romeo')
  const juliet = await p.online('juliet@bix.org/balcony')
  await configures(romeo, {
    'muc#roomconfig_passwordprotectedroom': '1',
    'muc#roomconfig_roomsecret': 'ring',
  })
  await enters(juliet, 'Juliet')
  const [refused] = juliet.heard
  expect([refused?.attrs.from, refused?.attrs.id, refused?.attrs.type]).toEqual([
    `${ROOM}/Juliet`,
    'in-Juliet',
    'error',
  ])
  expect(child(refused!, 'x', MUC)).toBeDefined()
  expect(await hears(juliet)).toEqual(['! not-authorized'])
  await enters(juliet, 'Romeo', '<password>ring</password>')
  expect(await hears(juliet)).toEqual(['! conflict'])
  await configures(romeo, { 'muc#roomconfig_passwordprotectedroom': '0', 'muc#roomconfig_membersonly': '1' })
  await enters(juliet, 'Juliet')
  expect(await hears(juliet)).toEqual(['! registration-required'])
  await configures(romeo, { 'muc#roomconfig_membersonly': '0', 'muc#roomconfig_maxusers': '1' })
  await enters(juliet, 'Juliet')
  expect(await hears(juliet)).toEqual(['! service-unavailable'])
})

test('XEP-0045 §7.2.10, §10.1.1: a room that nobody has configured is closed to others', async () => {
  using p = play()
  const romeo = await p.online('romeo@bix.org/orchard')
  await enters(romeo, 'Romeo')
  const juliet = await p.online('juliet@bix.org/balcony')
  await enters(juliet, 'Juliet')
  expect(await hears(juliet)).toEqual(['! item-not-found'])
  p.clock.advance(10_000)
  await enters(juliet, 'Juliet')
  expect(juliet.heard.map(short)[0]).toBe('Romeo owner/moderator')
})
