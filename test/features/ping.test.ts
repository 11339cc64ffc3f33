import { expect, test } from 'bun:test'
import { play } from '../support/world.ts'

test('XEP-0199 §4.2: the server and the own account answer a ping', async () => {
  using p = play()
  const romeo = await p.bound('romeo@bix.org/orchard')
  for (const to of [undefined, 'bix.org', 'romeo@bix.org']) {
    const answer = await romeo.asks('get', `<ping xmlns='urn:xmpp:ping'/>`, to)
    expect(answer.attrs.type).toBe('result')
    expect(answer.children).toEqual([])
  }
  await romeo.isRefused('service-unavailable', 'set', `<ping xmlns='urn:xmpp:ping'/>`)
})
