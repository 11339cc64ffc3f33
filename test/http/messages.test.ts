/** /v1/messages with the whole road behind it: a message that a program sends is like one from a client. */
import type { Config } from '../../src/config/config.ts'
import { describe, expect, test } from 'bun:test'
import { features } from '../../src/features/index.ts'
import type { Feature } from '../../src/routing/feature.ts'
import { StanzaError } from '../../src/xmpp/errors.ts'
import { childText } from '../../src/xmpp/xml.ts'
import { codeOf, type HttpWorld, JULIET, ROMEO, startHttp } from './support.ts'

const road = () => startHttp(() => {}, features)
const send = (w: HttpWorld, body: Record<string, unknown>): Promise<Response> =>
  w.call('POST', '/v1/messages', { as: 'operator', body })

function stored(w: HttpWorld, table: 'archive' | 'offline'): string[] {
  const { raw } = w.store.db
  return raw
    .query<{ jid: string; xml: string }, []>(
      `SELECT jid, xml FROM ${table} JOIN accounts ON accounts.id = account_id ORDER BY ${table}.id`,
    )
    .all()
    .map(({ jid, xml }) => `${jid} ${/<body>(.*?)<\/body>/.exec(xml)?.[1]}`)
}

test('on behalf of an account: in both archives, waiting for who is away', async () => {
  using w = await road()
  expect((await send(w, { from: ROMEO, to: JULIET, body: 'It is my lady' })).status).toBe(202)
  expect(stored(w, 'archive')).toEqual([`${ROMEO} It is my lady`, `${JULIET} It is my lady`])
  expect(stored(w, 'offline')).toEqual([`${JULIET} It is my lady`])
})

test('as the server: in the archive of who gets it', async () => {
  using w = await road()
  expect((await send(w, { to: JULIET, body: 'closing soon' })).status).toBe(202)
  expect(stored(w, 'archive')).toEqual([`${JULIET} closing soon`])
})

test.each([[ROMEO], [undefined]])(
  'sent again with its id it is accepted and not stored twice (%s)',
  async (from) => {
    using w = await road()
    const message = { from, to: JULIET, body: 'O, it is my love', id: 'once' }
    expect((await send(w, message)).status).toBe(202)
    const before = stored(w, 'archive')
    const again = await send(w, message)
    expect([again.status, await again.json()]).toEqual([202, { id: 'once' }])
    expect(stored(w, 'archive')).toEqual(before)
    expect(stored(w, 'offline')).toHaveLength(1)
    expect((await send(w, { ...message, id: 'twice' })).status).toBe(202)
    expect(stored(w, 'offline')).toHaveLength(2)
  },
)

test.each([[ROMEO], [undefined]])(
  'case 86: its id under another message is refused, and nothing is lost (%s)',
  async (from) => {
    using w = await road()
    const message = { from, to: JULIET, body: 'O, it is my love', id: 'once' }
    expect((await send(w, message)).status).toBe(202)
    for (const change of [{ body: 'another' }, { subject: 'a subject' }, { type: 'normal' }]) {
      const answer = await send(w, { ...message, ...change })
      expect([answer.status, await answer.text()]).toEqual([
        409,
        expect.stringContaining('"id-reused"') as string,
      ])
    }
    expect((await send(w, message)).status).toBe(202)
    expect((await send(w, { ...message, to: ROMEO, body: 'for another' })).status).toBe(202)
    expect(stored(w, 'offline')).toEqual([`${JULIET} O, it is my love`, `${ROMEO} for another`])
  },
)

test('what cannot be kept is told to the program that sent it', async () => {
  const full = (config: Config) => {
    config.limits.offline_messages = 1
    config.archive.default = 'never'
  }
  using w = await startHttp(full, features)
  expect((await send(w, { from: ROMEO, to: JULIET, body: 'one' })).status).toBe(202)
  const refused = await send(w, { from: ROMEO, to: JULIET, body: 'two' })
  expect([refused.status, await refused.text()]).toEqual([
    503,
    expect.stringContaining('storage is full') as string,
  ])
  expect(stored(w, 'archive')).toHaveLength(0)
})

describe('to a domain of a service', () => {
  const heard: string[] = []
  const rooms: Feature = {
    name: 'rooms',
    xeps: [],
    service: {
      name: 'Rooms',
      domainOf: (host) => (host === 'bix.org' ? `rooms.${host}` : undefined),
      receive({ stanza: { from, el } }, to) {
        if (to.local === 'closed') throw new StanzaError('forbidden', 'Nobody speaks here.')
        heard.push(`${from.toString()} → ${to.toString()}: ${childText(el, 'body')}`)
      },
    },
  }
  const world = () => startHttp(withPush, (config) => [...features(config), rooms])
  const withPush = (config: Config) => void (config.push.simulator = true)

  test('it goes where a client’s goes, by an account and by the server, under its id once', async () => {
    using w = await world()
    heard.length = 0
    expect((await send(w, { from: ROMEO, to: 'verona@rooms.bix.org', body: 'hark' })).status).toBe(202)
    expect((await send(w, { to: 'rooms.bix.org', body: 'closing soon', id: 'a' })).status).toBe(202)
    expect(heard).toEqual([`${ROMEO} → verona@rooms.bix.org: hark`, 'bix.org → rooms.bix.org: closing soon'])
    expect(stored(w, 'archive')).toEqual([`${ROMEO} hark`])
  })

  test('what it refuses is told, and leaves no trace', async () => {
    using w = await world()
    const refused = await send(w, { from: ROMEO, to: 'closed@rooms.bix.org', body: 'hark' })
    expect([refused.status, await codeOf(refused)]).toEqual([403, 'forbidden'])
    // The push service takes registrations, and reads no messages.
    const push = await send(w, { from: ROMEO, to: 'push.bix.org', body: 'hark' })
    expect([push.status, await codeOf(push)]).toEqual([503, 'service-unavailable'])
    expect(stored(w, 'archive')).toEqual([])
  })

  test('a domain of nobody, the server itself and nobody here are what they were', async () => {
    using w = await world()
    const codes = async (to: string) => {
      const answer = await send(w, { from: ROMEO, to, body: 'hark' })
      return [answer.status, await codeOf(answer)]
    }
    expect(await codes('a@pull.bix.org')).toEqual([422, 'remote-server-not-found'])
    expect(await codes('bix.org')).toEqual([404, 'no-such-user'])
    expect(await codes('nobody@bix.org')).toEqual([404, 'no-such-user'])
  })
})
