/** Single demands of XEP-0060 that no other play of an account's nodes shows. */
import { describe, expect, test } from 'bun:test'
import { child, children, elements, type Element } from '../../src/xmpp/xml.ts'
import type { Actor } from '../support/actor.ts'
import {
  configuration,
  EVENT,
  fetches,
  form,
  friends,
  ids,
  item,
  owner,
  OWNER,
  publication,
  publishes,
  pubsub,
  PUBSUB,
  refused,
} from '../support/pubsub.ts'
import { play } from '../support/world.ts'

const INFO = 'http://jabber.org/protocol/disco#info'
const JULIET = 'juliet@bix.org'

/** The events that have come, each by its one child; what has come is forgotten. */
async function events(
  actor: Actor,
): Promise<{ id: string | undefined; to: string | undefined; el: Element }[]> {
  await actor.settles()
  const found = actor.heard.flatMap((message) => {
    const event = child(message, 'event', EVENT)
    const { id, to } = message.attrs
    return event ? elements(event).map((el) => ({ id, to, el })) : []
  })
  actor.forget()
  return found
}

const subscribe = (node: string, jid: string) => pubsub(`<subscribe node='${node}' jid='${jid}'/>`)
const unsubscribe = (node: string, jid: string) => pubsub(`<unsubscribe node='${node}' jid='${jid}'/>`)

