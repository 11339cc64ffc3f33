/** However a client writes its picture, it is the same in the vCard, the avatar and the vCard4, or refused. */
import { describe, expect, test } from 'bun:test'
import { createHash } from 'node:crypto'
import { child, type Element } from '../../src/xmpp/xml.ts'
import type { Actor } from '../support/actor.ts'
import {
  card,
  cardOf,
  DATA,
  info,
  METADATA,
  metadata,
  photo,
  photoOf,
  type Picture,
  picture,
  shows,
} from '../support/avatars.ts'
import { publication, publishes, PUBSUB, pubsub } from '../support/pubsub.ts'
import { play, type Play } from '../support/world.ts'
import { parse } from '../support/xml.ts'

const JULIET = 'juliet@bix.org'
const VCARD4 = 'urn:xmpp:vcard4'
const NS4 = 'urn:ietf:params:xml:ns:vcard-4.0'
const OPEN = { access_model: 'open' }
const rose = picture('rose')
const moon = picture('moon')
/** Of a kind that has no first bytes known here, with what Base64 spells in two ways. */
const odd = bytes(Buffer.from([0xfb, 0xff, 0xbe, 0xfb, 0x01]), 'image/bmp')
const plain = (it: Picture) => ({ ...it, base64: it.base64.replace(/=+$/, '') })
const urlSafe = (it: Picture) =>
  it.base64.replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '').replace(/.{3}/g, '$&\r\n')
const uri = (it: Picture, base64 = it.base64) => `data:${it.type};base64,${base64}`
const bin = (text: string) => `<BINVAL>${text}</BINVAL>`
const four = (inner: string) => `<item id='v'><vcard xmlns='${NS4}'>${inner}</vcard></item>`
const data = (id: string, text: string) => `<item id='${id}'><data xmlns='${DATA}'>${text}</data></item>`

function bytes(it: Buffer, type: string): Picture {
  const hash = createHash('sha1').update(it).digest('hex')
  return { base64: it.toString('base64'), hash, bytes: it.length, type }
}

async function last(actor: Actor, node: string): Promise<Element | undefined> {
  const answer = await actor.asks('get', pubsub(`<items node='${node}'/>`), JULIET)
  const found = child(answer, 'pubsub', PUBSUB)
  const items = found && child(found, 'items')
  return items && child(items, 'item')
}

/** The picture in all forms, as a stranger gets them. */
async function expectEverywhere(actor: Actor, it: Picture): Promise<void> {
  expect((await cardOf(actor, JULIET))?.toString()).toContain(photo(it))
  expect((await last(actor, DATA))?.toString()).toBe(data(it.hash, it.base64).replaceAll("'", '"'))
  const [id, about] = [`id="${it.hash}"`, `<info bytes="${it.bytes}" id="${it.hash}" type="${it.type}"`]
  expect((await last(actor, METADATA))?.toString()).toContain(
    `<item ${id}><metadata xmlns="${METADATA}">${about}`,
  )
  expect((await last(actor, VCARD4))?.toString()).toContain(`<photo><uri>${uri(it)}</uri></photo>`)
}

