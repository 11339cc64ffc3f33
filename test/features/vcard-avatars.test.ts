import { expect, test } from 'bun:test'
import { child } from '../../src/xmpp/xml.ts'
import type { Actor } from '../support/actor.ts'
import { card, photo, picture, shows, UPDATE } from '../support/avatars.ts'
import { friends } from '../support/pubsub.ts'
import { play } from '../support/world.ts'

const rose = picture('rose')
const moon = picture('moon')
const x = (inner: string) => `<x xmlns='${UPDATE}'>${inner}</x>`

/** What the presence that was heard says of the picture: '' for none, undefined for nothing said. */
async function hashes(actor: Actor): Promise<(string | undefined)[]> {
  // What comes by itself comes in a turn of its own.
  for (let i = 0; i < 3; i++) await actor.settles()
  const heard = actor.heard.filter(({ name }) => name === 'presence')
  actor.forget()
  return heard.map((el) => {
    const update = child(el, 'x', UPDATE)
    return update && child(update, 'photo')?.getText()
  })
}

test('XEP-0398 §4, XEP-0153 §4.5: every available presence carries the hash, whatever the client said before it', async () => {
  using p = play()
  const { romeo, juliet } = await friends(p)
  await juliet.asks('set', card(photo(rose)))
  await hashes(romeo)
  for (const inner of ['', x(''), x(`<photo>${moon.hash}</photo>`), x(`<photo>${rose.hash}</photo>`)]) {
    juliet.sends(`<presence><show>away</show>${inner}</presence>`)
    await juliet.settles()
    expect(await hashes(romeo)).toEqual([rose.hash])
  }
  juliet.sends(`<presence>${x('')}${x('<photo/>')}<status>s</status></presence>`)
  await juliet.settles()
  romeo.forget()
  juliet.sends(`<presence>${x(`<photo>${moon.hash}</photo>`)}${x('')}<status>s</status></presence>`)
  await juliet.settles()
  await romeo.receives(
    `<presence from='${juliet.jid}' to='romeo@bix.org'><status>s</status>${x(`<photo>${rose.hash}</photo>`)}</presence>`,
  )
})

test('XEP-0398 §4: a client that wants to show no picture shows none', async () => {
  using p = play()
  const { romeo, juliet } = await friends(p)
  await juliet.asks('set', card(photo(rose)))
  await hashes(romeo)
  juliet.sends(`<presence>${x('<photo/>')}</presence>`)
  await juliet.settles()
  expect(await hashes(romeo)).toEqual([''])
  await juliet.asks('set', card(photo(moon)))
  expect(await hashes(romeo)).toEqual([])
})

test('XEP-0398 §4: directed presence carries it as well, other kinds of presence do not', async () => {
  using p = play()
  const juliet = await p.online('juliet@bix.org/balcony')
  const tybalt = await p.online('tybalt@bix.org/street')
  await juliet.asks('set', card(photo(rose)))
  juliet.sends(`<presence to='tybalt@bix.org'/><presence to='tybalt@bix.org' type='unavailable'/>`)
  juliet.sends(`<presence to='tybalt@bix.org' type='subscribe'/>`)
  await juliet.settles()
  expect(await hashes(tybalt)).toEqual([rose.hash, undefined, undefined])
})

test('XEP-0153 §4.1: a new picture is told at once, to contacts and to the own clients, and once', async () => {
  using p = play()
  const { romeo, juliet } = await friends(p)
  const phone = await p.online('juliet@bix.org/phone')
  await hashes(juliet)
  await hashes(romeo)
  await shows(juliet, rose)
  expect(await hashes(romeo)).toEqual([rose.hash, rose.hash])
  expect(await hashes(phone)).toEqual([rose.hash, rose.hash])
  await juliet.asks('set', card(`<FN>J</FN>${photo(rose)}`))
  expect(await hashes(romeo)).toEqual([])
  await juliet.asks('set', card(`<FN>J</FN>`))
  expect(await hashes(romeo)).toEqual(['', ''])
  juliet.sends('<presence/>')
  await juliet.settles()
  expect(await hashes(romeo)).toEqual([''])
  // The empty hash was the server's word, not the client's wish.
  await juliet.asks('set', card(photo(moon)))
  expect(await hashes(romeo)).toEqual([moon.hash, moon.hash])
  await juliet.asks('set', card(`<FN>J</FN>`))
  expect(await hashes(romeo)).toEqual(['', ''])
  const late = await p.online('romeo@bix.org/late')
  late.sends('<presence type="unavailable"/><presence/>')
  expect((await hashes(late)).slice(-2)).toEqual(['', ''])
})

test('a picture that changes often is told as it is in the end', async () => {
  using p = play()
  const { romeo, juliet } = await friends(p)
  await hashes(romeo)
  const sets = [rose, moon, rose, moon].map((it, i) => `<iq type='set' id='v${i}'>${card(photo(it))}</iq>`)
  juliet.sends(sets.join(''))
  await juliet.answer('v3')
  expect(await hashes(romeo)).toEqual([moon.hash])
})

test('XEP-0153 §4.1: who has no vCard says what the client says', async () => {
  using p = play()
  const { romeo, juliet } = await friends(p)
  juliet.sends(
    `<presence/><presence>${x('')}</presence><presence>${x(`<photo>${moon.hash}</photo>`)}</presence>`,
  )
  await juliet.settles()
  expect(await hashes(romeo)).toEqual([undefined, undefined, moon.hash])
})

test('a client that is not available, or gone meanwhile, says nothing', async () => {
  using p = play()
  const { romeo, juliet } = await friends(p)
  const phone = await p.online('juliet@bix.org/phone')
  await hashes(romeo)
  phone.sends(`<presence type='unavailable'/>`)
  juliet.sends(`<iq type='set' id='v'>${card(photo(rose))}</iq><presence type='unavailable'/>`)
  await juliet.answer('v')
  const said = await hashes(romeo)
  expect(said.filter((hash) => hash === rose.hash).length).toBeLessThanOrEqual(1)
  expect(said.at(-1)).toBeUndefined()
})
