/** The application behind real sockets: who is heard there, and what raw bytes do (cases 80 and 90). */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type HttpListener, listenSocket, listenTcp } from '../../src/http/serve.ts'
import { type HttpWorld, startHttp } from './support.ts'

let world: HttpWorld
let tcp: HttpListener
let admin: HttpListener
let directory: string
const options = { maxBody: 1_048_576, maxFrame: 524_288, idle: 30_000, webSocketIdle: 240_000 }

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'belfry-http-'))
  world = await startHttp()
  tcp = listenTcp(world.app, { host: '127.0.0.1', port: 0 }, options)
  admin = await listenSocket(world.app, join(directory, 'admin.sock'), options)
})
afterAll(async () => {
  await tcp.stop()
  await admin.stop()
  world[Symbol.dispose]()
  rmSync(directory, { recursive: true })
})

test('the admin socket is for its owner and group, and needs no token; TCP does', async () => {
  expect(statSync(admin.host).mode & 0o777).toBe(0o660)
  const inside = await fetch('http://localhost/v1/users', { unix: admin.host })
  expect(inside.status).toBe(200)
  expect(await inside.text()).toContain('juliet@bix.org')
  expect((await fetch(`http://127.0.0.1:${tcp.port}/v1/users`)).status).toBe(401)
})

test('a socket file left by a killed server is replaced', async () => {
  const path = join(directory, 'left.sock')
  const first = await listenSocket(world.app, path, options)
  const second = await listenSocket(world.app, path, options)
  expect((await fetch('http://localhost/livez', { unix: path })).status).toBe(200)
  await first.stop()
  await second.stop()
})

test('an address in use is named together with the way to find who uses it', () => {
  expect(() => listenTcp(world.app, { host: '127.0.0.1', port: tcp.port }, options)).toThrow(
    /127\.0\.0\.1:\d+: another program does; find it with: ss -ltnp/,
  )
})

/** Sends raw bytes and returns everything until the server closes, or until it has answered `answers` times. */
function raw(bytes: string, answers = 1): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = ''
    const socket: Socket = connect(tcp.port, '127.0.0.1', () => socket.write(bytes))
    const done = () => {
      socket.destroy()
      resolve(text)
    }
    socket.on('data', (data) => {
      text += data.toString()
      if (text.split('HTTP/1.1 ').length > answers) done()
    })
    socket.on('close', done)
    socket.on('error', reject)
  })
}

const statusOf = (text: string): string => /^HTTP\/1\.1 (\d+)/.exec(text)?.[1] ?? 'closed'
const HOST = 'Host: 127.0.0.1\r\n'

test.each([
  ['two lengths', `POST /v1/register HTTP/1.1\r\n${HOST}Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello`],
  [
    'a length and chunks',
    `POST /v1/register HTTP/1.1\r\n${HOST}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /v1/users HTTP/1.1\r\n${HOST}\r\n`,
  ],
  ['an unknown coding', `POST /v1/register HTTP/1.1\r\n${HOST}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n`],
  ['a negative length', `POST /v1/register HTTP/1.1\r\n${HOST}Content-Length: -1\r\n\r\n`],
  ['a folded header', `GET /livez HTTP/1.1\r\n${HOST}X: a\r\n b\r\n\r\n`],
  ['a space before the colon', `GET /livez HTTP/1.1\r\n${HOST}X : a\r\n\r\n`],
  ['a NUL in a header', `GET /livez HTTP/1.1\r\n${HOST}X: a\0b\r\n\r\n`],
  ['a bare LF for a line', `GET /livez HTTP/1.1\n${HOST.replace('\r', '')}\nGET /v1/users HTTP/1.1\n\n`],
  [
    'a chunk with an extension that hides a line',
    `POST /v1/register HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n1;a\nb\r\nx\r\n0\r\n\r\nGET /v1/users HTTP/1.1\r\n${HOST}\r\n`,
  ],
  ['no Host', 'GET /livez HTTP/1.1\r\n\r\n'],
  ['TLS on the plain port', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'],
  ['an XMPP stream', "<?xml version='1.0'?><stream:stream to='bix.org'>\r\n\r\n"],
  ['64 kB of header', `GET /livez HTTP/1.1\r\n${HOST}X: ${'a'.repeat(65_536)}\r\n\r\n`],
  ['ten thousand headers', `GET /livez HTTP/1.1\r\n${HOST}${'X: a\r\n'.repeat(10_000)}\r\n`],
])('80: %s gets no answer of the application', async (_name, bytes) => {
  const answer = await raw(bytes)
  expect(answer).not.toContain('juliet')
  expect(['400', '408', '413', '421', '431', '501', '505', 'closed']).toContain(statusOf(answer))
  expect((await fetch(`http://127.0.0.1:${tcp.port}/livez`)).status).toBe(200)
})

test('80, 90: HTTP/2 by upgrade is not taken', async () => {
  const answer = await raw(
    `GET /livez HTTP/1.1\r\n${HOST}Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n`,
  )
  expect(statusOf(answer)).toBe('200')
})

test('81: a body over the limit is refused with a problem, one far over it before it is read', async () => {
  const url = `http://127.0.0.1:${tcp.port}/v1/register`
  const post = (bytes: number) =>
    fetch(url, { method: 'POST', body: 'x'.repeat(bytes), headers: { 'content-type': 'application/json' } })
  const over = await post(options.maxBody + 100)
  expect([over.status, over.headers.get('content-type')]).toEqual([413, 'application/problem+json'])
  expect((await post(options.maxBody * 4)).status).toBe(413)
})
