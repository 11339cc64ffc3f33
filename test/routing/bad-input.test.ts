/** Hostile clients that have logged in: what they forge goes nowhere, and what they flood stays bounded. */
import { describe, expect, test } from 'bun:test'
import { child, childText, type Element } from '../../src/xmpp/xml.ts'
import { type Actor, PASSWORD } from '../support/actor.ts'
import { friends, item, publishes } from '../support/pubsub.ts'
import { type Play, play } from '../support/world.ts'

const SM = 'urn:xmpp:sm:3'
const CARBONS = 'urn:xmpp:carbons:2'
const PACED = '[limits]\nstanzas_per_second = 10\nstanza_burst = 20\n'
const chat = (to: string, body: string, more = '') =>
  `<message to='${to}' type='chat'><body>${body}</body>${more}</message>`

async function pair(p: Play): Promise<{ romeo: Actor; juliet: Actor }> {
  const romeo = await p.online('romeo@bix.org/orchard')
  const juliet = await p.online('juliet@bix.org/balcony')
  return { romeo, juliet }
}

const archived = (p: Play) =>
  p.store.db.raw.query<{ n: number }, []>('SELECT count(*) AS n FROM archive').get()?.n

describe('what only the server says', () => {
  const inside = `<forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client' from='nurse@bix.org'><body>lies</body></message></forwarded>`
  const forgeries: [what: string, content: string][] = [
    ['case 54: a carbon that was received', `<received xmlns='${CARBONS}'>${inside}</received>`],
    ['case 54: a carbon that was sent', `<sent xmlns='${CARBONS}'>${inside}</sent>`],
    [
      'case 55: a result of the archive',
      `<result xmlns='urn:xmpp:mam:2' queryid='q' id='1'>${inside}</result>`,
    ],
    ['case 55: one of an older version', `<result xmlns='urn:xmpp:mam:0' id='1'>${inside}</result>`],
    [
      'case 61: an event',
      `<event xmlns='http://jabber.org/protocol/pubsub#event'><items node='tune'><item id='x'/></items></event>`,
    ],
  ]
  for (const [what, content] of forgeries)
    test(`${what} never reaches a client, nor an archive`, async () => {
      using p = play()
      const { romeo, juliet } = await pair(p)
      const phone = await p.online('romeo@bix.org/phone')
      for (const actor of [romeo, phone]) await actor.settles()
      for (const actor of [romeo, phone, juliet]) {
        actor.forget()
        await actor.asks('set', `<enable xmlns='${CARBONS}'/>`)
      }
      for (const to of ['juliet@bix.org', 'juliet@bix.org/balcony', 'romeo@bix.org', 'romeo@bix.org/phone']) {
        romeo.sends(`<message to='${to}' type='chat'><body>x</body>${content}</message>`)
        await romeo.hearsError('not-allowed')
        // An error is answered by nobody, and carries no more than another message.
        romeo.sends(`<message to='${to}' type='error'>${content}</message>`)
      }
      for (const actor of [romeo, phone, juliet]) await actor.hearsNothing()
      expect(archived(p)).toBe(0)
    })

  test('case 56: a time that claims to be the recipient’s server goes, another one’s stays', async () => {
    using p = play()
    const { romeo, juliet } = await pair(p)
    const delay = (from: string) => `<delay xmlns='urn:xmpp:delay'${from} stamp='2001-01-01T00:00:00Z'/>`
    const forged = ['bix.org', 'BIX.org', 'juliet@bix.org', 'juliet@bix.org/x'].map((by) =>
      delay(` from='${by}'`),
    )
    romeo.sends(
      chat('juliet@bix.org', 'x', `${forged.join('')}${delay('')}${delay(` from='romeo@bix.org'`)}`),
    )
    const heard = await juliet.next()
    const left = heard.children.filter((el): el is Element => typeof el !== 'string' && el.name === 'delay')
    expect(left.map(({ attrs }) => attrs.from)).toEqual([undefined, 'romeo@bix.org'])
  })

  test('case 56: an origin-id says nothing about anybody else’s message', async () => {
    using p = play()
    const { romeo, juliet } = await pair(p)
    const tybalt = await p.online('tybalt@bix.org/street')
    const id = `<origin-id xmlns='urn:xmpp:sid:0' id='same'/>`
    tybalt.sends(chat('juliet@bix.org', 'mine', id))
    expect(childText(await juliet.next(), 'body')).toBe('mine')
    romeo.sends(chat('juliet@bix.org', 'also mine', id))
    expect(childText(await juliet.next(), 'body')).toBe('also mine')
  })
})

