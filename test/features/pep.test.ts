import { expect, test } from 'bun:test'
import { child, children, type Element } from '../../src/xmpp/xml.ts'
import type { Actor } from '../support/actor.ts'
import {
  configuration,
  fetches,
  form,
  friends,
  ids,
  item,
  owner,
  OWNER,
  publication,
  publishes,
  PUBSUB,
  pubsub,
  refused,
} from '../support/pubsub.ts'
import { play } from '../support/world.ts'

const INFO = 'http://jabber.org/protocol/disco#info'
const ITEMS = 'http://jabber.org/protocol/disco#items'
const JULIET = 'juliet@bix.org'

async function optionsOf(actor: Actor, node: string): Promise<Map<string, string>> {
  const answer = await actor.asks('get', owner(`<configure node='${node}'/>`))
  const found = child(answer, 'pubsub', OWNER)
  const x = found && child(found, 'configure')?.children[0]
  if (!x || typeof x === 'string') throw new Error(`no form: ${answer.toString()}`)
  return new Map(
    children(x, 'field').map((field) => [field.attrs.var ?? '', child(field, 'value')?.getText() ?? '']),
  )
}

test('XEP-0163 §3, XEP-0060 §7.1.4: a publication makes the node that is missing', async () => {
  using p = play()
  const juliet = await p.bound('juliet@bix.org/balcony')
  juliet.sends(`<iq type='set' id='1'>${publication('urn:t', item('a', 'Finzi'))}</iq>`)
  await juliet.receives(
    `<iq type='result' id='1' to='juliet@bix.org/balcony'><pubsub xmlns='${PUBSUB}'>` +
      `<publish node='urn:t'><item id='a'/></publish></pubsub></iq>`,
  )
  const answer = await juliet.asks('get', pubsub(`<items node='urn:t'/>`), JULIET)
  expect(answer.toString()).toContain(
    `<items node="urn:t"><item id="a"><tune xmlns="urn:t">Finzi</tune></item></items>`,
  )
})

test('XEP-0060 §7.1.3.6: an item without an id gets one', async () => {
  using p = play()
  const juliet = await p.bound('juliet@bix.org/balcony')
  const id = await publishes(juliet, 'urn:t', item(''))
  expect(id).not.toBe('')
  expect(await fetches(juliet, `<items node='urn:t'/>`)).toEqual([id])
})

test('XEP-0060 §7.1.3: the same id overwrites, and makes the item the newest', async () => {
  using p = play()
  const juliet = await p.bound('juliet@bix.org/balcony')
  await publishes(juliet, 'n', item('a'), { max_items: '2' })
  await publishes(juliet, 'n', item('b'))
  await publishes(juliet, 'n', item('a', 'again'))
  await publishes(juliet, 'n', item('c'))
  const answer = await juliet.asks('get', pubsub(`<items node='n'/>`))
  expect(ids(answer)).toEqual(['a', 'c'])
  expect(answer.toString()).toContain('again')
})

test('XEP-0060 §7.1.3: each mistake of a publication has its error', async () => {
  using p = play()
  const juliet = await p.bound('juliet@bix.org/balcony')
  await refused(juliet, 'bad-request', 'nodeid-required', 'set', pubsub(`<publish>${item('a')}</publish>`))
  await refused(juliet, 'bad-request', 'item-required', 'set', publication('n', ''))
  await refused(juliet, 'bad-request', 'payload-required', 'set', publication('n', `<item id='a'/>`))
  await refused(
    juliet,
    'bad-request',
    'invalid-payload',
    'set',
    publication('n', `<item id='a'><x xmlns='urn:t'/><y xmlns='urn:t'/></item>`),
  )
  await juliet.isRefused('bad-request', 'set', publication('n', item('a') + item('b')))
  await juliet.isRefused('bad-request', 'set', pubsub(''))
  await refused(juliet, 'feature-not-implemented', 'unsupported', 'set', pubsub(`<options node='n'/>`))
  // Nothing of it made the node.
  await juliet.isRefused('item-not-found', 'get', pubsub(`<items node='n'/>`))
  await publishes(juliet, 'typed', item('a'), { type: 'urn:t' })
  const other = publication('typed', `<item><x xmlns='urn:other'/></item>`)
  await refused(juliet, 'bad-request', 'invalid-payload', 'set', other)
})

