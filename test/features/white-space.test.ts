/** White space comes out as it went in, on every road (XML 1.0 §2.11, §3.3.3). */
import { expect, test } from 'bun:test'
import { standalone, written } from '../../src/stream/framing.ts'
import { parseStored } from '../../src/xmpp/stored.ts'
import { child, type Element, elements } from '../../src/xmpp/xml.ts'
import { BoshActor } from '../support/bosh.ts'
import { play } from '../support/world.ts'
import { parse } from '../support/xml.ts'

const ATTRIBUTE = 'a\tb\nc\rd\r\ne  f'
const TEXT = 'g\th\ni\rj\r\nk'
const said = (value: string) =>
  value.replaceAll('\t', '&#9;').replaceAll('\n', '&#10;').replaceAll('\r', '&#13;')
const PAYLOAD = `<note xmlns='u:note' n='${said(ATTRIBUTE)}'><t>${said(TEXT)}</t></note>`
const message = (to: string) =>
  `<message to='${to}' type='chat'><body>${said(TEXT)}</body>${PAYLOAD}</message>`

/** The note, however deep it is wrapped. */
function noteOf(el: Element): Element | undefined {
  return child(el, 'note', 'u:note') ?? elements(el).map(noteOf).find(Boolean)
}

function isWhole(el: Element | undefined): void {
  const note = el && noteOf(el)
  expect([note?.attrs.n, note && child(note, 't')?.getText()]).toEqual([ATTRIBUTE, TEXT])
}

test('of messages: live, copied, archived, offline', async () => {
  using p = play()
  const romeo = await p.online('romeo@bix.org/orchard')
  const other = await p.online('romeo@bix.org/balcony')
  await other.asks('set', `<enable xmlns='urn:xmpp:carbons:2'/>`)
  const juliet = await p.online('juliet@bix.org/desk')
  for (const actor of [romeo, other, juliet]) {
    await actor.settles()
    actor.forget()
  }
  romeo.sends(message('juliet@bix.org'))
  const live = await juliet.next()
  isWhole(live)
  expect(child(live, 'body')?.getText()).toBe(TEXT)
  isWhole(await other.next())
  juliet.sends(`<iq type='set' id='mam'><query xmlns='urn:xmpp:mam:2'/></iq>`)
  isWhole(await juliet.next())
  await p.account('mercutio@bix.org')
  romeo.sends(message('mercutio@bix.org'))
  await romeo.settles()
  const mercutio = await p.bound('mercutio@bix.org/hall')
  mercutio.sends('<presence/>')
  isWhole(await mercutio.next())
})

test('of what is stored: roster, private storage, vCard, personal eventing', async () => {
  using p = play()
  const juliet = await p.online('juliet@bix.org/desk')
  const item = `<item jid='romeo@bix.org' name='${said(ATTRIBUTE)}'><group>${said(TEXT)}</group></item>`
  await juliet.asks('set', `<query xmlns='jabber:iq:roster'>${item}</query>`)
  const roster = child(
    await juliet.asks('get', `<query xmlns='jabber:iq:roster'/>`),
    'query',
    'jabber:iq:roster',
  )
  const contact = roster && child(roster, 'item')
  expect([contact?.attrs.name, contact && child(contact, 'group')?.getText()]).toEqual([ATTRIBUTE, TEXT])
  await juliet.asks('set', `<query xmlns='jabber:iq:private'>${PAYLOAD}</query>`)
  isWhole(await juliet.asks('get', `<query xmlns='jabber:iq:private'><note xmlns='u:note'/></query>`))
  await juliet.asks('set', `<vCard xmlns='vcard-temp'>${PAYLOAD}</vCard>`)
  isWhole(await juliet.asks('get', `<vCard xmlns='vcard-temp'/>`))
  const pubsub = (inner: string) => `<pubsub xmlns='http://jabber.org/protocol/pubsub'>${inner}</pubsub>`
  await juliet.asks('set', pubsub(`<publish node='u:note'><item id='1'>${PAYLOAD}</item></publish>`))
  isWhole(await juliet.asks('get', pubsub(`<items node='u:note'/>`)))
})

test('of transports beside TCP', async () => {
  using p = play()
  const romeo = await p.online('romeo@bix.org/orchard')
  await p.account('juliet@bix.org')
  const juliet = await BoshActor.bound(p, 'juliet')
  romeo.sends(message('juliet@bix.org/web'))
  await romeo.settles()
  isWhole(await juliet.asks(p))
  isWhole(parse(standalone(parse(message('juliet@bix.org')))))
  expect(parse(`<a${written({ n: ATTRIBUTE })}/>`).attrs.n).toBe(ATTRIBUTE)
})

test('rows of versions that wrote white space as it is are read as they were', () => {
  const el = parseStored(`<a n="x\ty\nz\rw">x\ry</a>`)
  expect([el.attrs.n, el.getText()]).toEqual(['x\ty\nz\rw', 'x\ry'])
})
