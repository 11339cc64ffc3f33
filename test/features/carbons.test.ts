import { expect, test } from 'bun:test'
import { type Actor } from '../support/actor.ts'
import { child } from '../../src/xmpp/xml.ts'
import { type Play, play } from '../support/world.ts'

const ENABLE = `<enable xmlns='urn:xmpp:carbons:2'/>`

async function withCarbons(p: Play, jid: string): Promise<Actor> {
  const actor = await p.online(jid)
  const answer = await actor.asks('set', ENABLE)
  expect(answer.attrs.type).toBe('result')
  return actor
}

const carbon = (direction: string, to: string, message: string, type = 'chat') =>
  `<message from='${to.split('/')[0]}' to='${to}' type='${type}'><${direction} xmlns='urn:xmpp:carbons:2'>` +
  `<forwarded xmlns='urn:xmpp:forward:0'>${message}</forwarded></${direction}></message>`

test('XEP-0280 §8: what one device sends, the others see', async () => {
  using p = play({ toml: '[archive]\ndefault = "never"' })
  await p.account('juliet@bix.org')
  const phone = await withCarbons(p, 'romeo@bix.org/phone')
  const desk = await withCarbons(p, 'romeo@bix.org/desk')
  await phone.settles()
  phone.forget()
  desk.sends(`<message to='juliet@bix.org' type='chat'><body>hark</body></message>`)
  await phone.receives(
    carbon(
      'sent',
      'romeo@bix.org/phone',
      `<message xmlns='jabber:client' from='romeo@bix.org/desk' to='juliet@bix.org' type='chat'><body>hark</body></message>`,
    ),
  )
  await desk.hearsNothing()
})

test('XEP-0280 §7, XEP-0297 §3.2: a message to a full JID is copied to the others, one to the bare JID is not sent twice', async () => {
  using p = play({ toml: '[archive]\ndefault = "never"' })
  const juliet = await p.online('juliet@bix.org/balcony')
  const phone = await withCarbons(p, 'romeo@bix.org/phone')
  const desk = await p.online('romeo@bix.org/desk')
  await phone.settles()
  phone.forget()
  juliet.sends(`<message to='romeo@bix.org/desk' type='chat'><body>soft</body></message>`)
  const inner = `<message xmlns='jabber:client' from='juliet@bix.org/balcony' to='romeo@bix.org/desk' type='chat'><body>soft</body></message>`
  await desk.receives(inner.replace(" xmlns='jabber:client'", ''))
  await phone.receives(carbon('received', 'romeo@bix.org/phone', inner))
  juliet.sends(`<message to='romeo@bix.org' type='chat'><body>all</body></message>`)
  await phone.receives(
    `<message from='juliet@bix.org/balcony' to='romeo@bix.org' type='chat'><body>all</body></message>`,
  )
  await phone.hearsNothing()
})

test('XEP-0280 §6.1, §9: private, no-copy and group chats are not copied; the private mark goes', async () => {
  using p = play({ toml: '[archive]\ndefault = "never"' })
  const juliet = await p.online('juliet@bix.org/balcony')
  const phone = await withCarbons(p, 'romeo@bix.org/phone')
  const desk = await p.online('romeo@bix.org/desk')
  await phone.settles()
  phone.forget()
  juliet.sends(
    `<message to='romeo@bix.org/desk' type='chat'><body>a</body><private xmlns='urn:xmpp:carbons:2'/></message>`,
  )
  await desk.receives(
    `<message from='juliet@bix.org/balcony' to='romeo@bix.org/desk' type='chat'><body>a</body></message>`,
  )
  juliet.sends(
    `<message to='romeo@bix.org/desk' type='chat'><body>b</body><no-copy xmlns='urn:xmpp:hints'/></message>`,
  )
  juliet.sends(`<message to='romeo@bix.org/desk' type='headline'><body>c</body></message>`)
  await juliet.settles()
  await phone.hearsNothing()
  // Neither where it was sent.
  desk.sends(
    `<message to='juliet@bix.org' type='chat'><body>d</body><private xmlns='urn:xmpp:carbons:2'/></message>`,
  )
  await desk.settles()
  await phone.hearsNothing()
})

test('XEP-0280 §2: a client that did not ask for copies hears none, and the others all the same', async () => {
  using p = play({ toml: '[archive]\ndefault = "never"' })
  const juliet = await p.online('juliet@bix.org/balcony')
  const phone = await withCarbons(p, 'romeo@bix.org/phone')
  const old = await p.online('romeo@bix.org/old')
  const desk = await p.online('romeo@bix.org/desk')
  for (const actor of [phone, old, desk]) await actor.settles()
  for (const actor of [phone, old, desk]) actor.forget()
  old.sends(`<message to='juliet@bix.org' type='chat'><body>out</body></message>`)
  await old.settles()
  await juliet.next()
  juliet.sends(`<message to='${old.jid}' type='chat'><body>in</body></message>`)
  await juliet.settles()
  expect((await old.next()).toString()).toContain('<body>in</body>')
  const copies = [await phone.next(), await phone.next()].map(String)
  expect(copies[0]).toContain('<sent xmlns="urn:xmpp:carbons:2">')
  expect(copies[1]).toContain('<received xmlns="urn:xmpp:carbons:2">')
  await desk.hearsNothing()
  await old.hearsNothing()
})

