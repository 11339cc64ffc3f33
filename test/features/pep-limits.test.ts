import { expect, test } from 'bun:test'
import { Jid } from '../../src/xmpp/jid.ts'
import {
  configuration,
  fetches,
  friends,
  ids,
  item,
  owner,
  publication,
  publishes,
  pubsub,
  refused,
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
  using p = play()
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
