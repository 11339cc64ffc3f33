import { expect, test } from 'bun:test'
import { child } from '../../src/xmpp/xml.ts'
import { play } from '../support/world.ts'

test('RFC 3921 §3: a session may be asked for, although it means nothing', async () => {
  using p = play()
  await p.account('romeo@bix.org')
  const raw = p.connect()
  await raw.opens()
  await raw.authenticates('romeo')
  const session = child(await raw.opens(), 'session', 'urn:ietf:params:xml:ns:xmpp-session')
  expect(session && child(session, 'optional')).toBeDefined()
  const romeo = await p.bound('romeo@bix.org/orchard')
  for (const to of [undefined, 'bix.org']) {
    const answer = await romeo.asks('set', `<session xmlns='urn:ietf:params:xml:ns:xmpp-session'/>`, to)
    expect(answer.attrs.type).toBe('result')
  }
})
