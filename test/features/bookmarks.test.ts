import { expect, test } from 'bun:test'
import { child } from '../../src/xmpp/xml.ts'
import type { Actor } from '../support/actor.ts'
import { announces, news } from '../support/caps.ts'
import {
  configuration,
  fetches,
  form,
  friends,
  owner,
  publication,
  publishes,
  PUBSUB,
  pubsub,
} from '../support/pubsub.ts'
import { play } from '../support/world.ts'

const NODE = 'urn:xmpp:bookmarks:1'
const OLD = 'storage:bookmarks'
const PLAY = 'theplay@conference.bix.org'
const ORCHARD = 'orchard@conference.bix.org'
/** XEP-0402 §3.3 */
const OPTIONS = {
  persist_items: 'true',
  max_items: 'max',
  send_last_published_item: 'never',
  access_model: 'whitelist',
}

const conference = (attrs: string, inner: string) =>
  inner === '' ? `<conference${attrs}/>` : `<conference${attrs}>${inner}</conference>`
const bookmark = (id: string, attrs = '', inner = '') =>
  `<item id="${id}">${conference(` xmlns="${NODE}"${attrs}`, inner)}</item>`
const storage = (inner: string) => `<storage xmlns="${OLD}">${inner}</storage>`
const room = (jid: string, attrs = '', inner = '') => conference(` jid="${jid}"${attrs}`, inner)
const query = (inner: string) => `<query xmlns='jabber:iq:private'>${inner}</query>`
const list = (inner: string) => `<items node="${OLD}"><item id="current">${storage(inner)}</item></items>`
const one = (item: string) => `<items node="${NODE}">${item}</items>`

async function itemsOf(actor: Actor, node = NODE): Promise<string> {
  const answer = await actor.asks('get', pubsub(`<items node='${node}'/>`))
  return child(answer, 'pubsub', PUBSUB)?.children.map(String).join('') ?? ''
}

async function oldOf(actor: Actor): Promise<string> {
  const answer = await actor.asks('get', query(`<storage xmlns='${OLD}'/>`))
  return child(answer, 'query', 'jabber:iq:private')?.children.map(String).join('') ?? ''
}

test('XEP-0402 §6, XEP-0411 §2: the account says that it keeps all forms the same', async () => {
  using p = play()
  const juliet = await p.bound('juliet@bix.org/balcony')
  const answer = await juliet.asks(
    'get',
    `<query xmlns='http://jabber.org/protocol/disco#info'/>`,
    'juliet@bix.org',
  )
  for (const name of [`${NODE}#compat`, `${NODE}#compat-pep`, 'urn:xmpp:bookmarks-conversion:0'])
    expect(answer.toString()).toContain(`<feature var="${name}"/>`)
})

test('XEP-0402 §3.3, §3.4, §5.1, §5.2: bookmarks are private even if the client forgets to say so, and its options fit', async () => {
  using p = play()
  const { romeo, juliet } = await friends(p)
  await publishes(juliet, NODE, bookmark(PLAY))
  await romeo.isRefused('not-allowed', 'get', pubsub(`<items node='${NODE}'/>`), 'juliet@bix.org')
  await romeo.isRefused('not-allowed', 'get', pubsub(`<items node='${OLD}'/>`), 'juliet@bix.org')
  await publishes(juliet, NODE, bookmark(ORCHARD), OPTIONS)
  await publishes(juliet, OLD, `<item id='current'>${storage(room(PLAY))}</item>`, {
    persist_items: 'true',
    access_model: 'whitelist',
  })
  expect(await fetches(juliet, `<items node='${NODE}'/>`)).toEqual([PLAY])
})

test('XEP-0402 §5.3.1: items are the list of old clients, in private storage and in PEP', async () => {
  using p = play()
  const juliet = await p.bound('juliet@bix.org/balcony')
  const extension = '<state xmlns="u:x" minimized="1"/>'
  const named = ' name="The Play" autojoin="1"'
  await publishes(
    juliet,
    NODE,
    bookmark(PLAY, named, `<nick>JC</nick><extensions>${extension}</extensions>`),
    OPTIONS,
  )
  await publishes(juliet, NODE, bookmark(ORCHARD, '', '<password>p</password>'), OPTIONS)
  const expected =
    room(PLAY, ' name="The Play" autojoin="true"', `<nick>JC</nick>${extension}`) +
    room(ORCHARD, '', '<password>p</password>')
  expect(await oldOf(juliet)).toBe(storage(expected))
  expect(await itemsOf(juliet, OLD)).toBe(list(expected))
  await juliet.asks('set', pubsub(`<retract node='${NODE}' notify='true'><item id='${PLAY}'/></retract>`))
  expect(await oldOf(juliet)).toBe(storage(room(ORCHARD, '', '<password>p</password>')))
  await juliet.asks('set', owner(`<delete node='${NODE}'/>`))
  expect(await oldOf(juliet)).toBe(`<storage xmlns="${OLD}"/>`)
})

