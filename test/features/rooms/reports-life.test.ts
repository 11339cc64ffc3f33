/** What has gone wrong in rooms elsewhere, played here: lists, messages, archives, restarts. The list: test/rooms.md. */
import { afterAll, expect, test } from 'bun:test'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { child, childText, children, type Element, elements } from '../../../src/xmpp/xml.ts'
import type { Actor } from '../../support/actor.ts'
import { settle } from '../../support/phones.ts'
import {
  ADMIN,
  changes,
  conditionOf,
  configures,
  enters,
  hears,
  inside,
  MUC_USER,
  ROOM,
  says,
  short,
} from '../../support/rooms.ts'
import { play } from '../../support/world.ts'

const MAM = 'urn:xmpp:mam:2'
const SID = 'urn:xmpp:sid:0'
const MUCSUB = 'urn:xmpp:mucsub:0'
const directory = mkdtempSync(join(tmpdir(), 'belfry-rooms-'))
afterAll(() => rmSync(directory, { recursive: true }))

const members = (actor: Actor) =>
  actor.asks('get', `<query xmlns='${ADMIN}'><item affiliation='member'/></query>`, ROOM)
const invites = (actor: Actor, who: string) =>
  actor.sends(`<message to='${ROOM}'><x xmlns='${MUC_USER}'><invite to='${who}'/></x></message>`)
const idsOf = (el: Element) => children(el, 'stanza-id', SID).map(({ attrs }) => attrs.id)
const occupantIdOf = (heard: readonly Element[], nick: string) =>
  heard.flatMap((el) =>
    el.attrs.from === `${ROOM}/${nick}` ? (child(el, 'occupant-id', 'urn:xmpp:occupant-id:0') ?? []) : [],
  )[0]?.attrs.id

/** Messages of an archive that match, as they were said. */
async function archived(actor: Actor, to?: string, withJid?: string): Promise<Element[]> {
  actor.forget()
  const field = (name: string, value: string) => `<field var='${name}'><value>${value}</value></field>`
  const form =
    withJid === undefined
      ? ''
      : `<x xmlns='jabber:x:data' type='submit'>${field('FORM_TYPE', MAM)}${field('with', withJid)}</x>`
  await actor.asks('set', `<query xmlns='${MAM}'>${form}</query>`, to)
  return actor.heard.flatMap((el) => {
    const result = child(el, 'result', MAM)
    const forwarded = result && child(result, 'forwarded', 'urn:xmpp:forward:0')
    return forwarded ? elements(forwarded).filter(({ name }) => name === 'message') : []
  })
}

test('what a restart must not change: settings, lists and who may read them, occupant ids, the archive; and the room answers at once', async () => {
  let id: string | undefined
  let said: string[] = []
  let file = ''
  {
    using p = play({ file: join(directory, 'restart.db') })
    const romeo = await inside(p, 'romeo@bix.org/orchard', 'Romeo')
    await configures(romeo, {
      'muc#roomconfig_persistentroom': '1',
      'muc#roomconfig_getmemberlist': ['moderator'],
    })
    await changes(romeo, `<item affiliation='member' jid='juliet@bix.org'/>`)
    const juliet = await p.online('juliet@bix.org/balcony')
    await enters(juliet, 'Juliet')
    says(juliet, 'hark')
    await juliet.settles()
    id = occupantIdOf(juliet.heard, 'Juliet')
    expect(conditionOf(await members(juliet))).toBe('forbidden')
    said = (await archived(juliet, ROOM)).map(String)
    file = p.crash()
  }
  using p = play({ file, seed: 2 })
  const juliet = await p.online('juliet@bix.org/garden')
  expect(conditionOf(await members(juliet))).toBe('forbidden')
  expect((await archived(juliet, ROOM)).map(String)).toEqual(said)
  juliet.forget()
  await enters(juliet, 'Juliet')
  expect(occupantIdOf(juliet.heard, 'Juliet')).toBe(id)
  expect(juliet.heard.map(short)).toEqual(['Juliet member/participant 110 100', 'Juliet: hark', '# '])
  // Unloaded, not only stopped: nobody is in it for a moment.
  juliet.sends(`<presence type='unavailable' to='${ROOM}/Juliet'/>`)
  await juliet.settles()
  expect(conditionOf(await members(juliet))).toBe('forbidden')
})

