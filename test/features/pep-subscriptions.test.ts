/** Who subscribes to a node of an account, and what comes of it (XEP-0060 §6, §8.8). */
import { expect, test } from 'bun:test'
import { child, children } from '../../src/xmpp/xml.ts'
import type { Actor } from '../support/actor.ts'
import {
  events,
  fetches,
  friends,
  item,
  owner,
  OWNER,
  publishes,
  PUBSUB,
  pubsub,
  refused,
  subscribe,
  tuned,
  unsubscribe,
} from '../support/pubsub.ts'
import { play } from '../support/world.ts'

const JULIET = 'juliet@bix.org'

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
  const { romeo, juliet } = await tuned(p)
  for (const jid of ['romeo@bix.org', 'romeo@bix.org/orchard', 'romeo@bix.org', 'romeo@bix.org/orchard']) {
    const answer = await romeo.asks('set', subscribe('tune', jid), JULIET)
    expect(answer.toString()).toContain(`<subscription node="tune" jid="${jid}" subscription="subscribed"/>`)
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
  const { romeo, juliet } = await tuned(p)
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
  const { romeo, juliet } = await tuned(p)
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