describe('case 52: resources', () => {
  test('one of 300 kB ends the stream by the cap on stanzas', async () => {
    using p = play()
    await p.account('romeo@bix.org')
    const actor = await p.returns('romeo@bix.org')
    const resource = 'r'.repeat(300_000)
    actor.sends(
      `<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>${resource}</resource></bind></iq>`,
    )
    await actor.isCutOff('policy-violation')
  })

  test('a thousand logins in a row leave as many sessions as are allowed, and no more', async () => {
    using p = play({ toml: '[limits]\nrates = false\nsessions_per_user = 3' })
    await p.account('romeo@bix.org')
    for (let i = 0; i < 1000; i++) {
      const actor = await p.returns('romeo@bix.org')
      await actor.asks(
        'set',
        `<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>r${i}</resource></bind>`,
      )
      expect(p.world.sessions.countOf('romeo@bix.org')).toBe(Math.min(3, i + 1))
      if (i >= 3) actor.transport.destroy()
    }
  })
})

test('case 54: copies are not copied: two clients with carbons hear each message once', async () => {
  using p = play()
  const { romeo, juliet } = await pair(p)
  const phone = await p.online('romeo@bix.org/phone')
  for (const actor of [romeo, phone]) {
    await actor.asks('set', `<enable xmlns='${CARBONS}'/>`)
    await actor.settles()
    actor.forget()
  }
  juliet.sends(chat(romeo.jid, 'one'))
  expect(childText(await romeo.next(), 'body')).toBe('one')
  expect(child(await phone.next(), 'received', CARBONS)).toBeDefined()
  romeo.sends(chat('romeo@bix.org', 'to myself'))
  const own = [await romeo.next(), await phone.next()]
  expect(own.map((el) => childText(el, 'body'))).toEqual(['to myself', 'to myself'])
  romeo.sends(chat(phone.jid, 'to my phone'))
  expect(childText(await phone.next(), 'body')).toBe('to my phone')
  for (const actor of [romeo, phone, juliet]) await actor.hearsNothing()
})

describe('case 57: stream management', () => {
  async function enabled(actor: Actor, attrs = ''): Promise<Element> {
    actor.sends(`<enable xmlns='${SM}' resume='true'${attrs}/>`)
    return actor.next()
  }

  test('two that resume one session at once: the later has it, and it is one session', async () => {
    using p = play()
    const { juliet } = await pair(p)
    const { id = '' } = (await enabled(juliet)).attrs
    juliet.transport.destroy()
    const [one, two] = [await p.returns('juliet@bix.org'), await p.returns('juliet@bix.org')]
    const resume = `<resume xmlns='${SM}' previd='${id}' h='0'/>`
    one.sends(resume)
    two.sends(resume)
    expect((await one.next()).name).toBe('resumed')
    await one.isCutOff('conflict')
    expect((await two.next()).name).toBe('resumed')
    await two.settles()
    expect(p.world.sessions.countOf('juliet@bix.org')).toBe(1)
  })

  test('XEP-0198 §10: a session cannot be resumed without a login, and a new password is needed for it', async () => {
    using p = play()
    const { juliet } = await pair(p)
    const { id = '' } = (await enabled(juliet)).attrs
    const query = `<query xmlns='jabber:iq:register'><username>juliet</username><password>parting is such</password></query>`
    expect((await juliet.asks('set', query, 'bix.org')).attrs.type).toBe('result')
    juliet.transport.destroy()
    const guest = p.connect()
    await guest.opens()
    guest.sends(`<resume xmlns='${SM}' previd='${id}' h='0'/>`)
    expect((await guest.next()).name).toBe('failed')
    const plain = Buffer.from(`\0juliet\0${PASSWORD}`).toString('base64')
    guest.sends(`<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>${plain}</auth>`)
    const failure = await guest.next()
    expect(child(failure, 'not-authorized')).toBeDefined()
  })

  test('ids that were guessed, near and far: none is found, and the stream goes on', async () => {
    using p = play()
    const { juliet } = await pair(p)
    const { id = '' } = (await enabled(juliet)).attrs
    juliet.transport.destroy()
    const back = await p.returns('juliet@bix.org')
    for (const guess of [
      '',
      '0',
      id.slice(1),
      `${id} `,
      id.toLowerCase() === id ? id.toUpperCase() : id.toLowerCase(),
    ]) {
      back.sends(`<resume xmlns='${SM}' previd='${guess}' h='0'/>`)
      expect((await back.next()).name).toBe('failed')
    }
    back.sends(`<resume xmlns='${SM}' previd='${id}' h='0'/>`)
    expect((await back.next()).name).toBe('resumed')
  })

  test('a location that the client names is not the server’s word', async () => {
    using p = play()
    const { juliet } = await pair(p)
    expect((await enabled(juliet, ` location='evil.example'`)).attrs.location).toBeUndefined()
  })

  for (const nonza of ['r', "a h='0'"])
    test(`<${nonza}/> in masses is slowed down like stanzas`, async () => {
      using p = play({ toml: `[auth]\nplain = true\nscram_iterations = 4096\n${PACED}` })
      const { juliet } = await pair(p)
      await enabled(juliet)
      const [name, attrs = ''] = nonza.split(' ')
      juliet.sends(`<${name} xmlns='${SM}' ${attrs}/>`.repeat(500))
      await p.router.run(() => undefined)
      expect(juliet.transport.paused).toBe(true)
      expect(juliet.heard.length).toBeLessThan(40)
    })
})

