import { createHash, createHmac } from 'node:crypto'
import { describe, expect, test } from 'bun:test'
import { offerText } from '../../src/stream/sasl/scram.ts'
import { child, childText, children, type Element } from '../../src/xmpp/xml.ts'
import { type Actor, PASSWORD } from '../support/actor.ts'
import { EXPORTED } from '../support/memory-transport.ts'
import { type Play, play } from '../support/world.ts'

const SASL2 = 'urn:xmpp:sasl:2'
const BIND = 'urn:xmpp:bind:0'
const FAST = 'urn:xmpp:fast:0'
const SM = 'urn:xmpp:sm:3'
const CARBONS = 'urn:xmpp:carbons:2'
const AGENT = 'd4565fa7-4d72-4749-b3d3-740edbf87770'
const agent = (id = AGENT) =>
  `<user-agent id='${id}'><software>Verona</software><device>Phone</device></user-agent>`
const plain = (name = 'juliet', password = PASSWORD) =>
  Buffer.from(`\0${name}\0${password}`).toString('base64')

/** A login by PLAIN with what else is asked for. */
const authenticate = (more = '', initial = plain(), mechanism = 'PLAIN') =>
  `<authenticate xmlns='${SASL2}' mechanism='${mechanism}'><initial-response>${initial}</initial-response>${more}</authenticate>`

async function opened(p: Play): Promise<Actor> {
  const actor = p.connect()
  await actor.opens()
  return actor
}

/** The next element must be a <success/>. */
async function succeeds(actor: Actor, xml: string): Promise<Element> {
  actor.sends(xml)
  const el = await actor.next()
  if (el.name !== 'success' || el.attrs.xmlns !== SASL2) throw new Error(`no success: ${el.toString()}`)
  return el
}

async function fails(actor: Actor, xml: string): Promise<string> {
  actor.sends(xml)
  const el = await actor.next()
  expect(el.name).toBe('failure')
  expect(el.attrs.xmlns).toBe(SASL2)
  const condition = el.children.find((node) => typeof node !== 'string')
  if (typeof condition === 'string' || !condition) throw new Error('a failure without a condition')
  expect(condition.attrs.xmlns).toBe('urn:ietf:params:xml:ns:xmpp-sasl')
  return condition.name
}

const identity = (success: Element) => childText(success, 'authorization-identifier') ?? ''

async function stage(toml = ''): Promise<Play> {
  const p = play({ toml })
  await p.account('juliet@bix.org')
  return p
}

