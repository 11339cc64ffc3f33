import { describe, expect, test } from 'bun:test'
import { child, children, type Element } from '../../src/xmpp/xml.ts'
import { play } from '../support/world.ts'

const ROSTER = 'jabber:iq:roster'
const get = (ver?: string) => `<query xmlns='${ROSTER}'${ver === undefined ? '' : ` ver='${ver}'`}/>`
const item = (attrs: string, inner = '') => `<query xmlns='${ROSTER}'><item ${attrs}>${inner}</item></query>`
const pushed = (to: string, inner: string, ver = '{any}') =>
  `<iq type='set' id='{any}' to='${to}'><query xmlns='${ROSTER}' ver='${ver}'>${inner}</query></iq>`

const LIMITED = `[limits]\nrates = false\nroster_items = 2\n`

test('RFC 6121 §2.1.4: the roster of a new account is empty', async () => {
  using p = play()
  const romeo = await p.bound('romeo@bix.org/orchard')
  romeo.sends(`<iq type='get' id='r'>${get()}</iq>`)
  await romeo.receives(`<iq type='result' id='r' to='romeo@bix.org/orchard'>${get()}</iq>`)
})

test('RFC 6121 §2.3: an item is added with name and groups, and comes back so', async () => {
  using p = play()
  const romeo = await p.bound('romeo@bix.org/orchard')
  const groups = '<group>Servants</group><group>Friends</group>'
  const answer = await romeo.asks('set', item(`jid='nurse@bix.org' name='Nurse'`, groups))
  expect(answer.attrs.type).toBe('result')
  expect(answer.children).toEqual([])
  romeo.sends(`<iq type='get' id='r'>${get()}</iq>`)
  await romeo.receives(
    `<iq type='result' id='r' to='romeo@bix.org/orchard'><query xmlns='${ROSTER}'>` +
      `<item jid='nurse@bix.org' name='Nurse' subscription='none'>${groups}</item></query></iq>`,
  )
})

test('RFC 6121 §2.4: an update replaces name and groups', async () => {
  using p = play()
  const romeo = await p.online('romeo@bix.org/orchard')
  await romeo.asks('set', item(`jid='nurse@bix.org' name='Nurse'`, '<group>Servants</group>'))
  romeo.forget()
  await romeo.asks('set', item(`jid='nurse@bix.org'`, '<group>Friends</group>'))
  await romeo.receives(
    pushed(
      'romeo@bix.org/orchard',
      `<item jid='nurse@bix.org' subscription='none'><group>Friends</group></item>`,
    ),
  )
})

test('RFC 6121 §2.1.6: pushes go to every resource that asked for the roster, and to no other', async () => {
  using p = play()
  const orchard = await p.online('romeo@bix.org/orchard')
  const street = await p.online('romeo@bix.org/street')
  const deaf = await p.bound('romeo@bix.org/deaf')
  deaf.sends('<presence/>')
  for (const one of [orchard, street, deaf]) await one.settles()
  for (const one of [orchard, street, deaf]) one.forget()
  await deaf.asks('set', item(`jid='nurse@bix.org'`))
  for (const one of [orchard, street])
    await one.receives(pushed(one.jid, `<item jid='nurse@bix.org' subscription='none'/>`, '1'))
  await deaf.hearsNothing()
})

test('RFC 6121 §2.1.2: what only the server may set is ignored', async () => {
  using p = play()
  const romeo = await p.online('romeo@bix.org/orchard')
  await romeo.asks('set', item(`jid='nurse@bix.org' subscription='both' ask='subscribe' approved='true'`))
  await romeo.receives(pushed(romeo.jid, `<item jid='nurse@bix.org' subscription='none'/>`))
})

test('RFC 6121 §2.5: a removed item is pushed as removed and is gone', async () => {
  using p = play()
  const romeo = await p.online('romeo@bix.org/orchard')
  await romeo.asks('set', item(`jid='nurse@bix.org'`))
  romeo.forget()
  await romeo.asks('set', item(`jid='nurse@bix.org' subscription='remove'`))
  await romeo.receives(pushed(romeo.jid, `<item jid='nurse@bix.org' subscription='remove'/>`, '2'))
  await romeo.isRefused('item-not-found', 'set', item(`jid='nurse@bix.org' subscription='remove'`))
  romeo.sends(`<iq type='get' id='r'>${get()}</iq>`)
  await romeo.receives(`<iq type='result' id='r' to='${romeo.jid}'>${get()}</iq>`)
})