test('XEP-0060 §7.1.5: a node is made as the options say; one that differs refuses', async () => {
  using p = play()
  const juliet = await p.bound('juliet@bix.org/balcony')
  const wanted = { access_model: 'open', max_items: 'max', persist_items: 'true' }
  await publishes(juliet, 'n', item('a'), wanted)
  const made = await optionsOf(juliet, 'n')
  expect(made.get('pubsub#access_model')).toBe('open')
  expect(made.get('pubsub#max_items')).toBe('max')
  await publishes(juliet, 'n', item('b'), { ...wanted, persist_items: '1', max_items: '10000' })
  const others: Record<string, string>[] = [
    { access_model: 'presence' },
    { max_items: '7' },
    { access_model: 'nonsense' },
  ]
  for (const other of others) {
    await refused(juliet, 'conflict', 'precondition-not-met', 'set', publication('n', item('c'), other))
  }
  expect(await fetches(juliet, `<items node='n'/>`)).toEqual(['a', 'b'])
})

test('XEP-0060 §7.1.5: an unknown option and a form of another type refuse the publication', async () => {
  using p = play()
  const juliet = await p.bound('juliet@bix.org/balcony')
  await refused(
    juliet,
    'bad-request',
    'invalid-options',
    'set',
    publication('n', item('a'), { colour: 'red' }),
  )
  const foreign = pubsub(
    `<publish node='n'>${item('a')}</publish><publish-options>${form('node_config', {})}</publish-options>`,
  )
  await refused(juliet, 'bad-request', 'invalid-options', 'set', foreign)
  await juliet.isRefused('item-not-found', 'get', pubsub(`<items node='n'/>`))
})

test('XEP-0384 §5.3: a device list published as open is there for a stranger', async () => {
  using p = play()
  const juliet = await p.online('juliet@bix.org/balcony')
  const stranger = await p.bound('tybalt@bix.org/phone')
  const node = 'eu.siacs.conversations.axolotl.devicelist'
  const list = `<item id='current'><list xmlns='eu.siacs.conversations.axolotl'><device id='12345'/></list></item>`
  await publishes(juliet, node, list, { access_model: 'open' })
  const answer = await stranger.asks('get', pubsub(`<items node='${node}' max_items='1'/>`), JULIET)
  expect(answer.toString()).toContain('<device id="12345"/>')
  // The lock and the key: what is open for reading stays closed for writing.
  await stranger.isRefused('forbidden', 'set', publication(node, list), JULIET)
})

test('XEP-0060 §6.5: all items, the newest ones, those that are named, and pages', async () => {
  using p = play()
  const juliet = await p.bound('juliet@bix.org/balcony')
  for (const id of ['a', 'b', 'c', 'd']) await publishes(juliet, 'n', item(id), { max_items: 'max' })
  expect(await fetches(juliet, `<items node='n'/>`)).toEqual(['a', 'b', 'c', 'd'])
  expect(await fetches(juliet, `<items node='n' max_items='2'/>`)).toEqual(['c', 'd'])
  expect(await fetches(juliet, `<items node='n'><item id='d'/><item id='a'/><item id='x'/></items>`)).toEqual(
    ['d', 'a'],
  )
  // §6.5.9.12
  expect(await fetches(juliet, `<items node='n'><item id='x'/></items>`)).toEqual([])
  const rsm = (inner: string) => `<items node='n'/><set xmlns='http://jabber.org/protocol/rsm'>${inner}</set>`
  expect(await fetches(juliet, rsm('<max>2</max>'))).toEqual(['a', 'b'])
  expect(await fetches(juliet, rsm('<max>2</max><after>b</after>'))).toEqual(['c', 'd'])
  expect(await fetches(juliet, rsm('<max>1</max><before/>'))).toEqual(['d'])
  const counted = await juliet.asks('get', pubsub(rsm('<max>0</max>')))
  expect(counted.toString()).toContain('<count>4</count>')
  await juliet.isRefused('item-not-found', 'get', pubsub(rsm('<after>x</after>')))
  await juliet.isRefused('bad-request', 'get', pubsub(`<items node='n' max_items='-1'/>`))
  await refused(juliet, 'bad-request', 'nodeid-required', 'get', pubsub('<items/>'))
})