describe('XEP-0388: login', () => {
  test('XEP-0388 §2.1: offered inside TLS with what can be asked for along with it', async () => {
    using p = await stage()
    const actor = p.connect()
    const offer = child(await actor.opens(), 'authentication', SASL2)
    const names = offer ? children(offer, 'mechanism').map((el) => el.getText()) : []
    expect(names).toContain('SCRAM-SHA-256-PLUS')
    const inline = offer && child(offer, 'inline')
    expect(inline && child(inline, 'sm', SM)).toBeDefined()
    const fast = inline && child(inline, 'fast', FAST)
    expect(fast && children(fast, 'mechanism').map((el) => el.getText())).toEqual([
      'HT-SHA-256-EXPR',
      'HT-SHA-256-ENDP',
      'HT-SHA-256-NONE',
    ])
    const bind = inline && child(inline, 'bind', BIND)
    const features = bind && child(bind, 'inline')
    expect(
      features &&
        children(features, 'feature')
          .map((el) => el.attrs.var)
          .sort(),
    ).toEqual([CARBONS, 'urn:xmpp:csi:0', SM].sort())
  })

  test('XEP-0388 §3: never without TLS', async () => {
    using p = await stage('[c2s]\nrequire_tls = false')
    const actor = p.connect({ secure: false })
    expect(child(await actor.opens(), 'authentication', SASL2)).toBeUndefined()
    actor.sends(authenticate())
    await actor.isCutOff('unsupported-stanza-type')
  })

  test('XEP-0388 §2.6.1: success names the account, features follow without a restart, and binding is as ever', async () => {
    using p = await stage()
    const actor = await opened(p)
    const success = await succeeds(actor, authenticate())
    expect(identity(success)).toBe('juliet@bix.org')
    const features = await actor.next()
    expect(features.name).toBe('features')
    expect(child(features, 'bind', 'urn:ietf:params:xml:ns:xmpp-bind')).toBeDefined()
    expect(child(features, 'authentication', SASL2)).toBeUndefined()
    await actor.asks('set', `<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>`)
    await actor.settles()
  })

  test('XEP-0388 §2.6.2: a failure leaves the stream as it was, with nothing asked for done', async () => {
    using p = await stage()
    const actor = await opened(p)
    const wrong = authenticate(`${agent()}<bind xmlns='${BIND}'/>`, plain('juliet', 'wrong'))
    expect(await fails(actor, wrong)).toBe('not-authorized')
    expect(p.world.sessions.count).toBe(0)
    expect(identity(await succeeds(actor, authenticate()))).toBe('juliet@bix.org')
  })

  const wrongs: [string, string, string][] = [
    ['a mechanism that was not offered', authenticate('', '', 'DIGEST-MD5'), 'invalid-mechanism'],
    ['no base64', authenticate('', '?'), 'incorrect-encoding'],
    ['a response to nothing', `<response xmlns='${SASL2}'>AAAA</response>`, 'malformed-request'],
    ['an abort', `<abort xmlns='${SASL2}'/>`, 'aborted'],
    ['an unknown element', `<next xmlns='${SASL2}' task='x'/>`, 'malformed-request'],
    [
      'a token mechanism without a token',
      authenticate(agent(), plain(), 'HT-SHA-256-NONE'),
      'invalid-mechanism',
    ],
  ]
  for (const [what, xml, condition] of wrongs)
    test(`XEP-0388 §2.6.2: ${what}: ${condition}`, async () => {
      using p = await stage()
      expect(await fails(await opened(p), xml)).toBe(condition)
    })

  test('XEP-0388 §2.3: anything else in the midst of a login ends the stream', async () => {
    using p = await stage()
    const actor = await opened(p)
    const first = Buffer.from('n,,n=juliet,r=abc').toString('base64')
    actor.sends(authenticate('', first, 'SCRAM-SHA-256'))
    await actor.receives(`<challenge xmlns='${SASL2}'>{any}</challenge>`)
    actor.sends(`<iq type='get' id='x'><query xmlns='jabber:iq:register'/></iq>`)
    await actor.isCutOff('policy-violation')
  })

  test('XEP-0388 §4.6: a second login ends the stream', async () => {
    using p = await stage()
    const actor = await opened(p)
    await succeeds(actor, authenticate())
    await actor.next()
    actor.sends(authenticate())
    await actor.isCutOff('not-authorized')
  })

  test('XEP-0474 §5.1, case 43: the exchange holds a hash of what was offered', async () => {
    expect(
      createHash('sha1')
        .update(offerText(['SCRAM-SHA-1-PLUS', 'SCRAM-SHA-1'], ['tls-server-end-point', 'tls-exporter']))
        .digest('base64'),
    ).toBe('G6k/rBLDqgOhRRaCuuatSDFkJ08=')
    using p = await stage()
    const actor = p.connect()
    const features = await actor.opens()
    const offer = child(features, 'authentication', SASL2)
    const bindings = child(features, 'sasl-channel-binding', 'urn:xmpp:sasl-cb:0')
    if (!offer || !bindings) throw new Error('no offer')
    const names = children(offer, 'mechanism').map((el) => el.getText())
    const types = children(bindings, 'channel-binding').map((el) => el.attrs.type ?? '')
    actor.sends(authenticate('', Buffer.from('n,,n=juliet,r=abc').toString('base64'), 'SCRAM-SHA-256'))
    const challenge = Buffer.from((await actor.next()).getText(), 'base64').toString()
    const expected = createHash('sha256').update(offerText(names, types)).digest('base64')
    expect(/,h=(.+)$/.exec(challenge)?.[1]).toBe(expected)
  })
})