for (const [way, write] of [
  ['private storage', (inner: string) => query(storage(inner))],
  ['PEP', (inner: string) => publication(OLD, `<item id='current'>${storage(inner)}</item>`)],
] as const) {
  test(`XEP-0402 §2, §5.3.2: a list that is written to ${way} changes the items that it changes, and no other`, async () => {
    using p = play()
    const { juliet } = await friends(p)
    const phone = await p.online('juliet@bix.org/phone')
    await announces(phone, `${NODE}+notify`)
    const extension = '<state xmlns="u:x" minimized="1"/>'
    await publishes(
      juliet,
      NODE,
      bookmark(PLAY, ' name="P"', `<extensions>${extension}</extensions>`),
      OPTIONS,
    )
    await publishes(juliet, NODE, bookmark(ORCHARD, ' name="O" autojoin="1"'), OPTIONS)
    await publishes(juliet, NODE, bookmark('gone@conference.bix.org'), OPTIONS)
    await news(phone)
    const address = '<url name="Works" url="https://bix.org/"/>'
    const written =
      room(PLAY, ' name="The Play"') +
      room(ORCHARD, ' name="O" autojoin="true"') +
      room('new@conference.bix.org', '', '<nick>J</nick>') +
      address
    expect((await juliet.asks('set', write(written))).attrs.type).toBe('result')
    expect(await news(phone)).toEqual([
      `<items node="${NODE}"><retract id="gone@conference.bix.org"/></items>`,
      one(bookmark(PLAY, ' name="The Play"', `<extensions>${extension}</extensions>`)),
      one(bookmark('new@conference.bix.org', '', '<nick>J</nick>')),
    ])
    expect(await oldOf(juliet)).toBe(storage(written))
    // What is no room outlives what new clients do.
    await juliet.asks('set', pubsub(`<retract node='${NODE}'><item id='${PLAY}'/></retract>`))
    expect(await oldOf(juliet)).toContain(address)
    expect(await oldOf(juliet)).not.toContain(PLAY)
  })
}

test('XEP-0411 §3: what goes into private storage is told to who listens to the old node', async () => {
  using p = play()
  const { juliet } = await friends(p)
  const phone = await p.online('juliet@bix.org/phone')
  await announces(phone, `${OLD}+notify`)
  await juliet.asks('set', query(storage(room(PLAY))))
  expect(await news(phone)).toEqual([list(room(PLAY))])
  await publishes(juliet, NODE, bookmark(ORCHARD), OPTIONS)
  expect(await news(phone)).toEqual([list(room(PLAY) + room(ORCHARD))])
})

test('XEP-0411 §5: bookmarks that come from a private place close the node that they enter', async () => {
  using p = play()
  const { romeo, juliet } = await friends(p)
  for (const node of [NODE, OLD])
    await juliet.asks(
      'set',
      pubsub(
        `<create node='${node}'/><configure>${form('node_config', { access_model: 'open' })}</configure>`,
      ),
    )
  await juliet.asks('set', query(storage(room(PLAY))))
  for (const node of [NODE, OLD])
    await romeo.isRefused('not-allowed', 'get', pubsub(`<items node='${node}'/>`), 'juliet@bix.org')
  await juliet.asks('set', configuration(OLD, { access_model: 'open' }))
  await publishes(juliet, NODE, bookmark(ORCHARD))
  await romeo.isRefused('not-allowed', 'get', pubsub(`<items node='${OLD}'/>`), 'juliet@bix.org')
})

test('XEP-0411 §4: a list that lay in private storage before is shared at the next login', async () => {
  using p = play()
  await p.account('juliet@bix.org')
  await p.router.run(({ store }) => {
    const account = store.accounts.find('juliet@bix.org')
    if (account) store.privateXml.set(account, `{${OLD}}storage`, storage(room(PLAY)))
  })
  const juliet = await p.bound('juliet@bix.org/balcony')
  await juliet.settles()
  expect(await fetches(juliet, `<items node='${NODE}'/>`)).toEqual([PLAY])
  await juliet.asks('set', pubsub(`<retract node='${NODE}'><item id='${PLAY}'/></retract>`))
  const phone = await p.bound('juliet@bix.org/phone')
  await phone.settles()
  // Once: what was taken away since does not come back.
  expect(await fetches(phone, `<items node='${NODE}'/>`)).toEqual([])
})

test('rooms are the same however their address is written, and what is no address is kept as it is', async () => {
  using p = play()
  const juliet = await p.bound('juliet@bix.org/balcony')
  await publishes(juliet, NODE, bookmark('ThePlay@Conference.bix.org', ' name="P"'), OPTIONS)
  await publishes(juliet, NODE, bookmark('@', ' name="none"'), OPTIONS)
  const odd = '<conference jid="@"/><conference/>'
  await juliet.asks('set', query(storage(room(PLAY, ' name="Q"') + room(PLAY, ' name="R"') + odd)))
  expect(await itemsOf(juliet)).toBe(
    one(bookmark('@', ' name="none"') + bookmark('ThePlay@Conference.bix.org', ' name="Q"')),
  )
  await publishes(juliet, NODE, bookmark(ORCHARD), OPTIONS)
  expect(await oldOf(juliet)).toBe(storage(room(PLAY, ' name="Q"') + room(ORCHARD) + odd))
})

