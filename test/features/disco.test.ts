import { createHash } from 'node:crypto'
import { expect, test } from 'bun:test'
import { child, children, type Element } from '../../src/xmpp/xml.ts'
import { play } from '../support/world.ts'

const INFO = 'http://jabber.org/protocol/disco#info'
const ITEMS = 'http://jabber.org/protocol/disco#items'
const CAPS = 'http://jabber.org/protocol/caps'
const info = `<query xmlns='${INFO}'/>`

function names(answer: Element): string[] {
  const query = child(answer, 'query', INFO)
  return query ? children(query, 'feature').map((el) => el.attrs.var ?? '') : []
}

test('XEP-0030 §3.1: the server says who it is and what it can', async () => {
  using p = play()
  const romeo = await p.bound('romeo@bix.org/orchard')
  const answer = await romeo.asks('get', info, 'bix.org')
  const query = child(answer, 'query', INFO)
  expect(query && children(query, 'identity').map((el) => el.attrs)).toContainEqual({
    category: 'server',
    type: 'im',
    name: 'Belfry',
  })
  const features = names(answer)
  expect(new Set(features).size).toBe(features.length)
  for (const feature of [
    INFO,
    ITEMS,
    CAPS,
    'jabber:iq:roster',
    'jabber:iq:last',
    'jabber:iq:version',
    'jabber:iq:register',
    'urn:xmpp:ping',
    'urn:xmpp:time',
    'vcard-temp',
    'msgoffline',
    'urn:xmpp:push:0',
  ])
    expect(features).toContain(feature)
})

test('XEP-0357 §4.1, §4.2: push is announced where something rings, and nowhere else', async () => {
  for (const rings of [true, false]) {
    using p = play({ toml: `[push]\nsimulator = ${rings}\n` })
    const romeo = await p.bound('romeo@bix.org/orchard')
    for (const to of ['bix.org', undefined])
      expect(names(await romeo.asks('get', info, to)).includes('urn:xmpp:push:0')).toBe(rings)
    const service = (await romeo.asks('get', info, 'bix.org')).toString()
    expect(service.includes('<identity category="pubsub" type="push"')).toBe(rings)
  }
})

test('XEP-0030 §3.1: the own account, and a contact’s to whom it shows its presence', async () => {
  using p = play()
  const romeo = await p.online('romeo@bix.org/orchard')
  const juliet = await p.online('juliet@bix.org/balcony')
  const own = await romeo.asks('get', info)
  expect(own.toString()).toContain(`category="account" type="registered"`)
  expect(names(own)).toContain('urn:xmpp:sid:0')
  expect((await romeo.asks('get', info, 'romeo@bix.org')).attrs.from).toBe('romeo@bix.org')
  // §8: a stranger must not learn that the account exists.
  await romeo.isRefused('service-unavailable', 'get', info, 'juliet@bix.org')
  juliet.sends(`<presence type='subscribed' to='romeo@bix.org'/>`)
  romeo.sends(`<presence type='subscribe' to='juliet@bix.org'/>`)
  await romeo.settles()
  expect((await romeo.asks('get', info, 'juliet@bix.org')).attrs.type).toBe('result')
})

