/** The string that capabilities are hashed from (XEP-0115 §5.1). */
import { expect, test } from 'bun:test'
import { hashOf, isSound, verificationString } from '../../src/xmpp/caps.ts'
import { parse } from '../support/xml.ts'

const stringOf = (content: string) =>
  verificationString(parse(`<query xmlns='http://jabber.org/protocol/disco#info'>${content}</query>`))

const form = (type: string, ...fields: readonly string[]) =>
  `<x xmlns='jabber:x:data' type='result'><field var='FORM_TYPE' type='hidden'><value>${type}</value></field>${fields.join('')}</x>`

test('XEP-0115 §5.1: "<" is written "&lt;" and ends nothing; ampersands, ">" and quotes stand as they are', () => {
  expect(
    stringOf(`<identity category='client' type='pc' name='a&lt;b &amp; &quot;c&quot; &gt; &apos;d&apos;'/>`),
  ).toBe(`client/pc//a&lt;b & "c" > 'd'<`)
  expect(stringOf(`<feature var='urn:a&lt;b&amp;c'/><feature var='urn:a'/>`)).toBe('urn:a<urn:a&lt;b&c<')
  const field = `<field var='admin&lt;s'><value>https://a.example/?q=&lt;x&gt;&amp;y</value><value>mailto:"o'neil"@a.example</value></field>`
  expect(stringOf(form('urn:f', field))).toBe(
    `urn:f<admin&lt;s<https://a.example/?q=&lt;x>&y<mailto:"o'neil"@a.example<`,
  )
})

test('XEP-0115 §5.1: "&lt;" that stands there as text is not made a "<"', () => {
  expect(stringOf(`<feature var='urn:a&amp;lt;b'/>`)).toBe('urn:a&lt;b<')
})

test('XEP-0115 §5.1: identities are in the order of category, type and language, each slash included', () => {
  const identities =
    `<identity category='client' type='pc' xml:lang='en' name='Psi'/>` +
    `<identity category='client' type='pc' xml:lang='el' name='&#x3a8;'/>` +
    `<identity category='client' type='pc' name='&lt;plain&gt;'/>` +
    `<identity category='client' type='bot' xml:lang='zh' name='z'/>` +
    `<identity category='automation' type='rpc'/>`
  expect(stringOf(identities)).toBe(
    'automation/rpc//<client/bot/zh/z<client/pc//&lt;plain><client/pc/el/Ψ<client/pc/en/Psi<',
  )
})

test('XEP-0115 §5.1: the order is that of octets, of forms by their FORM_TYPE', () => {
  // U+FF5E comes before U+1F600 in UTF-8 and after it in UTF-16.
  expect(stringOf(`<feature var='&#x1f600;'/><feature var='&#xff5e;'/>`)).toBe('～<😀<')
  expect(
    stringOf(form('urn:b') + form('urn:a', `<field var='x'><value>2</value><value>1</value></field>`)),
  ).toBe('urn:a<x<1<2<urn:b<')
})

test('XEP-0115 §5.2: the example has its hash', () => {
  const features = ['caps', 'disco#info', 'disco#items', 'muc']
    .map((name) => `<feature var='http://jabber.org/protocol/${name}'/>`)
    .join('')
  const text = stringOf(`<identity category='client' type='pc' name='Exodus 0.9.1'/>${features}`)
  expect(hashOf('sha-1', text)).toBe('QgayPKawpkPSDYmwT/WM94uAlu0=')
  expect(hashOf('md5', text)).toBeUndefined()
})

test('XEP-0115 §5.4: what says a thing twice is not sound', () => {
  const sound = (content: string) =>
    isSound(parse(`<query xmlns='http://jabber.org/protocol/disco#info'>${content}</query>`))
  const one = `<identity category='client' type='pc' name='a'/>`
  expect(sound(one + `<identity category='client' type='pc' xml:lang='en' name='a'/>`)).toBe(true)
  expect(sound(one + one)).toBe(false)
  expect(sound(form('urn:a') + form('urn:a'))).toBe(false)
})
