/** What is published and taken back (XEP-0060 §7): single demands that no other play shows. */
import { expect, test } from 'bun:test'
import { child } from '../../src/xmpp/xml.ts'
import {
  events,
  fetches,
  form,
  friends,
  item,
  publication,
  publishes,
  PUBSUB,
  pubsub,
  refused,
  subscribe,
  tuned,
} from '../support/pubsub.ts'
import { play } from '../support/world.ts'

const JULIET = 'juliet@bix.org'

test('XEP-0060 §7.1.2, §12.9: the same id at one node overwrites and is told, at another it is another item', async () => {
  using p = play()
  const { romeo, juliet } = await friends(p)
  for (const node of ['tune', 'mood']) await publishes(juliet, node, item('a', node), { max_items: '5' })
  await romeo.asks('set', subscribe('tune', 'romeo@bix.org'), JULIET)
  await events(romeo)
  expect(await publishes(juliet, 'tune', item('a', 'again'))).toBe('a')
  const told = await events(romeo)
  expect(told).toHaveLength(1)
  expect(told[0]?.el.toString()).toContain('again')
  const read = async (node: string) =>
    (await romeo.asks('get', pubsub(`<items node='${node}'/>`), JULIET)).toString()
  expect(await read('tune')).toContain(
    `<items node="tune"><item id="a"><tune xmlns="urn:t">again</tune></item></items>`,
  )
  expect(await read('mood')).toContain('>mood</tune>')
})

test('XEP-0060 §12.4: no two notifications have one id', async () => {
  using p = play()
  const { romeo, juliet } = await tuned(p)
  await romeo.asks('set', subscribe('tune', 'romeo@bix.org'), JULIET)
  for (const id of ['b', 'c', 'd']) await publishes(juliet, 'tune', item(id))
  const told = (await events(romeo)).map(({ id }) => id)
  expect(told).toHaveLength(4)
  expect(told).not.toContain(undefined)
  expect(new Set(told).size).toBe(4)
})

test('XEP-0060 §7.1.2.3: nobody says under whose name an item stands', async () => {
  using p = play()
  const { romeo, juliet } = await friends(p)
  await publishes(juliet, 'tune', item('x'))
  await romeo.asks('set', subscribe('tune', 'romeo@bix.org'), JULIET)
  await events(romeo)
  await publishes(juliet, 'tune', `<item id='a' publisher='tybalt@bix.org'><tune xmlns='urn:t'/></item>`)
  const [told] = await events(romeo)
  expect(told?.el.toString()).toBe(`<items node="tune"><item id="a"><tune xmlns="urn:t"/></item></items>`)
  const read = await romeo.asks('get', pubsub(`<items node='tune'/>`), JULIET)
  expect(read.toString()).not.toContain('tybalt')
})

test('XEP-0060 §7.1.2.5: a full node gives its oldest item up', async () => {
  using p = play()
  const juliet = await p.bound('juliet@bix.org/balcony')
  for (const id of ['a', 'b', 'c']) await publishes(juliet, 'tune', item(id), { max_items: '2' })
  expect(await fetches(juliet, `<items node='tune'/>`)).toEqual(['b', 'c'])
})

test('XEP-0060 §7.1.3.7: an item is needed where items are kept or sent, and one too many where they are not', async () => {
  using p = play()
  const juliet = await p.bound('juliet@bix.org/balcony')
  const notices = { persist_items: '0', deliver_payloads: '0' }
  const made = pubsub(`<create node='bell'/><configure>${form('node_config', notices)}</configure>`)
  expect((await juliet.asks('set', made)).attrs.type).toBe('result')
  await refused(juliet, 'bad-request', 'item-forbidden', 'set', publication('bell', item('a')))
  expect((await juliet.asks('set', publication('bell', ''))).attrs.type).toBe('result')
  await refused(juliet, 'bad-request', 'item-required', 'set', publication('tune', ''))
  expect(await publishes(juliet, 'tune', item(''))).not.toBe('')
})

