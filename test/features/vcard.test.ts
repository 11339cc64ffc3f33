import { expect, test } from 'bun:test'
import { child } from '../../src/xmpp/xml.ts'
import { play } from '../support/world.ts'

test('XEP-0054 §3.1, §3.2, §3.3: a vCard is kept for everybody and written by its owner alone', async () => {
  using p = play()
  const romeo = await p.bound('romeo@bix.org/orchard')
  const juliet = await p.bound('juliet@bix.org/balcony')
  const card = `<vCard xmlns='vcard-temp'><FN>Juliet &amp; Co</FN><N><GIVEN>J</GIVEN></N></vCard>`
  const empty = await juliet.asks('get', `<vCard xmlns='vcard-temp'/>`)
  expect(child(empty, 'vCard', 'vcard-temp')?.children).toEqual([])
  await romeo.isRefused('service-unavailable', 'get', `<vCard xmlns='vcard-temp'/>`, 'juliet@bix.org')
  expect((await juliet.asks('set', card)).attrs.type).toBe('result')
  romeo.sends(`<iq type='get' id='v' to='juliet@bix.org'><vCard xmlns='vcard-temp'/></iq>`)
  await romeo.receives(`<iq type='result' id='v' from='juliet@bix.org' to='${romeo.jid}'>${card}</iq>`)
  await romeo.isRefused('service-unavailable', 'set', card, 'juliet@bix.org')
})

test('XEP-0054 §3.3: who has no vCard and who does not exist are told apart by nobody', async () => {
  using p = play()
  const romeo = await p.bound('romeo@bix.org/orchard')
  await p.account('juliet@bix.org')
  const errors = ['juliet@bix.org', 'nobody@bix.org'].map(async (to) => {
    const answer = await romeo.isRefused('service-unavailable', 'get', `<vCard xmlns='vcard-temp'/>`, to)
    return child(answer, 'error')?.toString()
  })
  const [one, other] = await Promise.all(errors)
  expect(one).toBe(other)
})

test('XEP-0054 §4: vCards are advertised by the server and by the account', async () => {
  using p = play()
  const romeo = await p.bound('romeo@bix.org/orchard')
  for (const to of ['bix.org', 'romeo@bix.org']) {
    const answer = await romeo.asks('get', `<query xmlns='http://jabber.org/protocol/disco#info'/>`, to)
    expect(answer.toString()).toContain('<feature var="vcard-temp"/>')
  }
})

test('limits.vcard_bytes: at the limit, and one above', async () => {
  using p = play({ toml: '[limits]\nrates = false\nvcard_bytes = 100\n' })
  const romeo = await p.bound('romeo@bix.org/orchard')
  const room = 100 - Buffer.byteLength('<vCard xmlns="vcard-temp"></vCard>')
  const card = (n: number) => `<vCard xmlns='vcard-temp'>${'x'.repeat(n)}</vCard>`
  expect((await romeo.asks('set', card(room))).attrs.type).toBe('result')
  await romeo.isRefused('policy-violation', 'set', card(room + 1))
})