test('case 58: a client that is there and never acknowledges loses its session, and nothing else', async () => {
  using p = play({ toml: '[limits]\nrates = false\nsm_queue = 5' })
  const { romeo, juliet } = await pair(p)
  juliet.sends(`<enable xmlns='${SM}' resume='true'/>`)
  await juliet.next()
  for (let i = 0; i < 8; i++) romeo.sends(chat('juliet@bix.org', String(i)))
  await romeo.settles()
  await juliet.cutOffAmong('policy-violation')
  const back = await p.bound('juliet@bix.org/balcony')
  back.sends('<presence/>')
  await back.settles()
  await back.settles()
  const bodies = back.heard.map((el) => childText(el, 'body')).filter((body) => body !== undefined)
  expect(bodies.length).toBeGreaterThan(0)
  expect(bodies).toEqual(['0', '1', '2', '3', '4', '5', '6', '7'].slice(-bodies.length))
  expect(archived(p)).toBe(16)
})

describe('case 59: floods of messages for somebody who is away', () => {
  test('from many: the box is bounded, each is told, and no answer is answered', async () => {
    using p = play({ toml: '[archive]\ndefault = "never"\n[limits]\nrates = false\noffline_messages = 10' })
    await p.account('juliet@bix.org')
    const crowd = await Promise.all(['a', 'b', 'c', 'd'].map((name) => p.online(`${name}@bix.org/x`)))
    for (const one of crowd) for (let i = 0; i < 5; i++) one.sends(chat('juliet@bix.org', String(i)))
    let refused = 0
    for (const one of crowd) {
      await one.settles()
      const errors = one.heard.filter((el) => el.attrs.type === 'error')
      refused += errors.length
      // A client that answers errors with errors is answered by nobody.
      for (const error of errors)
        one.sends(
          `<message to='${error.attrs.from}' type='error'>${child(error, 'error')?.toString()}</message>`,
        )
      one.forget()
      await one.hearsNothing()
    }
    expect(refused).toBe(10)
    expect(p.store.messages.totalOffline()).toBe(10)
  })

  test('an error to somebody who is away is neither kept nor bounced', async () => {
    using p = play()
    await p.account('juliet@bix.org')
    const romeo = await p.online('romeo@bix.org/orchard')
    romeo.sends(`<message to='juliet@bix.org' type='error'><body>x</body></message>`)
    await romeo.hearsNothing()
    expect(p.store.messages.totalOffline()).toBe(0)
  })
})