test('XEP-0060 §4.3: a node that only tells of news takes what it keeps with a payload or without', async () => {
  using p = play()
  const { romeo, juliet } = await friends(p)
  await publishes(juliet, 'tune', item('a', 'loud'), { deliver_payloads: '0', max_items: '5' })
  await romeo.asks('set', subscribe('tune', 'romeo@bix.org'), JULIET)
  await events(romeo)
  expect(await publishes(juliet, 'tune', `<item id='b'/>`)).toBe('b')
  const made = await publishes(juliet, 'tune', `<item/>`)
  expect((await events(romeo)).map(({ el }) => el.toString())).toEqual(
    ['b', made].map((id) => `<items node="tune"><item id="${id}"/></items>`),
  )
  const read = await romeo.asks('get', pubsub(`<items node='tune'/>`), JULIET)
  expect(read.toString()).toContain(
    `<item id="a"><tune xmlns="urn:t">loud</tune></item><item id="b"/><item id="${made}"/>`,
  )
  // It is the node that allows it.
  await refused(juliet, 'bad-request', 'payload-required', 'set', publication('mood', `<item id='b'/>`))
})

test('an item without a payload stands in nobody’s way where the server reads nodes itself', async () => {
  using p = play()
  const juliet = await p.bound('juliet@bix.org/balcony')
  const nodes = [
    'urn:xmpp:avatar:metadata',
    'urn:xmpp:avatar:data',
    'storage:bookmarks',
    'urn:xmpp:bookmarks:1',
  ]
  for (const node of [...nodes, 'urn:xmpp:vcard4']) {
    const quiet = form('node_config', { deliver_payloads: '0' })
    await juliet.asks('set', pubsub(`<create node='${node}'/><configure>${quiet}</configure>`))
    expect(await publishes(juliet, node, `<item id='a@b.example'/>`)).toBe('a@b.example')
  }
  const png = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]).toString('base64')
  const vcard = `<vCard xmlns='vcard-temp'><FN>J</FN><PHOTO><BINVAL>${png}</BINVAL></PHOTO></vCard>`
  const room = `<storage xmlns='storage:bookmarks'><conference jid='a@b.example'/></storage>`
  const list = (inner: string) => `<query xmlns='jabber:iq:private'>${inner}</query>`
  const requests: ['get' | 'set', string][] = [
    ['get', list(`<storage xmlns='storage:bookmarks'/>`)],
    [
      'set',
      publication(
        'urn:xmpp:bookmarks:1',
        `<item id='c@b.example'><conference xmlns='urn:xmpp:bookmarks:1'/></item>`,
      ),
    ],
    ['set', list(room)],
    ['set', vcard],
    ['set', publication('urn:xmpp:avatar:metadata', `<item id='a@b.example'/>`)],
    ['set', vcard.replace('<FN>J', '<FN>K')],
  ]
  for (const [type, xml] of requests) expect((await juliet.asks(type, xml)).attrs.type).toBe('result')
})

test('XEP-0060 §4.3: a node that keeps nothing and only tells has no items, and so no ids of them', async () => {
  using p = play()
  const { romeo, juliet } = await friends(p)
  const bell = { persist_items: '0', deliver_payloads: '0' }
  await juliet.asks('set', pubsub(`<create node='bell'/><configure>${form('node_config', bell)}</configure>`))
  await romeo.asks('set', subscribe('bell', 'romeo@bix.org'), JULIET)
  const answer = await juliet.asks('set', publication('bell', ''))
  expect(child(answer, 'pubsub', PUBSUB)?.children.map(String)).toEqual(['<publish node="bell"/>'])
  expect((await events(romeo)).map(({ el }) => el.toString())).toEqual(['<items node="bell"/>'])
})

test('XEP-0060 §12.11: of several items at once none is published, and none taken back', async () => {
  using p = play()
  const juliet = await p.bound('juliet@bix.org/balcony')
  for (const id of ['a', 'b']) await publishes(juliet, 'tune', item(id), { max_items: '5' })
  await juliet.isRefused('bad-request', 'set', publication('tune', item('c') + item('d')))
  const both = pubsub(`<retract node='tune'><item id='a'/><item id='b'/></retract>`)
  await juliet.isRefused('bad-request', 'set', both)
  expect(await fetches(juliet, `<items node='tune'/>`)).toEqual(['a', 'b'])
})

test('XEP-0060 §7.2.2, §6.5.6: what is retracted is gone; several are fetched by their ids', async () => {
  using p = play()
  const juliet = await p.bound('juliet@bix.org/balcony')
  for (const id of ['a', 'b', 'c']) await publishes(juliet, 'tune', item(id), { max_items: '5' })
  await juliet.asks('set', pubsub(`<retract node='tune'><item id='a'/></retract>`))
  const wanted = ['a', 'b', 'c'].map((id) => `<item id='${id}'/>`).join('')
  expect(await fetches(juliet, `<items node='tune'>${wanted}</items>`)).toEqual(['b', 'c'])
})
