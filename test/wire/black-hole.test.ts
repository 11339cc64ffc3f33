/** An Apple that takes the connection and says nothing: within 15 s it is red, with the reason, wherever one would look. */
import { generateKeyPairSync } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { type AddressInfo, createServer, type Server } from 'node:net'
import { join } from 'node:path'
import { createServer as createTlsServer } from 'node:tls'
import { expect, test } from 'bun:test'
import { createSelfSigned } from '../../src/self-signed.ts'
import { FakeClock } from '../support/clock.ts'
import { PASSWORD, wire } from './support.ts'

const JULIET = 'juliet@bix.org'
const REASON = 'no HTTP/2 settings within the connect deadline'
const pair = createSelfSigned(['localhost'], Date.now())

/** `reached` settles once somebody has got as far in as anybody can. */
interface Hole {
  readonly server: Server
  readonly reached: Promise<void>
}

function hole(make: (reached: () => void) => Server): Hole {
  const { promise, resolve } = Promise.withResolvers<void>()
  return { server: make(resolve), reached: promise }
}

/** RFC 8446 §5.1: the head of a record of the handshake, and none of what it promises. */
const PROMISE = Buffer.from('160303007a', 'hex')

const HOLES: readonly (readonly [what: string, make: () => Hole])[] = [
  ['never answers', () => hole((reached) => createServer((socket) => void socket.once('data', reached)))],
  [
    'never ends its TLS handshake',
    () =>
      hole((reached) =>
        createServer((socket) => void socket.once('data', () => socket.write(PROMISE, () => reached()))),
      ),
  ],
  [
    'speaks TLS and no HTTP/2',
    () => hole((reached) => createTlsServer({ ...pair, ALPNProtocols: ['h2'] }, () => reached())),
  ],
]

test.each(HOLES)(
  'Apple’s host %s: red in queue, status, readiness, push page, explain and metric',
  async (_what, make) => {
    const { server, reached } = make()
    const sockets = new Set<{ destroy(): void }>()
    server.on('connection', (socket) => {
      sockets.add(socket)
      socket.on('error', () => {})
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo // of a TCP server
    const clock = new FakeClock()
    await using own = await wire({
      clock,
      toml:
        `[[push.apps]]\ntopic = "org.bix.chat"\nteam_id = "TEAM123456"\nkey_id = "KEY0000001"\nkey_file = "key.p8"\n` +
        `endpoint = "https://localhost:${port}"\nca_file = "ca.pem"\n`,
      prepare(home) {
        const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
        const key = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
        writeFileSync(join(home, 'key.p8'), key, { mode: 0o600 })
        writeFileSync(join(home, 'ca.pem'), pair.cert)
      },
    })
    try {
      await own.account(JULIET)
      const http = `http://127.0.0.1:${own.port('http')}`
      await fetch(`${http}/v1/me/devices`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization: own.basic(JULIET) },
        body: JSON.stringify({ token: 'ab'.repeat(32) }),
      })
      const sent = await own.ask('POST', '/v1/messages', { to: JULIET, body: 'anyone?', id: 'm1' })
      expect(sent.status).toBe(202)
      await reached
      const get = async (path: string) => (await own.ask('GET', path)).text()
      expect(await get('/v1/push/queue')).not.toContain('NoConnection')
      clock.advance(15_000)
      for (const path of [
        '/v1/push/queue',
        '/v1/status',
        '/readyz?verbose',
        `/v1/push/explain?jid=${JULIET}`,
      ])
        expect(`${path} ${await get(path)}`).toContain(REASON)
      own.config.admins.push(JULIET)
      const signedIn = await fetch(`${http}/admin/login`, {
        method: 'POST',
        redirect: 'manual',
        headers: { origin: http },
        body: new URLSearchParams({ jid: JULIET, password: PASSWORD }),
      })
      const cookie = signedIn.headers.get('set-cookie')?.split(';')[0] ?? ''
      for (const path of ['/admin/', '/admin/push']) {
        const page = await fetch(http + path, { headers: { cookie } })
        expect(`${path} ${await page.text()}`).toContain(REASON)
      }
      expect(await get('/metrics')).toMatch(/^belfry_push_paused_lanes 1$/m)
    } finally {
      for (const socket of sockets) socket.destroy()
      server.close()
    }
  },
)