test('an old client that takes its list away from PEP finds the rooms in private storage', async () => {
  using p = play()
  const juliet = await p.bound('juliet@bix.org/balcony')
  expect(await oldOf(juliet)).toBe(`<storage xmlns="${OLD}"/>`)
  await publishes(juliet, NODE, bookmark(PLAY), OPTIONS)
  await juliet.asks('set', owner(`<delete node='${OLD}'/>`))
  expect(await oldOf(juliet)).toBe(storage(room(PLAY)))
})

test('what is published there and is no bookmark changes nothing elsewhere', async () => {
  using p = play()
  const juliet = await p.bound('juliet@bix.org/balcony')
  await publishes(juliet, NODE, bookmark(PLAY), OPTIONS)
  await publishes(juliet, NODE, `<item id='${ORCHARD}'><conference xmlns='other'/></item>`, OPTIONS)
  await publishes(juliet, OLD, `<item id='current'><storage xmlns='other'/></item>`)
  expect(await fetches(juliet, `<items node='${NODE}'/>`)).toEqual([PLAY, ORCHARD])
})

test('limits.bookmarks_bytes and pep_items: too many bookmarks are refused, fewer never are', async () => {
  using p = play({ toml: '[limits]\nrates = false\nbookmarks_bytes = 200\npep_items = 2' })
  const juliet = await p.bound('juliet@bix.org/balcony')
  await publishes(juliet, NODE, bookmark(PLAY, ` name="${'x'.repeat(80)}"`))
  await juliet.isRefused(
    'resource-constraint',
    'set',
    publication(NODE, bookmark(ORCHARD, ` name="${'y'.repeat(80)}"`)),
  )
  expect(await fetches(juliet, `<items node='${NODE}'/>`)).toEqual([PLAY])
  const three = ['a', 'b', 'c'].map((name) => room(`${name}@c.bix.org`)).join('')
  await juliet.isRefused('resource-constraint', 'set', query(storage(three)))
  // What is no bookmark counts as well.
  const junk = (n: number) => `<item id='x'><x xmlns='u:x'>${'x'.repeat(n)}</x></item>`
  await juliet.isRefused('resource-constraint', 'set', publication(NODE, junk(400)))
  // A list from an old client may be larger; taking from it goes on working.
  await juliet.asks('set', query(storage(room(PLAY, ` name="${'x'.repeat(300)}"`) + room(ORCHARD))))
  expect(
    (await juliet.asks('set', pubsub(`<retract node='${NODE}'><item id='${ORCHARD}'/></retract>`))).attrs
      .type,
  ).toBe('result')
})

test.each([300, 1000])('%d bookmarks, published one by one, are all there in every form', async (many) => {
  using p = play()
  const juliet = await p.bound('juliet@bix.org/balcony')
  const names = Array.from({ length: many }, (_, i) => `room-${i}@conference.example.org`)
  for (const id of names)
    await publishes(
      juliet,
      NODE,
      bookmark(id, ` name="${id}" autojoin="true"`, '<nick>juliet</nick>'),
      OPTIONS,
    )
  const found: string[] = []
  for (let after = ''; found.length < many; after = found.at(-1) ?? '') {
    const page = `<set xmlns='http://jabber.org/protocol/rsm'><max>500</max>${after === '' ? '' : `<after>${after}</after>`}</set>`
    found.push(...(await fetches(juliet, `<items node='${NODE}'/>${page}`)))
  }
  expect(found).toEqual(names)
  expect((await oldOf(juliet)).match(/<conference /g)).toHaveLength(many)
})

test('the list is right however items change, one another’s room included', async () => {
  using p = play()
  const juliet = await p.bound('juliet@bix.org/balcony')
  await juliet.asks('set', query(storage('<url name="Works" url="https://bix.org/"/>')))
  await publishes(juliet, NODE, bookmark(PLAY, ' name="A"'), OPTIONS)
  await publishes(juliet, NODE, bookmark('ThePlay@Conference.bix.org', ' name="B"'), OPTIONS)
  await publishes(juliet, NODE, bookmark(PLAY, ' name="C"'), OPTIONS)
  const works = '<url name="Works" url="https://bix.org/"/>'
  expect(await oldOf(juliet)).toBe(storage(room(PLAY, ' name="B"') + works))
  await juliet.asks(
    'set',
    pubsub(`<retract node='${NODE}'><item id='ThePlay@Conference.bix.org'/></retract>`),
  )
  expect(await oldOf(juliet)).toBe(storage(room(PLAY, ' name="C"') + works))
  await juliet.asks('set', owner(`<purge node='${NODE}'/>`))
  expect(await oldOf(juliet)).toBe(storage(works))
})