test('XEP-0060 §6.5.4: what is too much for one answer comes as a page', async () => {
  using p = play()
  const juliet = await p.bound('juliet@bix.org/balcony')
  const long = 'x'.repeat(60_000)
  for (const id of ['a', 'b', 'c', 'd', 'e', 'f'])
    await publishes(juliet, 'n', item(id, long), { max_items: '9' })
  const answer = await juliet.asks('get', pubsub(`<items node='n'/>`))
  expect(ids(answer)).toEqual(['c', 'd', 'e', 'f'])
  expect(answer.toString()).toContain('<first>c</first><last>f</last><count>6</count>')
  const all = ['a', 'b', 'c', 'd', 'e', 'f'].map((id) => `<item id='${id}'/>`).join('')
  await juliet.isRefused('policy-violation', 'get', pubsub(`<items node='n'>${all}</items>`))
})

test('XEP-0060 §4.5, §6.5.1, §6.5.9, §6.5.9.6, §6.5.9.7, §14.3: each access model refuses in its own words', async () => {
  using p = play()
  const { romeo, juliet } = await friends(p)
  const nurse = await p.bound('nurse@bix.org/kitchen')
  for (const access_model of ['open', 'presence', 'roster', 'whitelist'])
    await publishes(juliet, access_model, item('a'), { access_model })
  const get = (node: string) => pubsub(`<items node='${node}'/>`)
  expect(await fetches(nurse, `<items node='open'/>`, JULIET)).toEqual(['a'])
  await refused(nurse, 'not-authorized', 'presence-subscription-required', 'get', get('presence'), JULIET)
  expect(await fetches(romeo, `<items node='presence'/>`, JULIET)).toEqual(['a'])
  await refused(romeo, 'not-authorized', 'not-in-roster-group', 'get', get('roster'), JULIET)
  await refused(romeo, 'not-allowed', 'closed-node', 'get', get('whitelist'), JULIET)
  expect(await fetches(juliet, `<items node='whitelist'/>`)).toEqual(['a'])
  await romeo.isRefused('item-not-found', 'get', get('nothing'), JULIET)
  // A group opens what is for groups.
  await juliet.asks('set', configuration('roster', { roster_groups_allowed: 'Friends' }))
  await juliet.asks(
    'set',
    `<query xmlns='jabber:iq:roster'><item jid='romeo@bix.org'><group>Friends</group></item></query>`,
  )
  expect(await fetches(romeo, `<items node='roster'/>`, JULIET)).toEqual(['a'])
})

test('RFC 6120 §13.11: to strangers an account that publishes nothing for all looks like none', async () => {
  using p = play()
  const { juliet } = await friends(p)
  const tybalt = await p.bound('tybalt@bix.org/phone')
  await publishes(juliet, 'n', item('a'))
  for (const to of [JULIET, 'nobody@bix.org']) {
    for (const node of ['n', 'm'])
      await tybalt.isRefused('service-unavailable', 'get', pubsub(`<items node='${node}'/>`), to)
    await tybalt.isRefused('service-unavailable', 'set', publication('n', item('a')), to)
    await tybalt.isRefused('service-unavailable', 'get', owner(`<configure node='n'/>`), to)
    const answer = await tybalt.asks('get', `<query xmlns='${ITEMS}'/>`, to)
    expect(answer.children.map(String)).toEqual([`<query xmlns="${ITEMS}"/>`])
  }
})

test('XEP-0060 §7.2: an item is retracted; what is missing is said', async () => {
  using p = play()
  const juliet = await p.bound('juliet@bix.org/balcony')
  await publishes(juliet, 'n', item('a'), { max_items: '5' })
  await publishes(juliet, 'n', item('b'))
  const retract = (node: string, inner: string) => pubsub(`<retract ${node}>${inner}</retract>`)
  expect((await juliet.asks('set', retract(`node='n'`, `<item id='a'/>`))).attrs.type).toBe('result')
  expect(await fetches(juliet, `<items node='n'/>`)).toEqual(['b'])
  await juliet.isRefused('item-not-found', 'set', retract(`node='n'`, `<item id='a'/>`))
  await juliet.isRefused('item-not-found', 'set', retract(`node='m'`, `<item id='a'/>`))
  await refused(juliet, 'bad-request', 'nodeid-required', 'set', retract('', `<item id='a'/>`))
  await refused(juliet, 'bad-request', 'item-required', 'set', retract(`node='n'`, '<item/>'))
})

