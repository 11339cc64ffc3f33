/** Members of a room whose app is closed are rung: once each, by their rule, whoever else is in the room. */
import { expect, test } from 'bun:test'
import type { Actor } from '../../support/actor.ts'
import { doorOf } from '../../support/door.ts'
import { FULL, passes, registers, settle } from '../../support/phones.ts'
import { changes, configures, enters, inside, ROOM, says } from '../../support/rooms.ts'
import { manages } from '../../support/phones.ts'
import { type Play, play } from '../../support/world.ts'

/** Romeo owns a group that juliet belongs to; her phone is registered and her app closed. */
async function group(p: Play, isPrivate = true): Promise<Actor> {
  await registers(p)
  const romeo = await inside(p, 'romeo@bix.org/orchard', 'Romeo')
  await changes(romeo, `<item affiliation='member' jid='juliet@bix.org' nick='Capulet'/>`)
  if (isPrivate) await configures(romeo, { 'muc#roomconfig_membersonly': '1' })
  await settle(p)
  p.pushed.length = 0
  return romeo
}

async function speaks(p: Play, actor: Actor, text: string): Promise<void> {
  says(actor, text)
  await settle(p)
  await settle(p)
}

const rings = (p: Play) => p.pushed.map(({ sender, nick, body }) => `${sender} ${nick}: ${body}`)

test('a member whose app is closed is rung once, by the room and the nick of who speaks', async () => {
  using p = play({ toml: FULL })
  const romeo = await group(p)
  await speaks(p, romeo, 'hark')
  expect(rings(p)).toEqual([`${ROOM} Romeo: hark`])
  expect(p.pushed[0]?.badge).toBe(1)
  expect(p.store.db.raw.query('SELECT * FROM room_fanouts').all()).toEqual([])
})

test('in a public room only what is meant for the member rings', async () => {
  using p = play({ toml: FULL })
  const romeo = await group(p, false)
  await speaks(p, romeo, 'hark')
  expect(rings(p)).toEqual([])
  await speaks(p, romeo, 'hark, capulet!')
  expect(rings(p)).toEqual([`${ROOM} Romeo: hark, capulet!`])
})

test('in quiet hours a mention rings where the device lets mentions through, at once or when its wait is over', async () => {
  using p = play({ toml: FULL })
  const romeo = await group(p)
  const night = { quiet: { from: '00:00', to: '07:00', zone: 'UTC' }, quiet_lets_through: ['mentions'] }
  const changed = await doorOf(p)('PATCH', '/v1/me/devices/1', night, 'juliet@bix.org')
  expect(changed.status).toBe(200)
  await speaks(p, romeo, 'hark')
  await speaks(p, romeo, 'hark, capulet!')
  expect(rings(p)).toEqual([`${ROOM} Romeo: hark, capulet!`])
  p.pushed.length = 0
  const desk = await p.online('juliet@bix.org/desk')
  await enters(desk, 'Capulet')
  desk.pongs = true
  await speaks(p, romeo, 'thou too')
  await speaks(p, romeo, 'thou, capulet')
  expect(rings(p)).toEqual([])
  await passes(p, 30_000)
  expect(rings(p)).toEqual([`${ROOM} Romeo: thou, capulet`])
})

test('the member’s own rule for the room decides: never, on-mention, always', async () => {
  using p = play({ toml: FULL })
  const romeo = await group(p)
  const juliet = await p.online('juliet@bix.org/desk')
  const rule = (name: string) =>
    juliet.asks(
      'set',
      `<pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='urn:xmpp:bookmarks:1'><item id='${ROOM}'>` +
        `<conference xmlns='urn:xmpp:bookmarks:1'><extensions><notify xmlns='urn:xmpp:notification-settings:1'><${name}/>` +
        `</notify></extensions></conference></item></publish></pubsub>`,
    )
  for (const [name, heard] of [
    ['never', 0],
    ['on-mention', 1],
    ['always', 2],
  ] as const) {
    await rule(name)
    juliet.sends(`<presence type='unavailable'/>`)
    await juliet.settles()
    p.pushed.length = 0
    await speaks(p, romeo, `${name} plain`)
    await speaks(p, romeo, `${name} for Capulet`)
    expect([name, rings(p).length]).toEqual([name, heard])
  }
})

test('who is in the room with the app open is not rung; whose app sleeps is; two clients ring no phone twice', async () => {
  using p = play({ toml: FULL })
  const romeo = await group(p)
  const phone = await p.online('juliet@bix.org/phone')
  await enters(phone, 'Capulet')
  p.pushed.length = 0
  await speaks(p, romeo, 'one')
  await phone.settles()
  expect(rings(p)).toEqual([])
  const desk = await p.online('juliet@bix.org/desk')
  await enters(desk, 'Capulet')
  desk.sends(`<presence><show>away</show></presence>`)
  phone.sends('</stream:stream>')
  await settle(p)
  p.pushed.length = 0
  await speaks(p, romeo, 'two')
  await passes(p, 31_000)
  expect(rings(p)).toEqual([`${ROOM} Romeo: two`])
})

