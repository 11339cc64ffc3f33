import { describe, expect, test } from 'bun:test'
import { child } from '../../src/xmpp/xml.ts'
import type { Actor } from '../support/actor.ts'
import { play } from '../support/world.ts'

const NS = 'jabber:iq:register'
const OPEN = `[registration]\nin_band = true\nip_access = ["192.0.2.0/24", "!203.0.113.7", "203.0.113.0/24"]\n`
const PACED = `${OPEN}timeout = "10m"\nmin_password = 8\n[limits]\nrates = true\n`
const fields = (username: string, password: string) =>
  `<query xmlns='${NS}'><username>${username}</username><password>${password}</password></query>`
const form = (username: string, password: string) =>
  `<query xmlns='${NS}'><x xmlns='jabber:x:data' type='submit'>` +
  `<field var='FORM_TYPE'><value>${NS}</value></field>` +
  `<field var='username'><value>${username}</value></field>` +
  `<field var='password'><value>${password}</value></field></x></query>`
const GOOD = 'swear not by the moon'

async function guest(p: ReturnType<typeof play>, ip = '192.0.2.1', host = 'bix.org'): Promise<Actor> {
  const actor = p.connect({ ip })
  await actor.opens(host)
  return actor
}

describe('XEP-0077 §8: offered before login, to whom it concerns', () => {
  const cases: [what: string, toml: string, ip: string, secure: boolean, offered: boolean][] = [
    ['not unless the operator wants it', '', '127.0.0.1', true, false],
    ['to an address that may', OPEN, '192.0.2.9', true, true],
    ['not to one that is denied first', OPEN, '203.0.113.7', true, false],
    ['to its neighbour', OPEN, '203.0.113.8', true, true],
    ['not to one that no entry covers', OPEN, '198.51.100.1', true, false],
    ['to an IPv4 client of a dual-stack listener', OPEN, '::ffff:192.0.2.9', true, true],
    ['not without TLS where that is required', OPEN, '192.0.2.9', false, false],
  ]
  for (const [what, toml, ip, secure, offered] of cases)
    test(what, async () => {
      using p = play({ toml })
      const actor = p.connect({ ip, secure })
      const features = await actor.opens()
      expect(child(features, 'register', 'http://jabber.org/features/iq-register') !== undefined).toBe(
        offered,
      )
      if (offered) return
      actor.sends(`<iq type='set' id='r'>${fields('balthasar', GOOD)}</iq>`)
      if (secure) expect((await actor.answer('r')).attrs.type).toBe('error')
      else await actor.isCutOff('not-authorized')
      expect(p.store.accounts.find('balthasar@bix.org')).toBeUndefined()
    })

  test('RFC 6120 §8.1.1: who has no address yet is not addressed, in results and in errors', async () => {
    using p = play({ toml: OPEN })
    const actor = await guest(p)
    actor.sends(`<iq type='get' id='form' to='bix.org'><query xmlns='${NS}'/></iq>`)
    const form = await actor.answer('form')
    expect([form.attrs.type, form.attrs.to]).toEqual(['result', undefined])
    actor.sends(`<iq type='set' id='short'>${fields('balthasar', '')}</iq>`)
    const refused = await actor.answer('short')
    expect([refused.attrs.type, refused.attrs.to]).toEqual(['error', undefined])
  })

  test('not after login', async () => {
    using p = play({ toml: OPEN })
    await p.account('romeo@bix.org')
    const romeo = await guest(p)
    await romeo.authenticates('romeo')
    const features = await romeo.opens()
    expect(child(features, 'register', 'http://jabber.org/features/iq-register')).toBeUndefined()
  })
})

test('XEP-0077 §3.1, §4: what is asked for, as plain fields and as a form', async () => {
  using p = play({ toml: OPEN })
  const actor = await guest(p)
  const answer = await actor.asks('get', `<query xmlns='${NS}'/>`)
  const query = child(answer, 'query', NS)
  for (const name of ['instructions', 'username', 'password'])
    expect(query && child(query, name)).toBeDefined()
  const x = query && child(query, 'x', 'jabber:x:data')
  expect(x?.attrs.type).toBe('form')
  expect(x?.toString()).toContain('var="FORM_TYPE" type="hidden"')
})

