import { expect, test } from 'bun:test'
import { child, type Element } from '../../src/xmpp/xml.ts'
import type { Actor } from '../support/actor.ts'
import { card, cardOf, METADATA, photo, photoOf, picture, shows } from '../support/avatars.ts'
import { announces, news } from '../support/caps.ts'
import { fetches, friends, publishes, PUBSUB, pubsub } from '../support/pubsub.ts'
import { play } from '../support/world.ts'

const JULIET = 'juliet@bix.org'
const NODE = 'urn:xmpp:vcard4'
const NS4 = 'urn:ietf:params:xml:ns:vcard-4.0'
const rose = picture('rose')
const moon = picture('moon')
const four = (inner: string) => `<item id='v'><vcard xmlns='${NS4}'>${inner}</vcard></item>`
const fn = (name: string) => `<fn><text>${name}</text></fn>`

async function card4Of(actor: Actor, to?: string): Promise<string | undefined> {
  const answer = await actor.asks('get', pubsub(`<items node='${NODE}'/>`), to)
  const path = ['items', 'item']
  let el: Element | undefined = child(answer, 'pubsub', PUBSUB)
  for (const name of path) el = el && child(el, name)
  return el && child(el, 'vcard', NS4)?.children.map(String).join('')
}

test('XEP-0292 §7: the format is advertised by the server and by the account', async () => {
  using p = play()
  const juliet = await p.bound('juliet@bix.org/balcony')
  for (const to of ['bix.org', JULIET]) {
    const answer = await juliet.asks('get', `<query xmlns='http://jabber.org/protocol/disco#info'/>`, to)
    expect(answer.toString()).toContain(`<feature var="${NS4}"/>`)
  }
})

test('XEP-0292 §4.1.1: a vCard that is set can be fetched as vCard4, by everyone', async () => {
  using p = play()
  const juliet = await p.bound('juliet@bix.org/balcony')
  const tybalt = await p.bound('tybalt@bix.org/street')
  await juliet.asks('set', card(`<FN>Juliet</FN>${photo(rose)}`))
  const picture4 = `<photo><uri>data:image/png;base64,${rose.base64}</uri></photo>`
  expect(await card4Of(tybalt, JULIET)).toBe(fn('Juliet') + picture4)
  await juliet.asks('set', card('<FN>Jules</FN>'))
  expect(await card4Of(tybalt, JULIET)).toBe(fn('Jules'))
})

test('XEP-0292 §4.1.2: a vCard4 that is published for everyone is the vCard of old clients', async () => {
  using p = play()
  const { romeo, juliet } = await friends(p)
  await juliet.asks('set', card(`<FN>Juliet</FN><MAILER>pigeon</MAILER>${photo(rose)}`))
  const gender = '<gender><sex><text>F</text></sex></gender>'
  await publishes(juliet, NODE, four(fn('Jules') + gender))
  expect((await cardOf(romeo, JULIET))?.toString()).toBe(
    card(`<FN>Jules</FN><MAILER>pigeon</MAILER>${photo(rose)}`).replaceAll("'", '"'),
  )
  expect(await card4Of(romeo, JULIET)).toBe(fn('Jules') + gender)
  await juliet.asks('set', card('<FN>J</FN>'))
  expect(await card4Of(romeo, JULIET)).toBe(fn('J') + gender)
})

test('a vCard4 for contacts alone does not reach the vCard that everyone reads', async () => {
  using p = play()
  const juliet = await p.bound('juliet@bix.org/balcony')
  await publishes(juliet, NODE, four(fn('Secret')), { access_model: 'presence' })
  expect((await cardOf(juliet))?.children).toEqual([])
})

test('XEP-0292 §4.2: contacts hear that the card changed, once, and fetch it themselves', async () => {
  using p = play()
  const { romeo, juliet } = await friends(p)
  await announces(romeo, `${NODE}+notify`)
  romeo.forget()
  await juliet.asks('set', card('<FN>Juliet</FN>'))
  expect(await news(romeo)).toEqual([`<items node="${NODE}"><item id="current"/></items>`])
  await juliet.asks('set', card('<FN>Juliet</FN>'))
  expect(await news(romeo)).toEqual([])
  await publishes(juliet, NODE, four(fn('Jules')))
  expect(await news(romeo)).toEqual([`<items node="${NODE}"><item id="v"/></items>`])
  await publishes(juliet, NODE, four(fn('Jules')))
  expect(await news(romeo)).toHaveLength(1)
})

test('a picture goes all the way: vCard4, vcard-temp, avatar', async () => {
  using p = play()
  const juliet = await p.bound('juliet@bix.org/balcony')
  const uri = (base64: string) => `<photo><uri>data:image/png;base64,${base64}</uri></photo>`
  await publishes(juliet, NODE, four(fn('J') + uri(rose.base64)), { access_model: 'open' })
  expect(await photoOf(juliet)).toBe(rose.base64)
  expect(await fetches(juliet, `<items node='${METADATA}'/>`)).toEqual([rose.hash])
  await shows(juliet, moon)
  expect(await card4Of(juliet)).toBe(fn('J') + uri(moon.base64))
  // A card without a picture is not given one.
  await publishes(juliet, NODE, four(fn('J')))
  expect(await photoOf(juliet)).toBe(moon.base64)
  await shows(juliet, rose)
  expect(await card4Of(juliet)).toBe(fn('J'))
})

test('XEP-0292 §5.2: cards of contacts are private and many, even if the client does not say so', async () => {
  using p = play()
  const { romeo, juliet } = await friends(p)
  for (const id of ['romeo@bix.org', 'nurse@bix.org'])
    await publishes(
      juliet,
      'urn:xmpp:contacts',
      `<item id='${id}'><vcard xmlns='${NS4}'>${fn('x')}</vcard></item>`,
    )
  const items = `<items node='urn:xmpp:contacts'/>`
  expect(await fetches(juliet, items)).toEqual(['romeo@bix.org', 'nurse@bix.org'])
  await romeo.isRefused('not-allowed', 'get', pubsub(items), JULIET)
})

test('XEP-0054 §8: what the server writes is in capitals, numbers in NUMBER and addresses in USERID', async () => {
  using p = play()
  const juliet = await p.bound('juliet@bix.org/balcony')
  const tel = `<tel><parameters><type><text>work</text></type></parameters><uri>tel:+39-045-1</uri></tel>`
  const email = `<email><text>juliet@bix.org</text></email>`
  const org = `<org><text>Capulet</text><text>House</text></org>`
  await publishes(juliet, NODE, four(fn('Juliet') + tel + email + org), { access_model: 'open' })
  expect((await cardOf(juliet))?.children.map(String).join('')).toBe(
    '<FN>Juliet</FN><TEL><WORK/><NUMBER>+39-045-1</NUMBER></TEL><EMAIL><USERID>juliet@bix.org</USERID></EMAIL>' +
      '<ORG><ORGNAME>Capulet</ORGNAME><ORGUNIT>House</ORGUNIT></ORG>',
  )
})

test('what is published there and is no vCard4 changes nothing', async () => {
  using p = play()
  const juliet = await p.bound('juliet@bix.org/balcony')
  await publishes(juliet, NODE, `<item><vcard xmlns='other'><fn/></vcard></item>`, { access_model: 'open' })
  expect(p.store.db.raw.query('SELECT count(*) AS n FROM vcards').get()).toEqual({ n: 0 })
})
