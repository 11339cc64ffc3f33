import { describe, expect, test } from 'bun:test'
import { startLogging, stopLogging } from '../../src/log.ts'
import { play, type Play } from '../support/world.ts'
import type { Actor } from '../support/actor.ts'

const BLOCKING = 'urn:xmpp:blocking'

const block = (...jids: string[]) =>
  `<block xmlns='${BLOCKING}'>${jids.map((jid) => `<item jid='${jid}'/>`).join('')}</block>`
const unblock = (...jids: string[]) =>
  `<unblock xmlns='${BLOCKING}'>${jids.map((jid) => `<item jid='${jid}'/>`).join('')}</unblock>`

/** Two who see each other's presence. */
async function friends(p: Play): Promise<{ romeo: Actor; juliet: Actor }> {
  const romeo = await p.online('romeo@bix.org/orchard')
  const juliet = await p.online('juliet@bix.org/balcony')
  romeo.sends(`<presence to='juliet@bix.org' type='subscribe'/>`)
  await romeo.settles()
  juliet.sends(
    `<presence to='romeo@bix.org' type='subscribed'/><presence to='romeo@bix.org' type='subscribe'/>`,
  )
  await juliet.settles()
  romeo.sends(`<presence to='juliet@bix.org' type='subscribed'/>`)
  await romeo.settles()
  await juliet.settles()
  romeo.forget()
  juliet.forget()
  return { romeo, juliet }
}

test('XEP-0191 §3.1, §3.2: the list is kept and every interested resource hears of changes', async () => {
  using p = play()
  const juliet = await p.online('juliet@bix.org/balcony')
  const phone = await p.online('juliet@bix.org/phone')
  await juliet.settles()
  juliet.forget()
  await phone.asks('get', `<blocklist xmlns='${BLOCKING}'/>`)
  expect((await juliet.asks('set', block('romeo@bix.org', 'spam.example'))).attrs.type).toBe('result')
  await phone.receives(
    `<iq type='set' id='{any}' to='juliet@bix.org/phone'><block xmlns='${BLOCKING}'>` +
      `<item jid='romeo@bix.org'/><item jid='spam.example'/></block></iq>`,
  )
  const list = await juliet.asks('get', `<blocklist xmlns='${BLOCKING}'/>`)
  expect(list.toString()).toContain('<item jid="romeo@bix.org"/><item jid="spam.example"/>')
  await juliet.asks('set', unblock())
  expect((await juliet.asks('get', `<blocklist xmlns='${BLOCKING}'/>`)).toString()).not.toContain('item')
})

test('XEP-0191 §3.4: the blocked one meets the answers of an account that does not exist', async () => {
  using p = play()
  const { romeo, juliet } = await friends(p)
  await juliet.asks('set', block('romeo@bix.org'))
  juliet.forget()
  // §3.3: he sees her leave.
  await romeo.receives(`<presence from='juliet@bix.org/balcony' to='romeo@bix.org' type='unavailable'/>`)
  romeo.sends(`<message to='juliet@bix.org' type='chat' id='m'><body>hear me</body></message>`)
  await romeo.receives(
    `<message type='error' id='m' from='juliet@bix.org' to='romeo@bix.org/orchard'><error type='cancel'>` +
      `<service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>` +
      `<stanza-id xmlns='urn:xmpp:sid:0' id='{any}' by='romeo@bix.org'/></message>`,
  )
  const query = await romeo.asks(
    'get',
    `<query xmlns='http://jabber.org/protocol/disco#info'/>`,
    'juliet@bix.org',
  )
  expect(query.attrs.type).toBe('error')
  romeo.sends(`<presence to='juliet@bix.org/balcony'/><presence to='juliet@bix.org' type='probe'/>`)
  await romeo.hearsNothing()
  await juliet.hearsNothing()
  expect(p.store.messages.totalOffline()).toBe(0)
  expect(p.pushed).toEqual([])
})

test('XEP-0191 §3.4: who has blocked somebody cannot write to them', async () => {
  using p = play()
  const { juliet } = await friends(p)
  await juliet.asks('set', block('romeo@bix.org'))
  juliet.sends(`<message to='romeo@bix.org/orchard' type='chat' id='m'><body>x</body></message>`)
  const answer = await juliet.next()
  expect(answer.toString()).toContain('not-acceptable')
  expect(answer.toString()).toContain('<blocked xmlns="urn:xmpp:blocking:errors"/>')
})

test('XEP-0191 §3.3: after unblocking the presence comes back', async () => {
  using p = play()
  const { romeo, juliet } = await friends(p)
  await juliet.asks('set', block('bix.org/orchard', 'romeo@bix.org'))
  await romeo.settles()
  romeo.forget()
  await juliet.asks('set', unblock('romeo@bix.org'))
  await romeo.receives(`<presence from='juliet@bix.org/balcony' to='romeo@bix.org'/>`)
})

test('RFC 6121 §4.3.1: after unblocking a contact, each client sees it again', async () => {
  using p = play()
  const { romeo, juliet } = await friends(p)
  await juliet.asks('set', block('romeo@bix.org'))
  romeo.sends('<presence><status>banished</status></presence>')
  await romeo.settles()
  const desk = await p.online('juliet@bix.org/desk')
  await juliet.receives(`<presence from='${desk.jid}' to='${juliet.jid}'/>`)
  for (const one of [juliet, desk]) await one.hearsNothing()
  await juliet.asks('set', unblock('romeo@bix.org'))
  for (const one of [juliet, desk])
    await one.receives(
      `<presence from='romeo@bix.org/orchard' to='${one.jid}'><status>banished</status></presence>`,
    )
})

