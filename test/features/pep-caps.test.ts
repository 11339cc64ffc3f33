import { expect, test } from 'bun:test'
import {
  announces,
  answers,
  c,
  CAPS,
  features,
  IDENTITY,
  INFO,
  isAsked,
  listeners,
  news,
  told,
  verOf,
} from '../support/caps.ts'
import { friends, item, publishes } from '../support/pubsub.ts'
import { play } from '../support/world.ts'

test('XEP-0115 §5.4: a hash that proved true is not asked again, for anyone', async () => {
  using p = play()
  const { romeo, juliet } = await listeners(p)
  juliet.sends(`<presence>${c(verOf(['tune+notify']))}</presence>`)
  await juliet.settles()
  expect(juliet.heard.some((el) => el.name === 'iq')).toBe(false)
  juliet.forget()
  await publishes(romeo, 'tune', item('a'))
  expect(await news(juliet)).toEqual([told('tune', 'a')])
})

test('XEP-0115 §5.4: an answer that is not what was hashed holds for its client alone', async () => {
  using p = play()
  const { romeo, juliet } = await friends(p)
  const ver = verOf(['tune+notify'])
  romeo.sends(`<presence>${c(ver)}</presence>`)
  await romeo.settles()
  romeo.heard = romeo.heard.filter((el) => el.name === 'iq')
  answers(romeo, await isAsked(romeo, ver), IDENTITY + features(['mood+notify']))
  await romeo.settles()
  await juliet.settles()
  juliet.forget()
  juliet.sends(`<presence>${c(ver)}</presence>`)
  await juliet.settles()
  juliet.heard = juliet.heard.filter((el) => el.name === 'iq')
  answers(juliet, await isAsked(juliet, ver), IDENTITY + features(['tune+notify']))
  await romeo.settles()
  await news(romeo)
  await news(juliet)
  for (const node of ['mood', 'tune']) await publishes(romeo, node, item('a'))
  expect(await news(romeo)).toEqual([told('mood', 'a')])
  expect(await news(juliet)).toEqual([told('tune', 'a')])
})

test('XEP-0115 §5.4: the same hash from other elements remembers the same', async () => {
  using p = play()
  const { romeo, juliet } = await friends(p)
  const ver = verOf(['a', 'tune+notify'])
  romeo.sends(`<presence>${c(ver)}</presence>`)
  await romeo.settles()
  romeo.heard = romeo.heard.filter((el) => el.name === 'iq')
  // The last feature is told as the type of a form: the text that is hashed stays the same.
  const fake = `<x xmlns='jabber:x:data' type='result'><field var='FORM_TYPE' type='hidden'><value>tune+notify</value></field></x>`
  answers(romeo, await isAsked(romeo, ver), IDENTITY + features(['a']) + fake)
  await romeo.settles()
  juliet.sends(`<presence>${c(ver)}</presence>`)
  await juliet.settles()
  juliet.forget()
  await publishes(romeo, 'tune', item('a'))
  expect(await news(juliet)).toEqual([told('tune', 'a')])
})

test('XEP-0115 §5.4: what says a thing twice is not remembered; nor is a hash of old or of unknown kind', async () => {
  using p = play()
  const romeo = await p.online('romeo@bix.org/orchard')
  const twice = ['a', 'a', 'tune+notify']
  const ver = verOf(twice)
  for (const [hash, content] of [
    [`hash='sha-1'`, features(twice)],
    ['', features(['tune+notify'])],
    [`hash='md5'`, features(['tune+notify'])],
  ] as const) {
    for (let i = 0; i < 2; i++) {
      romeo.sends(`<presence>${c(ver, hash)}</presence>`)
      await romeo.settles()
      romeo.heard = romeo.heard.filter((el) => el.name === 'iq')
      answers(romeo, await isAsked(romeo, ver), IDENTITY + content)
      await publishes(romeo, 'tune', item('a'))
      expect(await news(romeo)).toContain(told('tune', 'a'))
      romeo.sends(`<presence type='unavailable'/>`)
      await news(romeo)
    }
  }
})

