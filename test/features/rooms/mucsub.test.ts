/** MucSub of ejabberd: what happens in a room, sent to who has not joined it. */
import { expect, test } from 'bun:test'
import { child, children, childText, type Element, elements } from '../../../src/xmpp/xml.ts'
import type { Actor } from '../../support/actor.ts'
import { FULL, registers, settle } from '../../support/phones.ts'
import {
  changes,
  conditionOf,
  configures,
  enters,
  hears,
  inside,
  ROOM,
  says,
  short,
} from '../../support/rooms.ts'
import { type Play, play } from '../../support/world.ts'

const MUCSUB = 'urn:xmpp:mucsub:0'
const NODES = 'urn:xmpp:mucsub:nodes:'
const ALL = ['messages', 'presence', 'participants', 'affiliations', 'subject', 'config', 'subscribers']

const subscribes = (actor: Actor, nick: string, kinds = ALL, attrs = '', room = ROOM): Promise<Element> =>
  actor.asks(
    'set',
    `<subscribe xmlns='${MUCSUB}' nick='${nick}'${attrs}>` +
      `${kinds.map((kind) => `<event node='${NODES}${kind}'/>`).join('')}</subscribe>`,
    room,
  )
const leaves = (actor: Actor, attrs = '') =>
  actor.asks('set', `<unsubscribe xmlns='${MUCSUB}'${attrs}/>`, ROOM)
const lists = async (actor: Actor, to: string): Promise<string[]> => {
  const answer = await actor.asks('get', `<subscriptions xmlns='${MUCSUB}'/>`, to)
  const condition = conditionOf(answer)
  if (condition !== undefined) return [`! ${condition}`]
  return children(child(answer, 'subscriptions', MUCSUB)!, 'subscription').map(
    ({ attrs, children: { length } }) => `${attrs.jid ?? '?'} ${attrs.nick} ${length}`,
  )
}

/** "node: inner in short" of each event; anything else in short. */
async function events(actor: Actor): Promise<string[]> {
  await actor.settles()
  const heard = actor.heard.map((el) => {
    const event = child(el, 'event', 'http://jabber.org/protocol/pubsub#event')
    const items = event && child(event, 'items')
    const inner = items && elements(child(items, 'item')!)[0]
    if (!items || !inner) return short(el)
    const node = items.attrs.node?.slice(NODES.length)
    return inner.attrs.xmlns === MUCSUB
      ? `${node}: ${inner.name} ${inner.attrs.nick}`
      : `${node}: ${short(inner)}`
  })
  actor.forget()
  return heard
}

/** Romeo is in his room; juliet is online and has not joined. */
async function both(p: Play): Promise<[Actor, Actor]> {
  const romeo = await inside(p, 'romeo@bix.org/orchard', 'Romeo')
  return [romeo, await p.online('juliet@bix.org/balcony')]
}

test('who subscribes hears which nodes hold, is a member, and is in both lists; unknown nodes are left out', async () => {
  using p = play()
  const [romeo, juliet] = await both(p)
  const answer = await subscribes(juliet, 'Capulet', ['messages', 'system', 'presence'])
  const subscribe = child(answer, 'subscribe', MUCSUB)!
  expect([subscribe.attrs.nick, ...children(subscribe, 'event').map(({ attrs }) => attrs.node)]).toEqual([
    'Capulet',
    `${NODES}messages`,
    `${NODES}presence`,
  ])
  expect(await lists(juliet, 'conference.bix.org')).toEqual([`${ROOM} Capulet 2`])
  expect(await lists(romeo, ROOM)).toEqual(['juliet@bix.org Capulet 2'])
  const row = p.store.roomAffiliations.list(p.store.rooms.find(ROOM)!.id, 'member', 9)[0]
  expect([row?.user, row?.nick]).toEqual(['juliet@bix.org', 'Capulet'])
  // Anew: these nodes in place of those.
  await subscribes(juliet, 'Jule', ['subject'])
  expect(await lists(juliet, ROOM)).toEqual(['juliet@bix.org Jule 1'])
  const nurse = await p.online('nurse@bix.org/kitchen')
  expect(await lists(nurse, ROOM)).toEqual(['! forbidden'])
  expect(await lists(nurse, 'conference.bix.org')).toEqual([])
})

test('each kind of event comes under its node, to who has not joined', async () => {
  using p = play()
  const [romeo, juliet] = await both(p)
  await subscribes(juliet, 'Capulet')
  await events(juliet)
  says(romeo, 'hark')
  await romeo.settles()
  romeo.sends(`<message to='${ROOM}' type='groupchat'><subject>night</subject></message>`)
  romeo.sends(`<presence to='${ROOM}/Romeo'><show>away</show></presence>`)
  await romeo.settles()
  const nurse = await inside(p, 'nurse@bix.org/kitchen', 'Nurse')
  nurse.sends(`<presence type='unavailable' to='${ROOM}/Nurse'/>`)
  await nurse.settles()
  await changes(romeo, `<item affiliation='member' jid='nurse@bix.org'/>`)
  await configures(romeo, { 'muc#roomconfig_roomname': 'Coven' })
  await subscribes(nurse, 'Nurse')
  await leaves(nurse)
  expect((await events(juliet)).filter((line) => !line.startsWith('affiliations'))).toEqual([
    'messages: Romeo: hark',
    'subject: # night',
    'presence: Romeo owner/moderator',
    'participants: Nurse none/participant',
    'participants: -Nurse none/none',
    'config: : 104',
    'subscribers: subscribe Nurse',
    'subscribers: unsubscribe Nurse',
  ])
})

