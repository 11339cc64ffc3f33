/** Connections to the HTTP ports, of which the runtime tells nobody: counted as the kernel knows them. */
import { afterEach, expect, test } from 'bun:test'
import { connect, type Socket } from 'node:net'
import { HttpCrowd } from '../../src/http/crowd.ts'
import { lazily } from '../../src/http/serve.ts'
import { Networks } from '../../src/net/address.ts'
import { type Connection, openSockets } from '../../src/net/sockets.ts'
import { systemClock } from '../../src/store/clock.ts'
import { wire } from '../wire/support.ts'

const open: Socket[] = []
afterEach(() => {
  for (const socket of open.splice(0)) socket.destroy()
})

/** The start of a ClientHello that never goes on. */
const HALF_OPEN = Buffer.from([0x16, 3, 1, 2, 0, 1])

interface Stranger {
  readonly socket: Socket
  readonly ended: Promise<void>
  isOpen: boolean
}

function stranger(port: number, localAddress: string, first?: Buffer): Promise<Stranger> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', localAddress })
    open.push(socket)
    const ended = new Promise<void>((done) => socket.once('close', done))
    const made: Stranger = { socket, ended, isOpen: true }
    void ended.then(() => (made.isOpen = false))
    socket.on('error', reject)
    socket.resume()
    socket.once('connect', () => {
      if (first) socket.write(first)
      resolve(made)
    })
  })
}

test.each([
  ['idle connections', 'http', undefined],
  ['half-open handshakes', 'https', HALF_OPEN],
] as const)('%s beyond the limit of their address end, the oldest stay', async (_name, port, first) => {
  await using w = await wire({ rates: true, limits: 'connections_per_ip = 5' })
  const come = (n: number, from: string) =>
    Promise.all(Array.from({ length: n }, () => stranger(w.port(port), from, first)))
  const six = await come(6, '127.0.0.9')
  // One was too many, so the others have been seen.
  await Promise.race(six.map(({ ended }) => ended))
  const early = six.filter(({ isOpen }) => isOpen)
  const [other] = await come(1, '127.0.0.8')
  const late = await come(20, '127.0.0.9')
  await Promise.all(late.map(({ ended }) => ended))
  expect(early.filter(({ isOpen }) => isOpen)).toHaveLength(5)
  expect(other?.isOpen).toBe(true)
  // Who has gone makes room.
  for (const { socket } of early) socket.destroy()
  const again = await stranger(w.port('http'), '127.0.0.9')
  again.socket.removeAllListeners('data')
  const answer = new Promise<string>((resolve) =>
    again.socket.once('data', (data) => resolve(data.toString())),
  )
  again.socket.write('GET /livez HTTP/1.1\r\nhost: localhost\r\n\r\n')
  expect(await answer).toContain('200 OK')
})

test('a proxy that is trusted may have as many as it needs', async () => {
  await using w = await wire({ rates: true, limits: 'connections_per_ip = 5' })
  const many = await Promise.all(Array.from({ length: 30 }, () => stranger(w.port('http'), '127.0.0.1')))
  const [crowded] = await Promise.all(Array.from({ length: 6 }, () => stranger(w.port('http'), '127.0.0.9')))
  // The look that ends one of these has seen those.
  await Promise.race(open.slice(30).map((socket) => new Promise((resolve) => socket.once('close', resolve))))
  expect(crowded).toBeDefined()
  expect(many.every(({ isOpen }) => isOpen)).toBe(true)
})

test('connections are told with the address that they come from, of either family', async () => {
  const sockets = await openSockets()
  using server = Bun.serve({ hostname: '::', port: 0, fetch: () => new Response('') })
  const port = server.port ?? 0
  const own = await Promise.all(
    ['127.0.0.1', '::1'].map(
      (host) =>
        new Promise<Socket>((resolve) => {
          const socket = connect({ port, host }, () => resolve(socket))
          open.push(socket)
        }),
    ),
  )
  // The listener takes no connection that says nothing (TCP_DEFER_ACCEPT); these are taken before what comes later.
  for (const socket of own) socket.write('G')
  await Promise.all(['127.0.0.1', '[::1]'].map((host) => fetch(`http://${host}:${port}/`)))
  const found = sockets?.at(new Set([port]))
  const mine = own.map((socket) => `${socket.localAddress} ${socket.localPort}`)
  const peers = found?.connections.map(({ peer }) => peer) ?? []
  expect(mine.filter((one) => !peers.includes(one))).toEqual([])
  expect(found?.files).toBeGreaterThan(found?.connections.length ?? 0)
  expect(sockets?.at(new Set([1])).connections).toEqual([])
  sockets?.close()
})

test('where files run out the fullest addresses are cut, and the others keep theirs', () => {
  const ended: Connection[] = []
  const sizes: Record<string, number> = { '192.0.2.1': 500, '192.0.2.2': 300, '192.0.2.3': 4, '192.0.2.4': 1 }
  const connections = Object.entries(sizes).flatMap(([ip, n]) =>
    Array.from({ length: n }, (_, i): Connection => ({ fd: i, localPort: 80, ip, peer: `${ip} ${i}` })),
  )
  const kernel = {
    at: () => ({ files: connections.length + 400, connections }),
    end: (connection: Connection) => void ended.push(connection),
    close() {},
  }
  const limits = { perAddress: Infinity, files: 1024, exempt: new Networks([]) }
  const crowd = new HttpCrowd(kernel, [80], systemClock, limits)
  // 960 files but for 400 of others: 560, of which two addresses have 5, and two 277 each.
  expect(crowd.look()).toBe(500 - 277 + 300 - 277)
  crowd.stop()
  expect(new Set(ended.map(({ ip }) => ip))).toEqual(new Set(['192.0.2.1', '192.0.2.2']))
})

test('an application that could not be built is built by the next request', async () => {
  let tries = 0
  const handler = lazily(async () => {
    if (++tries === 1) throw new Error('EMFILE')
    return { fetch: () => new Response('built') }
  })
  const ask = async () => handler.fetch(new Request('http://localhost/'), { peer: { kind: 'socket' } })
  expect(await ask().catch((error: Error) => error.message)).toBe('EMFILE')
  expect(await (await ask()).text()).toBe('built')
})