test('XEP-0191 §3.3: who is blocked by another entry as well stays so, and hears nothing', async () => {
  using p = play()
  const { romeo, juliet } = await friends(p)
  await juliet.asks('set', block('bix.org', 'romeo@bix.org'))
  await romeo.settles()
  // One end, however many entries cover him.
  expect(romeo.heard.map(({ attrs }) => attrs.type)).toEqual(['unavailable'])
  romeo.forget()
  await juliet.asks('set', unblock('romeo@bix.org'))
  await juliet.asks('set', block('romeo@bix.org'))
  await romeo.hearsNothing()
})

test('XEP-0191 §3.4: one may take leave of whom one has blocked', async () => {
  using p = play()
  const { juliet } = await friends(p)
  await juliet.asks('set', block('romeo@bix.org'))
  juliet.forget()
  for (const type of ['unavailable', 'unsubscribe', 'unsubscribed'])
    juliet.sends(`<presence to='romeo@bix.org' type='${type}'/>`)
  await juliet.settles()
  expect(juliet.heard.filter(({ attrs }) => attrs.type === 'error')).toEqual([])
  juliet.forget()
  juliet.sends(`<presence to='romeo@bix.org'/>`)
  await juliet.hearsError('not-acceptable')
})

describe('a report', () => {
  const reported = (jid: string, report: string) =>
    `<block xmlns='${BLOCKING}'><item jid='${jid}'>${report}</item></block>`
  const spam = `<report xmlns='urn:xmpp:reporting:1' reason='urn:xmpp:reporting:spam'><text>Pills.</text><third-party/></report>`

  test('XEP-0377 §6: whoever is reported is blocked as without the report, and clients hear only of that', async () => {
    using p = play()
    const { romeo, juliet } = await friends(p)
    const phone = await p.bound('juliet@bix.org/phone')
    await phone.asks('get', `<blocklist xmlns='${BLOCKING}'/>`)
    expect((await juliet.asks('set', reported('romeo@bix.org', spam))).attrs.type).toBe('result')
    await phone.receives(
      `<iq type='set' id='{any}' to='${phone.jid}'><block xmlns='${BLOCKING}'><item jid='romeo@bix.org'/></block></iq>`,
    )
    romeo.forget()
    romeo.sends(`<message to='juliet@bix.org' type='chat'><body>x</body></message>`)
    await romeo.hearsError('service-unavailable')
    await juliet.isRefused('jid-malformed', 'set', reported('@', spam))
  })

  test('XEP-0377 §3: the operator reads who reports whom and why, and nothing of what was written', async () => {
    const lines: string[] = []
    startLogging({ level: 'info', format: 'text', write: (line) => void lines.push(line) })
    try {
      using p = play()
      const juliet = await p.online('juliet@bix.org/balcony')
      await juliet.asks('set', reported('spam@x.example', spam))
      await juliet.asks('set', block('quiet@x.example'))
      for (const reason of ['', ` reason=''`])
        await juliet.asks(
          'set',
          reported('mute@x.example', `<report xmlns='urn:xmpp:reporting:1'${reason}/>`),
        )
    } finally {
      stopLogging()
    }
    const told = lines.filter((line) => line.includes('area=abuse'))
    expect(told).toHaveLength(3)
    for (const line of told.slice(1)) {
      expect(line).toContain('mute@x.example')
      expect(line).toContain('reason="none given"')
    }
    for (const part of ['juliet@bix.org', 'spam@x.example', 'urn:xmpp:reporting:spam'])
      expect(told[0]).toContain(part)
    expect(lines.join('')).not.toContain('Pills')
  })

  for (const [what, report] of [
    ['without a reason', `<report xmlns='urn:xmpp:reporting:1'/>`],
    ['of an older version', `<report xmlns='urn:xmpp:reporting:0'/>`],
  ] as const)
    test(`XEP-0377 §6: one ${what} blocks all the same`, async () => {
      using p = play()
      const juliet = await p.online('juliet@bix.org/balcony')
      expect((await juliet.asks('set', reported('romeo@bix.org', report))).attrs.type).toBe('result')
      const list = await juliet.asks('get', `<blocklist xmlns='${BLOCKING}'/>`)
      expect(list.toString()).toContain('<item jid="romeo@bix.org"/>')
    })
})

test('case 63: an empty block, a bad address and too many are refused', async () => {
  using p = play({ toml: '[limits]\nrates = false\nblocked_jids = 2' })
  const juliet = await p.bound('juliet@bix.org')
  for (const request of [block(), block('@'), block('a@x.org', 'b@x.org', 'c@x.org')]) {
    expect((await juliet.asks('set', request)).attrs.type).toBe('error')
  }
  expect((await juliet.asks('set', block('a@x.org', 'b@x.org'))).attrs.type).toBe('result')
  expect((await juliet.asks('set', block('a@x.org'))).attrs.type).toBe('result')
})

test('XEP-0191 §3.3, §3.4: a change of the list that a client makes up reaches no other client', async () => {
  using p = play()
  const romeo = await p.online('romeo@bix.org/orchard')
  const juliet = await p.online('juliet@bix.org/balcony')
  for (const name of ['block', 'unblock']) {
    const push = `<${name} xmlns='urn:xmpp:blocking'><item jid='nurse@bix.org'/></${name}>`
    await romeo.isRefused('service-unavailable', 'set', push, juliet.jid)
  }
  await juliet.hearsNothing()
})