describe('subscriptions', () => {
  test('XEP-0060 §6.1.3.2, §6.1.3.3: each access model refuses a subscriber in its own words', async () => {
    using p = play()
    const { romeo, juliet } = await friends(p)
    const nurse = await p.bound('nurse@bix.org/kitchen')
    for (const access_model of ['open', 'presence', 'roster'])
      await publishes(juliet, access_model, item('a'), { access_model })
    const refuses = (who: Actor, node: string, app: string) =>
      refused(who, 'not-authorized', app, 'set', subscribe(node, who.jid), JULIET)
    await refuses(nurse, 'presence', 'presence-subscription-required')
    await refuses(romeo, 'roster', 'not-in-roster-group')
    for (const [who, node] of [
      [nurse, 'open'],
      [romeo, 'presence'],
    ] as const)
      expect((await who.asks('set', subscribe(node, who.jid), JULIET)).attrs.type).toBe('result')
  })

  test('XEP-0060 §6.1.2, §6.1.6: each address has one subscription, and asking again tells of it', async () => {
    using p = play()
    const { romeo, juliet } = await friends(p)
    await publishes(juliet, 'tune', item('a'))
    for (const jid of ['romeo@bix.org', 'romeo@bix.org/orchard', 'romeo@bix.org', 'romeo@bix.org/orchard']) {
      const answer = await romeo.asks('set', subscribe('tune', jid), JULIET)
      expect(answer.toString()).toContain(
        `<subscription node="tune" jid="${jid}" subscription="subscribed"/>`,
      )
    }
    const list = await juliet.asks('get', owner(`<subscriptions node='tune'/>`))
    expect(list.toString().match(/<subscription /g)).toHaveLength(2)
    romeo.forget()
    await publishes(juliet, 'tune', item('b'))
    expect((await events(romeo)).map(({ to }) => to)).toEqual(['romeo@bix.org', 'romeo@bix.org/orchard'])
  })

  test('XEP-0060 §5.6: whoever asks sees all of his, by bare JID and by full one, and an empty list of none', async () => {
    using p = play()
    const { romeo, juliet } = await friends(p)
    const mine = async () => {
      const found = child(await romeo.asks('get', pubsub('<subscriptions/>'), JULIET), 'pubsub', PUBSUB)
      const list = found && child(found, 'subscriptions')
      return list && children(list, 'subscription').map(({ attrs }) => `${attrs.node} ${attrs.jid}`)
    }
    expect(await mine()).toEqual([])
    for (const node of ['tune', 'mood']) await publishes(juliet, node, item('a'))
    await juliet.asks('set', subscribe('tune', JULIET))
    await romeo.asks('set', subscribe('tune', 'romeo@bix.org'), JULIET)
    await romeo.asks('set', subscribe('mood', 'romeo@bix.org/orchard'), JULIET)
    expect((await mine())?.toSorted()).toEqual(['mood romeo@bix.org/orchard', 'tune romeo@bix.org'])
  })

  test('XEP-0060 §6.2.2, §6.2.3.3: everyone ends his own subscriptions, under any of his addresses, and no other', async () => {
    using p = play()
    const { romeo, juliet } = await friends(p)
    await publishes(juliet, 'tune', item('a'))
    await juliet.asks('set', subscribe('tune', JULIET))
    await romeo.asks('set', subscribe('tune', 'romeo@bix.org/elsewhere'), JULIET)
    for (const jid of [JULIET, 'juliet@bix.org/balcony', 'romeo@other.example', ''])
      await romeo.isRefused('forbidden', 'set', unsubscribe('tune', jid), JULIET)
    const answer = await romeo.asks('set', unsubscribe('tune', 'romeo@bix.org/elsewhere'), JULIET)
    expect(answer.attrs.type).toBe('result')
    const list = await juliet.asks('get', owner(`<subscriptions node='tune'/>`))
    expect(list.toString()).toContain('<subscription jid="juliet@bix.org" subscription="subscribed"/>')
    expect(list.toString()).not.toContain('romeo')
  })

  test('XEP-0060 §4.2: news go to whoever is subscribed, and to nobody else', async () => {
    using p = play()
    const { romeo, juliet } = await friends(p)
    const nurse = await p.online('nurse@bix.org/kitchen')
    const open = { access_model: 'open', send_last_published_item: 'never' }
    await publishes(juliet, 'tune', item('a'), open)
    await romeo.asks('set', subscribe('tune', 'romeo@bix.org'), JULIET)
    for (const id of ['b', 'c']) await publishes(juliet, 'tune', item(id))
    expect(await events(romeo)).toHaveLength(2)
    await romeo.asks('set', unsubscribe('tune', 'romeo@bix.org'), JULIET)
    await publishes(juliet, 'tune', item('d'))
    expect(await events(romeo)).toEqual([])
    expect(await events(nurse)).toEqual([])
  })

  test('XEP-0060 §8.8.1.1, §8.8.1.2: the owner sees who is subscribed, and not who was', async () => {
    using p = play()
    const { romeo, juliet } = await friends(p)
    await publishes(juliet, 'tune', item('a'))
    const list = async () => {
      const found = child(await juliet.asks('get', owner(`<subscriptions node='tune'/>`)), 'pubsub', OWNER)
      const all = found && child(found, 'subscriptions')
      expect(all?.attrs.node).toBe('tune')
      return all && children(all, 'subscription').map(({ attrs }) => attrs)
    }
    expect(await list()).toEqual([])
    await romeo.asks('set', subscribe('tune', 'romeo@bix.org'), JULIET)
    expect(await list()).toEqual([{ jid: 'romeo@bix.org', subscription: 'subscribed' }])
    await romeo.asks('set', unsubscribe('tune', 'romeo@bix.org'), JULIET)
    expect(await list()).toEqual([])
  })

  test('XEP-0060 §12.12: the owner reads without a subscription and may have one', async () => {
    using p = play()
    const juliet = await p.online('juliet@bix.org/balcony')
    await publishes(juliet, 'secret', item('a'), { access_model: 'whitelist' })
    expect(await fetches(juliet, `<items node='secret'/>`)).toEqual(['a'])
    expect((await juliet.asks('set', subscribe('secret', JULIET))).attrs.type).toBe('result')
    juliet.forget()
    await publishes(juliet, 'secret', item('b'))
    expect(await events(juliet)).toHaveLength(1)
  })
})

describe('publications', () => {
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
    const { romeo, juliet } = await friends(p)
    await publishes(juliet, 'tune', item('a'))
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
})

describe('nodes', () => {
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
    const { romeo, juliet } = await friends(p)
    await publishes(juliet, 'tune', item('a'))
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
