import { describe, expect, test } from 'bun:test'
import { tempDir } from '../store/support.ts'
import type { Actor } from '../support/actor.ts'
import { photoOf, picture, shows } from '../support/avatars.ts'
import { Jid } from '../../src/xmpp/jid.ts'
import {
  configuration,
  events,
  fetches,
  form,
  friends,
  ids,
  item,
  owner,
  publication,
  publishes,
  pubsub,
  refused,
  subscribe,
} from '../support/pubsub.ts'
import { play } from '../support/world.ts'

const JULIET = 'juliet@bix.org'

test('case 61: nobody but the owner changes anything, whatever the address', async () => {
  using p = play()
  const { romeo, juliet } = await friends(p)
  await publishes(juliet, 'n', item('a'))
  const forbidden = [
    publication('n', item('b')),
    publication('fresh', item('b')),
    pubsub(`<retract node='n'><item id='a'/></retract>`),
    pubsub(`<create node='m'/>`),
    configuration('n', { access_model: 'open' }),
    owner(`<delete node='n'/>`),
    owner(`<purge node='n'/>`),
    owner(`<affiliations node='n'/>`),
  ]
  for (const payload of forbidden) await romeo.isRefused('forbidden', 'set', payload, JULIET)
  await romeo.isRefused('forbidden', 'get', owner(`<configure node='n'/>`), JULIET)
  await romeo.isRefused('forbidden', 'get', owner(`<subscriptions node='n'/>`), JULIET)
  expect(await fetches(romeo, `<items node='n'/>`, JULIET)).toEqual(['a'])
  // A full JID is a client, which does not answer for the account.
  romeo.sends(`<iq type='set' id='full' to='juliet@bix.org/balcony'>${publication('n', item('b'))}</iq>`)
  await juliet.receives(
    `<iq type='set' id='full' from='romeo@bix.org/orchard' to='juliet@bix.org/balcony'>{any}</iq>`,
  )
})

test('case 61: as many nodes as allowed and not one more', async () => {
  using p = play({ toml: '[limits]\nrates = false\npep_nodes = 2' })
  const juliet = await p.bound('juliet@bix.org/balcony')
  await publishes(juliet, 'a', item('a'))
  await publishes(juliet, 'b', item('a'))
  await juliet.isRefused('resource-constraint', 'set', publication('c', item('a')))
  await juliet.isRefused('resource-constraint', 'set', pubsub(`<create node='c'/>`))
  await publishes(juliet, 'a', item('b'))
  await juliet.asks('set', owner(`<delete node='b'/>`))
  await publishes(juliet, 'c', item('a'))
})

describe('limits.pep_bundles: keys of OMEMO before 0.8, a node for each device', () => {
  const OMEMO = 'eu.siacs.conversations.axolotl'
  const bundle = (device: number | string, prefix = OMEMO) =>
    publication(
      `${prefix}:bundles:${device}`,
      `<item id='current'><bundle xmlns='${prefix}'><identityKey>${device}</identityKey></bundle></item>`,
      { access_model: 'open' },
    )
  const devices = (...ids: (number | string)[]) =>
    publication(
      `${OMEMO}:devicelist`,
      `<item id='current'><list xmlns='${OMEMO}'>${ids.map((id) => `<device id='${id}'/>`).join('')}</list></item>`,
    )
  const type = async (juliet: Actor, payload: string) => (await juliet.asks('set', payload)).attrs.type

  test('they lock nothing else out', async () => {
    using p = play()
    const juliet = await p.bound('juliet@bix.org/balcony')
    for (let i = 0; i < 300; i++) expect(await type(juliet, bundle(i))).toBe('result')
    expect(await type(juliet, devices(299))).toBe('result')
    await shows(juliet, picture('rose'))
    for (let i = 0; i < 100; i++) await publishes(juliet, `node ${i}`, item('a'))
    // The last ones are there, the first have given way.
    expect(await fetches(juliet, `<items node='${OMEMO}:bundles:299'/>`)).toEqual(['current'])
    await juliet.isRefused('item-not-found', 'get', pubsub(`<items node='${OMEMO}:bundles:0'/>`))
  })

  test('the oldest whose device is in no list gives way, and whoever listens hears of it', async () => {
    using p = play({ toml: '[limits]\nrates = false\npep_bundles = 3\npep_nodes = 2' })
    const { romeo, juliet } = await friends(p)
    for (const id of [1, 2, 3]) await juliet.asks('set', bundle(id))
    await juliet.asks('set', devices(1, 3))
    await juliet.asks('set', bundle(2))
    await romeo.asks('set', subscribe(`${OMEMO}:bundles:2`, 'romeo@bix.org/orchard'), JULIET)
    romeo.forget()
    expect(await type(juliet, bundle(4))).toBe('result')
    expect((await events(romeo)).map(({ el }) => el.toString())).toEqual([
      `<delete node="${OMEMO}:bundles:2"/>`,
    ])
    for (const id of [1, 3, 4])
      expect(await fetches(juliet, `<items node='${OMEMO}:bundles:${id}'/>`)).toEqual(['current'])
    // Where all are in use, one more is refused; so is one of another kind beyond pep_nodes.
    await juliet.asks('set', devices(1, 3, 4))
    await juliet.isRefused('resource-constraint', 'set', bundle(5))
    await publishes(juliet, 'a', item('a'))
    await juliet.isRefused('resource-constraint', 'set', publication('b', item('a')))
    await juliet.isRefused('resource-constraint', 'set', bundle(5, 'urn:x'))
    expect(await type(juliet, bundle(4))).toBe('result')
  })
})

