/** What clients say to each other and the server only carries: it arrives as it was said, and history has it. */
import { describe, expect, test } from 'bun:test'
import { child, type Element, elements } from '../../src/xmpp/xml.ts'
import type { Actor } from '../support/actor.ts'
import { friends, publishes, pubsub } from '../support/pubsub.ts'
import { play } from '../support/world.ts'

const SID = 'urn:xmpp:sid:0'
const body = '<body>So shows a snowy dove</body>'
const reactions = '<reactions xmlns="urn:xmpp:reactions:0" id="m1"><reaction>🌹</reaction></reactions>'
const retract = '<retract xmlns="urn:xmpp:message-retract:1" id="m1"/>'

/** Each with the payload of a message that has no body unless it is said. */
const PAYLOADS: readonly [what: string, payload: string][] = [
  ['XEP-0184 §5: a receipt', '<received xmlns="urn:xmpp:receipts" id="m1"/>'],
  ['XEP-0184 §5: a request for a receipt', `${body}<request xmlns="urn:xmpp:receipts"/>`],
  ['XEP-0308 §3: a correction', `${body}<replace xmlns="urn:xmpp:message-correct:0" id="m1"/>`],
  ['XEP-0333 §4: a displayed marker', '<displayed xmlns="urn:xmpp:chat-markers:0" id="m1"/>'],
  ['XEP-0333 §4: a message that can be marked', `${body}<markable xmlns="urn:xmpp:chat-markers:0"/>`],
  [
    'XEP-0422 §3: something fastened',
    '<apply-to xmlns="urn:xmpp:fasten:0" id="m1"><x xmlns="u:x" n="1"/></apply-to>',
  ],
  ['XEP-0424 §3: a retraction alone', retract],
  [
    'XEP-0424 §3, XEP-0428 §2: a retraction with a fallback',
    `${retract}<fallback xmlns="urn:xmpp:fallback:0" for="urn:xmpp:message-retract:1"/>${body}`,
  ],
  ['XEP-0444 §3.1: a reaction alone', reactions],
  ['XEP-0444 §4, XEP-0334 §4: a reaction with a hint', `${reactions}<store xmlns="urn:xmpp:hints"/>`],
  [
    'XEP-0461 §3, XEP-0428 §2: a reply with a quotation',
    `<body>&gt; hist!\nAy me</body><reply xmlns="urn:xmpp:reply:0" to="romeo@bix.org/orchard" id="m1"/>` +
      `<fallback xmlns="urn:xmpp:fallback:0" for="urn:xmpp:reply:0"><body start="0" end="8"/></fallback>`,
  ],
  ['XEP-0172 §4.2: a nickname', `${body}<nick xmlns="http://jabber.org/protocol/nick">Jules</nick>`],
  [
    'XEP-0384 §5.5: something encrypted',
    '<encrypted xmlns="eu.siacs.conversations.axolotl"><header sid="1"/><payload>x</payload></encrypted>',
  ],
]

const payloadOf = (message: Element) =>
  elements(message)
    .filter(({ attrs }) => attrs.xmlns !== SID)
    .map(String)
    .join('')

/** Payloads of what an account's history holds. */
async function historyOf(actor: Actor): Promise<string[]> {
  await actor.asks('set', `<query xmlns='urn:xmpp:mam:2'/>`)
  const results = actor.heard.flatMap((el) => child(el, 'result', 'urn:xmpp:mam:2') ?? [])
  actor.forget()
  return results.map((result) => {
    const forwarded = child(result, 'forwarded', 'urn:xmpp:forward:0')
    const message = forwarded && child(forwarded, 'message', 'jabber:client')
    return message ? payloadOf(message) : ''
  })
}

describe('what the server only carries', () => {
  for (const [what, payload] of PAYLOADS)
    test(`${what} arrives unchanged and is in the history of both`, async () => {
      using p = play()
      const { romeo, juliet } = await friends(p)
      juliet.sends(`<message to='romeo@bix.org' type='chat' id='m2'>${payload}</message>`)
      const heard = await romeo.next()
      expect(heard.attrs).toEqual({ to: 'romeo@bix.org', type: 'chat', id: 'm2', from: juliet.jid })
      expect(payloadOf(heard)).toBe(payload)
      expect(await historyOf(romeo)).toEqual([payload])
      expect(await historyOf(juliet)).toEqual([payload])
    })

  for (const [what, payload] of PAYLOADS)
    test(`${what} waits for somebody who is away`, async () => {
      using p = play()
      const { romeo, juliet } = await friends(p)
      romeo.sends(`<presence type='unavailable'/>`)
      await romeo.settles()
      romeo.forget()
      juliet.sends(`<message to='romeo@bix.org' type='chat' id='m2'>${payload}</message>`)
      await juliet.settles()
      romeo.sends('<presence/>')
      await romeo.settles()
      const heard = romeo.heard.filter(({ name }) => name === 'message')
      expect(heard.map((el) => el.toString().includes(payload))).toEqual([true])
    })
})

