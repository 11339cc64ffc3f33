/** What the nodes of an account refuse, each in the words of XEP-0060. */
import { describe, expect, test } from 'bun:test'
import { child } from '../../src/xmpp/xml.ts'
import {
  ERRORS,
  form,
  friends,
  item,
  owner,
  publication,
  publishes,
  pubsub,
  PUBSUB,
  tuned,
} from '../support/pubsub.ts'
import { play } from '../support/world.ts'

const JULIET = 'juliet@bix.org'

describe('what a publish-subscribe service refuses', () => {
  const NONE = 'nothing-here'
  const cases: [
    section: string,
    who: 'owner' | 'contact',
    condition: string,
    type: 'get' | 'set',
    xml: string,
  ][] = [
    [
      'XEP-0060 §6.1.3.1',
      'contact',
      'bad-request',
      'set',
      pubsub(`<subscribe node='tune' jid='tybalt@bix.org'/>`),
    ],
    ['XEP-0060 §6.1.1', 'contact', 'bad-request', 'set', pubsub(`<subscribe node='tune'/>`)],
    [
      'XEP-0060 §6.1.3.4',
      'contact',
      'not-allowed',
      'set',
      pubsub(`<subscribe node='secret' jid='romeo@bix.org'/>`),
    ],
    [
      'XEP-0060 §6.2.3.2',
      'contact',
      'unexpected-request',
      'set',
      pubsub(`<unsubscribe node='tune' jid='romeo@bix.org'/>`),
    ],
    [
      'XEP-0060 §6.2.3.4',
      'contact',
      'item-not-found',
      'set',
      pubsub(`<unsubscribe node='${NONE}' jid='romeo@bix.org'/>`),
    ],
    [
      'XEP-0060 §6.3.4.6',
      'contact',
      'feature-not-implemented',
      'get',
      pubsub(`<options node='tune' jid='romeo@bix.org'/>`),
    ],
    [
      'XEP-0060 §6.3.4.6',
      'contact',
      'feature-not-implemented',
      'set',
      pubsub(`<options node='tune' jid='romeo@bix.org'/>`),
    ],
    [
      'XEP-0060 §6.3.4.6',
      'contact',
      'feature-not-implemented',
      'set',
      pubsub(`<subscribe node='tune' jid='romeo@bix.org'/><options/>`),
    ],
    ['XEP-0060 §6.4.3.1', 'contact', 'feature-not-implemented', 'get', pubsub(`<default/>`)],
    ['XEP-0060 §6.5.9.8', 'contact', 'not-allowed', 'get', pubsub(`<items node='secret'/>`)],
    ['XEP-0060 §7.1.3.1', 'contact', 'forbidden', 'set', publication('tune', item('x'))],
    [
      'XEP-0060 §7.2.3.1',
      'contact',
      'forbidden',
      'set',
      pubsub(`<retract node='tune'><item id='a'/></retract>`),
    ],
    [
      'XEP-0060 §7.2.3.2',
      'owner',
      'item-not-found',
      'set',
      pubsub(`<retract node='${NONE}'><item id='a'/></retract>`),
    ],
    ['XEP-0060 §7.2.3.3', 'owner', 'bad-request', 'set', pubsub(`<retract><item id='a'/></retract>`)],
    ['XEP-0060 §7.2.3.4', 'owner', 'bad-request', 'set', pubsub(`<retract node='tune'/>`)],
    [
      'XEP-0060 §7.2.1',
      'owner',
      'bad-request',
      'set',
      pubsub(`<retract node='tune'><item id='a'/><item id='b'/></retract>`),
    ],
    ['XEP-0060 §8.1.1', 'contact', 'forbidden', 'set', pubsub(`<create node='new'/>`)],
    ['XEP-0060 §8.1.1', 'owner', 'conflict', 'set', pubsub(`<create node='tune'/>`)],
    [
      'XEP-0060 §8.1.3',
      'owner',
      'bad-request',
      'set',
      pubsub(`<configure>${form('node_config', {})}</configure><create node='new'/>`),
    ],
    [
      'XEP-0060 §8.1.3',
      'owner',
      'bad-request',
      'set',
      pubsub(`<create node='new'/><configure node='new'>${form('node_config', {})}</configure>`),
    ],
    ['XEP-0060 §8.2.3.2', 'contact', 'forbidden', 'get', owner(`<configure node='tune'/>`)],
    ['XEP-0060 §8.2.3.5', 'owner', 'item-not-found', 'get', owner(`<configure node='${NONE}'/>`)],
    ['XEP-0060 §8.4.3.1', 'contact', 'forbidden', 'set', owner(`<delete node='tune'/>`)],
    ['XEP-0060 §8.4.3.2', 'owner', 'item-not-found', 'set', owner(`<delete node='${NONE}'/>`)],
    ['XEP-0060 §8.5.3.2', 'contact', 'forbidden', 'set', owner(`<purge node='tune'/>`)],
    ['XEP-0060 §8.5.3.4', 'owner', 'item-not-found', 'set', owner(`<purge node='${NONE}'/>`)],
    ['XEP-0060 §8.8.1.3.2', 'contact', 'forbidden', 'get', owner(`<subscriptions node='tune'/>`)],
    ['XEP-0060 §8.8.1.3.3', 'owner', 'item-not-found', 'get', owner(`<subscriptions node='${NONE}'/>`)],
    ['XEP-0060 §8.8.2.3.1', 'owner', 'feature-not-implemented', 'set', owner(`<subscriptions node='tune'/>`)],
    ['XEP-0060 §8.8.2.3.2', 'contact', 'forbidden', 'set', owner(`<subscriptions node='tune'/>`)],
    ['XEP-0060 §8.8.2.3.3', 'owner', 'item-not-found', 'set', owner(`<subscriptions node='${NONE}'/>`)],
    ['XEP-0060 §8.9.1.3.2', 'contact', 'forbidden', 'get', owner(`<affiliations node='tune'/>`)],
    ['XEP-0060 §8.9.1.3.3', 'owner', 'item-not-found', 'get', owner(`<affiliations node='${NONE}'/>`)],
    ['XEP-0060 §8.9.2.3.1', 'owner', 'feature-not-implemented', 'set', owner(`<affiliations node='tune'/>`)],
    ['XEP-0060 §8.9.2.3.3', 'contact', 'forbidden', 'set', owner(`<affiliations node='tune'/>`)],
    ['XEP-0060 §8.9.2.3.4', 'owner', 'item-not-found', 'set', owner(`<affiliations node='${NONE}'/>`)],
  ]
  for (const [section, who, condition, type, xml] of cases)
    test(`${section}: ${condition}`, async () => {
      using p = play()
      const { romeo, juliet } = await tuned(p)
      await publishes(juliet, 'secret', item('a'), { access_model: 'whitelist' })
      await (who === 'owner' ? juliet : romeo).isRefused(condition, type, xml, JULIET)
    })
})

