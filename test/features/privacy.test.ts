import { expect, test } from 'bun:test'
import { play } from '../support/world.ts'

const query = (inner = '') => `<query xmlns='jabber:iq:privacy'>${inner}</query>`
const item = `<item type='jid' value='tybalt@bix.org' action='deny' order='1'/>`

test('XEP-0016 §2.3: who asks for the names of lists gets none, who asks for a list learns that there is none', async () => {
  using p = play()
  const romeo = await p.bound('romeo@bix.org/orchard')
  romeo.sends(`<iq type='get' id='1'>${query()}</iq>`)
  await romeo.receives(`<iq type='result' id='1' to='${romeo.jid}'>${query()}</iq>`)
  await romeo.isRefused('item-not-found', 'get', query(`<list name='public'/>`))
  await romeo.isRefused('bad-request', 'get', query(`<list name='a'/><list name='b'/>`))
})

test('XEP-0016 §2.4, §2.5: no list can be declined, and none can be used', async () => {
  using p = play()
  const romeo = await p.bound('romeo@bix.org/orchard')
  for (const name of ['active', 'default']) {
    expect((await romeo.asks('set', query(`<${name}/>`))).attrs.type).toBe('result')
    await romeo.isRefused('item-not-found', 'set', query(`<${name} name='x'/>`))
  }
})

test('XEP-0016 §2.2, §2.7, §2.8: a list cannot be made, and so not removed', async () => {
  using p = play()
  const romeo = await p.bound('romeo@bix.org/orchard')
  await romeo.isRefused('feature-not-implemented', 'set', query(`<list name='x'>${item}</list>`))
  await romeo.isRefused('item-not-found', 'set', query(`<list name='x'/>`))
  await romeo.isRefused('bad-request', 'set', query(`<active/><default/>`))
  await romeo.isRefused('bad-request', 'set', query())
  await romeo.isRefused('bad-request', 'set', query('<x/>'))
})

test('nobody asks for another one’s, and nobody is told that there are any', async () => {
  using p = play()
  const romeo = await p.bound('romeo@bix.org/orchard')
  await p.account('juliet@bix.org')
  await romeo.isRefused('service-unavailable', 'get', query(), 'juliet@bix.org')
  for (const to of ['bix.org', 'romeo@bix.org']) {
    const answer = await romeo.asks('get', `<query xmlns='http://jabber.org/protocol/disco#info'/>`, to)
    expect(answer.toString()).not.toContain('jabber:iq:privacy')
  }
})