test('XEP-0060 §8.1: nodes are made, with options and without a name', async () => {
  using p = play()
  const juliet = await p.bound('juliet@bix.org/balcony')
  const create = (node: string, more = '') => pubsub(`<create node='${node}'/>${more}`)
  const configure = `<configure>${form('node_config', { access_model: 'open', unheard_of: '1' })}</configure>`
  expect((await juliet.asks('set', create('n', configure))).attrs.type).toBe('result')
  expect((await optionsOf(juliet, 'n')).get('pubsub#access_model')).toBe('open')
  await juliet.isRefused('conflict', 'set', create('n'))
  expect((await juliet.asks('set', pubsub('<create/>'))).toString()).toMatch(/<create node="[^"]+"\/>/)
  const authorize = `<configure>${form('node_config', { access_model: 'authorize' })}</configure>`
  await refused(juliet, 'not-acceptable', 'unsupported-access-model', 'set', create('m', authorize))
})

test('XEP-0060 §8.2, XEP-0163 §5: the options with their defaults are shown and changed', async () => {
  using p = play()
  const juliet = await p.bound('juliet@bix.org/balcony')
  for (const id of ['a', 'b', 'c']) await publishes(juliet, 'n', item(id), { max_items: '3' })
  const before = await optionsOf(juliet, 'n')
  expect(Object.fromEntries(before)).toMatchObject({
    FORM_TYPE: `${PUBSUB}#node_config`,
    'pubsub#access_model': 'presence',
    'pubsub#send_last_published_item': 'on_sub_and_presence',
    'pubsub#deliver_notifications': '1',
    'pubsub#deliver_payloads': '1',
    'pubsub#persist_items': '1',
    'pubsub#max_items': '3',
  })
  expect(
    (await juliet.asks('set', configuration('n', { max_items: '1', access_model: 'whitelist' }))).attrs.type,
  ).toBe('result')
  expect((await optionsOf(juliet, 'n')).get('pubsub#access_model')).toBe('whitelist')
  expect(await fetches(juliet, `<items node='n'/>`)).toEqual(['c'])
  await juliet.asks('set', owner(`<configure node='n'><x xmlns='jabber:x:data' type='cancel'/></configure>`))
  await juliet.isRefused('not-acceptable', 'set', configuration('n', { persist_items: 'perhaps' }))
  await juliet.isRefused('bad-request', 'set', owner(`<configure node='n'/>`))
  await juliet.isRefused('item-not-found', 'set', configuration('m', {}))
  await refused(juliet, 'bad-request', 'nodeid-required', 'get', owner('<configure/>'))
  await juliet.asks('set', configuration('n', { persist_items: '0' }))
  const get = pubsub(`<items node='n'/>`)
  await refused(juliet, 'feature-not-implemented', 'unsupported', 'get', get)
  expect((await juliet.asks('get', owner('<default/>'))).toString()).toContain(
    '<option label="open"><value>open</value></option>',
  )
})

test('XEP-0060 §8.4, §8.5: a node is emptied and deleted', async () => {
  using p = play()
  const juliet = await p.bound('juliet@bix.org/balcony')
  await publishes(juliet, 'n', item('a'))
  await juliet.asks('set', owner(`<purge node='n'/>`))
  expect(await fetches(juliet, `<items node='n'/>`)).toEqual([])
  await publishes(juliet, 'n', item('b'))
  expect((await juliet.asks('set', owner(`<delete node='n'/>`))).attrs.type).toBe('result')
  await juliet.isRefused('item-not-found', 'get', pubsub(`<items node='n'/>`))
  await juliet.isRefused('item-not-found', 'set', owner(`<delete node='n'/>`))
  await juliet.isRefused('item-not-found', 'set', owner(`<purge node='n'/>`))
  await publishes(juliet, 'n', item('c'))
  expect(await fetches(juliet, `<items node='n'/>`)).toEqual(['c'])
})