/** What is said to be missing is named as XEP-0060 §10 names it. */
describe('what is not offered', () => {
  const cases: [section: string, feature: string, type: 'get' | 'set', xml: string][] = [
    ['XEP-0060 §6.3.4.6', 'subscription-options', 'get', pubsub(`<options node='tune' jid='${JULIET}'/>`)],
    ['XEP-0060 §6.3.4.6', 'subscription-options', 'set', pubsub(`<options node='tune' jid='${JULIET}'/>`)],
    ['XEP-0060 §6.4.3.1', 'subscription-options', 'get', pubsub(`<default/>`)],
    ['XEP-0060 §6.4.3.1', 'subscription-options', 'get', pubsub(`<default node='tune'/>`)],
    ['XEP-0060 §6.5.9.4', 'persistent-items', 'get', pubsub(`<items node='fleeting'/>`)],
    [
      'XEP-0060 §7.2.3.5',
      'persistent-items',
      'set',
      pubsub(`<retract node='fleeting'><item id='a'/></retract>`),
    ],
    ['XEP-0060 §8.5.3.3', 'persistent-items', 'set', owner(`<purge node='fleeting'/>`)],
    ['XEP-0060 §8.8.2.3.1', 'manage-subscriptions', 'set', owner(`<subscriptions node='tune'/>`)],
    ['XEP-0060 §8.9.2.3.1', 'modify-affiliations', 'set', owner(`<affiliations node='tune'/>`)],
  ]
  for (const [section, feature, type, xml] of cases)
    test(`${section}: unsupported ${feature}: ${xml.slice(0, 80)}`, async () => {
      using p = play()
      const juliet = await p.bound('juliet@bix.org/balcony')
      await publishes(juliet, 'tune', item('a'))
      await publishes(juliet, 'fleeting', item('a'), { persist_items: '0' })
      const answer = await juliet.isRefused('feature-not-implemented', type, xml)
      const error = child(answer, 'error')
      expect(error && child(error, 'unsupported', ERRORS)?.attrs.feature).toBe(feature)
    })

  test('XEP-0060 §8.7.3.1: an account has no ad-hoc commands', async () => {
    using p = play()
    const { romeo, juliet } = await friends(p)
    const pending = `<command xmlns='http://jabber.org/protocol/commands' node='${PUBSUB}#get-pending'/>`
    for (const actor of [romeo, juliet]) await actor.isRefused('service-unavailable', 'set', pending, JULIET)
  })
})