describe('RFC 6121 §2.3.3, case 53: what a roster set must not hold', () => {
  const many = Array.from({ length: 51 }, (_, i) => `<group>${i}</group>`).join('')
  const cases: [condition: string, query: string][] = [
    ['bad-request', `<query xmlns='${ROSTER}'/>`],
    ['bad-request', `<query xmlns='${ROSTER}'><item jid='a@bix.org'/><item jid='b@bix.org'/></query>`],
    ['bad-request', item('')],
    ['jid-malformed', item(`jid='a b@bix.org'`)],
    ['bad-request', item(`jid='a@bix.org'`, '<group>x</group><group>x</group>')],
    ['not-acceptable', item(`jid='a@bix.org'`, '<group/>')],
    ['not-acceptable', item(`jid='a@bix.org'`, many)],
    ['not-acceptable', item(`jid='a@bix.org'`, `<group>${'g'.repeat(1024)}</group>`)],
    ['not-acceptable', item(`jid='a@bix.org' name='${'n'.repeat(1024)}'`)],
    ['not-allowed', item(`jid='romeo@bix.org'`)],
    ['not-allowed', item(`jid='ROMEO@bix.org/orchard'`)],
  ]
  for (const [condition, query] of cases)
    test(`${query.slice(0, 90)}: ${condition}`, async () => {
      using p = play()
      const romeo = await p.online('romeo@bix.org/orchard')
      await romeo.isRefused(condition, 'set', query)
      await romeo.hearsNothing()
      expect(p.store.contacts.all(account(p, 'romeo@bix.org'))).toEqual([])
    })

  test('limits are inclusive: 50 groups and names of 1023 characters are fine', async () => {
    using p = play()
    const romeo = await p.bound('romeo@bix.org/orchard')
    const groups = Array.from({ length: 50 }, (_, i) => `<group>${i}</group>`).join('')
    const answer = await romeo.asks('set', item(`jid='a@bix.org' name='${'n'.repeat(1023)}'`, groups))
    expect(answer.attrs.type).toBe('result')
  })
})

test('case 53, limits.roster_items: a full roster takes changes and removals, nothing new', async () => {
  using p = play({ toml: LIMITED })
  const romeo = await p.bound('romeo@bix.org/orchard')
  await romeo.asks('set', item(`jid='a@bix.org'`))
  await romeo.asks('set', item(`jid='b@bix.org'`))
  await romeo.isRefused('resource-constraint', 'set', item(`jid='c@bix.org'`))
  romeo.sends(`<presence type='subscribe' to='c@bix.org'/>`)
  await romeo.hearsError('resource-constraint')
  expect((await romeo.asks('set', item(`jid='b@bix.org' name='B'`))).attrs.type).toBe('result')
  expect((await romeo.asks('set', item(`jid='b@bix.org' subscription='remove'`))).attrs.type).toBe('result')
  expect((await romeo.asks('set', item(`jid='c@bix.org'`))).attrs.type).toBe('result')
})

test('case 53, limits.roster_items: strangers’ requests cannot fill a roster beyond it', async () => {
  using p = play({ toml: LIMITED })
  await p.account('juliet@bix.org')
  for (const name of ['a', 'b', 'c']) {
    const stranger = await p.bound(`${name}@bix.org/x`)
    stranger.sends(`<presence type='subscribe' to='juliet@bix.org'/>`)
    await stranger.settles()
  }
  expect(p.store.contacts.all(account(p, 'juliet@bix.org'))).toHaveLength(2)
})

