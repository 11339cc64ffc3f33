/** Servers of HTTP/1.1 that an endpoint may name: what they send is bounded in bytes and in time, and nothing is followed. */
import { createServer, type Server, type Socket } from 'node:net'
import { expect, test } from 'bun:test'
import { dispatcher, explained, open, outbox, queue, store, until } from '../outbox.ts'
import { browser, providerTo, service } from './support.ts'

outbox()

/** Answers each connection's first request by `says`; tells how many bytes it could send. */
async function server(says: (socket: Socket) => void): Promise<{ port: number; taken: () => number }> {
  const sockets = new Set<Socket>()
  let taken = 0
  const listening: Server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined)
    socket.on('close', () => {
      taken += socket.bytesWritten
      sockets.delete(socket)
    })
    socket.once('data', () => says(socket))
  })
  await new Promise<void>((done) => listening.listen(0, '127.0.0.1', () => done()))
  open.push(() => {
    for (const socket of sockets) socket.destroy()
    listening.close()
  })
  const address = listening.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return { port: address.port, taken: () => taken + [...sockets].reduce((n, one) => n + one.bytesWritten, 0) }
}

const HEAD = 'HTTP/1.1 201 Created\r\ncontent-type: text/plain\r\n'
const times = { connectMs: 2_000, queueMs: 3_000, answerMs: 100, backoffMs: 20, backoffCapMs: 100 }

/** A push to that port is handed over; the good one behind it shows that nothing is held up. */
async function pushed(port: number, more: Parameters<typeof providerTo>[1] = {}) {
  const sim = await service()
  dispatcher({ providers: { webpush: providerTo(sim, more) } })
  await queue(await browser({ ...sim.subscribe(), endpoint: `http://localhost:${port}/x` }), 'm1')
  return { sim, good: async () => queue(await browser(sim.subscribe()), 'm2') }
}

test('a redirect is not followed', async () => {
  const trap = await server((socket) => socket.end(`${HEAD}content-length: 0\r\n\r\n`))
  const { port } = await server((socket) =>
    socket.end(
      `HTTP/1.1 308 Permanent Redirect\r\nlocation: http://localhost:${trap.port}/y\r\ncontent-length: 0\r\n\r\n`,
    ),
  )
  await pushed(port)
  expect(await explained(1)).toEqual(['m1 dropped: status 308'])
  expect(trap.taken()).toBe(0)
})

test('of an answer without an end 4 KB are read, and the connection is closed', async () => {
  const { port, taken } = await server((socket) => {
    socket.write(`${HEAD}transfer-encoding: chunked\r\n\r\n`)
    const chunk = `10000\r\n${'x'.repeat(65_536)}\r\n`
    const more = (): void => {
      while (!socket.destroyed && socket.write(chunk));
      socket.once('drain', more)
    }
    more()
  })
  const { good } = await pushed(port)
  expect(await explained(1)).toEqual(['m1 sent'])
  await good()
  expect(await explained(2)).toEqual(['m1 sent', 'm2 sent'])
  // As much as the buffers of two sockets hold, whatever that is here: far from all that the server has.
  expect(taken()).toBeLessThan(64 * 2 ** 20)
})

test('an answer that trickles is given up, and others are rung meanwhile', async () => {
  const { port } = await server((socket) => {
    socket.write(`${HEAD}content-length: 1000\r\n\r\n`)
    const drip = setInterval(() => socket.write('x'), 10)
    socket.on('close', () => clearInterval(drip))
  })
  const { good } = await pushed(port, { times })
  await good()
  expect(await explained(1)).toEqual(['m2 sent'])
  await until(() => (store.push.waiting(0, 10)[0]?.attempts ?? 0) > 0)
})

for (const [what, says] of [
  ['what is no HTTP', 'SSH-2.0-OpenSSH_9.9\r\n'],
  ['a header without an end', `${HEAD}x: ${'y'.repeat(2_000_000)}\r\n\r\n`],
] as const)
  test(`${what} is no answer`, async () => {
    const { port } = await server((socket) => socket.end(says))
    await pushed(port, { times })
    await until(() => (store.push.waiting(0, 10)[0]?.attempts ?? 0) > 0)
  })