test.each([
  ['as it should be', photo(rose), rose],
  ['as a data: URI', `<PHOTO>${bin(uri(rose))}</PHOTO>`, rose],
  [
    'as a data: URI with parameters, escapes and in capitals',
    `<PHOTO>${bin(`DATA:image/bmp;x=y;BASE64,${encodeURIComponent(odd.base64)}`)}</PHOTO>`,
    odd,
  ],
  [
    'as a data: URI that says nothing of pictures',
    `<PHOTO><TYPE>image/bmp</TYPE>${bin(`data:application/octet-stream;base64,${odd.base64}`)}</PHOTO>`,
    odd,
  ],
  [
    'as a data: URI behind a link',
    `<PHOTO><EXTVAL>https://x.example/a.png</EXTVAL><EXTVAL>${uri(rose)}</EXTVAL></PHOTO>`,
    rose,
  ],
  ['behind an empty one', `<PHOTO/><PHOTO><TYPE>image/png</TYPE><BINVAL/></PHOTO>${photo(rose)}`, rose],
  ['behind an unreadable one', `<PHOTO>${bin('!')}</PHOTO>${photo(rose)}${photo(moon)}`, rose],
  ['behind an empty text', `<PHOTO><BINVAL> </BINVAL>${bin(rose.base64)}</PHOTO>`, rose],
  ['without BINVAL', `<PHOTO>${rose.base64}</PHOTO>`, rose],
  ['without a type', `<PHOTO>${bin(rose.base64)}</PHOTO>`, rose],
  ['with the wrong type', `<PHOTO><TYPE>text/plain</TYPE>${bin(rose.base64)}</PHOTO>`, rose],
  ['without padding', photo(plain(picture('rose1'))), picture('rose1')],
  ['padded too much', photo({ ...rose, base64: `${rose.base64}==` }), rose],
  ['in the alphabet of URLs, over lines', photo({ ...odd, base64: urlSafe(odd) }), odd],
  ['of an unknown kind that is declared', photo(odd), odd],
  ['of an unknown kind that is declared at length', photo({ ...odd, type: ' Image/BMP; a=b' }), odd],
  [
    'of a kind that is named by a word',
    `<PHOTO><TYPE>JPG</TYPE>${bin(odd.base64)}</PHOTO>`,
    { ...odd, type: 'image/jpeg' },
  ],
])('XEP-0398 §3.2: a photo %s is the avatar, and is read back in plain Base64', async (_how, photos, it) => {
  using p = play()
  const juliet = await p.bound('juliet@bix.org/balcony')
  const tybalt = await p.bound('tybalt@bix.org/street')
  expect((await juliet.asks('set', card(`<FN>J</FN>${photos}<URL>u</URL>`))).attrs.type).toBe('result')
  await expectEverywhere(tybalt, it)
  const whole = card(`<FN>J</FN>${photo(it)}<URL>u</URL>`).replaceAll("'", '"')
  expect((await cardOf(tybalt, JULIET))?.toString()).toBe(whole)
})

const svg = picture('x', 'image/svg+xml')
const markup = (text: string, type: string) => photo(bytes(Buffer.from(text), type))

test.each([
  ['SVG', photo(svg)],
  ['SVG of another type', photo({ ...svg, type: 'image/png' })],
  ['SVG behind a byte order mark', markup('\ufeff \n<svg/>', 'image/png')],
  ['packed SVG', photo({ ...odd, type: 'image/svg+xml' })],
  ['SVG in a data: URI', `<PHOTO>${bin(uri(svg))}</PHOTO>`],
  ['no Base64', `<PHOTO>${bin('no base64!')}</PHOTO>`],
  ['one digit too many', photo({ ...rose, base64: `${rose.base64}A` })],
  ['neither known nor declared', `<PHOTO>${bin(odd.base64)}</PHOTO>`],
  ['declared as something else', photo({ ...odd, type: 'application/pdf' })],
  ['declared as nonsense', photo({ ...odd, type: 'image/a b' })],
  ['a data: URI without Base64', `<PHOTO>${bin('data:image/png,%89PNG%0D%0A%1A%0A')}</PHOTO>`],
  ['a data: URI with a broken escape', `<PHOTO>${bin(`${uri(rose)}%`)}</PHOTO>`],
  ['a link', `<PHOTO>${bin('https://x.example/a.png')}</PHOTO>`],
])('a photo that is %s is refused with the whole vCard', async (_what, photos) => {
  using p = play()
  const juliet = await p.bound('juliet@bix.org/balcony')
  await juliet.asks('set', card(photo(moon)))
  const answer = await juliet.isRefused('not-acceptable', 'set', card(`<FN>J</FN>${photos}`))
  expect(answer.toString()).toContain('The picture must be Base64 of an image')
  const vcard4 = photos.replace(/.*<BINVAL>(data:.*)<\/BINVAL>.*/, '$1')
  if (vcard4 !== photos)
    await juliet.isRefused(
      'not-acceptable',
      'set',
      publication(VCARD4, four(`<photo><uri>${vcard4}</uri></photo>`), OPEN),
    )
  await expectEverywhere(juliet, moon)
})

