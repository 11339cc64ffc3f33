/** An upload that its client breaks off is no error of the server. */
import { expect, test } from 'bun:test'
import { connect } from 'node:net'
import { startLogging, stopLogging } from '../../src/log.ts'
import { httpAborted } from '../../src/metrics/metrics.ts'
import { wire } from './support.ts'

test('it is a debug line and a count', async () => {
  const lines: string[] = []
  const { promise: seen, resolve } = Promise.withResolvers<void>()
  await using own = await wire({})
  startLogging({
    level: 'debug',
    format: 'text',
    write: (line) => {
      lines.push(line)
      if (/went away|met a bug|outside/.test(line)) resolve()
    },
  })
  const before = (await httpAborted.get()).values[0]?.value ?? 0
  const socket = connect(own.port('http'), '127.0.0.1')
  socket.write(
    'POST /http-bind HTTP/1.1\r\nHost: bix.org\r\nContent-Type: text/xml\r\nContent-Length: 99\r\n\r\n<body',
  )
  // Round trips of others: the request has been read by then.
  for (let i = 0; i < 20; i++) await own.ask('GET', '/livez')
  socket.destroy()
  await seen
  stopLogging()
  expect(lines.filter((line) => line.includes('level=error'))).toEqual([])
  expect((await httpAborted.get()).values[0]?.value).toBe(before + 1)
})
