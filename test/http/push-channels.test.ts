/** Broadcast channels of Live Activities by the API: what Apple hears, and what it says. */
import { expect, test } from 'bun:test'
import { ApnsChannels } from '../../src/push/apns/channels.ts'
import { senderTo, startApple, TOPIC } from '../support/apns.ts'
import { doorOf } from '../support/door.ts'
import { play } from '../support/world.ts'

async function withApple() {
  const p = play()
  const apple = await startApple()
  const sender = senderTo(apple)
  const push = {
    channels: new ApnsChannels(sender),
    lanes: () => [],
    apps: () => [],
    alarms: () => [],
    check: async () => [],
  }
  return {
    p,
    apple,
    asks: doorOf(p, { push }),
    async [Symbol.asyncDispose]() {
      await sender.stop(0)
      await apple.close()
      p[Symbol.dispose]()
    },
  }
}

const update = { event: 'update', 'content-state': { goals: 1 } }
const at = (id: unknown, rest = '') =>
  `/v1/push/channels/${encodeURIComponent(String(id))}${rest}?topic=${TOPIC}`

test('a channel is made, found, pushed to and deleted, and the audit has each change', async () => {
  await using world = await withApple()
  const { asks, apple, p } = world
  const made = await asks('POST', '/v1/push/channels', { topic: TOPIC, storage: 'newest' })
  expect(made).toMatchObject({
    status: 201,
    body: { topic: TOPIC, environment: 'production', storage: 'newest' },
  })
  const { id } = made.body
  expect(await asks('GET', `/v1/push/channels?topic=${TOPIC}`)).toEqual({
    status: 200,
    body: { items: [{ id }] },
  })
  expect((await asks('GET', at(id))).body).toEqual({ ...made.body })
  const path = `/v1/push/channels/${encodeURIComponent(String(id))}/send`
  const sent = await asks('POST', path, { topic: TOPIC, aps: update, priority: 5, ttl: 600 })
  expect(sent).toMatchObject({ status: 200, body: { result: 'sent' } })
  const now = Math.floor(p.clock.now() / 1000)
  expect(apple.received).toMatchObject([{ payload: { aps: { ...update, timestamp: now } } }])
  expect(apple.received[0]?.headers).toMatchObject({
    'apns-channel-id': id,
    'apns-priority': '5',
    'apns-expiration': String(now + 600),
    'apns-request-id': sent.body.request_id,
  })
  expect((await asks('DELETE', at(id))).status).toBe(204)
  const gone = await asks('GET', at(id))
  expect([gone.status, gone.body.code]).toEqual([404, 'not-found'])
  const { body } = await asks('GET', '/v1/audit')
  const events = (body.items as { event: string }[]).map(({ event }) => event)
  expect(events.toReversed()).toEqual(['push channel made', 'pushed to a channel', 'push channel deleted'])
})

test('under a key a channel is made once, and pushed to once', async () => {
  await using world = await withApple()
  const { asks, apple } = world
  const headers = { 'idempotency-key': 'match-7' }
  const make = () => asks('POST', '/v1/push/channels', { topic: TOPIC }, undefined, { headers })
  const made = await make()
  expect(await make()).toEqual(made)
  expect((await asks('GET', `/v1/push/channels?topic=${TOPIC}`)).body.items).toHaveLength(1)
  const path = `/v1/push/channels/${encodeURIComponent(String(made.body.id))}/send`
  const send = () => asks('POST', path, { topic: TOPIC, aps: update }, undefined, { headers })
  expect(await send()).toEqual(await send())
  expect(apple.received).toHaveLength(1)
})

test('what no channel takes is refused before Apple hears of it', async () => {
  await using world = await withApple()
  const { asks, apple } = world
  const start = {
    event: 'start',
    'attributes-type': 'A',
    attributes: {},
    'content-state': {},
    alert: { title: 'a', body: 'b' },
  }
  const bad = [
    { aps: start },
    { aps: { event: 'update' } },
    { aps: update, priority: 1 },
    { aps: update, ttl: 86_400 },
    { aps: { ...update, 'content-state': { text: 'x'.repeat(5000) } } },
  ]
  for (const one of bad)
    expect((await asks('POST', '/v1/push/channels/YQ==/send', { topic: TOPIC, ...one })).status).toBe(422)
  expect((await asks('GET', '/v1/push/channels')).status).toBe(422)
  expect((await asks('GET', `/v1/push/channels/${encodeURIComponent('a b')}?topic=${TOPIC}`)).status).toBe(
    422,
  )
  expect(apple.received).toEqual([])
})
