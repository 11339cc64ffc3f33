/** Whoever blocks the domain of the own server, or the own address, means others: nobody is cut from the own server. */
import { describe, expect, test } from 'bun:test'
import { silence } from '../../src/push/schedule/silence.ts'
import { Jid } from '../../src/xmpp/jid.ts'
import { Stanza } from '../../src/xmpp/stanza.ts'
import { xml } from '../../src/xmpp/xml.ts'
import type { Actor } from '../support/actor.ts'
import { announces, news } from '../support/caps.ts'
import { friends, item, publishes } from '../support/pubsub.ts'
import { play, type Play } from '../support/world.ts'

const block = (...jids: string[]) =>
  `<block xmlns='urn:xmpp:blocking'>${jids.map((jid) => `<item jid='${jid}'/>`).join('')}</block>`
const INFO = `<query xmlns='http://jabber.org/protocol/disco#info'/>`
const PING = `<ping xmlns='urn:xmpp:ping'/>`

/** Entries that name the own server or the own account in all the ways that an entry can (XEP-0191 §2). */
const ENTRIES = [
  'bix.org',
  'bix.org/balcony',
  'bix.org/x',
  'push.bix.org',
  'juliet@bix.org',
  'juliet@bix.org/balcony',
]

async function blocks(juliet: Actor, ...jids: string[]): Promise<void> {
  expect((await juliet.asks('set', block(...jids))).attrs.type).toBe('result')
}

const hears = (p: Play, from: string) =>
  p.router.send(
    Stanza.make(
      'message',
      Jid.parse(from),
      Jid.parse('juliet@bix.org'),
      { type: 'chat' },
      xml('body', {}, from),
    ),
    'server',
  )

describe('with the own server and the own address on the block list', () => {
  test.each([
    [PING, 'bix.org'],
    [INFO, 'bix.org'],
    [INFO, 'push.bix.org'],
    [INFO, 'juliet@bix.org'],
    [PING, undefined],
    [`<query xmlns='jabber:iq:roster'/>`, undefined],
    [`<vCard xmlns='vcard-temp'/>`, 'juliet@bix.org'],
  ])('the server still answers %s to %s', async (payload, to) => {
    using p = play()
    const juliet = await p.online('juliet@bix.org/balcony')
    await blocks(juliet, ...ENTRIES)
    expect((await juliet.asks('get', payload, to)).attrs.type).toBe('result')
  })

  test('a request to a resource of the server meets the server’s own error', async () => {
    using p = play()
    const juliet = await p.online('juliet@bix.org/balcony')
    await blocks(juliet, ...ENTRIES)
    for (const to of ['bix.org/x', 'push.bix.org/x'])
      await juliet.isRefused('service-unavailable', 'get', PING, to)
  })

  test('what the server and the own clients say arrives, what others of its domain say does not', async () => {
    using p = play()
    const { romeo, juliet } = await friends(p)
    const phone = await p.online('juliet@bix.org/phone')
    await blocks(juliet, ...ENTRIES)
    juliet.forget()
    for (const from of ['bix.org', 'push.bix.org', 'bix.org/announcements']) {
      await hears(p, from)
      const id = `<stanza-id xmlns='urn:xmpp:sid:0' id='{any}' by='juliet@bix.org'/>`
      await juliet.receives(
        `<message from='${from}' to='juliet@bix.org' type='chat'><body>${from}</body>${id}</message>`,
      )
    }
    phone.sends(
      `<message to='${juliet.jid}' type='chat'><body>x</body></message><presence><show>away</show></presence>`,
    )
    await phone.settles()
    await juliet.settles()
    expect(juliet.heard.map(({ name, attrs }) => [name, attrs.from])).toEqual([
      ['message', phone.jid],
      ['presence', phone.jid],
    ])
    romeo.forget()
    romeo.sends(`<message to='juliet@bix.org' type='chat'><body>x</body></message>`)
    await romeo.hearsError('service-unavailable')
    juliet.sends(`<message to='romeo@bix.org' type='chat'><body>x</body></message>`)
    juliet.forget()
    await juliet.hearsError('not-acceptable')
  })

  test('XEP-0163 §4.3.3: the own clients hear what the account publishes, contacts of the domain do not', async () => {
    using p = play()
    const { romeo, juliet } = await friends(p)
    await announces(romeo, 'urn:t+notify')
    await announces(juliet, 'urn:t+notify')
    await blocks(juliet, ...ENTRIES)
    for (const one of [romeo, juliet]) one.forget()
    await publishes(juliet, 'urn:t', item('a'))
    expect(await news(juliet)).toHaveLength(1)
    expect(await news(romeo)).toEqual([])
  })

  test('a push about the server’s own message is not silenced, one about its people is', async () => {
    using p = play()
    const juliet = await p.online('juliet@bix.org/balcony')
    await blocks(juliet, ...ENTRIES)
    const account = p.store.accounts.find('juliet@bix.org')
    if (!account) throw new Error('no account')
    const why = (sender: string) =>
      silence(p.store, account, undefined, { sender, kind: 'message', messageId: '' }, p.clock.now())
    expect(['bix.org', 'push.bix.org', 'romeo@bix.org'].map(why)).toEqual([undefined, undefined, 'blocked'])
  })
})

test('another host, a service of it and the people of a service are blocked as they are named', async () => {
  using p = play()
  const juliet = await p.online('juliet@bix.org/balcony')
  await blocks(juliet, 'other.example', 'push.other.example', 'push.bix.org')
  for (const to of ['other.example', 'push.other.example', 'x@push.bix.org', 'x@other.example'])
    await juliet.isRefused('not-acceptable', 'get', INFO, to)
})
