/** How nodes are made, configured, found and deleted (XEP-0060 §5, §8): single demands that no other play shows. */
import { expect, test } from 'bun:test'
import { child, children, elements } from '../../src/xmpp/xml.ts'
import type { Actor } from '../support/actor.ts'
import {
  configuration,
  events,
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
  subscribe,
  tuned,
} from '../support/pubsub.ts'
import { play } from '../support/world.ts'

const INFO = 'http://jabber.org/protocol/disco#info'
const JULIET = 'juliet@bix.org'

test('XEP-0060 §8.1.1: a node is made once, under the name that is asked for or under one that is told', async () => {
  using p = play()
  const juliet = await p.bound('juliet@bix.org/balcony')
  const named = await juliet.asks('set', pubsub(`<create node='tune'/>`))
  expect([named.attrs.type, named.children]).toEqual(['result', []])
  await juliet.isRefused('conflict', 'set', pubsub(`<create node='tune'/>`))
  const made = child(await juliet.asks('set', pubsub('<create/>')), 'pubsub', PUBSUB)
  const node = made && child(made, 'create')?.attrs.node
  expect(await fetches(juliet, `<items node='${node}'/>`)).toEqual([])
})

test('XEP-0060 §8.1.2, §8.1.3: options come with the creation, also another access model, and no node is half made', async () => {
  using p = play()
  const juliet = await p.bound('juliet@bix.org/balcony')
  const nurse = await p.bound('nurse@bix.org/kitchen')
  const create = (node: string, access_model: string) =>
    pubsub(`<create node='${node}'/><configure>${form('node_config', { access_model })}</configure>`)
  expect((await juliet.asks('set', create('tune', 'open'))).attrs.type).toBe('result')
  await publishes(juliet, 'tune', item('a'))
  expect(await fetches(nurse, `<items node='tune'/>`, JULIET)).toEqual(['a'])
  await refused(juliet, 'not-acceptable', 'unsupported-access-model', 'set', create('mood', 'authorize'))
  await juliet.isRefused('item-not-found', 'get', pubsub(`<items node='mood'/>`))
  const info = await juliet.asks('get', `<query xmlns='${INFO}'/>`)
  expect(info.toString()).toContain(`<feature var="${PUBSUB}#create-and-configure"/>`)
})

/** The values of a form by its fields. */
async function optionsOf(actor: Actor, request: string): Promise<Map<string, string | undefined>> {
  const [el] = elements(child(await actor.asks('get', request), 'pubsub', OWNER) ?? fail(request))
  const x = el && child(el, 'x', 'jabber:x:data')
  expect(x?.attrs.type).toBe('form')
  const fields = x ? children(x, 'field') : []
  return new Map(fields.map((field) => [field.attrs.var ?? '', child(field, 'value')?.getText()]))
}
const fail = (what: string): never => {
  throw new Error(`no answer to ${what}`)
}

test('XEP-0060 §8.2.2, §8.2.4, §8.2.5.1, §8.2.5.2: options are shown, changed, left and refused', async () => {
  using p = play()
  const juliet = await p.bound('juliet@bix.org/balcony')
  await publishes(juliet, 'tune', item('a'))
  const title = async () => (await optionsOf(juliet, owner(`<configure node='tune'/>`))).get('pubsub#title')
  expect((await juliet.asks('set', configuration('tune', { title: 'one' }))).attrs.type).toBe('result')
  expect(await title()).toBe('one')
  const cancelled = form('node_config', { title: 'two' }).replace(`type='submit'`, `type='cancel'`)
  await juliet.asks('set', owner(`<configure node='tune'>${cancelled}</configure>`))
  expect(await title()).toBe('one')
  await juliet.isRefused('not-acceptable', 'set', configuration('tune', { title: 'two', max_items: '0' }))
  expect(await title()).toBe('one')
})

test('XEP-0060 §8.2.5.3: a change of the options is told, with them where payloads are', async () => {
  using p = play()
  const { romeo, juliet } = await friends(p)
  await publishes(juliet, 'tune', item('a'), { notify_config: '1' })
  await romeo.asks('set', subscribe('tune', 'romeo@bix.org'), JULIET)
  await events(romeo)
  await juliet.asks('set', configuration('tune', { title: 'T' }))
  const [full] = await events(romeo)
  expect([full?.el.name, full?.el.attrs.node]).toEqual(['configuration', 'tune'])
  expect(full?.el.toString()).toContain('<value>T</value>')
  await juliet.asks('set', configuration('tune', { deliver_payloads: '0' }))
  const [bare] = await events(romeo)
  expect(bare?.el.toString()).toBe('<configuration node="tune"/>')
})

