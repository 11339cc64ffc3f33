import { describe, expect, test } from 'bun:test'
import { play } from '../support/world.ts'

const PING = `<ping xmlns='urn:xmpp:ping'/>`
const UNKNOWN = `<query xmlns='urn:example:nobody-knows'/>`

describe('RFC 6120 §8.2.3: what every IQ must have', () => {
  const bad: [what: string, xml: string][] = [
    ['no id', `<iq type='get'>${PING}</iq>`],
    ['an empty id', `<iq type='get' id=''>${PING}</iq>`],
    ['no type', `<iq id='x'>${PING}</iq>`],
    ['an unknown type', `<iq id='x' type='fetch'>${PING}</iq>`],
    ['no child', `<iq id='x' type='get'/>`],
    ['two children', `<iq id='x' type='set'>${PING}${UNKNOWN}</iq>`],
    ['no child, to somebody', `<iq id='x' type='get' to='juliet@bix.org/balcony'/>`],
    ['two children, to somebody', `<iq id='x' type='get' to='juliet@bix.org/balcony'>${PING}${PING}</iq>`],
    ['no id, to another domain', `<iq type='get' to='elsewhere.example'>${PING}</iq>`],
  ]
  for (const [what, xml] of bad)
    test(`case 50: ${what}: bad-request, and nobody else hears of it`, async () => {
      using p = play()
      const juliet = await p.bound('juliet@bix.org/balcony')
      const romeo = await p.bound('romeo@bix.org/orchard')
      romeo.sends(xml)
      await romeo.hearsError('bad-request')
      await juliet.hearsNothing()
      await romeo.hearsNothing()
    })

  for (const xml of [
    `<iq id='x' type='result' to='juliet@bix.org/balcony'>${PING}${PING}</iq>`,
    `<iq type='result' to='juliet@bix.org/balcony'/>`,
    `<iq type='error' to='juliet@bix.org/balcony'/>`,
    `<iq id='x' type='result'/>`,
    `<iq id='x' type='error'/>`,
    `<iq id='x' type='result' to='juliet@bix.org'/>`,
    `<iq id='x' type='result' to='rosaline@bix.org/nowhere'/>`,
    `<iq id='x' type='error' to='juliet@bix.org/nowhere'/>`,
    `<iq id='x' type='result' to='bix.org'/>`,
  ])
    test(`case 50: an answer that nobody asked for or that is none gets no answer: ${xml}`, async () => {
      using p = play()
      const juliet = await p.bound('juliet@bix.org/balcony')
      const romeo = await p.bound('romeo@bix.org/orchard')
      romeo.sends(xml)
      await romeo.hearsNothing()
      await juliet.hearsNothing()
    })
})

test('RFC 6120 §8.2.3: an unknown payload is service-unavailable at the server and at the own account', async () => {
  using p = play()
  const romeo = await p.bound('romeo@bix.org/orchard')
  for (const to of [undefined, 'bix.org', 'romeo@bix.org', 'bix.org/admin'])
    for (const type of ['get', 'set'] as const)
      await romeo.isRefused('service-unavailable', type, UNKNOWN, to)
})

test('RFC 6120 §8.2.3: the answer comes from where the question went, with its id', async () => {
  using p = play()
  const romeo = await p.bound('romeo@bix.org/orchard')
  expect((await romeo.asks('get', PING, 'bix.org')).attrs).toEqual({
    type: 'result',
    id: 'ask-1',
    from: 'bix.org',
    to: 'romeo@bix.org/orchard',
  })
  expect((await romeo.asks('get', PING)).attrs).toEqual({
    type: 'result',
    id: 'ask-2',
    to: 'romeo@bix.org/orchard',
  })
})

