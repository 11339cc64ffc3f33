import { expect, test } from 'bun:test'
import { announces, inner, news } from '../support/caps.ts'
import { fetches, friends, owner, publishes, pubsub } from '../support/pubsub.ts'
import { play } from '../support/world.ts'

const NODE = 'urn:xmpp:mds:displayed:0'
const JULIET = 'juliet@bix.org'
const ROMEO = 'romeo@bix.org'
const mark = (id: string) =>
  `<displayed xmlns="${NODE}"><stanza-id xmlns="urn:xmpp:sid:0" by="${JULIET}" id="${id}"/></displayed>`
const marker = `<displayed xmlns="urn:xmpp:chat-markers:0" id="m1"/>`
const told = (chat: string, id: string) =>
  `<items node="${NODE}"><item id="${chat}">${mark(id)}</item></items>`
/** XEP-0490 §4.2 */
const OPTIONS = {
  persist_items: 'true',
  max_items: 'max',
  send_last_published_item: 'never',
  access_model: 'whitelist',
}

test('XEP-0490 §4.5.2: the help is advertised on the account', async () => {
  using p = play()
  const juliet = await p.bound('juliet@bix.org/balcony')
  const answer = await juliet.asks('get', `<query xmlns='http://jabber.org/protocol/disco#info'/>`, JULIET)
  expect(answer.toString()).toContain('<feature var="urn:xmpp:mds:server-assist:0"/>')
})

test('XEP-0490 §4.1, §4.5.3: the mark is taken out of the message and published for the chat', async () => {
  using p = play()
  const { romeo, juliet } = await friends(p)
  const phone = await p.online('juliet@bix.org/phone')
  await announces(phone, `${NODE}+notify`)
  await romeo.settles()
  romeo.forget()
  juliet.sends(`<message to='${ROMEO}' type='chat' id='x'>${marker}${mark('17')}</message>`)
  await romeo.receives(
    `<message from='${juliet.jid}' to='${ROMEO}' type='chat' id='x'>${marker}<stanza-id xmlns='urn:xmpp:sid:0' id='{any}' by='${ROMEO}'/></message>`,
  )
  expect(await news(phone)).toEqual([told(ROMEO, '17')])
  juliet.sends(`<message to='Romeo@bix.org' type='chat'><body>hi</body>${mark('18')}${mark('19')}</message>`)
  expect((await romeo.next()).toString()).not.toContain(NODE)
  expect(await fetches(juliet, `<items node='${NODE}'/>`)).toEqual([ROMEO, 'Romeo@bix.org'])
})

test('XEP-0490 §5.2: it is gone before the archive and before carbons', async () => {
  using p = play()
  const { juliet } = await friends(p)
  const phone = await p.online('juliet@bix.org/phone')
  await phone.asks('set', `<enable xmlns='urn:xmpp:carbons:2'/>`)
  juliet.sends(`<message to='${ROMEO}' type='chat'><body>hi</body>${mark('17')}</message>`)
  await juliet.settles()
  const copy = await phone.next()
  expect(copy.toString()).toContain('<body>hi</body>')
  expect(copy.toString()).not.toContain(NODE)
  juliet.sends(`<iq type='set' id='q'><query xmlns='urn:xmpp:mam:2'/></iq>`)
  await juliet.answer('q')
  const archived = juliet.heard.map(String).join('')
  expect(archived).toContain('<body>hi</body>')
  expect(archived).not.toContain(NODE)
})

test('XEP-0490 §4.2, §5.2, §7: the node that is made for it is private, and fits what clients demand', async () => {
  using p = play()
  const { romeo, juliet } = await friends(p)
  juliet.sends(`<message to='${ROMEO}'>${marker}${mark('1')}</message>`)
  await juliet.settles()
  await romeo.isRefused('not-allowed', 'get', pubsub(`<items node='${NODE}'/>`), JULIET)
  await publishes(juliet, NODE, `<item id='x@bix.org'>${mark('2')}</item>`, OPTIONS)
  expect(await fetches(juliet, `<items node='${NODE}'/>`)).toEqual([ROMEO, 'x@bix.org'])
  // A client that forgets its options leaks nothing either.
  await juliet.asks('set', owner(`<delete node='${NODE}'/>`))
  await publishes(juliet, NODE, `<item id='x@bix.org'>${mark('2')}</item>`)
  await romeo.isRefused('not-allowed', 'get', pubsub(`<items node='${NODE}'/>`), JULIET)
})

test('XEP-0490 §4.5.3: without an address, or in an error, there is nothing to publish, and nothing passes', async () => {
  using p = play()
  const juliet = await p.online('juliet@bix.org/balcony')
  const romeo = await p.online('romeo@bix.org/orchard')
  juliet.sends(`<message type='chat'><body>to me</body>${mark('1')}</message>`)
  expect((await juliet.next()).toString()).not.toContain(NODE)
  juliet.sends(`<message type='error' to='${romeo.jid}'>${mark('1')}<error type='cancel'/></message>`)
  expect((await romeo.next()).toString()).not.toContain(NODE)
  await juliet.isRefused('item-not-found', 'get', pubsub(`<items node='${NODE}'/>`))
})

test('XEP-0490 §4.4: the state of every chat is there for a client that comes back', async () => {
  using p = play()
  const { juliet } = await friends(p)
  for (const [chat, id] of [
    ['a@bix.org', '1'],
    ['b@bix.org', '2'],
    ['a@bix.org', '3'],
  ])
    await publishes(juliet, NODE, `<item id='${chat}'>${mark(id ?? '')}</item>`, OPTIONS)
  expect(await fetches(juliet, `<items node='${NODE}'/>`)).toEqual(['b@bix.org', 'a@bix.org'])
  const phone = await p.online('juliet@bix.org/phone')
  await announces(phone, `${NODE}+notify`)
  expect(phone.heard.map(inner).filter((text) => text.includes(NODE))).toEqual([])
})

test('limits.pep_bytes: a message whose mark finds no room is refused as a whole, not half done', async () => {
  using p = play({ toml: '[limits]\nrates = false\npep_bytes = 10' })
  const { romeo, juliet } = await friends(p)
  juliet.sends(`<message to='${ROMEO}' type='chat'><body>hi</body>${mark('1')}</message>`)
  await juliet.hearsError('resource-constraint')
  await romeo.hearsNothing()
})