test('XEP-0060 §8.3.1, §8.3.2, §8.3.3: the defaults are those of a new leaf', async () => {
  using p = play()
  const juliet = await p.bound('juliet@bix.org/balcony')
  await juliet.asks('set', pubsub(`<create node='new'/>`))
  const defaults = await optionsOf(juliet, owner('<default/>'))
  expect(defaults.get('pubsub#access_model')).toBe('presence')
  expect(await optionsOf(juliet, owner(`<configure node='new'/>`))).toEqual(defaults)
  expect(await optionsOf(juliet, owner(`<default type='leaf'/>`))).toEqual(defaults)
})

test('XEP-0060 §8.4.1: the node that a deletion names is deleted, and no other', async () => {
  using p = play()
  const juliet = await p.bound('juliet@bix.org/balcony')
  for (const node of ['tune', 'mood']) await publishes(juliet, node, item('a'))
  await refused(juliet, 'bad-request', 'nodeid-required', 'set', owner('<delete/>'))
  await juliet.asks('set', owner(`<delete node='tune'/>`))
  await juliet.isRefused('item-not-found', 'get', pubsub(`<items node='tune'/>`))
  expect(await fetches(juliet, `<items node='mood'/>`)).toEqual(['a'])
})

test('XEP-0060 §4.1, §8.9.1.1, §8.9.1.2: affiliates are listed by their bare JIDs, and only those who are any', async () => {
  using p = play()
  const { romeo, juliet } = await tuned(p)
  await romeo.asks('set', subscribe('tune', 'romeo@bix.org'), JULIET)
  const answer = await juliet.asks('get', owner(`<affiliations node='tune'/>`))
  expect(answer.toString()).toContain(
    '<affiliations node="tune"><affiliation jid="juliet@bix.org" affiliation="owner"/></affiliations>',
  )
})

test('XEP-0060 §4.6.2, §5.3: for discovery a node has the name that it has otherwise', async () => {
  using p = play()
  const { romeo, juliet } = await friends(p)
  await publishes(juliet, 'urn:a b', item('a'))
  const answer = await romeo.asks('get', `<query xmlns='${INFO}' node='urn:a b'/>`, JULIET)
  const query = child(answer, 'query', INFO)
  expect(query?.attrs.node).toBe('urn:a b')
  expect(query && child(query, 'identity')?.attrs).toMatchObject({ category: 'pubsub', type: 'leaf' })
})

test('XEP-0060 §14.2: what is the owner’s to do nobody else does', async () => {
  using p = play()
  const { romeo, juliet } = await friends(p)
  await publishes(juliet, 'tune', item('a'), { access_model: 'open' })
  const requests: ['get' | 'set', string][] = [
    ['set', pubsub(`<create node='mine'/>`)],
    ['set', pubsub(`<create/>`)],
    ['set', publication('tune', item('b'))],
    ['set', pubsub(`<retract node='tune'><item id='a'/></retract>`)],
    ['get', owner(`<default/>`)],
    ...['configure', 'subscriptions', 'affiliations'].flatMap((name): ['get' | 'set', string][] => [
      ['get', owner(`<${name} node='tune'/>`)],
      ['set', owner(`<${name} node='tune'/>`)],
    ]),
    ['set', configuration('tune', { access_model: 'whitelist' })],
    ['set', owner(`<purge node='tune'/>`)],
    ['set', owner(`<delete node='tune'/>`)],
  ]
  for (const [type, xml] of requests) await romeo.isRefused('forbidden', type, xml, JULIET)
  expect(ids(await romeo.asks('get', pubsub(`<items node='tune'/>`), JULIET))).toEqual(['a'])
})

test('XEP-0060 §5.1, §6.1.7, §9: the account says what kind of service it is, and what it can', async () => {
  using p = play()
  const { romeo } = await friends(p)
  const answer = await romeo.asks('get', `<query xmlns='${INFO}'/>`, JULIET)
  const query = child(answer, 'query', INFO)
  const identities = query ? children(query, 'identity').map(({ attrs }) => attrs) : []
  expect(identities).toContainEqual({ category: 'pubsub', type: 'pep' })
  const features = query ? children(query, 'feature').map(({ attrs }) => attrs.var) : []
  for (const name of ['', '#publish', '#subscribe', '#last-published', '#pubsub-on-a-jid'])
    expect(features).toContain(`${PUBSUB}${name}`)
})