test('XEP-0045 §10.1.3: a room whose configuration was answered is there after a crash, before anybody has spoken', async () => {
  let file = ''
  {
    using p = play({ file: join(directory, 'first.db') })
    const romeo = await p.online('romeo@bix.org/orchard')
    await enters(romeo, 'Romeo')
    await configures(romeo, { 'muc#roomconfig_persistentroom': '1', 'muc#roomconfig_roomname': 'Coven' })
    file = p.crash()
  }
  using p = play({ file, seed: 2 })
  const nurse = await p.online('nurse@bix.org/kitchen')
  // Nobody is in it, and the service lists it all the same.
  const listed = await nurse.asks(
    'get',
    `<query xmlns='http://jabber.org/protocol/disco#items'/>`,
    'conference.bix.org',
  )
  expect(listed.toString()).toContain('name="Coven"')
  await enters(nurse, 'Nurse')
  expect((await hears(nurse))[0]).toBe('Nurse none/participant 110 100')
})

test('XEP-0045 §7.8.2, §9.5: an invitation waits for who is away; to an open room nobody is added, to a closed one only by who may', async () => {
  using p = play()
  const romeo = await inside(p, 'romeo@bix.org/orchard', 'Romeo')
  for (const name of ['juliet', 'nurse', 'paul']) await p.account(`${name}@bix.org`)
  const standing = (user: string) =>
    p.store.roomAffiliations.get(p.store.rooms.find(ROOM)!.id, user)?.affiliation
  invites(romeo, 'juliet@bix.org')
  await romeo.settles()
  expect(standing('juliet@bix.org')).toBeUndefined()
  const juliet = await p.bound('juliet@bix.org/balcony')
  juliet.sends('<presence/>')
  await juliet.settles()
  const waited = juliet.heard.filter((el) => child(el, 'x', MUC_USER))
  expect(waited.map(({ attrs }) => attrs.from)).toEqual([ROOM])
  await changes(romeo, `<item affiliation='member' jid='juliet@bix.org'/>`)
  await configures(romeo, { 'muc#roomconfig_membersonly': '1', 'muc#roomconfig_allowinvites': '0' })
  await enters(juliet, 'Juliet')
  juliet.forget()
  invites(juliet, 'nurse@bix.org')
  expect(await hears(juliet)).toEqual(['! forbidden'])
  expect(standing('nurse@bix.org')).toBeUndefined()
  await configures(romeo, { 'muc#roomconfig_allowinvites': '1' })
  invites(juliet, 'paul@bix.org')
  await juliet.settles()
  expect(standing('paul@bix.org')).toBe('member')
})

test('XEP-0359: each message has one id of the room, also where a client’s id comes twice or not at all; history has the same', async () => {
  using p = play()
  const romeo = await inside(p, 'romeo@bix.org/orchard', 'Romeo')
  const juliet = await inside(p, 'juliet@bix.org/balcony', 'Juliet')
  romeo.forget()
  const forged = `<stanza-id xmlns='${SID}' id='7' by='${ROOM}'/>`
  for (const [id, text] of [
    [` id='same'`, 'one'],
    [` id='same'`, 'two'],
    ['', 'three'],
  ])
    juliet.sends(
      `<message to='${ROOM}' type='groupchat'${id}><body>${text}</body>${forged}${forged}</message>`,
    )
  await juliet.settles()
  await romeo.settles()
  const [one, two, three] = romeo.heard
  expect([one?.attrs.id, two?.attrs.id, (three?.attrs.id ?? '') !== '']).toEqual(['same', 'same', true])
  const live = romeo.heard.map((el) => idsOf(el))
  expect(live.map(({ length }) => length)).toEqual([1, 1, 1])
  expect(new Set(live.flat()).size).toBe(3)
  const nurse = await p.online('nurse@bix.org/kitchen')
  await enters(nurse, 'Nurse')
  expect(nurse.heard.filter((el) => child(el, 'body')).map((el) => idsOf(el))).toEqual(live)
  expect((await archived(nurse, ROOM)).map((el) => idsOf(el).length)).toEqual([1, 1, 1])
  const wrong = await nurse.asks(
    'set',
    `<query xmlns='${MAM}'><set xmlns='http://jabber.org/protocol/rsm'><after>same</after></set></query>`,
    ROOM,
  )
  expect(conditionOf(wrong)).toBe('item-not-found')
})

