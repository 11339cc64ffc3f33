/** Case 90, the half that takes its time: the runtime's own limit on request headers, which cannot be set shorter. */
import { connect } from 'node:net'
import { expect, test } from 'bun:test'
import { wire } from '../wire/support.ts'

const SOCKETS = 50
/** The runtime gives some 12 s, whatever comes meanwhile. */
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