test('XEP-0424 §5: a retraction and what it retracts are both kept', async () => {
  using p = play()
  const { juliet } = await friends(p)
  juliet.sends(`<message to='romeo@bix.org' type='chat' id='m1'>${body}</message>`)
  juliet.sends(`<message to='romeo@bix.org' type='chat' id='m2'>${retract}</message>`)
  expect(await historyOf(juliet)).toEqual([body, retract])
})

test('XEP-0424 §2: the server and the account say that retractions are archived', async () => {
  using p = play()
  const juliet = await p.bound('juliet@bix.org/balcony')
  for (const to of ['bix.org', 'juliet@bix.org']) {
    const answer = await juliet.asks('get', `<query xmlns='http://jabber.org/protocol/disco#info'/>`, to)
    expect(answer.toString()).toContain('<feature var="urn:xmpp:message-retract:1"/>')
  }
})

test('XEP-0172 §4.1: the nickname in a request for a subscription arrives', async () => {
  using p = play()
  const romeo = await p.online('romeo@bix.org/orchard')
  const juliet = await p.online('juliet@bix.org/balcony')
  const nick = `<nick xmlns='http://jabber.org/protocol/nick'>Jules</nick>`
  juliet.sends(`<presence to='romeo@bix.org' type='subscribe'>${nick}</presence>`)
  await romeo.receives(
    `<presence from='juliet@bix.org' to='romeo@bix.org' type='subscribe'>${nick}</presence>`,
  )
})

test('XEP-0172 §4.3: a nickname that is published is read by contacts', async () => {
  using p = play()
  const { romeo, juliet } = await friends(p)
  const node = 'http://jabber.org/protocol/nick'
  await publishes(juliet, node, `<item><nick xmlns='${node}'>Jules</nick></item>`)
  const answer = await romeo.asks('get', pubsub(`<items node='${node}'/>`), 'juliet@bix.org')
  expect(answer.toString()).toContain(`<nick xmlns="${node}">Jules</nick>`)
})

describe('keys of encryption', () => {
  const nodes: readonly [node: string, id: string, payload: string, fields: Record<string, string>][] = [
    [
      'eu.siacs.conversations.axolotl.devicelist',
      'current',
      '<list xmlns="eu.siacs.conversations.axolotl"><device id="1"/></list>',
      { access_model: 'open', persist_items: 'true' },
    ],
    [
      'eu.siacs.conversations.axolotl.bundles:1',
      'current',
      '<bundle xmlns="eu.siacs.conversations.axolotl"><identityKey>a</identityKey></bundle>',
      { access_model: 'open', persist_items: 'true' },
    ],
    [
      'urn:xmpp:omemo:2:devices',
      'current',
      '<devices xmlns="urn:xmpp:omemo:2"><device id="1"/></devices>',
      { access_model: 'open' },
    ],
    [
      'urn:xmpp:omemo:2:bundles',
      '1',
      '<bundle xmlns="urn:xmpp:omemo:2"><spk id="1">a</spk></bundle>',
      { access_model: 'open', max_items: 'max' },
    ],
  ]
  for (const [node, id, payload, fields] of nodes)
    test(`XEP-0384 §7.1: ${node} is opened by its publication, and a stranger reads it`, async () => {
      using p = play()
      const juliet = await p.bound('juliet@bix.org/balcony')
      const tybalt = await p.bound('tybalt@bix.org/street')
      await publishes(juliet, node, `<item id='${id}'>${payload}</item>`, fields)
      const answer = await tybalt.asks('get', pubsub(`<items node='${node}'/>`), 'juliet@bix.org')
      expect(answer.toString()).toContain(`<items node="${node}"><item id="${id}">${payload}</item></items>`)
      const info = await tybalt.asks(
        'get',
        `<query xmlns='http://jabber.org/protocol/disco#info' node='${node}'/>`,
        'juliet@bix.org',
      )
      expect(info.toString()).toContain('<value>open</value>')
    })
})

test('XEP-0223 §5: the server says that private data can be kept', async () => {
  using p = play()
  const juliet = await p.bound('juliet@bix.org/balcony')
  const answer = await juliet.asks('get', `<query xmlns='http://jabber.org/protocol/disco#info'/>`, 'bix.org')
  expect(answer.toString()).toContain('<identity category="pubsub" type="pep"/>')
  expect(answer.toString()).toContain('<feature var="http://jabber.org/protocol/pubsub#publish-options"/>')
})

test('XEP-0223 §2, §3: a node that is private says so to nobody else, and keeps what it is given', async () => {
  using p = play()
  const { romeo, juliet } = await friends(p)
  await publishes(juliet, 'u:secret', `<item id='a'><x xmlns='u:x'/></item>`, {
    persist_items: 'true',
    access_model: 'whitelist',
  })
  await romeo.isRefused('not-allowed', 'get', pubsub(`<items node='u:secret'/>`), 'juliet@bix.org')
  const items = await romeo.asks(
    'get',
    `<query xmlns='http://jabber.org/protocol/disco#items'/>`,
    'juliet@bix.org',
  )
  expect(items.toString()).not.toContain('u:secret')
  const phone = await p.bound('juliet@bix.org/phone')
  expect((await phone.asks('get', pubsub(`<items node='u:secret'/>`))).toString()).toContain(
    '<x xmlns="u:x"/>',
  )
})