test('RFC 6121 §8.5.3.1: a request to a full JID goes to that resource, and its answer comes back', async () => {
  using p = play()
  const romeo = await p.bound('romeo@bix.org/orchard')
  const juliet = await p.bound('juliet@bix.org/balcony')
  romeo.sends(`<iq type='get' id='v' to='juliet@bix.org/balcony'>${PING}</iq>`)
  await juliet.receives(
    `<iq type='get' id='v' from='romeo@bix.org/orchard' to='juliet@bix.org/balcony'>${PING}</iq>`,
  )
  juliet.sends(`<iq type='result' id='v' to='romeo@bix.org/orchard'/>`)
  await romeo.receives(`<iq type='result' id='v' from='juliet@bix.org/balcony' to='romeo@bix.org/orchard'/>`)
})

/** Payloads that a stranger may try; an account that exists must answer like one that does not. */
/** The condition for the bare address where it is not service-unavailable: RFC 6121 §2.3.3 has its own for rosters. */
/** disco#items has an empty result instead (XEP-0030 §8): test/features/disco.test.ts. */
const PROBES: readonly [type: 'get' | 'set', payload: string, condition?: string][] = [
  ['get', UNKNOWN],
  ['set', UNKNOWN],
  ['get', PING],
  ['get', `<query xmlns='jabber:iq:last'/>`],
  ['get', `<query xmlns='jabber:iq:roster'/>`],
  ['set', `<query xmlns='jabber:iq:roster'><item jid='nurse@bix.org'/></query>`, 'forbidden'],
  ['get', `<query xmlns='http://jabber.org/protocol/disco#info'/>`],
  ['get', `<vCard xmlns='vcard-temp'/>`],
  ['set', `<vCard xmlns='vcard-temp'><FN>J</FN></vCard>`],
  ['get', `<query xmlns='jabber:iq:register'/>`],
  ['set', `<query xmlns='jabber:iq:register'><remove/></query>`],
  ['set', `<enable xmlns='urn:xmpp:push:0' jid='push.bix.org' node='00'/>`],
  ['set', `<session xmlns='urn:ietf:params:xml:ns:xmpp-session'/>`],
  ['get', `<query xmlns='jabber:iq:version'/>`],
]

describe('RFC 6121 §8.5.1, §8.5.2.1.3: strangers learn nothing', () => {
  for (const [type, payload, condition = 'service-unavailable'] of PROBES)
    test(`case 51: ${type} ${payload}: the same answer for an account and for none`, async () => {
      using p = play()
      const romeo = await p.bound('romeo@bix.org/orchard')
      const juliet = await p.online('juliet@bix.org/balcony')
      for (const [resource, expected] of [
        ['', condition],
        ['/nowhere', 'service-unavailable'],
      ] as const) {
        const answers = new Set<string>()
        for (const name of ['juliet', 'nobody']) {
          const answer = await romeo.isRefused(expected, type, payload, `${name}@bix.org${resource}`)
          answers.add(
            answer.toString().replace(/ask-\d+/, 'id').replace(`${name}@bix.org${resource}`, 'address'), // prettier-ignore
          )
        }
        expect([...answers]).toHaveLength(1)
      }
      await juliet.hearsNothing()
      expect(p.store.accounts.find('juliet@bix.org')).toBeDefined()
    })
})

test('limits.later_pending: a session has four slow requests at a time, the rest are told to wait', async () => {
  using p = play()
  const romeo = await p.bound('romeo@bix.org/orchard')
  const change = (id: number) =>
    `<iq type='set' id='c${id}'><query xmlns='jabber:iq:register'>` +
    `<username>romeo</username><password>swear not by the moon</password></query></iq>`
  romeo.sends([1, 2, 3, 4, 5].map(change).join(''))
  const answers = await Promise.all([1, 2, 3, 4, 5].map((id) => romeo.answer(`c${id}`)))
  expect(answers.map((el) => el.attrs.type)).toEqual(['result', 'result', 'result', 'result', 'error'])
  // The places are free again.
  romeo.sends(change(6))
  expect((await romeo.answer('c6')).attrs.type).toBe('result')
})
