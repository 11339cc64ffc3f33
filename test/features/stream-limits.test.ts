import { expect, test } from 'bun:test'
import { child, type Element } from '../../src/xmpp/xml.ts'
import { play } from '../support/world.ts'

const limitsIn = (features: Element) => child(features, 'limits', 'urn:xmpp:stream-limits:0')?.toString()
const limits = (inner: string) => `<limits xmlns="urn:xmpp:stream-limits:0">${inner}</limits>`

/** The limits that a stream names before and after the login. */
async function told(toml: string): Promise<(string | undefined)[]> {
  using p = play({ toml: `[limits]\nrates = false\n${toml}` })
  await p.account('romeo@bix.org')
  const romeo = p.connect()
  const before = limitsIn(await romeo.opens())
  await romeo.authenticates('romeo')
  return [before, limitsIn(await romeo.opens())]
}

test('XEP-0478 §3.1: a stream says how much it takes and how long it waits, before and after the login', async () => {
  expect(await told('')).toEqual([
    limits('<max-bytes>8192</max-bytes><idle-seconds>30</idle-seconds>'),
    limits('<max-bytes>262144</max-bytes><idle-seconds>240</idle-seconds>'),
  ])
})

test('XEP-0478 §3.1: what has no limit is not named', async () => {
  expect(
    await told('stanza_bytes = 0\nidle_ping = "0s"\nidle_timeout = "90500ms"\npreauth_timeout = "0s"'),
  ).toEqual([limits('<max-bytes>8192</max-bytes>'), limits('<idle-seconds>90</idle-seconds>')])
  expect((await told('stanza_bytes = 0\nidle_ping = 0\nidle_timeout = 0'))[1]).toBeUndefined()
})

test('XEP-0478 §3.1: a stanza of exactly that size is taken, one byte more is not', async () => {
  using p = play({ toml: '[limits]\nrates = false\nstanza_bytes = 1000' })
  const romeo = await p.online('romeo@bix.org/orchard')
  const frame = `<message type='chat'><body></body></message>`.length
  const message = (bytes: number) =>
    `<message type='chat'><body>${'x'.repeat(bytes - frame)}</body></message>`
  romeo.sends(message(1000))
  expect((await romeo.next()).name).toBe('message')
  romeo.sends(message(1001))
  await romeo.isCutOff('policy-violation')
})