test('XEP-0030 §8: a stranger finds no items, of an account, of one that blocks and of nobody alike', async () => {
  using p = play()
  const romeo = await p.bound('romeo@bix.org/orchard')
  await p.account('juliet@bix.org')
  const tybalt = await p.bound('tybalt@bix.org/hall')
  await tybalt.asks('set', `<block xmlns='urn:xmpp:blocking'><item jid='romeo@bix.org'/></block>`)
  for (const node of ['', ` node='x'`]) {
    const query = `<query xmlns='${ITEMS}'${node}/>`
    for (const name of ['juliet', 'tybalt', 'nobody']) {
      const answer = await romeo.asks('get', query, `${name}@bix.org`)
      expect([answer.attrs.type, answer.attrs.from, answer.children.map(String)]).toEqual([
        'result',
        `${name}@bix.org`,
        [query.replace(/'/g, '"')],
      ])
      await romeo.isRefused('service-unavailable', 'get', query, `${name}@bix.org/none`)
    }
  }
  // Whom one has blocked is refused before, whether it is there or not.
  await romeo.asks(
    'set',
    `<block xmlns='urn:xmpp:blocking'><item jid='juliet@bix.org'/><item jid='nobody@bix.org'/></block>`,
  )
  for (const name of ['juliet', 'nobody'])
    await romeo.isRefused('not-acceptable', 'get', `<query xmlns='${ITEMS}'/>`, `${name}@bix.org`)
})

test('XEP-0030 §4.1, §4.4: the server answers for itself and for its accounts, each with items of its own', async () => {
  using p = play()
  const romeo = await p.bound('romeo@bix.org/orchard')
  const itemsOf = async (to: string) => {
    const answer = await romeo.asks('get', `<query xmlns='${ITEMS}'/>`, to)
    expect([answer.attrs.type, answer.attrs.from]).toEqual(['result', to])
    return child(answer, 'query', ITEMS)?.children.map(String)
  }
  // Its services, and that of push as apps of Tigase look for it.
  const pushOf = (host: string) => [
    `<item jid="push.${host}" name="Push"/>`,
    `<item jid="conference.${host}" name="Rooms"/>`,
    `<item jid="upload.${host}" name="Files"/>`,
    `<item jid="${host}" node="push" name="Push"/>`,
  ]
  expect(await itemsOf('bix.org')).toEqual(pushOf('bix.org'))
  expect(await itemsOf('romeo@bix.org')).toEqual([])
  expect(await itemsOf('other.example')).toEqual(pushOf('other.example'))
  for (const to of ['bix.org', 'romeo@bix.org']) {
    await romeo.isRefused('item-not-found', 'get', `<query xmlns='${ITEMS}' node='x'/>`, to)
  }
  const tune = `<item><tune xmlns='urn:t'/></item>`
  await romeo.asks(
    'set',
    `<pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='tune'>${tune}</publish></pubsub>`,
  )
  expect(await itemsOf('romeo@bix.org')).toEqual([`<item jid="romeo@bix.org" node="tune"/>`])
})

test('XEP-0030 §3.2: an unknown node is item-not-found', async () => {
  using p = play()
  const romeo = await p.bound('romeo@bix.org/orchard')
  await romeo.isRefused('item-not-found', 'get', `<query xmlns='${INFO}' node='x'/>`, 'bix.org')
})

test('XEP-0115 §5.1, §6.2, §6.3, §8.1, §9.1: the hash in the stream features is that of the answer to its node', async () => {
  using p = play()
  await p.account('romeo@bix.org')
  const romeo = p.connect()
  await romeo.opens()
  await romeo.authenticates('romeo')
  const features = await romeo.opens()
  const c = child(features, 'c', CAPS)
  expect(c?.attrs.hash).toBe('sha-1')
  romeo.sends(
    `<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>x</resource></bind></iq>`,
  )
  await romeo.answer('b')
  const node = `${c?.attrs.node}#${c?.attrs.ver}`
  const answer = await romeo.asks('get', `<query xmlns='${INFO}' node='${node}'/>`, 'bix.org')
  const query = child(answer, 'query', INFO)
  if (!query) throw new Error('no query')
  expect(query.attrs.node).toBe(node)
  const byBytes = (a: string, b: string) => Buffer.compare(Buffer.from(a), Buffer.from(b))
  const identities = children(query, 'identity').map(
    ({ attrs }) => `${attrs.category}/${attrs.type}/${attrs['xml:lang'] ?? ''}/${attrs.name ?? ''}`,
  )
  const text = [...identities.sort(byBytes), ...names(answer).sort(byBytes)]
    .map((part) => `${part}<`)
    .join('')
  expect(c?.attrs.ver).toBe(createHash('sha1').update(text).digest('base64'))
})

test('XEP-0115 §5.1: names are sorted, not what is joined to them', async () => {
  const { serverCaps } = await import('../../src/features/caps.ts')
  // "a#b" comes after "a", although "#" comes before the "<" that follows each.
  const index = { capsNode: 'n', server: ['a#b', 'a'], account: [], forms: [], identities: [] }
  expect(serverCaps(index)).toBe(createHash('sha1').update('a<a#b<').digest('base64'))
})
