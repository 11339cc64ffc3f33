/** Clients that a room must not believe: from outside, in others' names, and errors that say nothing (XEP-0045 §17, §18.1.2). */
import { expect, test } from 'bun:test'
import type { Actor } from '../../support/actor.ts'
import {
  conditionOf,
  configures,
  enters,
  hears,
  inside,
  MUC,
  MUC_USER,
  ROOM,
  says,
} from '../../support/rooms.ts'
import { play } from '../../support/world.ts'

const STANZAS = 'urn:ietf:params:xml:ns:xmpp-stanzas'
const GONE = ['gone', 'item-not-found', 'recipient-unavailable', 'redirect', 'remote-server-not-found']
const GONE_TOO = ['remote-server-timeout', 'service-unavailable', 'internal-server-error', 'jid-malformed']
const HARMLESS = ['bad-request', 'conflict', 'feature-not-implemented', 'forbidden', 'not-acceptable']
const HARMLESS_TOO = [
  'not-allowed',
  'not-authorized',
  'policy-violation',
  'resource-constraint',
  'undefined-condition',
]

const errs = (actor: Actor, to: string, condition: string, kind = 'message') =>
  actor.sends(
    `<${kind} type='error' to='${to}'><body>loud</body><error type='cancel'><${condition} xmlns='${STANZAS}'/></error></${kind}>`,
  )

test('XEP-0045 §18.1.2: each error is either the sign of a ghost, or dropped; none is passed on or answered', async () => {
  for (const condition of [...HARMLESS, ...HARMLESS_TOO, ...GONE, ...GONE_TOO]) {
    using p = play()
    const romeo = await inside(p, 'romeo@bix.org/orchard', 'Romeo')
    const juliet = await inside(p, 'juliet@bix.org/balcony', 'Juliet')
    await hears(romeo)
    errs(juliet, ROOM, condition)
    const left = [...GONE, ...GONE_TOO].includes(condition)
    expect([condition, ...(await hears(juliet))]).toEqual([
      condition,
      ...(left ? ['-Juliet none/none 333 110'] : []),
    ])
    expect(await hears(romeo)).toEqual(left ? ['-Juliet none/none 333'] : [])
  }
})

test('XEP-0045 §7.4, §7.5, §17.2: whatever a session that is not in the room sends goes to nobody', async () => {
  using p = play()
  const romeo = await inside(p, 'romeo@bix.org/orchard', 'Romeo')
  // Another session of the same account is in it, and so is not this one.
  const juliet = await inside(p, 'juliet@bix.org/balcony', 'Juliet')
  const attic = await p.online('juliet@bix.org/attic')
  await hears(romeo)
  const message = (to: string, type: string, inner = '<body>x</body>') =>
    attic.sends(`<message to='${to}' type='${type}'>${inner}</message>`)
  for (const [to, type] of [
    [ROOM, 'groupchat'],
    [`${ROOM}/Romeo`, 'chat'],
    [`${ROOM}/Romeo`, 'normal'],
  ] as const) {
    message(to, type)
    expect([to, type, ...(await hears(attic))]).toEqual([to, type, '! not-acceptable'])
  }
  message(ROOM, 'groupchat', '<subject>mine</subject>')
  message(ROOM, 'groupchat', `<retract xmlns='urn:xmpp:message-retract:1' id='1'/>`)
  message(ROOM, 'normal', `<x xmlns='${MUC_USER}'><invite to='nurse@bix.org'/></x>`)
  expect(new Set(await hears(attic))).toEqual(new Set(['! not-acceptable']))
  for (const condition of GONE) errs(attic, ROOM, condition)
  attic.sends(`<presence to='${ROOM}/Juliet' type='unavailable'/>`)
  const ask = (payload: string, to = ROOM) => attic.asks('set', payload, to)
  expect(conditionOf(await ask(`<query xmlns='${MUC}#admin'><item nick='Romeo' role='none'/></query>`))).toBe(
    'forbidden',
  )
  expect(await hears(romeo)).toEqual([])
  says(juliet, 'still in')
  expect(await hears(romeo)).toEqual(['Juliet: still in'])
})

test('XEP-0045 §8.6: voice is given by moderators alone, whoever sends the form', async () => {
  using p = play()
  const romeo = await inside(p, 'romeo@bix.org/orchard', 'Romeo')
  await configures(romeo, { 'muc#roomconfig_moderatedroom': '1', members_by_default: '0' })
  const juliet = await inside(p, 'juliet@bix.org/balcony', 'Juliet')
  const nurse = await p.online('nurse@bix.org/kitchen')
  const fields = { FORM_TYPE: `${MUC}#request`, 'muc#roomnick': 'Juliet', 'muc#request_allow': '1' }
  const form = Object.entries(fields)
    .map(([name, value]) => `<field var='${name}'><value>${value}</value></field>`)
    .join('')
  const xml = `<message to='${ROOM}'><x xmlns='jabber:x:data' type='submit'>${form}</x></message>`
  juliet.sends(xml)
  expect(await hears(juliet)).toEqual(['! forbidden'])
  nurse.sends(xml)
  expect(await hears(nurse)).toEqual(['! not-acceptable'])
  romeo.sends(xml)
  await romeo.settles()
  expect(await hears(juliet)).toEqual(['Juliet none/participant 110'])
})

test('a room and an account of one name know nothing of each other', async () => {
  using p = play()
  const coven = await p.online('coven@bix.org/cave')
  const romeo = await inside(p, 'romeo@bix.org/orchard', 'Romeo')
  const room = 'coven@conference.bix.org'
  await enters(coven, 'coven', '', room)
  await hears(coven)
  await hears(romeo)
  romeo.sends(`<message to='coven@bix.org' type='chat'><body>to the account</body></message>`)
  await romeo.settles()
  expect(await hears(coven)).toEqual(['orchard: to the account'])
  says(romeo, 'to the room')
  expect(await hears(romeo)).toEqual(['Romeo: to the room'])
  expect(await hears(coven)).toEqual(['Romeo: to the room'])
  const rows = (table: string) => p.store.db.raw.query(`SELECT * FROM ${table}`).all().length
  expect([rows('room_archive'), rows('archive')]).toEqual([1, 2])
})