test('XEP-0045 §7.5: a private message is in both accounts’ archives once, under the occupant’s address, and betrays none', async () => {
  using p = play()
  const romeo = await inside(p, 'romeo@bix.org/orchard', 'Romeo')
  await configures(romeo, { 'muc#roomconfig_whois': 'moderators' })
  const juliet = await inside(p, 'juliet@bix.org/balcony', 'Juliet')
  const nurse = await inside(p, 'nurse@bix.org/kitchen', 'Nurse')
  nurse.sends(`<message to='${ROOM}/Juliet' type='chat' id='pm'><body>psst</body></message>`)
  await nurse.settles()
  await juliet.settles()
  for (const [actor, peer] of [
    [juliet, `${ROOM}/Nurse`],
    [nurse, `${ROOM}/Juliet`],
  ] as const) {
    const kept = await archived(actor, undefined, peer)
    expect([actor.jid, kept.map((el) => childText(el, 'body'))]).toEqual([actor.jid, ['psst']])
    expect((await archived(actor)).map((el) => childText(el, 'body'))).toEqual(['psst'])
  }
  // Neither learns the other's address, and the room's own archive has nothing of it.
  expect((await archived(juliet)).join('')).not.toContain('nurse@bix.org')
  expect((await archived(nurse)).join('')).not.toContain('juliet@bix.org')
  expect(await archived(romeo, ROOM)).toEqual([])
  for (const [actor, wrong] of [
    [juliet, 'nurse@bix.org'],
    [nurse, 'juliet@bix.org'],
  ] as const)
    expect(await archived(actor, undefined, wrong)).toEqual([])
})

test('MucSub: presence stays out of offline storage, a message out of two, and a subscriber is one still after a restart', async () => {
  let file = ''
  {
    using p = play({ file: join(directory, 'mucsub.db') })
    const romeo = await inside(p, 'romeo@bix.org/orchard', 'Romeo')
    const juliet = await p.online('juliet@bix.org/balcony')
    const nodes = ['messages', 'presence', 'participants', 'affiliations']
      .map((kind) => `<event node='urn:xmpp:mucsub:nodes:${kind}'/>`)
      .join('')
    await juliet.asks('set', `<subscribe xmlns='${MUCSUB}' nick='Capulet'>${nodes}</subscribe>`, ROOM)
    juliet.sends('</stream:stream>')
    await settle(p)
    for (let i = 0; i < 5; i++) romeo.sends(`<presence to='${ROOM}/Romeo'><status>${i}</status></presence>`)
    says(romeo, 'hark')
    await changes(romeo, `<item affiliation='member' jid='nurse@bix.org'/>`)
    await settle(p)
    expect(p.store.db.raw.query('SELECT * FROM offline').all()).toEqual([])
    file = p.crash()
  }
  using p = play({ file, seed: 2 })
  const romeo = await p.online('romeo@bix.org/orchard')
  const juliet = await p.online('juliet@bix.org/balcony')
  await enters(romeo, 'Romeo')
  await hears(juliet)
  romeo.forget()
  juliet.sends(`<message to='${ROOM}' type='groupchat' id='b'><body>back</body></message>`)
  romeo.sends(`<message to='${ROOM}/Capulet' type='chat' id='c'><body>psst</body></message>`)
  await romeo.settles()
  await juliet.settles()
  expect(await hears(romeo)).toEqual(['Capulet: back'])
  const heard = juliet.heard.map(String)
  expect(heard.filter((xml) => xml.includes('<body>psst</body>'))).toHaveLength(1)
  expect(heard.filter((xml) => xml.includes('<body>back</body>'))).toHaveLength(1)
})
