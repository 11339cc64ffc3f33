import { afterEach, describe, expect, test } from 'bun:test'
import { createHmac } from 'node:crypto'
import { createSelfSigned } from '../../src/self-signed.ts'
import type { Result } from '../../src/push/outbox/provider.ts'
import { Webhook, type WebhookOptions } from '../../src/push/webhook/webhook.ts'
import { isPublic } from '../../src/net/address.ts'
import { systemClock } from '../../src/store/clock.ts'
import type { Job } from '../../src/store/push.ts'

const open: (() => unknown)[] = []
afterEach(async () => {
  for (const close of open.splice(0)) await close()
})

interface Heard {
  readonly path: string
  readonly headers: Headers
  readonly body: string
}

/** A web server that keeps what it was told. */
function hook(
  answer: () => Response | Promise<Response> = () => new Response('ok'),
  tls?: { cert: string; key: string },
): { url: string; port: number; heard: Heard[] } {
  const heard: Heard[] = []
  const server = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    ...(tls ? { tls } : {}),
    fetch: async (request) => {
      heard.push({
        path: new URL(request.url).pathname,
        headers: request.headers,
        body: await request.text(),
      })
      return answer()
    },
  })
  open.push(() => server.stop(true))
  const port = server.port ?? 0
  return { url: `http://127.0.0.1:${port}/offline`, port, heard }
}

const webhook = (url: string, options: Partial<WebhookOptions> = {}): Webhook =>
  new Webhook({ url, format: 'json', allowPrivate: true, timeoutMs: 2_000, clock: systemClock, ...options })

const job: Job = {
  id: 1,
  accountId: 1,
  account: 'juliet@bix.org',
  device: undefined,
  messageId: '17',
  pushId: '6b1cd1b0-0000-4000-8000-000000000001',
  collapseId: '17',
  kind: 'body',
  sender: 'romeo@bix.org',
  title: null,
  body: 'a&b=c + ü 👍\n"',
  badge: 2,
  nick: null,
  call: null,
  createdAt: 1_700_000_000_000,
  expiresAt: 2_000_000_000_000,
  attempts: 0,
  nextAt: 0,
}

describe('json', () => {
  test('carries the message and a signature that a receiver can check', async () => {
    const server = hook()
    const clock = { ...systemClock, now: () => 1_700_000_123_456 }
    expect(await webhook(server.url, { secret: 's3cret', clock }).send(job)).toEqual({ is: 'sent' })
    const [got] = server.heard
    expect(JSON.parse(got?.body ?? '')).toEqual({
      event: 'message.offline',
      id: job.pushId,
      time: '2023-11-14T22:13:20.000Z',
      from: 'romeo@bix.org',
      to: 'juliet@bix.org',
      kind: 'body',
      stanza_id: '17',
      body: job.body,
      unread: 2,
    })
    const expected = createHmac('sha256', 's3cret').update(`1700000123.${got?.body}`).digest('hex')
    expect(got?.headers.get('belfry-signature')).toBe(`sha256=${expected}`)
    expect(got?.headers.get('belfry-timestamp')).toBe('1700000123')
    expect(got?.headers.get('belfry-delivery')).toBe(job.pushId)
    expect(got?.headers.get('content-type')).toBe('application/json')
  })
})

test('an event carries its name, its account and its data, signed like a message', async () => {
  const server = hook()
  const clock = { ...systemClock, now: () => 1_700_000_123_456 }
  const body = JSON.stringify({ device: '7', reason: 'dead' })
  const event: Job = { ...job, accountId: null, kind: 'device.removed', messageId: '', badge: null, body }
  expect(await webhook(server.url, { secret: 's3cret', clock }).send(event)).toEqual({ is: 'sent' })
  const [got] = server.heard
  expect(JSON.parse(got?.body ?? '')).toEqual({
    event: 'device.removed',
    id: job.pushId,
    time: '2023-11-14T22:13:20.000Z',
    account: 'juliet@bix.org',
    device: '7',
    reason: 'dead',
  })
  expect(got?.headers.get('belfry-event')).toBe('device.removed')
  const expected = createHmac('sha256', 's3cret').update(`1700000123.${got?.body}`).digest('hex')
  expect(got?.headers.get('belfry-signature')).toBe(`sha256=${expected}`)
})

test('an event of a room names the room, not an account', async () => {
  const server = hook()
  const room = 'verona@conference.bix.org'
  const body = JSON.stringify({ name: 'Verona' })
  await webhook(server.url).send({ ...job, accountId: null, account: room, kind: 'room.created', body })
  const told = JSON.parse(server.heard[0]?.body ?? '') as Record<string, unknown>
  expect([told.event, told.room, told.name, 'account' in told]).toEqual([
    'room.created',
    room,
    'Verona',
    false,
  ])
})