test('XEP-0060 §6.1, §6.2: subscriptions are made, listed and ended, for oneself alone', async () => {
  using p = play()
  const { romeo, juliet } = await friends(p)
  await publishes(juliet, 'n', item('a'))
  await publishes(juliet, 'secret', item('a'), { access_model: 'whitelist' })
  const subscribe = (node: string, jid: string) => pubsub(`<subscribe node='${node}' jid='${jid}'/>`)
  const unsubscribe = (node: string, jid: string) => pubsub(`<unsubscribe node='${node}' jid='${jid}'/>`)
  const answer = await romeo.asks('set', subscribe('n', 'romeo@bix.org'), JULIET)
  expect(answer.toString()).toContain(
    '<subscription node="n" jid="romeo@bix.org" subscription="subscribed"/>',
  )
  await refused(romeo, 'bad-request', 'invalid-jid', 'set', subscribe('n', 'nurse@bix.org'), JULIET)
  await refused(romeo, 'not-allowed', 'closed-node', 'set', subscribe('secret', 'romeo@bix.org'), JULIET)
  await romeo.isRefused('item-not-found', 'set', subscribe('m', 'romeo@bix.org'), JULIET)
  const list = await romeo.asks('get', pubsub('<subscriptions/>'), JULIET)
  expect(list.toString()).toContain('node="n" jid="romeo@bix.org"')
  const seen = await juliet.asks('get', owner(`<subscriptions node='n'/>`))
  expect(seen.toString()).toContain('<subscription jid="romeo@bix.org" subscription="subscribed"/>')
  await romeo.isRefused('forbidden', 'set', unsubscribe('n', 'nurse@bix.org'), JULIET)
  expect((await romeo.asks('set', unsubscribe('n', 'romeo@bix.org'), JULIET)).attrs.type).toBe('result')
  await refused(
    romeo,
    'unexpected-request',
    'not-subscribed',
    'set',
    unsubscribe('n', 'romeo@bix.org'),
    JULIET,
  )
})

test('XEP-0060 §5.7, §8.9: the owner is the only affiliate', async () => {
  using p = play()
  const { romeo, juliet } = await friends(p)
  await publishes(juliet, 'n', item('a'))
  expect((await juliet.asks('get', pubsub('<affiliations/>'))).toString()).toContain(
    '<affiliation node="n" affiliation="owner"/>',
  )
  expect((await romeo.asks('get', pubsub('<affiliations/>'), JULIET)).toString()).toContain('<affiliations/>')
  expect((await juliet.asks('get', owner(`<affiliations node='n'/>`))).toString()).toContain(
    '<affiliation jid="juliet@bix.org" affiliation="owner"/>',
  )
  const grant = owner(
    `<affiliations node='n'><affiliation jid='romeo@bix.org' affiliation='publisher'/></affiliations>`,
  )
  await refused(juliet, 'feature-not-implemented', 'unsupported', 'set', grant)
})

test('XEP-0163 §6.1: the account says that it is a personal eventing service, and what it can', async () => {
  using p = play()
  const juliet = await p.bound('juliet@bix.org/balcony')
  const answer = await juliet.asks('get', `<query xmlns='${INFO}'/>`)
  expect(answer.toString()).toContain('<identity category="pubsub" type="pep"/>')
  for (const name of [
    '',
    '#publish',
    '#publish-options',
    '#auto-create',
    '#auto-subscribe',
    '#persistent-items',
  ])
    expect(answer.toString()).toContain(`<feature var="${PUBSUB}${name}"/>`)
  for (const name of [
    'multi-items',
    'config-node-max',
    'retrieve-items',
    'item-ids',
    'last-published',
    'filtered-notifications',
  ])
    expect(answer.toString()).toContain(`<feature var="${PUBSUB}#${name}"/>`)
})

test('XEP-0163 §6.2: the nodes that are listed are those that the one who asks may read', async () => {
  using p = play()
  const { romeo, juliet } = await friends(p)
  const nurse = await p.bound('nurse@bix.org/kitchen')
  for (const access_model of ['open', 'presence', 'whitelist'])
    await publishes(juliet, access_model, item('a'), { access_model, title: 'T' })
  const listed = async (actor: Actor) => {
    const query = child(await actor.asks('get', `<query xmlns='${ITEMS}'/>`, JULIET), 'query', ITEMS)
    return query && children(query, 'item').map((el: Element) => el.attrs.node)
  }
  expect(await listed(juliet)).toEqual(['open', 'presence', 'whitelist'])
  expect(await listed(romeo)).toEqual(['open', 'presence'])
  expect(await listed(nurse)).toEqual(['open'])
  // XEP-0060 §5.3, §5.4
  const info = (node: string) => `<query xmlns='${INFO}' node='${node}'/>`
  const told = (await nurse.asks('get', info('open'), JULIET)).toString()
  expect(told).toContain('<identity category="pubsub" type="leaf" name="T"/>')
  expect(told).toContain(`<value>${PUBSUB}#meta-data</value>`)
  await nurse.isRefused('service-unavailable', 'get', info('presence'), JULIET)
  await romeo.isRefused('item-not-found', 'get', info('whitelist'), JULIET)
})
