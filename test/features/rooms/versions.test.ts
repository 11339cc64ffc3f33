/** XEP-0463: who comes in hears which affiliations have changed since it was there last. */
import { expect, test } from 'bun:test'
import { child, children, type Element } from '../../../src/xmpp/xml.ts'
import type { Actor } from '../../support/actor.ts'
import { changes, configures, enters, inside, MUC_USER, ROOM } from '../../support/rooms.ts'
import { play, type Play } from '../../support/world.ts'

const MAV = 'urn:xmpp:muc:affiliations:1'

interface Heard {
  /** "jid affiliation" of each, over all messages. */
  readonly items: string[]
  readonly since: string | undefined
  readonly until: string | undefined
  readonly messages: number
  /** The version in the presence that ends the join. */
  readonly own: string | undefined
  readonly error: boolean
}

const xOf = (el: Element) => child(el, 'x', MUC_USER)
const mavOf = (el: Element) => {
  const x = xOf(el)
  return x && child(x, 'mav', MAV)
}

/** Comes in, and knows `since`; '' asks for everything, undefined for nothing. */
async function comes(actor: Actor, nick: string, since?: string): Promise<Heard> {
  const inner = since === undefined ? '' : `<mav xmlns='${MAV}'${since === '' ? '' : ` since='${since}'`}/>`
  actor.forget()
  await enters(actor, nick, inner)
  const all = actor.heard.splice(0)
  const firstPresence = all.findIndex(({ name }) => name === 'presence')
  const told = all.filter((el, i) => el.name === 'message' && mavOf(el) && i < firstPresence)
  const items = told.flatMap((el) => {
    const x = xOf(el)
    return x ? children(x, 'item').map(({ attrs }) => `${attrs.jid} ${attrs.affiliation}`) : []
  })
  const self = all.find((el) => el.name === 'presence' && el.toString().includes(`code="110"`))
  const mavs = told.map((el) => mavOf(el)?.attrs ?? {})
  for (const [i, { since: from }] of mavs.entries()) if (i > 0) expect(from).toBe(mavs[i - 1]?.until)
  return {
    items: items.sort(),
    since: mavs[0]?.since,
    until: mavs.at(-1)?.until,
    messages: told.length,
    own: self && mavOf(self)?.attrs.until,
    error: all.some((el) => el.name === 'message' && el.attrs.type === 'error'),
  }
}

async function house(): Promise<{ p: Play; romeo: Actor; juliet: Actor }> {
  const p = play()
  const romeo = await inside(p, 'romeo@bix.org/orchard', 'Romeo')
  await changes(romeo, `<item affiliation='member' jid='nurse@bix.org'/>`)
  await changes(romeo, `<item affiliation='admin' jid='paris@bix.org'/>`)
  await changes(romeo, `<item affiliation='outcast' jid='tybalt@bix.org'/>`)
  const juliet = await p.online('juliet@bix.org/balcony')
  return { p, romeo, juliet }
}

const goes = async (actor: Actor, nick: string) => {
  actor.sends(`<presence type='unavailable' to='${ROOM}/${nick}'/>`)
  await actor.settles()
  actor.forget()
}

test('XEP-0463 §4: each room says that it can', async () => {
  const { p, romeo } = await house()
  using _ = p
  const info = await romeo.asks('get', `<query xmlns='http://jabber.org/protocol/disco#info'/>`, ROOM)
  expect(info.toString()).toContain(MAV)
})

test('XEP-0463 §5.1, §5.2.1: everything before any presence, what the asker may not list left out; no other hears the question', async () => {
  const { p, romeo, juliet } = await house()
  using _ = p
  await romeo.settles()
  romeo.forget()
  const heard = await comes(juliet, 'Juliet', '')
  expect(heard.items).toEqual(['nurse@bix.org member', 'paris@bix.org admin', 'romeo@bix.org owner'])
  expect([heard.since, heard.until, heard.messages]).toEqual([undefined, heard.own, 1])
  await romeo.settles()
  expect(romeo.heard.map(String).join()).not.toContain(MAV)
  expect((await comes(romeo, 'Romeo', '')).items).toContain('tybalt@bix.org outcast')
})

