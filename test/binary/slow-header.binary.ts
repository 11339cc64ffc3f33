/** Case 90, the half that takes its time: limits of the runtime itself. */
import { mkdtempSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'bun:test'
import { listenSocket } from '../../src/http/serve.ts'
import { type Wire, wire } from '../wire/support.ts'

const SOCKETS = 50
/** For headers the runtime gives some 12 s, whatever comes meanwhile and whatever is set. */
const LONGEST_MS = 20_000

test('case 90: headers that trickle in are cut off in time, and others are served meanwhile', async () => {
  await using own = await wire()
  const port = own.port('http')
  const began = performance.now()
  const slow = Array.from({ length: SOCKETS }, () => {
    const socket = connect(port, '127.0.0.1')
    socket.on('error', () => undefined)
    socket.write('GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\nX: ')
    const drip = setInterval(() => socket.write('a'), 250)
    return new Promise<void>((resolve) =>
      socket.on('close', () => {
        clearInterval(drip)
        resolve()
      }),
    )
  })
  const others: Promise<number>[] = []
  const asks = setInterval(() => {
    others.push(fetch(`http://127.0.0.1:${port}/livez`).then(({ status }) => status))
  }, 100)
  await Promise.all(slow)
  clearInterval(asks)
  expect(performance.now() - began).toBeLessThan(LONGEST_MS)
  expect(others.length).toBeGreaterThan(10)
  expect(new Set(await Promise.all(others))).toEqual(new Set([200]))
})

test('case 90: a connection that is kept alive is closed after http_idle_timeout', async () => {
  await using own = await wire({ limits: 'http_idle_timeout = "1s"' })
  const began = performance.now()
  const socket = connect(own.port('http'), '127.0.0.1')
  socket.write('GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n')
  let text = ''
  socket.on('data', (bytes: Buffer) => (text += bytes.toString()))
  await new Promise((resolve) => socket.on('close', resolve))
  expect(text).toStartWith('HTTP/1.1 200 ')
  // The runtime looks every 4 s.
  expect(performance.now() - began).toBeLessThan(10_000)
})

test('a command on the admin socket waits for an answer that takes longer than any of those limits', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'belfry-slow-'))
  const slow = connectSlowly(await wire())
  const app = { fetch: () => slow.then(() => new Response('at last')) }
  const options = { maxBody: 1_000, maxFrame: 1_000, idle: 1_000, webSocketIdle: 1_000 }
  const admin = await listenSocket(app, join(directory, 'admin.sock'), options)
  try {
    expect(await (await fetch('http://localhost/', { unix: admin.host })).text()).toBe('at last')
  } finally {
    await admin.stop()
    rmSync(directory, { recursive: true })
  }
})

/** Settles when the runtime has run out of patience with headers that never end. */
async function connectSlowly(own: Wire): Promise<void> {
  await using _ = own
  const socket = connect(own.port('http'), '127.0.0.1')
  socket.write('GET /livez HTTP/1.1\r\n')
  await new Promise((resolve) => socket.on('close', resolve))
}