test('XEP-0280 §11, case 54: a forged carbon is refused', async () => {
  using p = play({ toml: '[archive]\ndefault = "never"' })
  const juliet = await p.online('juliet@bix.org/balcony')
  const romeo = await withCarbons(p, 'romeo@bix.org/phone')
  juliet.sends(
    `<message to='romeo@bix.org' id='f'><received xmlns='urn:xmpp:carbons:2'><forwarded xmlns='urn:xmpp:forward:0'>` +
      `<message xmlns='jabber:client' from='nurse@bix.org'><body>lies</body></message></forwarded></received></message>`,
  )
  const answer = await juliet.next()
  expect(answer.attrs.type).toBe('error')
  await romeo.hearsNothing()
})

test('what waits for everybody is not copied: a client that is not available yet gets it once it is', async () => {
  using p = play()
  const juliet = await p.online('juliet@bix.org/balcony')
  const phone = await p.bound('romeo@bix.org/phone')
  await phone.asks('set', ENABLE)
  juliet.sends(`<message to='romeo@bix.org' type='chat'><body>soft</body></message>`)
  await juliet.settles()
  await phone.hearsNothing()
  phone.sends('<presence/>')
  await phone.settles()
  expect(phone.heard.filter(({ name }) => name === 'message')).toHaveLength(1)
})

test('XEP-0280 §5: after disable nothing is copied', async () => {
  using p = play({ toml: '[archive]\ndefault = "never"' })
  await p.account('juliet@bix.org')
  const phone = await withCarbons(p, 'romeo@bix.org/phone')
  const desk = await p.online('romeo@bix.org/desk')
  await phone.asks('set', `<disable xmlns='urn:xmpp:carbons:2'/>`)
  phone.forget()
  desk.sends(`<message to='juliet@bix.org' type='chat'><body>hark</body></message>`)
  await desk.settles()
  await phone.hearsNothing()
})

test('XEP-0280 §6.1: of other types what belongs to a conversation is copied, a private message of a room is not', async () => {
  using p = play({ toml: '[archive]\ndefault = "never"' })
  const juliet = await p.online('juliet@bix.org/balcony')
  const phone = await withCarbons(p, 'romeo@bix.org/phone')
  const desk = await p.online('romeo@bix.org/desk')
  await phone.settles()
  phone.forget()
  const room = `<x xmlns='http://jabber.org/protocol/muc#user'/>`
  const cases: [copied: boolean, type: string, inner: string][] = [
    [true, 'normal', '<body>x</body>'],
    [true, 'normal', `<received xmlns='urn:xmpp:receipts' id='m'/>`],
    [true, 'normal', `<displayed xmlns='urn:xmpp:chat-markers:0' id='m'/>`],
    [true, 'normal', `<propose xmlns='urn:xmpp:jingle-message:0' id='c'/>`],
    [true, 'normal', `<x xmlns='jabber:x:conference' jid='room@c.example'/>`],
    [true, 'normal', room],
    [
      true,
      'error',
      `<error type='cancel'><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>`,
    ],
    [false, 'normal', `<x xmlns='urn:example:else'/>`],
    [false, 'chat', `<body>x</body>${room}`],
    [false, 'groupchat', '<body>x</body>'],
  ]
  for (const [copied, type, inner] of cases) {
    juliet.sends(`<message to='${desk.jid}' type='${type}'>${inner}</message>`)
    await juliet.settles()
    await phone.settles()
    const copies = phone.heard.filter((el) => child(el, 'received', 'urn:xmpp:carbons:2'))
    expect([type, inner, copies.length]).toEqual([type, inner, copied ? 1 : 0])
    phone.forget()
  }
})

test('RFC 6120 §10.1: who catches up sees the copies behind what came before them', async () => {
  using p = play({ toml: '[limits]\nrates = false\noffline_page = 3' })
  const juliet = await p.online('juliet@bix.org/balcony')
  await p.account('romeo@bix.org')
  const says = async (one: Actor, to: string, id: string) => {
    one.sends(`<message to='${to}' type='chat' id='${id}'><body>x</body></message>`)
    await one.settles()
  }
  for (const id of ['1', '2', '3', '4']) await says(juliet, 'romeo@bix.org', id)
  const phone = await p.bound('romeo@bix.org/phone')
  await phone.asks('set', ENABLE)
  phone.sends('<presence/>')
  await says(juliet, 'romeo@bix.org/phone', '5')
  const desk = await p.bound('romeo@bix.org/desk')
  await says(juliet, desk.jid, '6')
  await says(desk, 'juliet@bix.org', '7')
  for (let i = 0; i < 3; i++) await phone.settles()
  const ids = phone.heard.flatMap((el) =>
    el.name === 'message' ? (/ id="(\d)"/.exec(el.toString())?.[1] ?? []) : [],
  )
  expect(ids).toEqual(['1', '2', '3', '4', '5', '6', '7'])
})
