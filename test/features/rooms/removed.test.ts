/** Who is removed from a room hears of it with the app closed, by whichever door somebody else has done it. */
import { expect, test } from 'bun:test'
import { childText } from '../../../src/xmpp/xml.ts'
import type { Actor } from '../../support/actor.ts'
import { FULL, registers, settle } from '../../support/phones.ts'
import { changes, configures, inside, ROOM } from '../../support/rooms.ts'
import { type Play, play } from '../../support/world.ts'

const NODE = 'urn:xmpp:bookmarks:1'
const MUCSUB = 'urn:xmpp:mucsub:0'
const REGISTER = 'jabber:iq:register'

const bookmark = `<item id='${ROOM}'><conference xmlns='${NODE}' autojoin='true'/></item>`
const bookmarks = `<pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='${NODE}'>${bookmark}</publish></pubsub>`

/** Romeo owns a room of which juliet is a member and has a bookmark; her phone is registered, nothing of hers is open. */
async function group(p: Play): Promise<{ romeo: Actor; bodies: () => Promise<unknown[]> }> {
  await registers(p)
  const romeo = await inside(p, 'romeo@bix.org/orchard', 'Romeo')
  const desk = await p.online('juliet@bix.org/desk')
  await desk.asks('set', bookmarks)
  desk.sends('</stream:stream>')
  await changes(romeo, `<item affiliation='member' jid='juliet@bix.org' nick='Capulet'/>`)
  await settle(p)
  p.pushed.length = 0
  const bodies = async () => {
    await settle(p)
    return p.pushed.map(({ sender, body }) => `${sender}: ${body}`)
  }
  return { romeo, bodies }
}

const autojoins = (p: Play): boolean =>
  p.store.db.raw
    .query<{ xml: string }, [string]>('SELECT xml FROM pep_items WHERE node = ?')
    .get(NODE)
    ?.xml.includes('autojoin') ?? false

const item = (affiliation: string, inner = '') =>
  `<item affiliation='${affiliation}' jid='juliet@bix.org'>${inner}</item>`

test('XEP-0045 §9.4 an admin takes the membership: the phone rings once; in an open room the bookmark stays, in a closed one nobody joins by himself', async () => {
  using p = play({ toml: FULL })
  const { romeo, bodies } = await group(p)
  await changes(romeo, item('none', '<reason>exile</reason>'))
  expect(await bodies()).toEqual([`${ROOM}: You were removed from coven: exile`])
  expect(autojoins(p)).toBe(true)
  await configures(romeo, { 'muc#roomconfig_membersonly': '1', 'muc#roomconfig_roomname': 'Verona' })
  await changes(romeo, item('member'))
  await settle(p)
  p.pushed.length = 0
  await changes(romeo, item('none'))
  expect(await bodies()).toEqual([`${ROOM}: You were removed from Verona`])
  expect(autojoins(p)).toBe(false)
})

test('XEP-0045 §9.1 a ban of a member is told; lifting it, and a ban of who was nobody, is not', async () => {
  using p = play({ toml: FULL })
  const { romeo, bodies } = await group(p)
  await changes(romeo, item('outcast'))
  expect(await bodies()).toHaveLength(1)
  expect(autojoins(p)).toBe(false)
  await changes(romeo, item('none'))
  await changes(romeo, item('outcast'))
  expect(await bodies()).toHaveLength(1)
})

test('a change that leaves somebody in the room’s lists is no removal', async () => {
  using p = play({ toml: FULL })
  const { romeo, bodies } = await group(p)
  await changes(romeo, item('owner'))
  await configures(romeo, { 'muc#roomconfig_roomowners': 'romeo@bix.org' })
  await changes(romeo, item('member'))
  expect(await bodies()).toEqual([])
})

test('a moderator ends a subscription and with it the membership that came by it: told; whoever leaves himself is not', async () => {
  using p = play({ toml: FULL })
  const { romeo, bodies } = await group(p)
  const subscribes = async () => {
    await changes(romeo, item('none'))
    const juliet = await p.online('juliet@bix.org/desk')
    await juliet.asks('set', `<subscribe xmlns='${MUCSUB}' nick='Capulet'/>`, ROOM)
    await settle(p)
    p.pushed.length = 0
    return juliet
  }
  const closes = async (juliet: Actor) => {
    juliet.sends('</stream:stream>')
    await settle(p)
  }
  await closes(await subscribes())
  await romeo.asks('set', `<unsubscribe xmlns='${MUCSUB}' jid='juliet@bix.org'/>`, ROOM)
  expect(await bodies()).toHaveLength(1)
  const juliet = await subscribes()
  juliet.forget()
  await juliet.asks('set', `<unsubscribe xmlns='${MUCSUB}'/>`, ROOM)
  const form = `<x xmlns='jabber:x:data' type='submit'><field var='muc#register_roomnick'><value>J</value></field></x>`
  await juliet.asks('set', `<query xmlns='${REGISTER}'>${form}</query>`, ROOM)
  await juliet.asks('set', `<query xmlns='${REGISTER}'><remove/></query>`, ROOM)
  await juliet.settles()
  expect(juliet.heard.map((el) => childText(el, 'body'))).not.toContain('You were removed from coven')
  expect(p.store.roomAffiliations.roomsOf('juliet@bix.org', 9)).toEqual([])
})

test('muc.tell_removed = false: nobody is told', async () => {
  using p = play({ toml: `${FULL}\n[muc]\ntell_removed = false` })
  const { romeo, bodies } = await group(p)
  await changes(romeo, item('outcast'))
  expect(await bodies()).toEqual([])
})
