/** BOSH on real sockets: what plays cannot see is HTTP itself. The protocol is in test/stream/bosh.test.ts. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { request } from 'node:http'
import { connect } from 'node:net'
import { wire, type Wire } from './support.ts'

const BIND = 'http://jabber.org/protocol/httpbind'
const create = (attrs = `wait='5' hold='1'`) =>
  `<body xmlns='${BIND}' xmlns:xmpp='urn:xmpp:xbosh' xmpp:version='1.0' ver='1.6' rid='100' to='bix.org' ${attrs}/>`
const sidOf = (text: string): string => /sid='([^']+)'/.exec(text)?.[1] ?? ''
const next = (sid: string, rid = 101, inner = '') =>
  `<body xmlns='${BIND}' sid='${sid}' rid='${rid}'>${inner}</body>`

let own: Wire
beforeAll(async () => {
  own = await wire()
})
afterAll(() => own[Symbol.asyncDispose]())

const url = (port = own.port('http')) => `http://127.0.0.1:${port}/http-bind`
const post = (body: string, headers: Record<string, string> = {}, port?: number) =>
  fetch(url(port), {
    method: 'POST',
    body,
    headers: { 'content-type': 'text/xml; charset=utf-8', ...headers },
  })

test('a session is made, and its next request is held', async () => {
  const answer = await post(create())
  expect([answer.status, answer.headers.get('content-type'), answer.headers.get('cache-control')]).toEqual([
    200,
    'text/xml; charset=utf-8',
    'no-store',
  ])
  const text = await answer.text()
  expect(text).toContain('<stream:features')
  const held = post(next(sidOf(text)))
  const bye = await post(`<body xmlns='${BIND}' sid='${sidOf(text)}' rid='102' type='terminate'/>`)
  expect((await (await held).text()) + (await bye.text())).toContain(`type='terminate'`)
})

test('a client that hangs up is noticed long before its request would have been answered', async () => {
  await using short = await wire({ limits: 'bosh_inactivity = "100ms"' })
  const began = performance.now()
  const open = async (): Promise<boolean> =>
    /belfry_sessions\{transport="bosh",state="open"\} 1/.test(
      await (await short.ask('GET', '/metrics')).text(),
    )
  const sid = sidOf(await (await post(create(`wait='50' hold='1'`), {}, short.port('http'))).text())
  const hung = request(url(short.port('http')), { method: 'POST' })
  hung.on('error', () => undefined)
  hung.end(next(sid))
  await new Promise((resolve) => hung.once('finish', resolve))
  expect(await open()).toBe(true)
  hung.destroy()
  while (await open());
  expect(performance.now() - began).toBeLessThan(10_000)
})

test('a stop is told to who waits', async () => {
  await using another = await wire()
  const text = await (await post(create(`wait='50' hold='1'`), {}, another.port('http'))).text()
  const held = post(next(sidOf(text)), {}, another.port('http'))
  // The session is there as soon as its creation was answered; the request is when it holds, so ask behind it.
  await (await fetch(`http://127.0.0.1:${another.port('http')}/livez`)).text()
  const [, answer] = await Promise.all([another.server.stop(), held.then((got) => got.text())])
  expect(answer).toContain('remote-stream-error')
  expect(answer).toContain('system-shutdown')
})

describe('case 77: pages of other sites', () => {
  test('case 77: their requests are refused and not explained to them', async () => {
    for (const origin of ['https://evil.example', 'null']) {
      const answer = await post(create(), { origin })
      expect([answer.status, answer.headers.get('access-control-allow-origin')]).toEqual([403, null])
      const preflight = await fetch(url(), { method: 'OPTIONS', headers: { origin } })
      expect([preflight.status, preflight.headers.get('access-control-allow-origin')]).toEqual([403, null])
    }
  })

  test('a loopback page may send XML and read the answer, without credentials', async () => {
    const origin = 'http://localhost:8080'
    const preflight = await fetch(url(), {
      method: 'OPTIONS',
      headers: { origin, 'access-control-request-method': 'POST' },
    })
    expect(Object.fromEntries(preflight.headers)).toMatchObject({
      'access-control-allow-origin': origin,
      'access-control-allow-methods': 'POST',
      'access-control-allow-headers': 'content-type',
      vary: 'Origin',
    })
    const answer = await post(create(), { origin })
    expect(answer.status).toBe(200)
    expect(answer.headers.get('access-control-allow-origin')).toBe(origin)
    expect(answer.headers.get('access-control-allow-credentials')).toBeNull()
  })

  test('the permission is for this route alone', async () => {
    const origin = 'http://localhost:8080'
    const answer = await fetch(`http://127.0.0.1:${own.port('http')}/v1/me`, { headers: { origin } })
    expect(answer.headers.get('access-control-allow-origin')).toBeNull()
  })
})

test('case 81: a body over the cap is refused before it is read', async () => {
  const { stanza_bytes } = own.config.limits
  expect((await post('x'.repeat(stanza_bytes + 1))).status).toBe(413)
  const chunked = new ReadableStream<Uint8Array>({
    pull(controller) {
      controller.enqueue(new Uint8Array(65_536).fill(120))
      if ((sent += 65_536) > 4 * stanza_bytes) controller.close()
    },
  })
  let sent = 0
  const answer = await fetch(url(), { method: 'POST', body: chunked }).catch(() => undefined)
  expect(answer?.status ?? 413).toBe(413)
})

test('case 90: a body that trickles in is cut off in time, and others are served meanwhile', async () => {
  await using quick = await wire({ limits: 'http_body_timeout = "300ms"' })
  const port = quick.port('http')
  for (const path of ['/http-bind', '/v1/register']) {
    const began = performance.now()
    const socket = connect(port, '127.0.0.1')
    let text = ''
    socket.on('data', (bytes: Buffer) => (text += bytes.toString()))
    socket.write(
      `POST ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n`,
    )
    const drip = setInterval(() => socket.write(' '), 20)
    const cut = new Promise<void>((resolve) => socket.on('close', () => resolve()))
    expect((await fetch(`http://127.0.0.1:${port}/livez`)).status).toBe(200)
    await cut
    clearInterval(drip)
    expect(text).toStartWith('HTTP/1.1 408 ')
    expect(performance.now() - began).toBeLessThan(3_000)
  }
})
