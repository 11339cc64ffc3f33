import { connect, createServer, type Server, type Socket } from 'node:net'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, expect, test } from 'bun:test'
import type { ApnsSim } from '../../src/ops/apns-sim.ts'
import { openTunnel } from '../../src/push/apns/proxy.ts'
import { probeApps } from '../../src/push/apns/probe.ts'
import { testPush } from '../../src/push/diagnose/test-push.ts'
import { systemClock, systemRandom } from '../../src/store/clock.ts'
import { device, request, senderTo, startApple } from '../support/apns.ts'

const tools = { clock: systemClock, random: systemRandom }

let sim: ApnsSim
let proxy: Server
let heads: string[]
let answer: string
const open = new Set<Socket>()

beforeEach(async () => {
  sim = await startApple()
  heads = []
  answer = 'HTTP/1.1 200 Connection established\r\n\r\n'
  proxy = createServer((client) => {
    open.add(client)
    client.on('error', () => undefined)
    client.once('data', (head) => {
      heads.push(head.toString())
      const [, host, port] = /^CONNECT ([^:]+):(\d+) /.exec(head.toString()) ?? []
      if (!answer.includes(' 200 ')) return void client.end(answer)
      const far = connect(Number(port), host ?? '')
      open.add(far)
      far.on('error', () => undefined)
      client.write(answer)
      client.pipe(far).pipe(client)
    })
  })
  await new Promise<void>((resolve) => {
    proxy.listen(0, '127.0.0.1', () => resolve())
  })
})
afterEach(async () => {
  for (const socket of open) socket.destroy()
  open.clear()
  await sim.close()
  proxy.close()
})

// A TCP listener has no other form.
const url = (who = ''): string => `http://${who}127.0.0.1:${(proxy.address() as AddressInfo).port}`

test('pushes go through the proxy, with its own name and password, and TLS goes on to Apple', async () => {
  const sender = senderTo(sim, { proxy: url('belfry:p%40ss@') })
  const verdicts = await Promise.all([1, 2, 3].map((n) => sender.send(request(n))))
  await sender.stop(1_000)
  expect(verdicts.map(({ outcome }) => outcome)).toEqual(['accepted', 'accepted', 'accepted'])
  expect(heads).toHaveLength(1)
  expect(heads[0]).toStartWith(`CONNECT ${new URL(sim.url).host} HTTP/1.1\r\nHost: `)
  expect(heads[0]).toContain(
    `Proxy-Authorization: Basic ${Buffer.from('belfry:p@ss').toString('base64')}\r\n`,
  )
})

test('what is behind the proxy must show a certificate that we trust', async () => {
  const other = await startApple()
  const sender = senderTo(
    { url: sim.url, ca: other.ca },
    { proxy: url(), times: { queueMs: 300, backoffMs: 10, backoffCapMs: 20 } },
  )
  const verdict = await sender.send(request(1))
  await Promise.all([sender.stop(0), other.close()])
  expect(verdict).toMatchObject({ outcome: 'retry', reason: 'NoConnection' })
  expect(sim.received).toEqual([])
})

test('a proxy that refuses is named, nothing counts as sent, and it is tried again', async () => {
  answer = 'HTTP/1.1 407 Proxy Authentication Required\r\n\r\n'
  const said: unknown[] = []
  const sender = senderTo(sim, {
    proxy: url(),
    times: { queueMs: 300, backoffMs: 10, backoffCapMs: 20 },
    log: (event, fields) => void said.push(`${event} ${String(fields.cause)}`),
  })
  const verdict = await sender.send(request(1))
  const [probed] = await probeApps(sender, tools)
  const [tested] = await testPush({ apns: sender }, [device(1)], tools)
  await sender.stop(0)
  expect(verdict).toMatchObject({ outcome: 'retry', reason: 'NoConnection', untouched: true })
  // Whoever asks why is told.
  const refused = /proxy 127\.0\.0\.1:\d+: refused: HTTP\/1\.1 407 Proxy Authentication Required$/
  expect(probed?.meaning).toMatch(refused)
  expect(tested?.reason).toMatch(refused)
  expect(said[0]).toContain('407 Proxy Authentication Required')
  expect(heads.length).toBeGreaterThan(1)
  expect(sim.received).toEqual([])
})

const refusal = (tunnel: Promise<Socket>): Promise<string> =>
  tunnel.then(
    () => 'no refusal',
    (error: unknown) => String(error),
  )

test('an endless answer, and none', async () => {
  answer = `HTTP/1.1 500 ${'x'.repeat(20_000)}`
  expect(await refusal(openTunnel(url(), sim.url, 2_000, systemClock))).toMatch(/too long|closed/)
  const silent = createServer((client) => void open.add(client))
  await new Promise<void>((resolve) => {
    silent.listen(0, '127.0.0.1', () => resolve())
  })
  const { port } = silent.address() as AddressInfo
  expect(await refusal(openTunnel(`http://127.0.0.1:${port}`, sim.url, 50, systemClock))).toContain(
    'no answer',
  )
  silent.close()
})