test('a client that hibernates, or shows nothing for ten seconds, counts as one that sleeps', async () => {
  using p = play({ toml: FULL })
  const romeo = await group(p)
  const phone = await p.online('juliet@bix.org/phone')
  await manages(phone)
  await enters(phone, 'Capulet')
  p.pushed.length = 0
  await speaks(p, romeo, 'one')
  expect(rings(p)).toEqual([])
  await passes(p, 10_001)
  expect(rings(p)).toEqual([`${ROOM} Romeo: one`])
  phone.transport.destroy()
  await settle(p)
  await speaks(p, romeo, 'two')
  expect(rings(p)).toEqual([`${ROOM} Romeo: one`, `${ROOM} Romeo: two`])
})

test('visitors whose clients hibernate are rung once each, many of them and also under two nicks', async () => {
  using p = play({ toml: FULL })
  const romeo = await inside(p, 'romeo@bix.org/orchard', 'Romeo')
  const GUESTS = 30
  for (let i = 0; i < GUESTS; i++) {
    const jid = `guest${i}@bix.org`
    const node = (i + 16).toString(16).repeat(32)
    for (const resource of i === 7 ? ['phone', 'desk'] : ['phone']) {
      const client = await p.online(`${jid}/${resource}`)
      await manages(client)
      await client.asks('set', `<enable xmlns='urn:xmpp:push:0' jid='push.bix.org' node='${node}'/>`)
      await enters(client, `Guest ${resource} ${i}`)
      client.transport.destroy()
    }
  }
  await settle(p)
  p.pushed.length = 0
  const all = `<mention xmlns='urn:xmpp:mentions:0' mentions='urn:xmpp:mentions:0#channel'/>`
  romeo.sends(`<message to='${ROOM}' type='groupchat' id='m'><body>hear me</body>${all}</message>`)
  for (let i = 0; i < 6; i++) await settle(p)
  const rung = p.pushed.map(({ account }) => account)
  expect([rung.length, new Set(rung).size]).toEqual([GUESTS, GUESTS])
  expect(p.store.db.raw.query('SELECT * FROM room_fanouts').all()).toEqual([])
})

test('what was read elsewhere is not rung for: a marker names the room’s id', async () => {
  using p = play({ toml: FULL })
  const romeo = await group(p)
  // From its first mark on only marks count as read.
  const first = await p.online('juliet@bix.org/desk')
  first.sends(
    `<message to='romeo@bix.org' type='chat'><displayed xmlns='urn:xmpp:chat-markers:0' id='x'/></message>`,
  )
  first.sends('</stream:stream>')
  await speaks(p, romeo, 'one')
  await speaks(p, romeo, 'two')
  const account = p.store.accounts.find('juliet@bix.org')!
  expect(p.store.unread.count(account.id)).toBe(2)
  const ids = p.store.db.raw.query<{ id: number }, []>('SELECT id FROM room_archive ORDER BY id').all()
  const desk = await p.online('juliet@bix.org/desk')
  await enters(desk, 'Capulet')
  desk.sends(
    `<message to='${ROOM}' type='groupchat'><displayed xmlns='urn:xmpp:chat-markers:0' id='${ids[0]!.id}'/></message>`,
  )
  await desk.settles()
  await settle(p)
  expect(p.store.unread.count(account.id)).toBe(1)
})

test('COMPAT(Siskin): the room is told by the registration whether it rings; giving that back keeps the membership', async () => {
  using p = play({ toml: FULL })
  const romeo = await group(p)
  const juliet = await p.online('juliet@bix.org/desk')
  const REGISTER = 'jabber:iq:register'
  const registering = (offline: string) =>
    juliet.asks(
      'set',
      `<query xmlns='${REGISTER}'><x xmlns='jabber:x:data' type='submit'>` +
        `<field var='muc#register_roomnick'><value>Capulet</value></field>` +
        `<field var='{http://tigase.org/protocol/muc}offline'><value>${offline}</value></field></x></query>`,
      ROOM,
    )
  const heard = async (text: string) => {
    p.pushed.length = 0
    await speaks(p, romeo, text)
    return rings(p).length
  }
  const leaves = async () => {
    juliet.sends(`<presence type='unavailable'/>`)
    await juliet.settles()
  }
  expect((await registering('0')).attrs.type).toBe('result')
  await leaves()
  expect(await heard('one')).toBe(0)
  await registering('1')
  expect(await heard('two')).toBe(1)
  await registering('0')
  await juliet.asks('set', `<query xmlns='${REGISTER}'><remove/></query>`, ROOM)
  expect(await heard('three')).toBe(1)
  expect(p.store.roomAffiliations.get(p.store.rooms.find(ROOM)!.id, 'juliet@bix.org')?.affiliation).toBe(
    'member',
  )
})