test('limits.pep_items: a node that its owner set to max refuses one more, and what is in it stays', async () => {
  using p = play({ toml: '[limits]\nrates = false\npep_items = 3' })
  const juliet = await p.bound('juliet@bix.org/balcony')
  for (const id of ['a', 'b', 'c']) await publishes(juliet, 'n', item(id), { max_items: 'max' })
  await juliet.isRefused('resource-constraint', 'set', publication('n', item('d')))
  await publishes(juliet, 'n', item('a', 'again'))
  expect(await fetches(juliet, `<items node='n'/>`)).toEqual(['b', 'c', 'a'])
  await juliet.asks('set', pubsub(`<retract node='n'><item id='b'/></retract>`))
  await publishes(juliet, 'n', item('d'))
  expect(await fetches(juliet, `<items node='n'/>`)).toEqual(['c', 'a', 'd'])
  await juliet.asks('set', configuration('n', { title: 'still max' }))
  expect(await fetches(juliet, `<items node='n'/>`)).toEqual(['c', 'a', 'd'])
  await juliet.asks('set', configuration('n', { max_items: '2' }))
  expect(await fetches(juliet, `<items node='n'/>`)).toEqual(['a', 'd'])
})

test('limits.pep_items: what an operator has made too much since drops nothing', async () => {
  using dir = tempDir()
  {
    using p = play({ file: dir.file })
    const juliet = await p.bound('juliet@bix.org/balcony')
    for (const id of ['a', 'b', 'c']) await publishes(juliet, 'n', item(id), { max_items: 'max' })
  }
  using p = play({ file: dir.file, toml: '[limits]\nrates = false\npep_items = 2' })
  const juliet = await p.bound('juliet@bix.org/balcony')
  await publishes(juliet, 'n', item('a', 'again'))
  await juliet.asks('set', configuration('n', { title: 'still max' }))
  expect(await fetches(juliet, `<items node='n'/>`)).toEqual(['b', 'c', 'a'])
  await juliet.isRefused('resource-constraint', 'set', publication('n', item('d')))
})

test('limits.pep_bytes: what the owner writes into the options of nodes counts as well', async () => {
  using p = play({ toml: '[limits]\nrates = false\npep_bytes = 5000' })
  const juliet = await p.bound('juliet@bix.org/balcony')
  const words = { title: 'x'.repeat(1000), description: 'y'.repeat(1000) }
  for (const node of ['a', 'b', 'c']) await publishes(juliet, node, item('a'), words)
  await juliet.isRefused('resource-constraint', 'set', publication('d', item('a'), words))
  await publishes(juliet, 'e', item('a'))
  await juliet.isRefused('resource-constraint', 'set', configuration('e', words))
  const create = pubsub(`<create node='f'/><configure>${form('node_config', words)}</configure>`)
  await juliet.isRefused('resource-constraint', 'set', create)
})

test.each([60, 150, 180])(
  'limits.pep_item_bytes: an avatar of %d KiB is taken and is one in all forms',
  async (kib) => {
    using p = play()
    const juliet = await p.bound('juliet@bix.org/balcony')
    const rose = picture('r'.repeat(kib * 1024 - 8))
    await shows(juliet, rose)
    expect(await photoOf(juliet)).toBe(rose.base64)
  },
)

test('case 61: max_items of 2³¹ is refused, the limit is not, and the oldest give way', async () => {
  using p = play({ toml: '[limits]\nrates = false\npep_items = 3' })
  const juliet = await p.bound('juliet@bix.org/balcony')
  for (const max_items of ['2147483648', '4', '0', '-1', '1e3', 'many', '']) {
    await juliet.isRefused('not-acceptable', 'set', publication('n', item('a'), { max_items }))
  }
  await publishes(juliet, 'two', item('a'), { max_items: '2' })
  await publishes(juliet, 'n', item('a'), { max_items: '3' })
  await juliet.isRefused('not-acceptable', 'set', configuration('n', { max_items: '4' }))
  await publishes(juliet, 'n', item('b'), { max_items: 'max' })
  await publishes(juliet, 'n', item('c'))
  expect(await fetches(juliet, `<items node='n'/>`)).toEqual(['a', 'b', 'c'])
  await publishes(juliet, 'n', item('d'))
  expect(await fetches(juliet, `<items node='n'/>`)).toEqual(['b', 'c', 'd'])
})