test('the wrapper: from the room, the room’s id, the message inside as it was said, kept by nobody', async () => {
  using p = play()
  const [romeo, juliet] = await both(p)
  await subscribes(juliet, 'Capulet', ['messages'])
  juliet.forget()
  says(romeo, 'hark')
  await romeo.settles()
  await juliet.settles()
  const [el] = juliet.heard
  expect([el?.attrs.from, el?.attrs.to, el?.attrs.type]).toEqual([ROOM, 'juliet@bix.org', undefined])
  const item = child(
    child(child(el!, 'event', 'http://jabber.org/protocol/pubsub#event')!, 'items')!,
    'item',
  )!
  const inner = child(item, 'message', 'jabber:client')!
  expect([inner.attrs.from, inner.attrs.to, inner.attrs.type, childText(inner, 'body')]).toEqual([
    `${ROOM}/Romeo`,
    'juliet@bix.org',
    'groupchat',
    'hark',
  ])
  const said = p.store.db.raw.query<{ id: number }, []>('SELECT id FROM room_archive').all()
  expect([el?.attrs.id, item.attrs.id]).toEqual([String(said[0]?.id), String(said[0]?.id)])
  for (const table of ['archive', 'offline'])
    expect([table, p.store.db.raw.query(`SELECT * FROM ${table}`).all()]).toEqual([table, []])
})

test('a client that has joined gets it plain, another of the account wrapped, neither both', async () => {
  using p = play()
  const [romeo, juliet] = await both(p)
  await subscribes(juliet, 'Capulet', ['messages'])
  const desk = await p.online('juliet@bix.org/desk')
  await enters(desk, 'Capulet')
  desk.forget()
  juliet.forget()
  says(romeo, 'hark')
  await romeo.settles()
  expect(await events(desk)).toEqual(['Romeo: hark'])
  expect(await events(juliet)).toEqual(['messages: Romeo: hark'])
})

test('a subscriber speaks without joining', async () => {
  using p = play()
  const [romeo, juliet] = await both(p)
  await subscribes(juliet, 'Capulet', ['messages'])
  romeo.forget()
  says(juliet, 'ay me')
  juliet.sends(`<message to='${ROOM}/Romeo' type='chat' id='p'><body>psst</body></message>`)
  await juliet.settles()
  expect(await hears(romeo)).toEqual(['Capulet: ay me', 'Capulet: psst'])
})

test('XEP-0045 §7.5 a private message to a subscriber who has not joined is the account’s: archived, kept for later, rung; the room’s rule holds', async () => {
  using p = play({ toml: FULL })
  await registers(p)
  const [romeo, juliet] = await both(p)
  await subscribes(juliet, 'Capulet', ['messages'])
  const paul = await inside(p, 'paul@bix.org/home', 'Paul')
  const psst = (from: Actor, text: string, nick = 'Capulet') =>
    from.sends(`<message to='${ROOM}/${nick}' type='chat' id='${text}'><body>${text}</body></message>`)
  juliet.forget()
  psst(romeo, 'hark')
  await romeo.settles()
  await juliet.settles()
  const [el] = juliet.heard
  expect([el?.attrs.from, el?.attrs.to, el?.attrs.type, el && childText(el, 'body')]).toEqual([
    `${ROOM}/Romeo`,
    'juliet@bix.org',
    'chat',
    'hark',
  ])
  expect(el && child(el, 'x', 'http://jabber.org/protocol/muc#user')).toBeDefined()
  // Under which nick the subscription is does not tell the address.
  expect(romeo.heard.join('')).not.toContain('juliet@bix.org/')
  juliet.sends('</stream:stream>')
  await settle(p)
  p.pushed.length = 0
  psst(romeo, 'still there?', 'CAPULET')
  await romeo.settles()
  await settle(p)
  expect(p.pushed.map(({ body }) => body)).toEqual(['still there?'])
  const later = await p.bound('juliet@bix.org/balcony')
  later.sends('<presence/>')
  expect(await events(later)).toContain('Romeo: still there?')
  paul.forget()
  psst(paul, 'x', 'Nobody')
  await configures(romeo, { 'muc#roomconfig_allowpm': 'moderators' })
  psst(paul, 'y')
  expect((await hears(paul)).filter((text) => text.startsWith('!'))).toEqual([
    '! item-not-found',
    '! forbidden',
  ])
  // A member who is no subscriber has asked for nothing of the kind.
  await changes(romeo, `<item affiliation='member' jid='nurse@bix.org' nick='Nurse'/>`)
  romeo.forget()
  psst(romeo, 'z', 'Nurse')
  expect(await hears(romeo)).toEqual(['! item-not-found'])
})