describe('XEP-0077 §3.1: an account is made and can log in', () => {
  for (const [what, submit] of [
    ['plain fields', fields],
    ['a form', form],
  ] as const)
    test(what, async () => {
      using p = play({ toml: OPEN })
      const actor = await guest(p)
      expect((await actor.asks('set', submit('balthasar', GOOD))).attrs.type).toBe('result')
      await actor.authenticates('balthasar', GOOD)
      expect(p.store.accounts.find('balthasar@bix.org')?.host).toBe('bix.org')
    })

  test('on the host that the stream names', async () => {
    using p = play({ toml: OPEN })
    const actor = await guest(p, '192.0.2.1', 'other.example')
    await actor.asks('set', fields('balthasar', GOOD))
    expect(p.store.accounts.find('balthasar@other.example')).toBeDefined()
    expect(p.store.accounts.find('balthasar@bix.org')).toBeUndefined()
  })
})

describe('XEP-0077 §3.1.1, §5.1, case 67: what is refused', () => {
  const cases: [condition: string, query: string][] = [
    ['conflict', fields('romeo', GOOD)],
    ['conflict', fields('ROMEO', GOOD)],
    ['conflict', fields('ｒｏｍｅｏ', GOOD)],
    ['jid-malformed', fields('rom eo', GOOD)],
    ['jid-malformed', fields('romeo ', GOOD)],
    ['jid-malformed', fields('ro@meo', GOOD)],
    ['jid-malformed', fields('ro/meo', GOOD)],
    ['jid-malformed', fields('x'.repeat(1024), GOOD)],
    ['not-acceptable', fields('', GOOD)],
    ['not-acceptable', `<query xmlns='${NS}'><username>b</username></query>`],
    ['not-acceptable', `<query xmlns='${NS}'><username>b</username><password/></query>`],
    ['not-acceptable', `<query xmlns='${NS}'/>`],
    ['not-acceptable', fields('balthasar', '')],
    ['not-acceptable', fields('balthasar', 'p'.repeat(1025))],
    ['not-acceptable', fields('balthasar', 'x\u0007y')],
  ]
  for (const [condition, query] of cases)
    test(`${condition}: ${query.slice(32, 110)}`, async () => {
      using p = play({ toml: OPEN })
      await p.account('romeo@bix.org')
      const actor = await guest(p)
      if (query.includes('\u0007')) return void (await badCharacter(p, actor))
      await actor.isRefused(condition, 'set', query)
      expect(p.store.accounts.count()).toBe(1)
    })

  async function badCharacter(p: ReturnType<typeof play>, actor: Actor): Promise<void> {
    // A control character is no XML; U+E0001 is XML and forbidden by SASLprep.
    await actor.isRefused('not-acceptable', 'set', fields('balthasar', 'long enough\u{E0001}'))
    expect(p.store.accounts.count()).toBe(1)
  }

  test('registration.min_password: at the limit, and one below', async () => {
    using p = play({ toml: PACED })
    const actor = await guest(p)
    await actor.isRefused('not-acceptable', 'set', fields('balthasar', '1234567'))
    await actor.isRefused('not-acceptable', 'set', fields('balthasar', '🗡🗡🗡🗡🗡🗡🗡'))
    expect((await actor.asks('set', fields('balthasar', '12345678'))).attrs.type).toBe('result')
  })
})

test('case 67, registration.timeout: one account per address and interval, counted with every other door', async () => {
  using p = play({ toml: PACED })
  const actor = await guest(p)
  expect((await actor.asks('set', fields('one', GOOD))).attrs.type).toBe('result')
  const answer = await actor.isRefused('resource-constraint', 'set', fields('two', GOOD))
  expect(child(answer, 'error')?.attrs.type).toBe('wait')
  // A name that is taken costs nobody their turn.
  const neighbour = await guest(p, '192.0.2.2')
  await neighbour.isRefused('conflict', 'set', fields('one', GOOD))
  expect((await neighbour.asks('set', fields('two', GOOD))).attrs.type).toBe('result')
  p.clock.advance(600_000)
  const later = await guest(p)
  expect(p.world.registrations.waitFor('192.0.2.1')).toBe(0)
  expect((await later.asks('set', fields('three', GOOD))).attrs.type).toBe('result')
  expect(p.world.registrations.waitFor('192.0.2.1')).toBe(600_000)
})

