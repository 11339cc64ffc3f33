import { expect, test } from 'bun:test'
import { VERSION } from '../../src/version.ts'
import { child } from '../../src/xmpp/xml.ts'
import { play } from '../support/world.ts'

test('XEP-0092 §2, §5: name and version, and nothing about the machine', async () => {
  using p = play()
  const romeo = await p.bound('romeo@bix.org/orchard')
  const query = child(
    await romeo.asks('get', `<query xmlns='jabber:iq:version'/>`, 'bix.org'),
    'query',
    'jabber:iq:version',
  )
  expect(query?.toString()).toBe(
    `<query xmlns="jabber:iq:version"><name>Belfry</name><version>${VERSION}</version></query>`,
  )
})