describe('case 63: who is blocked', () => {
  test('hears no news, reads no items, and rings nothing', async () => {
    using p = play()
    const { romeo, juliet } = await friends(p)
    await juliet.asks('set', `<enable xmlns='urn:xmpp:push:0' jid='push.bix.org' node='${'ab'.repeat(32)}'/>`)
    await publishes(juliet, 'tune', item('a'), { access_model: 'open' })
    const pubsub = 'http://jabber.org/protocol/pubsub'
    const subscribe = `<pubsub xmlns='${pubsub}'><subscribe node='tune' jid='romeo@bix.org'/></pubsub>`
    expect((await romeo.asks('set', subscribe, 'juliet@bix.org')).attrs.type).toBe('result')
    await juliet.asks('set', `<block xmlns='urn:xmpp:blocking'><item jid='romeo@bix.org'/></block>`)
    await romeo.settles()
    romeo.forget()
    await publishes(juliet, 'tune', item('b'))
    await romeo.hearsNothing()
    const items = `<pubsub xmlns='${pubsub}'><items node='tune'/></pubsub>`
    await romeo.isRefused('service-unavailable', 'get', items, 'juliet@bix.org')
    juliet.sends('<presence><show>away</show></presence>')
    await juliet.settles()
    juliet.transport.destroy()
    romeo.sends(chat('juliet@bix.org', 'let me in'))
    await romeo.hearsError('service-unavailable')
    expect(p.pushed).toEqual([])
    expect(p.store.messages.totalOffline()).toBe(0)
  })

  test('a list of 100,000 is refused as a whole and costs no more than its stanza', async () => {
    using p = play()
    const juliet = await p.online('juliet@bix.org/balcony')
    const items = Array.from({ length: 100_000 }, (_, i) => `<item jid='a${i}@x.org'/>`).join('')
    juliet.sends(`<iq type='set' id='x'><block xmlns='urn:xmpp:blocking'>${items}</block></iq>`)
    await juliet.isCutOff('policy-violation')
    const account = p.store.accounts.find('juliet@bix.org')
    expect(account && p.store.blocked.of(account)).toHaveLength(0)
  })
})

describe('case 64: presence', () => {
  test('a storm is slowed down, and contacts hear no more of it than passes', async () => {
    using p = play({ toml: `[auth]\nplain = true\nscram_iterations = 4096\n${PACED}` })
    const { romeo, juliet } = await friends(p)
    juliet.forget()
    romeo.sends('<presence/>'.repeat(500))
    await p.router.run(() => undefined)
    expect(romeo.transport.paused).toBe(true)
    expect(juliet.heard.length).toBeLessThan(40)
  })

  test('requests for subscription to many, repeated, are one row each', async () => {
    using p = play({ toml: '[limits]\nrates = false\nroster_items = 20' })
    const romeo = await p.online('romeo@bix.org/orchard')
    await p.account('juliet@bix.org')
    for (let i = 0; i < 50; i++) romeo.sends(`<presence type='subscribe' to='juliet@bix.org'/>`)
    for (let i = 0; i < 50; i++) romeo.sends(`<presence type='subscribe' to='nobody${i}@bix.org'/>`)
    await romeo.settles()
    const rows = (jid: string) => {
      const account = p.store.accounts.find(jid)
      return account ? p.store.contacts.all(account).length : -1
    }
    expect(rows('juliet@bix.org')).toBe(1)
    expect(rows('romeo@bix.org')).toBe(20)
    const juliet = await p.bound('juliet@bix.org/balcony')
    juliet.sends('<presence/>')
    await juliet.settles()
    expect(juliet.heard.filter((el) => el.attrs.type === 'subscribe')).toHaveLength(1)
  })

  test('directed presence tells one, and nobody else that one is there', async () => {
    using p = play()
    const { romeo, juliet } = await pair(p)
    const nurse = await p.online('nurse@bix.org/room')
    romeo.sends(`<presence to='juliet@bix.org'/>`)
    await romeo.settles()
    expect((await juliet.next()).attrs.from).toBe(romeo.jid)
    // Having been told once gives no right to ask.
    juliet.sends(`<presence type='probe' to='romeo@bix.org'/>`)
    await juliet.isRefused('service-unavailable', 'get', `<query xmlns='jabber:iq:last'/>`, 'romeo@bix.org')
    for (const actor of [juliet, nurse, romeo]) await actor.hearsNothing()
  })
})

