/** Whose address a name is, is asked anew for each connection: Apple moves its servers, and a GOAWAY says that it did. */
import { dns } from 'bun'
import { connect, createServer, type LookupFunction, type Server, type Socket } from 'node:net'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, test } from 'bun:test'
import type { ApnsSim } from '../../src/ops/apns-sim.ts'
import type { ApnsSender } from '../../src/push/apns/apns.ts'
import { createSelfSigned } from '../../src/self-signed.ts'
import { request, senderTo, startApple } from '../support/apns.ts'

const NAME = 'push.apple.example'
const tls = createSelfSigned([NAME, 'localhost'], Date.now())

const open: (() => unknown)[] = []
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close()
})

async function apple(host: string, port = 0): Promise<ApnsSim> {
  const sim = await startApple({ tls, host, port })
  open.push(() => sim.close())
  return sim
}

const portOf = (sim: ApnsSim): number => Number(new URL(sim.url).port)

/** A resolver of one name, which moves, and what it was asked. */
function resolver() {
  const asked: string[] = []
  const state = { address: '127.0.0.1', asked }
  const lookup: LookupFunction = (name, { all }, answer) => {
    asked.push(name)
    const { address } = state
    if (all) answer(null, [{ address, family: 4 }])
    else answer(null, address, 4)
  }
  return { state, lookup }
}

function sender(port: number, lookup: LookupFunction, more: Parameters<typeof senderTo>[1] = {}): ApnsSender {
  const made = senderTo({ url: `https://${NAME}:${port}`, ca: tls.cert }, { lookup, ...more })
  open.push(() => made.stop(0))
  return made
}

describe('the name that moves while a connection is open is followed', () => {
  const ends: [what: string, end: (sim: ApnsSim, from: ApnsSender) => unknown][] = [
    ['GOAWAY', (sim) => sim.goaway('Shutdown')],
    [
      'GOAWAY beside an answer',
      async (sim, from) => {
        sim.script({ status: 503, reason: 'Shutdown', goaway: { reason: 'Shutdown' } })
        await from.send(request(2))
      },
    ],
    [
      'a cut',
      async (sim, from) => {
        sim.script({ cut: true })
        await from.send(request(2))
      },
    ],
    [
      'an answer that makes a connection useless',
      async (sim, from) => {
        sim.script({ status: 400, reason: 'IdleTimeout' })
        await from.send(request(2))
      },
    ],
  ]
  for (const [what, end] of ends)
    test(`after ${what}`, async () => {
      const old = await apple('127.0.0.1')
      const moved = await apple('127.0.0.2', portOf(old))
      const { state, lookup } = resolver()
      const left = Promise.withResolvers<void>()
      const log = (event: string) => void (event === 'connection left' && left.resolve())
      const from = sender(portOf(old), lookup, { log })
      expect((await from.send(request(1))).outcome).toBe('accepted')
      const before = old.received.length
      state.address = '127.0.0.2'
      await Promise.all([left.promise, end(old, from)])
      expect((await from.send(request(3))).outcome).toBe('accepted')
      expect(moved.received.map(({ apnsId }) => apnsId)).toEqual([request(3).apnsId])
      expect(old.received.slice(before).map(({ apnsId }) => apnsId)).not.toContain(request(3).apnsId)
      expect(state.asked).toEqual([NAME, NAME])
    })

  test('but not for each push', async () => {
    const sim = await apple('127.0.0.1')
    const { state, lookup } = resolver()
    const from = sender(portOf(sim), lookup)
    for (let i = 0; i < 5; i++) expect((await from.send(request(i))).outcome).toBe('accepted')
    expect(state.asked).toEqual([NAME])
  })
})

test('an address where nobody answers is not tried twice: each attempt asks anew', async () => {
  const sim = await apple('127.0.0.2')
  const { state, lookup } = resolver()
  const failed = Promise.withResolvers<void>()
  const log = (event: string) => void (event === 'cannot connect' && failed.resolve())
  const sent = sender(portOf(sim), lookup, { log }).send(request(1))
  await failed.promise
  state.address = '127.0.0.2'
  expect((await sent).outcome).toBe('accepted')
})

test('the same holds for a proxy’s name; Apple’s is its business', async () => {
  const sim = await apple('127.0.0.1')
  const used: string[] = []
  const first = await proxy('127.0.0.1', 0, sim, used)
  await proxy('127.0.0.2', first, sim, used)
  const { state, lookup } = resolver()
  const left = Promise.withResolvers<void>()
  const log = (event: string) => void (event === 'connection left' && left.resolve())
  const from = sender(portOf(sim), lookup, { proxy: `http://proxy.example:${first}`, log })
  expect((await from.send(request(1))).outcome).toBe('accepted')
  state.address = '127.0.0.2'
  sim.goaway('Shutdown')
  await left.promise
  expect((await from.send(request(2))).outcome).toBe('accepted')
  expect(used).toEqual(['127.0.0.1', '127.0.0.2'])
  expect(state.asked).toEqual(['proxy.example', 'proxy.example'])
})

test('what the runtime remembers of names is not used', async () => {
  const sim = await apple('127.0.0.1')
  const from = senderTo({ url: `https://localhost:${portOf(sim)}`, ca: tls.cert })
  open.push(() => from.stop(0))
  const before = dns.getCacheStats().totalCount
  expect((await from.send(request(1))).outcome).toBe('accepted')
  expect(dns.getCacheStats().totalCount).toBe(before)
  // Sockets of its own do use it, for 30 s.
  const socket = await Bun.connect({ hostname: 'localhost', port: portOf(sim), socket: { data() {} } })
  socket.end()
  expect(dns.getCacheStats().totalCount).toBe(before + 1)
})

/** Joins whoever asks to Apple, and notes at which address it was asked. */
async function proxy(host: string, port: number, sim: ApnsSim, used: string[]): Promise<number> {
  const sockets = new Set<Socket>()
  const server: Server = createServer((near) => {
    used.push(host)
    sockets.add(near)
    near.on('error', () => undefined)
    near.once('data', () => {
      const far = connect(portOf(sim), '127.0.0.1')
      sockets.add(far)
      far.on('error', () => undefined)
      near.write('HTTP/1.1 200 OK\r\n\r\n')
      near.pipe(far).pipe(near)
    })
  })
  await new Promise<void>((resolve) => {
    server.listen(port, host, () => resolve())
  })
  open.push(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  // A TCP listener has no other form.
  return (server.address() as AddressInfo).port
}