test('a PHOTO without a picture, or with a link, is kept and shows none', async () => {
  using p = play()
  const juliet = await p.bound('juliet@bix.org/balcony')
  for (const inner of [
    '<PHOTO/>',
    '<PHOTO><TYPE>image/png</TYPE><EXTVAL>https://x.example/a.png</EXTVAL></PHOTO>',
  ]) {
    expect((await juliet.asks('set', card(inner))).attrs.type).toBe('result')
    expect((await cardOf(juliet))?.toString()).toContain(inner)
    await juliet.isRefused('item-not-found', 'get', pubsub(`<items node='${METADATA}'/>`))
  }
})

test.each([
  ['of an unknown kind that is declared', odd.hash, odd.base64, odd],
  ['without padding', odd.hash, plain(odd).base64, odd],
  ['as a data: URI', rose.hash, uri(rose), rose],
  ['under an id that is not its hash', 'me', rose.base64, rose],
  ['under its hash in capitals', rose.hash.toUpperCase(), rose.base64, rose],
])(
  'XEP-0398 §3.1: an avatar %s is the photo, and stands under its hash in plain Base64',
  async (_how, id, text, it) => {
    using p = play()
    const juliet = await p.bound('juliet@bix.org/balcony')
    await juliet.asks('set', card(photo(moon)))
    await publishes(juliet, DATA, data(id, text), OPEN)
    await publishes(juliet, METADATA, metadata(id, info({ ...it, hash: id })))
    await expectEverywhere(juliet, it)
  },
)

test('XEP-0084 §3.1: metadata that come before their data are completed by them', async () => {
  using p = play()
  const juliet = await p.bound('juliet@bix.org/balcony')
  await juliet.asks('set', card(photo(moon)))
  await publishes(juliet, METADATA, metadata(rose.hash, info(rose)))
  expect(await photoOf(juliet)).toBe(moon.base64)
  await publishes(juliet, DATA, data(rose.hash, rose.base64))
  await expectEverywhere(juliet, rose)
  // Data that no metadata name change nothing.
  await publishes(juliet, DATA, data(moon.hash, moon.base64))
  expect(await photoOf(juliet)).toBe(rose.base64)
})

test('XEP-0398 §3.2: the photo whose metadata stood there without data is published', async () => {
  using p = play()
  const juliet = await p.bound('juliet@bix.org/balcony')
  await publishes(juliet, METADATA, metadata(rose.hash, info(rose)), OPEN)
  await juliet.asks('set', card(`<FN>J</FN>${photo(rose)}`))
  await expectEverywhere(juliet, rose)
})

test('XEP-0084 §4.2: of several pictures it is the one whose data are there', async () => {
  using p = play()
  const juliet = await p.bound('juliet@bix.org/balcony')
  await publishes(juliet, DATA, data(rose.hash, rose.base64), OPEN)
  await publishes(juliet, METADATA, metadata('x', info(moon) + info(rose)))
  expect(await photoOf(juliet)).toBe(rose.base64)
})

const large = bytes(Buffer.alloc(190_000, 'x\0y'), 'image/png')

test.each([
  ['the limits as they are', ''],
  ['less room for vCards', 'pep_item_bytes = "300KB"\nvcard_bytes = 1000'],
])('a picture of 190,000 bytes is in all forms whichever is set, with %s', async (_with, limits) => {
  using p = play({ toml: `[limits]\nrates = false\n${limits}` })
  const juliet = await p.bound('juliet@bix.org/balcony')
  await juliet.asks('set', card('<FN>J</FN>'))
  await publishes(juliet, VCARD4, four('<fn><text>J</text></fn>'), OPEN)
  await shows(juliet, large)
  expect(await photoOf(juliet)).toBe(large.base64)
  await shows(juliet, moon)
  await publishes(juliet, VCARD4, four(`<photo><uri>${uri(large)}</uri></photo>`), OPEN)
  await expectEverywhere(juliet, large)
})

