/** Single demands of the XEPs that no other play names, one line each where that is enough. */
import { describe, expect, test } from 'bun:test'
import { child, children, childText } from '../../src/xmpp/xml.ts'
import { friends } from '../support/pubsub.ts'
import { play } from '../support/world.ts'

const INFO = 'http://jabber.org/protocol/disco#info'
const ITEMS = 'http://jabber.org/protocol/disco#items'
const CARBONS = 'urn:xmpp:carbons:2'
const MAM = 'urn:xmpp:mam:2'
const chat = (to: string, body: string, more = '') =>
  `<message to='${to}' type='chat'><body>${body}</body>${more}</message>`

describe('support is advertised', () => {
  const advertised: [what: string, feature: string, at: string][] = [
    ['XEP-0012 §6', 'jabber:iq:last', 'bix.org'],
    ['XEP-0115 §7', 'http://jabber.org/protocol/caps', 'bix.org'],
    ['XEP-0199 §5', 'urn:xmpp:ping', 'bix.org'],
    ['XEP-0202 §4', 'urn:xmpp:time', 'bix.org'],
    ['XEP-0377 §3', 'urn:xmpp:reporting:1', 'bix.org'],
    ['XEP-0313 §7', MAM, 'romeo@bix.org'],
    ['XEP-0313 §4.3.4, §7', `${MAM}#extended`, 'romeo@bix.org'],
    ['XEP-0060 §7.1.1', 'http://jabber.org/protocol/pubsub#publish', 'romeo@bix.org'],
  ]
  for (const [what, feature, at] of advertised)
    test(`${what}: ${feature}`, async () => {
      using p = play()
      const romeo = await p.bound('romeo@bix.org/orchard')
      const query = child(await romeo.asks('get', `<query xmlns='${INFO}'/>`, at), 'query', INFO)
      expect(query && children(query, 'feature').map(({ attrs }) => attrs.var)).toContain(feature)
    })

  test('XEP-0030 §7: who has no items has an empty list', async () => {
    using p = play()
    const romeo = await p.bound('romeo@bix.org/orchard')
    const query = child(await romeo.asks('get', `<query xmlns='${ITEMS}'/>`, 'romeo@bix.org'), 'query', ITEMS)
    expect(query?.children).toEqual([])
  })
})

describe('XEP-0191', () => {
  test('XEP-0191 §3.5: all are unblocked at once, and every interested resource hears of it', async () => {
    using p = play()
    const juliet = await p.online('juliet@bix.org/balcony')
    await juliet.asks('get', `<blocklist xmlns='urn:xmpp:blocking'/>`)
    await juliet.asks(
      'set',
      `<block xmlns='urn:xmpp:blocking'><item jid='a@x.org'/><item jid='b@x.org'/></block>`,
    )
    juliet.forget()
    expect((await juliet.asks('set', `<unblock xmlns='urn:xmpp:blocking'/>`)).attrs.type).toBe('result')
    expect(juliet.heard.map((el) => child(el, 'unblock', 'urn:xmpp:blocking')?.children)).toEqual([[]])
  })

  test('XEP-0191 §5: nobody is kept from the own other resources, whatever the list says', async () => {
    using p = play()
    const phone = await p.online('juliet@bix.org/phone')
    const juliet = await p.online('juliet@bix.org/balcony')
    await phone.settles()
    phone.forget()
    await juliet.asks(
      'set',
      `<block xmlns='urn:xmpp:blocking'><item jid='bix.org'/><item jid='juliet@bix.org'/></block>`,
    )
    juliet.sends(chat('juliet@bix.org/phone', 'a note'))
    await juliet.hearsNothing()
    expect(childText(await phone.next(), 'body')).toBe('a note')
  })
})

describe('carbons', () => {
  test('XEP-0280 §10.1: on and off as often as a client likes', async () => {
    using p = play()
    const phone = await p.online('romeo@bix.org/phone')
    const desk = await p.online('romeo@bix.org/desk')
    await p.account('juliet@bix.org')
    for (const verb of ['enable', 'enable', 'disable', 'disable', 'enable'])
      expect((await phone.asks('set', `<${verb} xmlns='${CARBONS}'/>`)).attrs.type).toBe('result')
    phone.forget()
    desk.sends(chat('juliet@bix.org', 'x'))
    await desk.settles()
    expect(phone.heard.filter((el) => child(el, 'sent', CARBONS))).toHaveLength(1)
  })

  test('XEP-0280 §10.3: the error of a copy reaches nobody', async () => {
    using p = play()
    const juliet = await p.online('juliet@bix.org/balcony')
    const phone = await p.online('romeo@bix.org/phone')
    const desk = await p.online('romeo@bix.org/desk')
    await phone.asks('set', `<enable xmlns='${CARBONS}'/>`)
    await phone.settles()
    for (const actor of [juliet, phone]) actor.forget()
    juliet.sends(chat(desk.jid, 'x'))
    const copy = await phone.next()
    phone.sends(
      `<message type='error' to='${copy.attrs.from}'><error type='cancel'/>${copy.children.join('')}</message>`,
    )
    await phone.hearsNothing()
    await juliet.hearsNothing()
  })
})

test('XEP-0352 §6: nobody hears whether a client is active', async () => {
  using p = play()
  const { romeo, juliet } = await friends(p)
  juliet.sends(`<inactive xmlns='urn:xmpp:csi:0'/><active xmlns='urn:xmpp:csi:0'/>`)
  await juliet.settles()
  await romeo.hearsNothing()
})

test('XEP-0313 §3.1, §3.3.1, §8.1: the archive is at the bare JID, in order, and closed to others', async () => {
  using p = play()
  const romeo = await p.online('romeo@bix.org/orchard')
  const juliet = await p.online('juliet@bix.org/balcony')
  for (const body of ['1', '2', '3']) romeo.sends(chat('juliet@bix.org', body))
  await romeo.settles()
  await juliet.settles()
  juliet.forget()
  const query = `<query xmlns='${MAM}'/>`
  await juliet.asks('set', query, 'juliet@bix.org')
  const ids = juliet.heard.map((el) => Number(child(el, 'result', MAM)?.attrs.id))
  expect(ids).toEqual(ids.toSorted((a, b) => a - b))
  expect(ids).toHaveLength(3)
  await romeo.isRefused('service-unavailable', 'set', query, 'juliet@bix.org')
})

test('XEP-0203 §2: a time is in UTC and in the profile of XEP-0082', async () => {
  using p = play()
  await p.account('juliet@bix.org')
  const romeo = await p.online('romeo@bix.org/orchard')
  romeo.sends(chat('juliet@bix.org', 'x'))
  await romeo.settles()
  const juliet = await p.bound('juliet@bix.org/balcony')
  juliet.sends('<presence/>')
  await juliet.settles()
  const message = juliet.heard.find(({ name }) => name === 'message')
  const stamp = message && child(message, 'delay', 'urn:xmpp:delay')?.attrs.stamp
  expect(stamp).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/)
})