describe('XEP-0386: binding along with it', () => {
  test('XEP-0386 §4.2: the full JID, the state of the archive, and what was asked for', async () => {
    using p = await stage()
    const romeo = await p.online('romeo@bix.org/orchard')
    romeo.sends(`<message to='juliet@bix.org' type='chat'><body>before</body></message>`)
    await romeo.settles()
    const actor = await opened(p)
    const bind =
      `<bind xmlns='${BIND}'><tag>Verona</tag><enable xmlns='${CARBONS}'/>` +
      `<enable xmlns='${SM}' resume='true'/><inactive xmlns='urn:xmpp:csi:0'/></bind>`
    const success = await succeeds(actor, authenticate(agent() + bind))
    expect(identity(success)).toMatch(/^juliet@bix\.org\/Verona\/[\w-]{12}$/)
    expect(identity(success)).not.toContain(AGENT)
    const bound = child(success, 'bound', BIND)
    if (!bound) throw new Error('not bound')
    expect(child(bound, 'enabled', SM)?.attrs.resume).toBe('true')
    const metadata = child(bound, 'metadata', 'urn:xmpp:mam:2')
    expect(metadata && child(metadata, 'end')?.attrs.timestamp).toBe('2026-01-01T00:00:00.000Z')
    const features = await actor.next()
    expect(features.name).toBe('features')
    expect(child(features, 'bind', 'urn:ietf:params:xml:ns:xmpp-bind')).toBeUndefined()
    expect(child(features, 'sm', SM)).toBeUndefined()
    const [session] = p.world.sessions.of('juliet@bix.org')
    expect(session).toMatchObject({
      inactive: true,
      delivery: { acknowledges: true },
      agent: { software: 'Verona' },
    })
    actor.sends(`<r xmlns='${SM}'/>`)
    await actor.receives(`<a xmlns='${SM}' h='0'/>`)
  })

  test('XEP-0386 §4.3: the same app gets the same resource, and its old session ends', async () => {
    using p = await stage()
    const bind = `<bind xmlns='${BIND}'><tag>Verona</tag></bind>`
    const first = await opened(p)
    const one = identity(await succeeds(first, authenticate(agent() + bind)))
    await first.next()
    const second = await opened(p)
    const two = identity(await succeeds(second, authenticate(agent() + bind)))
    expect(two).toBe(one)
    await first.isCutOff('conflict')
    const third = await opened(p)
    const newer = `<bind xmlns='${BIND}'><tag>Verona 2</tag></bind>`
    const three = identity(await succeeds(third, authenticate(agent() + newer)))
    expect(three).not.toBe(one)
    await second.next()
    await second.isCutOff('conflict')
    const other = await opened(p)
    const four = identity(await succeeds(other, authenticate(agent('another-app') + bind)))
    expect(four).not.toBe(one)
    expect(p.world.sessions.countOf('juliet@bix.org')).toBe(2)
  })

  for (const tag of ['', '  ', 'a\tb', 'x'.repeat(2000)])
    test(`XEP-0386 §4.3: a tag of ${JSON.stringify(tag.slice(0, 10))} gives a resource all the same`, async () => {
      using p = await stage()
      const actor = await opened(p)
      const success = await succeeds(actor, authenticate(`<bind xmlns='${BIND}'><tag>${tag}</tag></bind>`))
      expect(identity(success)).toMatch(/^juliet@bix\.org\/.{12,80}$/)
    })

  test('XEP-0386 §4.2: what waits offline and stands in the archive is not sent, the rest is', async () => {
    using p = await stage()
    const romeo = await p.online('romeo@bix.org/orchard')
    romeo.sends(`<message to='juliet@bix.org' type='chat'><body>archived</body></message>`)
    romeo.sends(
      `<message to='juliet@bix.org' type='chat'><body>not archived</body><no-permanent-store xmlns='urn:xmpp:hints'/></message>`,
    )
    await romeo.settles()
    const actor = await opened(p)
    await succeeds(actor, authenticate(`<bind xmlns='${BIND}'/>`))
    await actor.next()
    actor.sends('<presence/>')
    const message = await actor.next()
    expect(childText(message, 'body')).toBe('not archived')
    await actor.settles()
    expect(actor.heard.filter(({ name }) => name === 'message')).toEqual([])
  })

  test('limits.sessions_per_user: a login without a place ends the stream', async () => {
    using p = await stage('[limits]\nrates = false\nsessions_per_user = 1')
    await p.bound('juliet@bix.org/one')
    const actor = await opened(p)
    actor.sends(authenticate(`<bind xmlns='${BIND}'/>`))
    await actor.isCutOff('resource-constraint')
  })
})

describe('XEP-0198 §9.2: resuming along with it', () => {
  test('XEP-0198 §9.2: the session goes on, nothing is bound and no features are sent', async () => {
    using p = await stage()
    const romeo = await p.online('romeo@bix.org/orchard')
    const actor = await opened(p)
    const bind = `<bind xmlns='${BIND}'><enable xmlns='${SM}' resume='true'/></bind>`
    const success = await succeeds(actor, authenticate(bind))
    const jid = identity(success)
    const bound = child(success, 'bound', BIND)
    const id = bound && child(bound, 'enabled', SM)?.attrs.id
    await actor.next()
    actor.sends('<presence/>')
    await actor.settles()
    actor.transport.destroy()
    romeo.sends(`<message to='juliet@bix.org' type='chat'><body>meanwhile</body></message>`)
    await romeo.settles()
    const back = await opened(p)
    const resume = `<resume xmlns='${SM}' previd='${id}' h='2'/>${bind}`
    const again = await succeeds(back, authenticate(resume))
    expect(identity(again)).toBe(jid)
    expect(child(again, 'resumed', SM)?.attrs).toMatchObject({ previd: id, h: '2' })
    expect(child(again, 'bound', BIND)).toBeUndefined()
    expect(childText(await back.next(), 'body')).toBe('meanwhile')
    await back.receives(`<r xmlns='${SM}'/>`)
    expect(p.world.sessions.countOf('juliet@bix.org')).toBe(1)
  })

  test('XEP-0198 §9.2.1: what cannot be resumed says so, and a new session is bound', async () => {
    using p = await stage()
    const actor = await opened(p)
    const xml = `<resume xmlns='${SM}' previd='gone' h='0'/><bind xmlns='${BIND}'/>`
    const success = await succeeds(actor, authenticate(xml))
    const failed = child(success, 'failed', SM)
    expect(failed && child(failed, 'item-not-found', 'urn:ietf:params:xml:ns:xmpp-stanzas')).toBeDefined()
    expect(child(success, 'bound', BIND)).toBeDefined()
    expect((await actor.next()).name).toBe('features')
  })
})