test('registration.timeout: two at once from one address: one wins', async () => {
  using p = play({ toml: PACED })
  const actor = await guest(p)
  actor.sends(
    `<iq type='set' id='a'>${fields('one', GOOD)}</iq><iq type='set' id='b'>${fields('two', GOOD)}</iq>`,
  )
  const answers = [await actor.answer('a'), await actor.answer('b')]
  expect(answers.map((el) => el.attrs.type).toSorted()).toEqual(['error', 'result'])
  expect(p.store.accounts.count()).toBe(1)
})

test('limits.later_pending: a guest has four passwords under way at most', async () => {
  using p = play({ toml: OPEN })
  const actor = await guest(p)
  const ids = [1, 2, 3, 4, 5, 6]
  actor.sends(ids.map((i) => `<iq type='set' id='g${i}'>${fields(`guest${i}`, GOOD)}</iq>`).join(''))
  const answers = await Promise.all(ids.map((i) => actor.answer(`g${i}`)))
  expect(answers.filter((el) => el.attrs.type === 'result')).toHaveLength(4)
})

describe('XEP-0077 §3.3: changing the password', () => {
  test('of the own account, and the next login needs it', async () => {
    using p = play()
    const romeo = await p.bound('romeo@bix.org/orchard')
    for (const [to, password] of [
      [undefined, 'first new one'],
      ['bix.org', 'second new one'],
    ] as const) {
      expect((await romeo.asks('set', fields('romeo', password), to)).attrs.type).toBe('result')
      const again = await guest(p)
      await again.authenticates('romeo', password)
    }
    const old = await guest(p)
    old.sends(
      `<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>${Buffer.from('\0romeo\0first new one').toString('base64')}</auth>`,
    )
    expect((await old.next()).name).toBe('failure')
  })

  test('case 67: never of another one, nor with a weak one', async () => {
    using p = play({ toml: '[registration]\nmin_password = 8\n[limits]\nrates = true\n' })
    await p.account('juliet@bix.org')
    const romeo = await p.bound('romeo@bix.org/orchard')
    await romeo.isRefused('not-allowed', 'set', fields('juliet', GOOD))
    await romeo.isRefused('not-allowed', 'set', fields('juliet', GOOD), 'bix.org')
    await romeo.isRefused('service-unavailable', 'set', fields('juliet', GOOD), 'juliet@bix.org')
    await romeo.isRefused('service-unavailable', 'set', fields('romeo', GOOD), 'other.example')
    await romeo.isRefused('not-acceptable', 'set', fields('romeo', 'short'))
    const juliet = await guest(p)
    await juliet.authenticates('juliet')
  })
})

test('XEP-0077 §3.3: an empty password changes nothing, nor does a change that says half', async () => {
  using p = play()
  const romeo = await p.bound('romeo@bix.org/orchard')
  await romeo.isRefused('not-acceptable', 'set', fields('romeo', ''))
  await romeo.isRefused('bad-request', 'set', `<query xmlns='${NS}'><username>romeo</username></query>`)
  await romeo.isRefused('bad-request', 'set', `<query xmlns='${NS}'><password>${GOOD}</password></query>`)
  const again = await guest(p)
  await again.authenticates('romeo')
})

test('XEP-0077 §3.1: who is logged in learns the own name', async () => {
  using p = play()
  const romeo = await p.bound('romeo@bix.org/orchard')
  const query = child(await romeo.asks('get', `<query xmlns='${NS}'/>`), 'query', NS)
  expect(query?.toString()).toContain('<registered/><username>romeo</username>')
})