test('who may subscribe is who may come in; others only by a moderator', async () => {
  using p = play()
  const [romeo, juliet] = await both(p)
  const refusal = async (nick: string, attrs = '') => conditionOf(await subscribes(juliet, nick, ALL, attrs))
  expect(await refusal('Romeo')).toBe('conflict')
  expect(await refusal('')).toBe('jid-malformed')
  expect(await refusal('Nurse', ` jid='nurse@bix.org'`)).toBe('forbidden')
  await configures(romeo, {
    'muc#roomconfig_passwordprotectedroom': '1',
    'muc#roomconfig_roomsecret': 'cauldron',
  })
  expect(await refusal('Capulet')).toBe('not-authorized')
  expect(await refusal('Capulet', ` password='cauldron'`)).toBe(undefined)
  expect((await subscribes(romeo, 'Nurse', ALL, ` jid='nurse@bix.org'`)).attrs.type).toBe('result')
  expect(await lists(romeo, ROOM)).toHaveLength(2)
  await leaves(juliet)
  await configures(romeo, { 'muc#roomconfig_membersonly': '1' })
  expect(await refusal('Capulet', ` password='cauldron'`)).toBe('registration-required')
  await changes(romeo, `<item affiliation='outcast' jid='juliet@bix.org'/>`)
  expect(await refusal('Capulet')).toBe('forbidden')
  await configures(romeo, { allow_subscription: '0' })
  await changes(romeo, `<item affiliation='member' jid='juliet@bix.org'/>`)
  expect(await refusal('Capulet')).toBe('not-allowed')
})

test('a ban and the loss of membership end a subscription; so does leaving, with the membership that came by it', async () => {
  using p = play()
  const [romeo, juliet] = await both(p)
  const affiliation = () =>
    p.store.roomAffiliations.get(p.store.rooms.find(ROOM)!.id, 'juliet@bix.org')?.affiliation
  for (const end of [
    () => changes(romeo, `<item affiliation='none' jid='juliet@bix.org'/>`),
    () => leaves(juliet),
    () => leaves(romeo, ` jid='juliet@bix.org'`),
    () => leaves(romeo, ` nick='Capulet'`),
  ]) {
    await subscribes(juliet, 'Capulet')
    expect(affiliation()).toBe('member')
    expect((await end()).attrs.type).toBe('result')
    expect([affiliation(), await lists(juliet, 'conference.bix.org')]).toEqual([undefined, []])
    await events(juliet)
    says(romeo, 'hark')
    await romeo.settles()
    expect(await events(juliet)).toEqual([])
  }
  await subscribes(juliet, 'Capulet')
  await changes(romeo, `<item affiliation='outcast' jid='juliet@bix.org'/>`)
  expect([affiliation(), await lists(juliet, 'conference.bix.org')]).toEqual(['outcast', []])
  expect((await leaves(juliet)).attrs.type).toBe('result')
})

test('a subscriber whose app is closed is rung once, with it open not at all; nothing is kept twice', async () => {
  using p = play({ toml: FULL })
  await registers(p)
  const romeo = await inside(p, 'romeo@bix.org/orchard', 'Romeo')
  const phone = await p.online('juliet@bix.org/phone')
  await subscribes(phone, 'Capulet', ['messages'])
  await settle(p)
  p.pushed.length = 0
  says(romeo, 'one')
  await settle(p)
  await settle(p)
  expect(await events(phone)).toContain('messages: Romeo: one')
  expect(p.pushed).toEqual([])
  phone.sends('</stream:stream>')
  await settle(p)
  says(romeo, 'two')
  await settle(p)
  await settle(p)
  expect(p.pushed.map(({ body }) => body)).toEqual(['two'])
  const again = await p.online('juliet@bix.org/phone')
  expect(await events(again)).toEqual([])
})

test('a subscriber keeps a room that is not to stay, over a restart of what is in memory too', async () => {
  using p = play()
  const [romeo, juliet] = await both(p)
  await subscribes(juliet, 'Capulet', ['messages'])
  romeo.sends(`<presence type='unavailable' to='${ROOM}/Romeo'/>`)
  await romeo.settles()
  expect(p.store.rooms.abandoned(9)).toEqual([])
  await events(juliet)
  await enters(romeo, 'Romeo')
  says(romeo, 'back')
  await romeo.settles()
  expect(await events(juliet)).toEqual(['messages: Romeo: back'])
  romeo.sends(`<presence type='unavailable' to='${ROOM}/Romeo'/>`)
  await romeo.settles()
  await leaves(juliet)
  expect(p.store.rooms.find(ROOM)).toBeUndefined()
})

test('service and room say that they know it, a room without subscriptions does not', async () => {
  using p = play()
  const [romeo] = await both(p)
  const knows = async (to: string) =>
    (await romeo.asks('get', `<query xmlns='http://jabber.org/protocol/disco#info'/>`, to))
      .toString()
      .includes(`"${MUCSUB}"`)
  expect([await knows('conference.bix.org'), await knows(ROOM)]).toEqual([true, true])
  await configures(romeo, { allow_subscription: '0' })
  expect([await knows('conference.bix.org'), await knows(ROOM)]).toEqual([true, false])
})