describe('form', () => {
  test('is what home-made offline modules send, properly encoded', async () => {
    const server = hook()
    expect(await webhook(server.url, { format: 'form', token: 't&1' }).send(job)).toEqual({ is: 'sent' })
    const [got] = server.heard
    expect(got?.headers.get('content-type')).toStartWith('application/x-www-form-urlencoded')
    const fields = Object.fromEntries(new URLSearchParams(got?.body))
    expect(fields).toEqual({
      from: 'romeo@bix.org',
      to: 'juliet@bix.org',
      body: job.body ?? '',
      token: 't&1',
    })
    expect(got?.body).toContain('body=a%26b%3Dc+%2B+%C3%BC+')
  })
})

describe('an answer', () => {
  const cases: [number, Result][] = [
    [204, { is: 'sent' }],
    [400, { is: 'drop', reason: 'status 400' }],
    [404, { is: 'drop', reason: 'status 404' }],
    [429, { is: 'retry', reason: 'status 429', afterMs: 7_000 }],
    [500, { is: 'retry', reason: 'status 500', afterMs: 7_000 }],
  ]
  for (const [status, result] of cases) {
    test(`${status} is ${result.is}`, async () => {
      const body = status === 204 ? null : 'x'.repeat(200_000)
      const server = hook(() => new Response(body, { status, headers: { 'retry-after': '7' } }))
      expect(await webhook(server.url).send(job)).toEqual(result)
    })
  }

  test('case 74: that is a redirect is not followed', async () => {
    const other = hook()
    const server = hook(() => Response.redirect(other.url, 307))
    expect(await webhook(server.url).send(job)).toEqual({ is: 'drop', reason: 'status 307' })
    expect(other.heard).toEqual([])
  })

  test('that never comes is a retry', async () => {
    const server = hook(() => new Promise<Response>(() => undefined))
    expect(await webhook(server.url, { timeoutMs: 50 }).send(job)).toEqual({
      is: 'retry',
      reason: 'NoAnswer',
    })
  })

  test('from nobody is a retry', async () => {
    expect(await webhook('http://127.0.0.1:1/').send(job)).toEqual({ is: 'retry', reason: 'NoConnection' })
  })
})

describe('addresses', () => {
  const refused = { is: 'pause', reason: 'PrivateAddress', operator: true, shared: true } as const

  test('case 74: of this machine and of private networks are refused', async () => {
    const server = hook()
    const strict = { allowPrivate: false }
    expect(await webhook(server.url, strict).send(job)).toEqual(refused)
    expect(await webhook(`http://localhost:${server.port}/`, strict).send(job)).toEqual(refused)
    expect(await webhook(`http://0x7f.1:${server.port}/`, strict).send(job)).toEqual(refused)
    expect(await webhook(`http://[::ffff:127.0.0.1]:${server.port}/`, strict).send(job)).toEqual(refused)
    expect(server.heard).toEqual([])
  })

  test('case 74: are checked where the connection goes: a name that changes its mind gains nothing', async () => {
    const server = hook()
    let asked = 0
    const resolve = (): Promise<string[]> => Promise.resolve(asked++ === 0 ? ['192.168.1.1'] : ['127.0.0.1'])
    const url = `http://hook.example:${server.port}/`
    expect(await webhook(url, { allowPrivate: false, resolve }).send(job)).toEqual(refused)
    expect(asked).toBe(1)
  })

  test('are reached under the name that was configured, in Host and in the certificate', async () => {
    const tls = createSelfSigned(['hook.example'], Date.now())
    const server = hook(undefined, tls)
    const resolve = (): Promise<string[]> => Promise.resolve(['127.0.0.1'])
    const url = (name: string): string => `https://${name}:${server.port}/offline`
    expect(await webhook(url('hook.example'), { resolve, ca: tls.cert }).send(job)).toEqual({ is: 'sent' })
    expect(server.heard[0]?.headers.get('host')).toBe(`hook.example:${server.port}`)
    expect(await webhook(url('other.example'), { resolve, ca: tls.cert }).send(job)).toMatchObject({
      is: 'retry',
    })
    expect(server.heard).toHaveLength(1)
  })

  test('are sorted right', () => {
    const inside = ['127.0.0.1', '10.1.2.3', '172.16.0.1', '172.31.255.255', '192.168.0.1', '169.254.169.254']
    inside.push('100.64.0.1', '0.0.0.0', '224.0.0.1', '255.255.255.255', '::1', '::', 'fe80::1', 'fd00::1')
    inside.push(
      '::ffff:10.0.0.1',
      '::ffff:a00:1',
      '64:ff9b::a00:1',
      '2002:a00:1::',
      'ff02::1',
      'nonsense',
      '',
    )
    expect(inside.filter(isPublic)).toEqual([])
    const outside = [
      '1.1.1.1',
      '172.32.0.1',
      '172.15.0.1',
      '100.128.0.1',
      '2606:4700::1111',
      '2a00::1',
      '::ffff:1.1.1.1',
    ]
    expect(outside.filter((address) => !isPublic(address))).toEqual([])
  })
})