describe('case 65: small questions with large answers', () => {
  const questions = [
    ['disco#info', `<query xmlns='http://jabber.org/protocol/disco#info'/>`],
    ['disco#items', `<query xmlns='http://jabber.org/protocol/disco#items'/>`],
    ['version', `<query xmlns='jabber:iq:version'/>`],
    ['last activity', `<query xmlns='jabber:iq:last'/>`],
  ] as const
  for (const [what, payload] of questions)
    test(`${what}: answers come no faster than stanzas may`, async () => {
      using p = play({ toml: `[auth]\nplain = true\nscram_iterations = 4096\n${PACED}` })
      const romeo = await p.online('romeo@bix.org/orchard')
      romeo.sends(`<iq type='get' id='q' to='bix.org'>${payload}</iq>`.repeat(500))
      await p.router.run(() => undefined)
      expect(romeo.transport.paused).toBe(true)
      expect(romeo.heard.length).toBeLessThan(40)
    })

  test('who asks and does not read is dropped at limits.send_buffer_bytes', async () => {
    using p = play({ toml: '[limits]\nrates = false\nsend_buffer_bytes = 20000' })
    const romeo = await p.online('romeo@bix.org/orchard')
    romeo.transport.stalled = true
    const ask = `<iq type='get' id='q' to='bix.org'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>`
    for (let i = 0; i < 200 && !romeo.transport.closed; i++) {
      romeo.sends(ask)
      await p.router.run(() => undefined)
    }
    expect(romeo.transport.closed).toBe(true)
  })
})

describe('case 66: whether somebody is there', () => {
  test('XEP-0012 §8, XEP-0199 §7: a stranger hears the same of a message, a receipt and a question, whoever is there or not', async () => {
    using p = play()
    const romeo = await p.online('romeo@bix.org/orchard')
    const juliet = await p.online('juliet@bix.org/balcony')
    await p.account('nurse@bix.org')
    const heard = async (to: string): Promise<string[]> => {
      romeo.sends(chat(to, 'art thou there?', `<request xmlns='urn:xmpp:receipts'/>`))
      romeo.sends(`<iq type='get' id='v' to='${to}'><query xmlns='jabber:iq:version'/></iq>`)
      romeo.sends(`<iq type='get' id='l' to='${to}'><query xmlns='jabber:iq:last'/></iq>`)
      romeo.sends(`<presence type='probe' to='${to}'/>`)
      await romeo.settles()
      const all = romeo.heard.map((el) => el.toString().replaceAll(to, 'X'))
      romeo.forget()
      return all
    }
    const there = await heard('juliet@bix.org')
    const away = await heard('nurse@bix.org')
    expect(there).toEqual(away)
    expect(there.length).toBeGreaterThan(0)
    await juliet.settles()
  })

  test('a resource that was guessed and is not there is answered like the ones of nobody', async () => {
    using p = play()
    const romeo = await p.online('romeo@bix.org/orchard')
    await p.account('juliet@bix.org')
    const answers: string[] = []
    for (const to of ['juliet@bix.org/guess', 'nobody@bix.org/guess']) {
      const answer = await romeo.isRefused('service-unavailable', 'get', `<ping xmlns='urn:xmpp:ping'/>`, to)
      answers.push(
        answer
          .toString()
          .replaceAll(to, 'X')
          .replace(/id="[^"]*"/, ''),
      )
    }
    expect(answers[0]).toBe(answers[1] ?? '')
  })
})

describe('case 67: registration', () => {
  test('an account that is removed while its other sessions send: nothing of theirs is kept', async () => {
    using p = play()
    const { romeo, juliet } = await pair(p)
    const phone = await p.online('romeo@bix.org/phone')
    await romeo.settles()
    romeo.forget()
    romeo.sends(`<iq type='set' id='x'><query xmlns='jabber:iq:register'><remove/></query></iq>`)
    phone.sends(chat('juliet@bix.org', 'still here?'))
    await phone.cutOffAmong('not-authorized')
    const known = p.store.accounts.find('romeo@bix.org')
    expect(known).toBeUndefined()
    expect(p.world.sessions.countOf('romeo@bix.org')).toBe(0)
    // What came before the removal may have arrived, under the name that was valid then; after it nothing does.
    phone.sends(chat('juliet@bix.org', 'a ghost'))
    await juliet.settles()
    expect(juliet.heard.filter((el) => childText(el, 'body') === 'a ghost')).toEqual([])
  })
})