describe('XEP-0077 §3.2: removing the account', () => {
  const remove = `<query xmlns='${NS}'><remove/></query>`

  test('case 67: nothing is left, contacts are told, every stream ends', async () => {
    using p = play()
    const juliet = await p.online('juliet@bix.org/balcony')
    const romeo = await p.online('romeo@bix.org/orchard')
    const street = await p.online('romeo@bix.org/street')
    for (const [who, xml] of [
      [romeo, `<presence type='subscribe' to='juliet@bix.org'/>`],
      [juliet, `<presence type='subscribed' to='romeo@bix.org'/>`],
      [juliet, `<presence type='subscribe' to='romeo@bix.org'/>`],
      [romeo, `<presence type='subscribed' to='juliet@bix.org'/>`],
    ] as const) {
      who.sends(xml)
      await who.settles()
    }
    await romeo.asks('set', `<vCard xmlns='vcard-temp'><FN>Romeo</FN></vCard>`)
    await romeo.asks('set', `<enable xmlns='urn:xmpp:push:0' jid='push.bix.org' node='${'ab'.repeat(32)}'/>`)
    romeo.sends(`<message to='juliet@bix.org' type='chat'><body>farewell</body></message>`)
    await romeo.settles()
    await juliet.settles()
    for (const one of [romeo, street, juliet]) one.forget()
    romeo.sends(`<iq type='set' id='x'>${remove}</iq>`)
    expect((await romeo.answer('x')).attrs.type).toBe('result')
    await romeo.cutOffAmong('not-authorized')
    await street.cutOffAmong('not-authorized')
    await juliet.settles()
    const told = juliet.heard.map((el) => `${el.name} ${el.attrs.type} ${el.attrs.from ?? ''}`)
    expect(told).toContain('presence unavailable romeo@bix.org/orchard')
    expect(told).toContain('presence unavailable romeo@bix.org/street')
    expect(told).toContain('presence unsubscribe romeo@bix.org')
    expect(told).toContain('presence unsubscribed romeo@bix.org')
    expect(p.store.accounts.find('romeo@bix.org')).toBeUndefined()
    expect(p.reloaded().accounts.find('romeo@bix.org')).toBeUndefined()
    for (const table of ['credentials', 'vcards', 'contacts', 'archive', 'offline', 'devices', 'outbox'])
      expect(leftovers(p, table)).toBe(0)
    const hers = p.store.accounts.find('juliet@bix.org')
    expect(hers && p.store.contacts.find(hers, 'romeo@bix.org')?.subscription).toBe('none')
    // The name is free, and nothing of the old account comes with it.
    const heir = await p.online('romeo@bix.org/heir')
    const roster = await heir.asks('get', `<query xmlns='jabber:iq:roster'/>`)
    expect(child(roster, 'query', 'jabber:iq:roster')?.children).toEqual([])
  })

  test('case 67: only one’s own, and with nothing beside it', async () => {
    using p = play()
    await p.account('juliet@bix.org')
    const romeo = await p.bound('romeo@bix.org/orchard')
    await romeo.isRefused('service-unavailable', 'set', remove, 'juliet@bix.org')
    await romeo.isRefused(
      'bad-request',
      'set',
      `<query xmlns='${NS}'><remove/><username>juliet</username></query>`,
    )
    expect(p.store.accounts.count()).toBe(2)
  })

  test('a stream that has logged in and not yet bound cannot go on with an account that is gone', async () => {
    using p = play()
    const romeo = await p.online('romeo@bix.org/orchard')
    const other = await guest(p)
    await other.authenticates('romeo')
    await other.opens()
    romeo.sends(`<iq type='set' id='x'>${remove}</iq>`)
    await romeo.answer('x')
    other.sends(`<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>`)
    await other.isCutOff('not-authorized')
  })
})

function leftovers(p: ReturnType<typeof play>, table: string): number | undefined {
  return p.store.db.raw
    .query<{ n: number }, []>(
      `SELECT count(*) AS n FROM ${table} WHERE account_id NOT IN (SELECT id FROM accounts WHERE host <> '')`,
    )
    .get()?.n
}