test('XEP-0463 §5.2.1, §5.2.2: only what has changed, once each; nothing where nothing has; everything for an unknown version', async () => {
  const { p, romeo, juliet } = await house()
  using _ = p
  const { own: first = '' } = await comes(juliet, 'Juliet')
  await goes(juliet, 'Juliet')
  expect(await comes(juliet, 'Juliet', first)).toMatchObject({ messages: 0, own: first })
  await goes(juliet, 'Juliet')
  await changes(romeo, `<item affiliation='owner' jid='nurse@bix.org'/>`)
  await changes(romeo, `<item affiliation='none' jid='paris@bix.org'/>`)
  await changes(romeo, `<item affiliation='admin' jid='nurse@bix.org'/>`)
  await changes(romeo, `<item affiliation='none' jid='tybalt@bix.org'/>`)
  const heard = await comes(juliet, 'Juliet', first)
  expect(heard.items).toEqual(['nurse@bix.org admin', 'paris@bix.org none', 'tybalt@bix.org none'])
  expect([heard.since, heard.until]).toEqual([first, heard.own])
  for (const unknown of ['x', '1.999999', '999.1', `${first}/1`]) {
    await goes(juliet, 'Juliet')
    const all = await comes(juliet, 'Juliet', unknown)
    expect([all.since, all.items]).toEqual([undefined, ['nurse@bix.org admin', 'romeo@bix.org owner']])
  }
})

test('XEP-0463 §5.2.2: each change says from which version to which, of those who are there and of those who are not', async () => {
  const { p, romeo, juliet } = await house()
  using _ = p
  const { own } = await comes(juliet, 'Juliet')
  await changes(romeo, `<item affiliation='member' jid='rosaline@bix.org'/>`)
  await changes(romeo, `<item affiliation='member' jid='juliet@bix.org'/>`)
  await juliet.settles()
  const steps = juliet.heard.flatMap((el) => {
    const mav = mavOf(el)
    return mav ? [mav.attrs] : []
  })
  expect(steps).toHaveLength(2)
  expect(steps[0]?.since).toBe(own)
  expect(steps[1]?.since).toBe(steps[0]?.until)
  await goes(juliet, 'Juliet')
  expect((await comes(juliet, 'Juliet')).own).toBe(steps[1]?.until)
})

test('XEP-0463 §5.2.3, §6: who may not list them, or was not there then, is refused by a message and comes in all the same', async () => {
  const { p, romeo, juliet } = await house()
  using _ = p
  const { own: early = '' } = await comes(romeo, 'Romeo')
  await configures(romeo, { 'muc#roomconfig_membersonly': '1' })
  await changes(romeo, `<item affiliation='member' jid='juliet@bix.org'/>`)
  const late = await comes(juliet, 'Juliet', early)
  expect([late.error, late.messages]).toEqual([true, 0])
  expect(late.own).toBeDefined()
  await goes(juliet, 'Juliet')
  await configures(romeo, { 'muc#roomconfig_whois': 'moderators' })
  const hidden = await comes(juliet, 'Juliet', '')
  expect([hidden.error, hidden.messages]).toEqual([true, 0])
})

test('an account that is deleted is a change like any other; long lists come in parts that follow each other', async () => {
  const { p, romeo, juliet } = await house()
  using _ = p
  await p.account('nurse@bix.org')
  const { own = '' } = await comes(juliet, 'Juliet')
  await goes(juliet, 'Juliet')
  const nurse = await p.online('nurse@bix.org/kitchen')
  await nurse.asks('set', `<query xmlns='jabber:iq:register'><remove/></query>`)
  for (let i = 0; i < 450; i += 50) {
    const items = Array.from({ length: 50 }, (_, n) => `<item affiliation='member' jid='u${i + n}@bix.org'/>`)
    await changes(romeo, items.join(''))
  }
  const heard = await comes(juliet, 'Juliet', own)
  expect(heard.items).toHaveLength(451)
  expect(heard.items).toContain('nurse@bix.org none')
  expect([heard.messages, heard.since, heard.until]).toEqual([3, own, heard.own])
})