test('XEP-0060 §7.1.3.5, case 61: an item has at most as many bytes as allowed, and the account as well', async () => {
  const empty = `<tune xmlns="urn:t"></tune>`.length
  using p = play({ toml: '[limits]\nrates = false\npep_item_bytes = 100\npep_bytes = 250' })
  const juliet = await p.bound('juliet@bix.org/balcony')
  const sized = (id: string, bytes: number) => item(id, 'x'.repeat(bytes - empty))
  await publishes(juliet, 'n', sized('a', 99), { max_items: 'max' })
  await publishes(juliet, 'n', sized('a', 100))
  await refused(juliet, 'not-acceptable', 'payload-too-big', 'set', publication('n', sized('a', 101)))
  await publishes(juliet, 'n', sized('b', 100))
  await juliet.isRefused('resource-constraint', 'set', publication('n', sized('c', 51)))
  await publishes(juliet, 'm', sized('c', 50))
  expect(await fetches(juliet, `<items node='n'/>`)).toEqual(['a', 'b'])
})

test('XEP-0060 §6.5.4, limits.pep_page_bytes: one answer has so many bytes, and the rest is asked for', async () => {
  using p = play({ toml: '[limits]\nrates = false\npep_page_bytes = 250' })
  const juliet = await p.bound('juliet@bix.org/balcony')
  for (const id of ['a', 'b', 'c'])
    await publishes(juliet, 'n', item(id, 'x'.repeat(80)), { max_items: 'max' })
  expect(await fetches(juliet, `<items node='n'/>`)).toEqual(['b', 'c'])
  const named = (...wanted: string[]) =>
    pubsub(`<items node='n'>${wanted.map((id) => `<item id='${id}'/>`).join('')}</items>`)
  expect(ids(await juliet.asks('get', named('a', 'b')))).toEqual(['a', 'b'])
  await juliet.isRefused('policy-violation', 'get', named('a', 'b', 'c'))
})

test('case 61: a payload of 1 MB ends in an error, not in the store', async () => {
  using p = play({ toml: '[limits]\nrates = false\npep_item_bytes = "64KB"' })
  const juliet = await p.bound('juliet@bix.org/balcony')
  await refused(
    juliet,
    'not-acceptable',
    'payload-too-big',
    'set',
    publication('n', item('a', 'x'.repeat(100_000))),
  )
  juliet.sends(`<iq type='set' id='mb'>${publication('n', item('a', 'x'.repeat(1_000_000)))}</iq>`)
  const answer = await juliet.next()
  expect(answer.toString()).toContain('policy-violation')
  const account = p.store.accounts.find(JULIET)
  if (!account) throw new Error('no account')
  expect(p.store.pep.nodes(account)).toEqual([])
})

test('case 61: names are at most 1023 characters', async () => {
  using p = play()
  const juliet = await p.bound('juliet@bix.org/balcony')
  const long = 'n'.repeat(1024)
  await juliet.isRefused('not-acceptable', 'set', publication(long, item('a')))
  await juliet.isRefused('not-acceptable', 'set', publication('n', item(long)))
  await juliet.isRefused('not-acceptable', 'set', pubsub(`<create node='${long}'/>`))
  await publishes(juliet, long.slice(1), item(long.slice(1)))
})

test('XEP-0060 §6.1.3.9: a node has at most as many subscribers as allowed', async () => {
  using p = play({ toml: '[limits]\nrates = false\npep_subscribers = 1' })
  const juliet = await p.bound('juliet@bix.org/balcony')
  const one = await p.bound('romeo@bix.org/a')
  await publishes(juliet, 'n', item('a'), { access_model: 'open' })
  const subscribe = (jid: string) => pubsub(`<subscribe node='n' jid='${jid}'/>`)
  expect((await one.asks('set', subscribe('romeo@bix.org'), JULIET)).attrs.type).toBe('result')
  expect((await one.asks('set', subscribe('romeo@bix.org'), JULIET)).attrs.type).toBe('result')
  await refused(
    one,
    'policy-violation',
    'too-many-subscriptions',
    'set',
    subscribe('romeo@bix.org/a'),
    JULIET,
  )
})

test('what an account has published goes with the account', async () => {
  using p = play()
  const juliet = await p.bound('juliet@bix.org/balcony')
  await publishes(juliet, 'n', item('a'), { access_model: 'open' })
  await p.router.run((t) => {
    t.world.deleteAccount(t, Jid.parse(JULIET))
  })
  const again = await p.bound('juliet@bix.org/balcony')
  await again.isRefused('item-not-found', 'get', pubsub(`<items node='n'/>`))
})