test('a photo that is larger than what may be published is in all forms', async () => {
  using p = play({ toml: '[limits]\nrates = false\npep_item_bytes = 1000' })
  const juliet = await p.bound('juliet@bix.org/balcony')
  await juliet.asks('set', card(photo(large)))
  await expectEverywhere(juliet, large)
})

test('a photo for which the account has no room left is refused, and the vCard stays', async () => {
  using p = play({ toml: '[limits]\nrates = false\npep_bytes = 10000' })
  const juliet = await p.bound('juliet@bix.org/balcony')
  await juliet.asks('set', card(photo(moon)))
  await juliet.isRefused('resource-constraint', 'set', card(photo(large)))
  await expectEverywhere(juliet, moon)
})

describe('a vCard that a version without personal eventing has stored', () => {
  const stored = async (p: Play, inner: string): Promise<void> => {
    await p.account(JULIET)
    await p.router.run(({ store }) => {
      const account = store.accounts.find(JULIET)
      if (account) store.accounts.setVcard(account, parse(card(inner)).toString(), '')
    })
  }
  const enters = async (p: Play, resource: string): Promise<Actor> => {
    const juliet = await p.online(`${JULIET}/${resource}`)
    await juliet.settles()
    return juliet
  }

  test.each([
    ['as it should be', photo(rose)],
    ['behind an empty one', `<PHOTO><BINVAL/></PHOTO>${photo(rose)}`],
    ['as a data: URI', `<PHOTO>${bin(uri(rose))}</PHOTO>`],
  ])('its picture, %s, is in all forms from the next login on', async (_how, inner) => {
    using p = play()
    await stored(p, `<FN>Juliet</FN>${inner}`)
    const juliet = await enters(p, 'balcony')
    await expectEverywhere(juliet, rose)
    expect((await cardOf(juliet, JULIET))?.toString()).toContain('<FN>Juliet</FN>')
  })

  test('once: what was taken away since does not come back, and what came since stays', async () => {
    using p = play()
    await stored(p, photo(rose))
    const juliet = await enters(p, 'balcony')
    await publishes(juliet, METADATA, `<item id='off'><metadata xmlns='${METADATA}'/></item>`, OPEN)
    const phone = await enters(p, 'phone')
    expect(await photoOf(phone, JULIET)).toBeUndefined()
    await shows(phone, moon)
    const desk = await enters(p, 'desk')
    expect([await photoOf(desk, JULIET), (await last(desk, METADATA))?.attrs.id]).toEqual([
      moon.base64,
      moon.hash,
    ])
  })

  test('one whose avatar was set without it keeps that one', async () => {
    using p = play()
    await stored(p, photo(rose))
    const juliet = await enters(p, 'balcony')
    await shows(juliet, moon)
    await p.router.run(({ store }) => {
      const account = store.accounts.find(JULIET)
      if (account) store.accounts.setVcard(account, parse(card(photo(rose))).toString(), '')
    })
    expect((await last(await enters(p, 'phone'), METADATA))?.attrs.id).toBe(moon.hash)
  })

  test('what is no picture stays where it is, and is looked at once', async () => {
    using p = play()
    await stored(p, `<PHOTO><EXTVAL>https://bix.org/juliet.png</EXTVAL></PHOTO>`)
    const juliet = await enters(p, 'balcony')
    expect((await cardOf(juliet, JULIET))?.toString()).toContain('juliet.png')
    const first = (await last(juliet, METADATA))?.attrs.id
    expect(first).toBeDefined()
    expect((await last(await enters(p, 'phone'), METADATA))?.attrs.id).toBe(first)
  })

  test('one for which the account has no room is left alone, and nobody’s login fails', async () => {
    using p = play({ toml: '[limits]\npep_bytes = 20\n' })
    await stored(p, photo(rose))
    const juliet = await enters(p, 'balcony')
    expect(await photoOf(juliet, JULIET)).toBe(rose.base64)
    expect(await last(juliet, DATA)).toBeUndefined()
  })
})