test('RFC 6121 §2.3.3, case 53: nobody reads or writes another roster, and a forged push goes nowhere', async () => {
  using p = play()
  const romeo = await p.online('romeo@bix.org/orchard')
  const juliet = await p.online('juliet@bix.org/balcony')
  await romeo.isRefused('service-unavailable', 'get', get(), 'juliet@bix.org')
  // Also where there is no such account: nobody learns of one by asking.
  for (const to of ['juliet@bix.org', 'nobody@bix.org'])
    await romeo.isRefused('forbidden', 'set', item(`jid='tybalt@bix.org'`), to)
  // RFC 6121 §8.5.3.2.3
  for (const to of [juliet.jid, 'juliet@bix.org/none', 'nobody@bix.org/x'])
    await romeo.isRefused('service-unavailable', 'set', item(`jid='tybalt@bix.org'`), to)
  expect(p.store.contacts.all(account(p, 'juliet@bix.org'))).toEqual([])
  const phone = await p.online('romeo@bix.org/phone')
  await romeo.settles()
  romeo.forget()
  for (const to of [phone.jid, romeo.jid])
    await romeo.isRefused('service-unavailable', 'set', item(`jid='tybalt@bix.org'`), to)
  for (const actor of [juliet, phone, romeo]) await actor.hearsNothing()
})

describe('RFC 6121 §2.6: versions', () => {
  async function versioned() {
    const p = play()
    const romeo = await p.online('romeo@bix.org/orchard')
    for (const name of ['a', 'b', 'c']) await romeo.asks('set', item(`jid='${name}@bix.org'`))
    await romeo.asks('set', item(`jid='b@bix.org' subscription='remove'`))
    romeo.forget()
    return { p, romeo }
  }

  test('XEP-0237 §2.1, RFC 6121 §2.6.1: the feature is announced', async () => {
    using p = play()
    await p.account('romeo@bix.org')
    const romeo = p.connect()
    const first = await romeo.opens()
    expect(child(first, 'ver', 'urn:xmpp:features:rosterver')).toBeUndefined()
    await romeo.authenticates('romeo')
    const second = await romeo.opens()
    expect(child(second, 'ver', 'urn:xmpp:features:rosterver')).toBeDefined()
    expect(child(second, 'sub', 'urn:xmpp:features:pre-approval')).toBeDefined()
  })

  for (const ver of ['', 'nonsense', '99', '-1', '1e3'])
    test(`§2.6.2: an unknown version "${ver}" gets everything with the current one`, async () => {
      const { p, romeo } = await versioned()
      using _ = p
      const answer = await romeo.asks('get', get(ver))
      expect(child(answer, 'query', ROSTER)?.attrs.ver).toBe('4')
      expect(items(answer).map((el) => el.attrs.jid)).toEqual(['a@bix.org', 'c@bix.org'])
    })

  test('XEP-0237 §2.2: versions are the server’s: what a client says of them in a change is ignored', async () => {
    const { p, romeo } = await versioned()
    using _ = p
    const change = item(`jid='a@bix.org' name='A'`).replace('<query ', `<query ver='700' `)
    expect((await romeo.asks('set', change)).attrs.type).toBe('result')
    await romeo.receives(pushed(romeo.jid, `<item jid='a@bix.org' name='A' subscription='none'/>`, '5'))
    expect(child(await romeo.asks('get', get('')), 'query', ROSTER)?.attrs.ver).toBe('5')
  })

  test('§2.6.3: nothing changed: an empty result and no push', async () => {
    const { p, romeo } = await versioned()
    using _ = p
    const answer = await romeo.asks('get', get('4'))
    expect(answer.children).toEqual([])
    await romeo.hearsNothing()
  })

  test('XEP-0237 §2.4, RFC 6121 §2.6.3: what changed comes as pushes behind the empty result, removals included', async () => {
    const { p, romeo } = await versioned()
    using _ = p
    romeo.sends(`<iq type='get' id='r'>${get('1')}</iq>`)
    await romeo.receives(`<iq type='result' id='r' to='${romeo.jid}'/>`)
    await romeo.receives(pushed(romeo.jid, `<item jid='c@bix.org' subscription='none'/>`, '3'))
    await romeo.receives(pushed(romeo.jid, `<item jid='b@bix.org' subscription='remove'/>`, '4'))
    await romeo.hearsNothing()
  })

  test('§2.6.3: a change right behind the question does not get overtaken by an older one', async () => {
    const { p, romeo } = await versioned()
    using _ = p
    romeo.sends(
      `<iq type='get' id='r'>${get('1')}</iq><iq type='set' id='s'>${item(`jid='c@bix.org' name='C'`)}</iq>`,
    )
    await romeo.settles()
    const versions = romeo.heard.flatMap((el) => child(el, 'query', ROSTER)?.attrs.ver ?? [])
    expect(versions.map(Number)).toEqual(versions.map(Number).toSorted((a, b) => a - b))
    const last = romeo.heard.filter((el) => el.attrs.type === 'set').at(-1)
    expect(last && items(last)[0]?.attrs.name).toBe('C')
  })

  test('a tombstone that is too old is no longer known: the whole roster comes', async () => {
    const { p, romeo } = await versioned()
    using _ = p
    for (let i = 0; i < 501; i++)
      romeo.sends(`<iq type='set' id='n${i}'>${item(`jid='a@bix.org' name='${i}'`)}</iq>`)
    await romeo.settles()
    const answer = await romeo.asks('get', get('3'))
    expect(items(answer)).toHaveLength(2)
  })

  test('an item that was removed and added again is there once', async () => {
    const { p, romeo } = await versioned()
    using _ = p
    await romeo.asks('set', item(`jid='b@bix.org' name='back'`))
    romeo.forget()
    romeo.sends(`<iq type='get' id='r'>${get('3')}</iq>`)
    await romeo.receives(`<iq type='result' id='r' to='${romeo.jid}'/>`)
    await romeo.receives(pushed(romeo.jid, `<item jid='b@bix.org' name='back' subscription='none'/>`, '5'))
    await romeo.hearsNothing()
  })
})