test('XEP-0115 §5.3: forms and languages count in the order of their octets', async () => {
  using p = play()
  const romeo = await p.online('romeo@bix.org/orchard')
  // XEP-0115 example 5.3, with its hash.
  const ver = 'q07IKJEyjvHSyhy//CH0CxmKi8w='
  const field = (name: string, ...values: string[]) =>
    `<field var='${name}'>${values.map((value) => `<value>${value}</value>`).join('')}</field>`
  const psi =
    `<identity xml:lang='en' category='client' name='Psi 0.11' type='pc'/>` +
    `<identity xml:lang='el' category='client' name='Ψ 0.11' type='pc'/>` +
    features([CAPS, INFO, 'http://jabber.org/protocol/disco#items', 'http://jabber.org/protocol/muc']) +
    `<x xmlns='jabber:x:data' type='result'><field var='FORM_TYPE' type='hidden'><value>urn:xmpp:dataforms:softwareinfo</value></field>` +
    field('ip_version', 'ipv4', 'ipv6') +
    field('os', 'Mac') +
    field('os_version', '10.5.1') +
    field('software', 'Psi') +
    field('software_version', '0.11') +
    `</x>`
  romeo.sends(`<presence>${c(ver)}</presence>`)
  await romeo.settles()
  romeo.heard = romeo.heard.filter((el) => el.name === 'iq')
  answers(romeo, await isAsked(romeo, ver), psi)
  await romeo.settles()
  romeo.sends(`<presence type='unavailable'/><presence>${c(ver)}</presence>`)
  await romeo.settles()
  expect(romeo.heard.some((el) => el.name === 'iq')).toBe(false)
})

test('case 61: an answer that nobody asked for changes nothing', async () => {
  using p = play()
  const { romeo, juliet } = await friends(p)
  answers(romeo, 'guess', IDENTITY + features(['tune+notify']))
  romeo.sends(`<presence>${c('x')}</presence>`)
  await romeo.settles()
  romeo.heard = romeo.heard.filter((el) => el.name === 'iq')
  const id = await isAsked(romeo, 'x')
  // Another session cannot answer for it, nor can it answer twice.
  answers(juliet, id, IDENTITY + features(['tune+notify']))
  await juliet.settles()
  romeo.sends(`<iq type='error' id='${id}' to='romeo@bix.org'/>`)
  answers(romeo, id, IDENTITY + features(['tune+notify']))
  await romeo.settles()
  await news(romeo)
  await publishes(juliet, 'tune', item('a'))
  expect(await news(romeo)).toEqual([])
})

test('case 61: as many kinds of clients as allowed are remembered, the least recent one goes', async () => {
  using p = play({ toml: '[limits]\nrates = false\ncaps = 2' })
  const romeo = await p.online('romeo@bix.org/orchard')
  const isKnown = async (name: string) => {
    romeo.sends(`<presence type='unavailable'/><presence>${c(verOf([name]))}</presence>`)
    await romeo.settles()
    const asked = romeo.heard.some((el) => el.name === 'iq')
    romeo.forget()
    return !asked
  }
  await announces(romeo, 'a+notify')
  await announces(romeo, 'b+notify')
  expect(await isKnown('a+notify')).toBe(true)
  await announces(romeo, 'c+notify')
  expect(await isKnown('a+notify')).toBe(true)
  expect(await isKnown('c+notify')).toBe(true)
  expect(await isKnown('b+notify')).toBe(false)
})

test('XEP-0115 §5.1: "&lt;" in the name of a feature stays these four characters', async () => {
  using p = play()
  const { romeo, juliet } = await friends(p)
  await announces(romeo, 'a&amp;lt;tune+notify')
  romeo.forget()
  for (const node of ['a&lt;tune', '&lt;tune', 'tune', 'a&amp;lt;tune'])
    await publishes(juliet, node, item('x'))
  expect(await news(romeo)).toEqual([told('a&amp;lt;tune', 'x')])
})

test('XEP-0115 §5.4: while a question is open, the same presence does not ask it again', async () => {
  using p = play()
  const romeo = await p.online('romeo@bix.org/orchard')
  const presence = `<presence>${c(verOf(['tune+notify']))}</presence>`
  romeo.sends(presence + presence)
  await romeo.settles()
  expect(romeo.heard.filter((el) => el.name === 'iq')).toHaveLength(1)
})

test('XEP-0115 §8.3: presence without capabilities wants nothing', async () => {
  using p = play()
  const { romeo, juliet } = await listeners(p)
  romeo.sends('<presence/>')
  await romeo.settles()
  await publishes(juliet, 'tune', item('a'))
  expect(await news(romeo)).toEqual([])
})
