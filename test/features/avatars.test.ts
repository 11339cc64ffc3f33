import { expect, test } from 'bun:test'
import { announces, news } from '../support/caps.ts'
import {
  card,
  cardOf,
  DATA,
  info,
  METADATA,
  metadata,
  photo,
  photoOf,
  picture,
  shows,
} from '../support/avatars.ts'
import { configuration, fetches, friends, owner, publication, publishes, pubsub } from '../support/pubsub.ts'
import { play } from '../support/world.ts'

const JULIET = 'juliet@bix.org'
const rose = picture('rose')
const moon = picture('moon')
const items = (node: string) => `<items node='${node}'/>`

test('XEP-0398 §2: the conversion is advertised on the account', async () => {
  using p = play()
  const juliet = await p.bound('juliet@bix.org/balcony')
  const answer = await juliet.asks('get', `<query xmlns='http://jabber.org/protocol/disco#info'/>`, JULIET)
  expect(answer.toString()).toContain('<feature var="urn:xmpp:pep-vcard-conversion:0"/>')
})

test('XEP-0398 §3, §3.1: a published avatar is the picture of the vCard, whose rest stays', async () => {
  using p = play()
  const { romeo, juliet } = await friends(p)
  await juliet.asks('set', card('<FN>Juliet</FN>'))
  await shows(juliet, rose)
  expect((await cardOf(romeo, JULIET))?.toString()).toBe(
    card(`<FN>Juliet</FN>${photo(rose)}`).replaceAll("'", '"'),
  )
  await shows(juliet, moon)
  expect(await photoOf(romeo, JULIET)).toBe(moon.base64)
})

test('XEP-0398 §3.1: of several forms it is the one that lies here, not one behind a URL', async () => {
  using p = play()
  const juliet = await p.bound('juliet@bix.org/balcony')
  await publishes(
    juliet,
    DATA,
    `<item id='${rose.hash}'><data xmlns='${DATA}'>${rose.base64}</data></item>`,
    {
      access_model: 'open',
    },
  )
  const elsewhere = info(moon, ` url='https://moon.example/m.png'`)
  await publishes(juliet, METADATA, metadata('x', elsewhere + info(rose)))
  expect(await photoOf(juliet)).toBe(rose.base64)
  await publishes(juliet, METADATA, metadata('y', elsewhere))
  expect(await photoOf(juliet)).toBe(rose.base64)
})

test('XEP-0398 §3.1, case 62: an avatar whose data are no picture, or a program, is refused', async () => {
  using p = play()
  const juliet = await p.bound('juliet@bix.org/balcony')
  const svg = picture('x', 'image/svg+xml')
  for (const [id, text] of [
    [moon.hash, '!!!!'],
    [moon.hash, `${moon.base64}A`],
    [moon.hash, ''],
    [svg.hash, svg.base64],
  ] as const) {
    const data = `<item id='${id}'><data xmlns='${DATA}'>${text}</data></item>`
    await publishes(juliet, DATA, data, { access_model: 'open' })
    const about = metadata(id, info({ ...rose, hash: id }))
    await juliet.isRefused('not-acceptable', 'set', publication(METADATA, about))
    expect(await photoOf(juliet)).toBeUndefined()
  }
  // What is not there changes nothing, nor does what has no id.
  for (const id of [rose.hash, '']) {
    await publishes(juliet, METADATA, metadata(rose.hash, info({ ...rose, hash: id })))
    expect(await photoOf(juliet)).toBeUndefined()
  }
})

test('XEP-0084 §4.1: line feeds in the data are accepted', async () => {
  using p = play()
  const juliet = await p.bound('juliet@bix.org/balcony')
  const broken = rose.base64.replace(/.{4}/g, '$&\n  ')
  await publishes(juliet, DATA, `<item id='${rose.hash}'><data xmlns='${DATA}'>${broken}</data></item>`, {
    access_model: 'open',
  })
  await publishes(juliet, METADATA, metadata(rose.hash, info(rose)))
  expect(await photoOf(juliet)).toBe(rose.base64)
})

test('XEP-0398 §7: an avatar that is not for everyone does not enter the vCard', async () => {
  using p = play()
  const juliet = await p.bound('juliet@bix.org/balcony')
  await shows(juliet, rose, 'presence')
  expect(await photoOf(juliet)).toBeUndefined()
  await juliet.asks('set', configuration(DATA, { access_model: 'open' }))
  await publishes(juliet, METADATA, metadata(rose.hash, info(rose)))
  expect(await photoOf(juliet)).toBe(rose.base64)
})

test('XEP-0084 §3.5: what everyone saw before it was for contacts alone goes when it is switched off', async () => {
  using p = play()
  const juliet = await p.bound('juliet@bix.org/balcony')
  await shows(juliet, rose)
  for (const node of [DATA, METADATA])
    await juliet.asks('set', configuration(node, { access_model: 'presence' }))
  await publishes(juliet, METADATA, metadata('off', ''))
  expect(await photoOf(juliet)).toBeUndefined()
})

