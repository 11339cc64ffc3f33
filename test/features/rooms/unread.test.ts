/** Unread messages of members: the room's newest less how far each has read, by markers, marks and own words. */
import { expect, test } from 'bun:test'
import { unreadOf } from '../../../src/rooms/unread.ts'
import { child } from '../../../src/xmpp/xml.ts'
import type { Actor } from '../../support/actor.ts'
import { settle } from '../../support/phones.ts'
import { changes, enters, inside, ROOM, says } from '../../support/rooms.ts'
import { type Play, play } from '../../support/world.ts'

const MARKERS = 'urn:xmpp:chat-markers:0'
const DISPLAYED = 'urn:xmpp:mds:displayed:0'
const SID = 'urn:xmpp:sid:0'
const JULIET = 'juliet@bix.org'

async function speaks(actor: Actor, text: string): Promise<string> {
  actor.forget()
  says(actor, text)
  await actor.settles()
  return (
    child(
      actor.heard.find(({ attrs }) => attrs.id === text)!,
      'stanza-id',
      SID,
    )?.attrs.id ?? ''
  )
}

const unread = (p: Play, user = JULIET): Promise<number | undefined> =>
  p.router.run((t) => {
    const { id } = t.store.rooms.find(ROOM)!
    const row = t.store.roomAffiliations.get(id, user)
    return row && unreadOf(t, id, [row])[0]
  })

/** Romeo's room, in which something was said before juliet became a member. */
async function group(p: Play): Promise<Actor> {
  const romeo = await inside(p, 'romeo@bix.org/orchard', 'Romeo')
  await p.account(JULIET)
  await speaks(romeo, 'before')
  await changes(romeo, `<item affiliation='member' jid='${JULIET}'/>`)
  return romeo
}

const marks = (actor: Actor, id: string, room = ROOM) =>
  actor.asks(
    'set',
    `<pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='${DISPLAYED}'><item id='${room}'>` +
      `<displayed xmlns='${DISPLAYED}'><stanza-id xmlns='${SID}' id='${id}' by='${room}'/></displayed></item></publish></pubsub>`,
  )

test('only what was said since somebody is a member counts, and no message writes anything for who is away', async () => {
  using p = play()
  const romeo = await group(p)
  expect([await unread(p), await unread(p, 'romeo@bix.org'), await unread(p, 'nurse@bix.org')]).toEqual([
    0,
    0,
    undefined,
  ])
  const before = p.store.db.raw.query('SELECT * FROM room_affiliations').all()
  await speaks(romeo, 'one')
  await speaks(romeo, 'two')
  romeo.sends(`<message to='${ROOM}' type='groupchat'><subject>night</subject></message>`)
  romeo.sends(
    `<message to='${ROOM}' type='groupchat'><composing xmlns='http://jabber.org/protocol/chatstates'/></message>`,
  )
  await settle(p)
  expect([await unread(p), await unread(p, 'romeo@bix.org')]).toEqual([2, 0])
  expect(p.store.db.raw.query('SELECT * FROM room_affiliations').all()).toEqual(before)
})

test('XEP-0333 a marker in the room, XEP-0490 a mark: what they name is read, once and for all; other ids say nothing', async () => {
  using p = play()
  const romeo = await group(p)
  const ids = [await speaks(romeo, 'one'), await speaks(romeo, 'two'), await speaks(romeo, 'three')]
  const juliet = await p.online(`${JULIET}/balcony`)
  await enters(juliet, 'Juliet')
  juliet.sends(
    `<message to='${ROOM}' type='groupchat'><displayed xmlns='${MARKERS}' id='${ids[0]}'/></message>`,
  )
  await juliet.settles()
  expect(await unread(p)).toBe(2)
  await marks(juliet, ids[1]!)
  expect(await unread(p)).toBe(1)
  await marks(juliet, ids[0]!)
  // Of another room, or of none.
  await marks(juliet, String(Number(ids[2]) + 1_000_000))
  await marks(juliet, ids[2]!, 'heath@conference.bix.org')
  await marks(juliet, 'x')
  expect(await unread(p)).toBe(1)
})

test('who speaks has read; what is taken back does not count; limits.room_unread is as far as is counted', async () => {
  using p = play({ toml: '[limits]\nrates = false\nroom_unread = 3' })
  const romeo = await group(p)
  await speaks(romeo, 'one')
  const id = await speaks(romeo, 'two')
  expect(await unread(p)).toBe(2)
  romeo.sends(
    `<message to='${ROOM}' type='groupchat'><retract xmlns='urn:xmpp:message-retract:1' id='${id}'/></message>`,
  )
  await romeo.settles()
  expect(await unread(p)).toBe(1)
  const juliet = await p.online(`${JULIET}/balcony`)
  await enters(juliet, 'Juliet')
  await speaks(juliet, 'mine')
  expect(await unread(p)).toBe(0)
  for (const text of ['1', '2', '3', '4', '5']) await speaks(romeo, text)
  expect([await unread(p), await unread(p, 'romeo@bix.org')]).toEqual([3, 0])
})

test('whoever was away for a time as no member, or banned, begins anew', async () => {
  using p = play()
  const romeo = await group(p)
  await speaks(romeo, 'one')
  for (const out of ['none', 'outcast']) {
    await changes(romeo, `<item affiliation='${out}' jid='${JULIET}'/>`)
    await speaks(romeo, `while ${out}`)
    await changes(romeo, `<item affiliation='member' jid='${JULIET}'/>`)
    expect([out, await unread(p)]).toEqual([out, 0])
  }
  await changes(romeo, `<item affiliation='admin' jid='${JULIET}'/>`)
  await speaks(romeo, 'two')
  await changes(romeo, `<item affiliation='member' jid='${JULIET}' nick='Jule'/>`)
  expect(await unread(p)).toBe(1)
})