function items(iq: Element): Element[] {
  const query = child(iq, 'query', ROSTER)
  return query ? children(query, 'item') : []
}

function account(p: ReturnType<typeof play>, jid: string) {
  const row = p.store.accounts.find(jid)
  if (!row) throw new Error(`no account ${jid}`)
  return row
}

test('a roster of 5,000 contacts is made one by one and comes whole, over a line that takes it slowly', async () => {
  using p = play({ toml: '[limits]\nrates = false\nsend_buffer_bytes = "100KB"' })
  const romeo = await p.bound('romeo@bix.org/orchard')
  const all = Array.from({ length: 5000 }, (_, i) => `friend-${i}@example.org`)
  for (const jid of all) romeo.sends(`<iq type='set' id='s'>${item(`jid='${jid}' name='${jid}'`)}</iq>`)
  await romeo.isRefused('resource-constraint', 'set', item(`jid='one-more@example.org'`))
  const phone = await p.bound('romeo@bix.org/phone')
  phone.transport.stalled = true
  phone.sends(`<iq type='get' id='r'>${get()}</iq>`)
  await p.router.run(() => undefined)
  // Some 400 KB wait, and what comes behind them is written all the same.
  romeo.sends(`<message to='${phone.jid}' type='headline'><body>hist!</body></message>`)
  await romeo.settles()
  expect(phone.transport.closed).toBe(false)
  romeo.sends(`<message to='${phone.jid}' type='headline'><body>${'x'.repeat(50_000)}</body></message>`)
  await romeo.settles()
  expect(phone.transport.closed).toBe(false)
  phone.transport.stalled = false
  await phone.settles()
  const query = child(await phone.answer('r'), 'query', ROSTER)
  expect(query?.children).toHaveLength(5000)
})

test('limits.roster_bytes: names and groups have so many bytes together; shorter ones are always taken', async () => {
  using p = play({ toml: '[limits]\nrates = false\nroster_bytes = 1000' })
  const romeo = await p.bound('romeo@bix.org/orchard')
  const type = async (jid: string, length: number) =>
    (await romeo.asks('set', item(`jid='${jid}@bix.org' name='${'n'.repeat(length)}'`))).attrs.type
  expect(await type('a', 500)).toBe('result')
  expect(await type('b', 400)).toBe('result')
  await romeo.isRefused('resource-constraint', 'set', item(`jid='c@bix.org' name='${'n'.repeat(200)}'`))
  await romeo.isRefused(
    'resource-constraint',
    'set',
    item(`jid='a@bix.org'`, `<group>${'g'.repeat(999)}</group>`),
  )
  expect(p.store.contacts.find(account(p, 'romeo@bix.org'), 'a@bix.org')?.name).toHaveLength(500)
  expect(await type('a', 10)).toBe('result')
  expect(await type('c', 200)).toBe('result')
})