test('XEP-0084 §3.5: an avatar that is switched off, retracted or deleted leaves the vCard too', async () => {
  using p = play()
  const juliet = await p.bound('juliet@bix.org/balcony')
  const ways = [
    pubsub(`<publish node='${METADATA}'><item><metadata xmlns='${METADATA}'/></item></publish>`),
    pubsub(
      `<publish node='${METADATA}'><item><metadata xmlns='${METADATA}'><stop/></metadata></item></publish>`,
    ),
    pubsub(`<retract node='${METADATA}'><item id='${rose.hash}'/></retract>`),
    owner(`<purge node='${METADATA}'/>`),
    owner(`<delete node='${METADATA}'/>`),
  ]
  await juliet.asks('set', card('<FN>Juliet</FN>'))
  for (const way of ways) {
    await shows(juliet, rose)
    expect(await photoOf(juliet)).toBe(rose.base64)
    expect((await juliet.asks('set', way)).attrs.type).toBe('result')
    expect((await cardOf(juliet))?.toString()).toBe('<vCard xmlns="vcard-temp"><FN>Juliet</FN></vCard>')
  }
})

test('XEP-0398 §3.2, XEP-0153 §5, XEP-0084 §3.1, §3.2: the picture of a vCard is published as what it is, data first, and told', async () => {
  using p = play()
  const { romeo, juliet } = await friends(p)
  await announces(romeo, `${METADATA}+notify`, `${DATA}+notify`)
  romeo.forget()
  await juliet.asks('set', card(photo({ ...rose, type: 'image/gif' })))
  expect(await news(romeo)).toEqual([
    `<items node="${DATA}"><item id="${rose.hash}"><data xmlns="${DATA}">${rose.base64}</data></item></items>`,
    `<items node="${METADATA}"><item id="${rose.hash}"><metadata xmlns="${METADATA}">` +
      `<info bytes="${rose.bytes}" id="${rose.hash}" type="image/png"/></metadata></item></items>`,
  ])
  // Set again, it is not news.
  await juliet.asks('set', card(`<FN>J</FN>${photo(rose)}`))
  expect(await news(romeo)).toEqual([])
  const tybalt = await p.bound('tybalt@bix.org/street')
  expect(await fetches(tybalt, items(DATA), JULIET)).toEqual([rose.hash])
})

test('a vCard whose picture goes switches the avatar off, unless another one is shown', async () => {
  using p = play()
  const { romeo, juliet } = await friends(p)
  await announces(romeo, `${METADATA}+notify`)
  await juliet.asks('set', card(photo(rose)))
  await news(romeo)
  await juliet.asks('set', card('<FN>J</FN>'))
  const [off = ''] = await news(romeo)
  expect(off).toContain(`<metadata xmlns="${METADATA}"/>`)
  await shows(juliet, moon)
  await juliet.asks('set', configuration(DATA, { access_model: 'presence' }))
  await publishes(juliet, METADATA, metadata(rose.hash, info(rose)))
  await news(romeo)
  await juliet.asks('set', card('<FN>J</FN>'))
  expect(await news(romeo)).toEqual([])
})

test('XEP-0153 §4.6: line feeds in the Base64 of a vCard mean nothing', async () => {
  using p = play()
  const juliet = await p.bound('juliet@bix.org/balcony')
  const broken = rose.base64.replace(/.{4}/g, '$&\r\n\t ')
  await juliet.asks('set', card(photo({ ...rose, base64: broken })))
  const answer = await juliet.asks('get', pubsub(items(DATA)))
  expect(answer.toString()).toContain(
    `<item id="${rose.hash}"><data xmlns="${DATA}">${rose.base64}</data></item>`,
  )
})

test('XEP-0084 §6.1: who may see an avatar finds it among the items of the account', async () => {
  using p = play()
  const juliet = await p.bound('juliet@bix.org/balcony')
  const tybalt = await p.bound('tybalt@bix.org/street')
  await shows(juliet, rose)
  const answer = await tybalt.asks('get', `<query xmlns='http://jabber.org/protocol/disco#items'/>`, JULIET)
  for (const node of [DATA, METADATA])
    expect(answer.toString()).toContain(`<item jid="${JULIET}" node="${node}"/>`)
})

test('case 62: a vCard that is too large is refused with its picture', async () => {
  using p = play({ toml: '[limits]\nrates = false\nvcard_bytes = 1000' })
  const juliet = await p.bound('juliet@bix.org/balcony')
  await juliet.isRefused('policy-violation', 'set', card(photo(picture('x'.repeat(1000)))))
  await juliet.isRefused('item-not-found', 'get', pubsub(items(DATA)))
  expect(await photoOf(juliet)).toBeUndefined()
})
