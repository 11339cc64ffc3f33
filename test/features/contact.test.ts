import { expect, test } from 'bun:test'
import { createHash } from 'node:crypto'
import { child, children } from '../../src/xmpp/xml.ts'
import { formValue, readForm } from '../../src/xmpp/forms.ts'
import { serverCaps } from '../../src/features/caps.ts'
import { play } from '../support/world.ts'

const INFO = `<query xmlns='http://jabber.org/protocol/disco#info'/>`

test('XEP-0157 §3: addresses are a form in the server’s disco#info, and part of its caps (XEP-0115 §5.1)', async () => {
  using p = play({
    toml: '[contact]\nabuse = ["abuse@bix.org", "xmpp:abuse@bix.org"]\nsupport = ["https://bix.org/help"]',
  })
  const romeo = await p.bound('romeo@bix.org')
  const answer = await romeo.asks('get', INFO, 'bix.org')
  const query = child(answer, 'query', 'http://jabber.org/protocol/disco#info')
  if (!query) throw new Error(answer.toString())
  const x = child(query, 'x', 'jabber:x:data')
  const form = x && readForm(x, 'http://jabber.org/network/serverinfo')
  expect(form?.get('abuse-addresses')).toEqual(['mailto:abuse@bix.org', 'xmpp:abuse@bix.org'])
  expect(form && formValue(form, 'support-addresses')).toBe('https://bix.org/help')
  const parts = [
    ...children(query, 'identity')
      .map(({ attrs }) => `${attrs.category}/${attrs.type}//${attrs.name ?? ''}`)
      .sort(),
    ...children(query, 'feature').map((el) => el.attrs.var ?? '').sort(),
    'http://jabber.org/network/serverinfo',
    'abuse-addresses', 'mailto:abuse@bix.org', 'xmpp:abuse@bix.org',
    'support-addresses', 'https://bix.org/help',
  ] // prettier-ignore
  const ver = createHash('sha1')
    .update(parts.map((part) => `${part}<`).join(''))
    .digest('base64')
  expect(serverCaps(p.world.disco)).toBe(ver)
})

test('XEP-0115 §5.1: a client comes to the hash that the server tells, whatever characters its addresses have', async () => {
  const abuse = [`https://bix.org/?q=<x>&y="z"`, `mailto:o'neil@bix.org`, 'https://bix.org/&lt;']
  using p = play({ toml: `[contact]\nabuse = ${JSON.stringify(abuse)}` })
  const romeo = await p.bound('romeo@bix.org')
  const query = child(
    await romeo.asks('get', INFO, 'bix.org'),
    'query',
    'http://jabber.org/protocol/disco#info',
  )
  const parts = [
    ...(query ? children(query, 'identity') : []).map(({ attrs }) => `${attrs.category}/${attrs.type}//${attrs.name ?? ''}`).sort(),
    ...(query ? children(query, 'feature') : []).map(({ attrs }) => attrs.var ?? '').sort(),
    'http://jabber.org/network/serverinfo',
    'abuse-addresses', 'https://bix.org/&lt;', `https://bix.org/?q=&lt;x>&y="z"`, `mailto:o'neil@bix.org`,
  ] // prettier-ignore
  const text = parts.map((part) => `${part}<`).join('')
  expect(serverCaps(p.world.disco)).toBe(createHash('sha1').update(text).digest('base64'))
})

test('without addresses there is no form', async () => {
  using p = play()
  const romeo = await p.bound('romeo@bix.org')
  expect((await romeo.asks('get', INFO, 'bix.org')).toString()).not.toContain('jabber:x:data')
})

test('XEP-0157 §3: addresses are URIs of any kind that reaches people, in either case', async () => {
  const abuse = [
    'xmpp:abuse@bix.org?message',
    'XMPP:room@conference.bix.org?join',
    'http://bix.org/abuse',
    'HTTPS://bix.org/abuse',
    'tel:+39-045',
    'sip:abuse@bix.org',
  ]
  using p = play({ toml: `[contact]\nabuse = ${JSON.stringify(abuse)}` })
  const romeo = await p.bound('romeo@bix.org')
  const query = child(
    await romeo.asks('get', INFO, 'bix.org'),
    'query',
    'http://jabber.org/protocol/disco#info',
  )
  const x = query && child(query, 'x', 'jabber:x:data')
  expect(x && readForm(x)?.get('abuse-addresses')).toEqual(abuse)
  for (const wrong of ['abuse', 'http:', 'x y@bix.org', 'bix.org/abuse'])
    expect(() => play({ toml: `[contact]\nabuse = ["${wrong}"]` })).toThrow()
})