describe('XEP-0484: tokens', () => {
  const LIFE = 30 * 86_400_000
  const wants = (mechanism = 'HT-SHA-256-NONE') => `<request-token xmlns='${FAST}' mechanism='${mechanism}'/>`
  const ht = (token: string, binding: Buffer = Buffer.alloc(0), name = 'juliet') =>
    Buffer.concat([
      Buffer.from(`${name}\0`),
      createHmac('sha256', token).update('Initiator').update(binding).digest(),
    ]).toString('base64')
  const byToken = (token: string, mechanism = 'HT-SHA-256-NONE', binding?: Buffer, attrs = '', more = '') =>
    authenticate(`${agent()}<fast xmlns='${FAST}' ${attrs}/>${more}`, ht(token, binding), mechanism)
  const tokenIn = (success: Element) => child(success, 'token', FAST)?.attrs.token ?? ''

  async function granted(p: Play, mechanism?: string): Promise<string> {
    const success = await succeeds(await opened(p), authenticate(agent() + wants(mechanism)))
    return tokenIn(success)
  }

  test('XEP-0484 §3.3: a token is given to who has logged in, with its end', async () => {
    using p = await stage()
    const success = await succeeds(await opened(p), authenticate(agent() + wants()))
    const token = child(success, 'token', FAST)
    expect(token?.attrs.token).toMatch(/^[\w-]{43}$/)
    expect(Date.parse(token?.attrs.expiry ?? '')).toBe(p.clock.now() + LIFE)
  })

  test('XEP-0484 §3.4: it logs in in one step, and the answer proves the server', async () => {
    using p = await stage()
    const token = await granted(p)
    const success = await succeeds(
      await opened(p),
      byToken(token, undefined, undefined, '', `<bind xmlns='${BIND}'/>`),
    )
    expect(identity(success)).toMatch(/^juliet@bix\.org\//)
    const proof = createHmac('sha256', token).update('Responder').digest('base64')
    expect(childText(success, 'additional-data')).toBe(proof)
    expect(child(success, 'token', FAST)).toBeUndefined()
  })

  test('XEP-0484 §3.4: with channel binding the data is part of the proof', async () => {
    using p = await stage()
    const token = await granted(p, 'HT-SHA-256-EXPR')
    expect(await fails(await opened(p), byToken(token, 'HT-SHA-256-EXPR'))).toBe('not-authorized')
    await succeeds(await opened(p), byToken(token, 'HT-SHA-256-EXPR', EXPORTED))
  })

  test('XEP-0484 §3.4, case 42: a token is bound to its mechanism', async () => {
    using p = await stage()
    const token = await granted(p, 'HT-SHA-256-EXPR')
    expect(await fails(await opened(p), byToken(token))).toBe('not-authorized')
  })

  test('XEP-0484 §3.4, case 42: it is worth nothing for another app, another account or after its end', async () => {
    using p = await stage()
    await p.account('nurse@bix.org')
    const token = await granted(p)
    const foreign = authenticate(`${agent('another')}<fast xmlns='${FAST}'/>`, ht(token), 'HT-SHA-256-NONE')
    expect(await fails(await opened(p), foreign)).toBe('not-authorized')
    const nurse = ht(token, undefined, 'nurse')
    const hers = authenticate(`${agent()}<fast xmlns='${FAST}'/>`, nurse, 'HT-SHA-256-NONE')
    expect(await fails(await opened(p), hers)).toBe('not-authorized')
    const nobody = ht(token, undefined, 'nobody')
    const none = authenticate(`${agent()}<fast xmlns='${FAST}'/>`, nobody, 'HT-SHA-256-NONE')
    expect(await fails(await opened(p), none)).toBe('not-authorized')
    p.clock.advance(LIFE)
    expect(await fails(await opened(p), byToken(token))).toBe('credentials-expired')
  })

  test('XEP-0484 §3.5: an old token is exchanged, and stays good until the new one is used', async () => {
    using p = await stage()
    const token = await granted(p)
    p.clock.advance(LIFE / 2 + 1)
    const newer = tokenIn(await succeeds(await opened(p), byToken(token)))
    expect(newer).not.toBe('')
    await succeeds(await opened(p), byToken(token))
    const newest = tokenIn(await succeeds(await opened(p), byToken(token)))
    // A token that was handed out and never used makes room for the next.
    expect(await fails(await opened(p), byToken(newer))).toBe('not-authorized')
    await succeeds(await opened(p), byToken(newest))
    expect(await fails(await opened(p), byToken(token))).toBe('not-authorized')
  })

  test('XEP-0484 §3.6, case 42: invalidate ends it', async () => {
    using p = await stage()
    const token = await granted(p)
    const success = await succeeds(await opened(p), byToken(token, undefined, undefined, `invalidate='true'`))
    expect(child(success, 'token', FAST)).toBeUndefined()
    expect(await fails(await opened(p), byToken(token))).toBe('not-authorized')
  })

  test('case 42: a change of the password ends all of them', async () => {
    using p = await stage()
    const token = await granted(p)
    const actor = await p.bound('juliet@bix.org/home')
    const query = `<query xmlns='jabber:iq:register'><username>juliet</username><password>parting is such</password></query>`
    expect((await actor.asks('set', query, 'bix.org')).attrs.type).toBe('result')
    expect(await fails(await opened(p), byToken(token))).toBe('not-authorized')
  })

  test('case 42: nobody logs in by the token of an account that is disabled', async () => {
    using p = await stage()
    const token = await granted(p)
    await p.router.run((t) => {
      const account = t.store.accounts.find('juliet@bix.org')
      if (account) t.store.accounts.setDisabled(account, true)
    })
    expect(await fails(await opened(p), byToken(token))).toBe('account-disabled')
  })

  test('[auth] token_lifetime = "0s": there are none', async () => {
    using p = await stage('[auth]\nplain = true\ntoken_lifetime = "0s"')
    const actor = p.connect()
    const offer = child(await actor.opens(), 'authentication', SASL2)
    const inline = offer && child(offer, 'inline')
    expect(inline && child(inline, 'fast', FAST)).toBeUndefined()
    expect(tokenIn(await succeeds(actor, authenticate(agent() + wants())))).toBe('')
  })

  test('without a user-agent id, or for another mechanism, none is given', async () => {
    using p = await stage()
    expect(tokenIn(await succeeds(await opened(p), authenticate(wants())))).toBe('')
    expect(tokenIn(await succeeds(await opened(p), authenticate(agent() + wants('HT-SHA-512-NONE'))))).toBe(
      '',
    )
  })

  test('limits.clients_per_user: the app not seen for longest is forgotten', async () => {
    using p = await stage('[limits]\nrates = false\nclients_per_user = 2')
    const token = await granted(p)
    for (const id of ['b', 'c']) {
      p.clock.advance(1000)
      await succeeds(await opened(p), authenticate(agent(id)))
    }
    expect(await fails(await opened(p), byToken(token))).toBe('not-authorized')
  })

  for (const [what, bytes] of [
    ['no name', Buffer.concat([Buffer.from('\0'), Buffer.alloc(32)])],
    ['nothing at all', Buffer.alloc(0)],
  ] as const)
    test(`a message with ${what} is malformed`, async () => {
      using p = await stage()
      const xml = authenticate(
        `${agent()}<fast xmlns='${FAST}'/>`,
        bytes.toString('base64'),
        'HT-SHA-256-NONE',
      )
      expect(await fails(await opened(p), xml)).toBe('malformed-request')
    })

  // A client takes any other condition for a fault of the connection, and does not fall back to the password.
  for (const length of [0, 1, 20, 31, 33, 64])
    test(`XEP-0484 §3.4: a proof of ${length} bytes is a wrong one`, async () => {
      using p = await stage()
      await granted(p)
      const proof = Buffer.concat([Buffer.from('juliet\0'), Buffer.alloc(length)]).toString('base64')
      const xml = authenticate(`${agent()}<fast xmlns='${FAST}'/>`, proof, 'HT-SHA-256-NONE')
      expect(await fails(await opened(p), xml)).toBe('not-authorized')
    })
})
