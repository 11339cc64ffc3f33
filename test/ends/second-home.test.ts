/** Two processes of one service: half of the accounts of bix.org are at home in each, and nobody can tell. */
import { expect, test } from 'bun:test'
import type { Home } from '../../src/routing/transit.ts'
import { child, childText, type Element } from '../../src/xmpp/xml.ts'
import { befriends } from '../support/friends.ts'
import { PUSH, settle } from '../support/phones.ts'
import { type Play, play } from '../support/world.ts'

const carbon = (el: Element, how: string) => child(el, how, 'urn:xmpp:carbons:2') && how

interface Nodes extends Disposable {
  readonly here: Play
  readonly there: Play
  settle(): Promise<void>
}

/** Names before "m" are at home here, the others there; each takes what is for the other as it is. */
function nodes(): Nodes {
  const [here, there] = [play({ toml: PUSH, seed: 1 }), play({ toml: PUSH, seed: 2 })]
  for (const [mine, other, isMine] of [
    [here, there, (local: string) => local < 'm'],
    [there, here, (local: string) => local >= 'm'],
  ] as const) {
    const before = mine.world.homes
    mine.world.homes = {
      of: (jid): Home =>
        before.of(jid) === 'here' && jid.local !== '' && !isMine(jid.local) ? 'node' : before.of(jid),
      send(t, to) {
        const { stanza } = t
        if (mine.world.homes.of(to) !== 'node') return before.send(t, to)
        t.after(() => void other.router.receive(stanza))
      },
    }
  }
  return {
    here,
    there,
    async settle() {
      for (let i = 0; i < 5; i++) for (const p of [here, there]) await settle(p)
    },
    [Symbol.dispose]() {
      for (const p of [here, there]) p[Symbol.dispose]()
    },
  }
}

test('messages arrive once and in order, with archive and copies at each home', async () => {
  using n = nodes()
  const juliet = await n.here.online('juliet@bix.org/balcony')
  const romeo = await n.there.online('romeo@bix.org/orchard')
  const desk = await n.there.online('romeo@bix.org/desk')
  await desk.asks('set', `<enable xmlns='urn:xmpp:carbons:2'/>`)
  for (let i = 0; i < 5; i++)
    romeo.sends(`<message to='juliet@bix.org' type='chat'><body>${i}</body></message>`)
  await n.settle()
  await juliet.settles()
  expect(juliet.heard.map((el) => childText(el, 'body'))).toEqual(['0', '1', '2', '3', '4'])
  juliet.sends(`<message to='romeo@bix.org/orchard' type='chat'><body>back</body></message>`)
  await n.settle()
  await desk.settles()
  const copies = desk.heard.map((el) => carbon(el, 'sent') ?? carbon(el, 'received') ?? el.name)
  expect(copies.filter((how) => how !== 'presence')).toEqual([...Array<string>(5).fill('sent'), 'received'])
  for (const [p, jid] of [
    [n.here, 'juliet@bix.org'],
    [n.there, 'romeo@bix.org'],
  ] as const) {
    const rows = p.store.db.raw
      .query<{ jid: string }, []>('SELECT jid FROM archive JOIN accounts ON accounts.id = account_id')
      .all()
    expect(rows.map((row) => row.jid)).toEqual(Array<string>(6).fill(jid))
  }
})

test('who is away is rung at home, and what is refused there is heard here', async () => {
  using n = nodes()
  const phone = await n.here.online('juliet@bix.org/phone')
  const device = `<enable xmlns='urn:xmpp:push:0' jid='push.bix.org' node='${'1'.repeat(64)}'/>`
  expect((await phone.asks('set', device)).attrs.type).toBe('result')
  phone.sends('</stream:stream>')
  const romeo = await n.there.online('romeo@bix.org/orchard')
  romeo.sends(`<message to='juliet@bix.org' type='chat'><body>wake</body></message>`)
  await n.settle()
  expect([n.here.pushed.length, n.there.pushed.length]).toEqual([1, 0])
  romeo.sends(`<message to='angelo@bix.org' type='chat' id='m'><body>x</body></message>`)
  await n.settle()
  expect((await romeo.hearsError('service-unavailable')).attrs.id).toBe('m')
  await romeo.isRefused('service-unavailable', 'get', `<vCard xmlns='vcard-temp'/>`, 'angelo@bix.org')
})

test('contacts see each other come and go, ask each other, and hear what they publish', async () => {
  using n = nodes()
  await n.here.account('juliet@bix.org')
  await n.there.account('romeo@bix.org')
  await befriends(n.here, 'juliet@bix.org', 'romeo@bix.org')
  await befriends(n.there, 'romeo@bix.org', 'juliet@bix.org')
  const juliet = await n.here.online('juliet@bix.org/balcony')
  const romeo = await n.there.online('romeo@bix.org/orchard')
  await n.settle()
  await juliet.receives(`<presence from='romeo@bix.org/orchard' to='juliet@bix.org'/>`)
  await romeo.receives(`<presence from='juliet@bix.org/balcony' to='romeo@bix.org/orchard'/>`)
  const caps = `<c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='urn:x' ver='v'/>`
  romeo.sends(`<presence>${caps}</presence>`)
  const question = await romeo.next()
  const info = `<query xmlns='http://jabber.org/protocol/disco#info'><feature var='urn:x:mood+notify'/></query>`
  romeo.sends(`<iq type='result' id='${question.attrs.id}'>${info}</iq>`)
  const item = `<publish node='urn:x:mood'><item id='i'><mood xmlns='urn:x:mood'/></item></publish>`
  await juliet.asks('set', `<pubsub xmlns='http://jabber.org/protocol/pubsub'>${item}</pubsub>`)
  await n.settle()
  await romeo.settles()
  const events = romeo.heard.filter((el) => child(el, 'event', 'http://jabber.org/protocol/pubsub#event'))
  expect(events.map(({ attrs }) => [attrs.from, attrs.to])).toEqual([
    ['juliet@bix.org', 'romeo@bix.org/orchard'],
  ])
  romeo.sends('</stream:stream>')
  await n.settle()
  await juliet.settles()
  expect(juliet.heard.at(-1)?.attrs.type).toBe('unavailable')
})
