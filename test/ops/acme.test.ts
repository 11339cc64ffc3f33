/** Authorities that refuse, are down, hang or talk nonsense: told with a remedy, patient, and chat goes on. */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { loadConfig } from '../../src/config/config.ts'
import type { CertificateView } from '../../src/http/deps.ts'
import { levelOf } from '../../src/ops/certificate-alarms.ts'
import { startServer } from '../../src/server/server.ts'
import { FakeClock } from '../support/clock.ts'
import { freePort } from '../support/ports.ts'

const MINUTE = 60_000
const DAY = 86_400_000

let home: string
beforeAll(() => {
  home = mkdtempSync(join(tmpdir(), 'belfry-acme-'))
})
afterAll(() => rmSync(home, { recursive: true }))

type Answer = (path: string) => Response | Promise<Response> | undefined

/** An authority that gives accounts; `answer` says what it does otherwise. */
function authority(answer: Answer) {
  let asked = 0
  const server = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    async fetch({ url }) {
      const { pathname, origin } = new URL(url)
      asked++
      const own = await answer(pathname)
      if (own) return own
      const headers = { 'replay-nonce': 'n', location: `${origin}/account` }
      const at = (name: string) => `${origin}/${name}`
      if (pathname === '/dir')
        return Response.json({ newNonce: at('nonce'), newAccount: at('new'), newOrder: at('order') })
      return Response.json({ status: 'valid' }, { status: 201, headers })
    },
  })
  return {
    directory: `http://127.0.0.1:${server.port}/dir`,
    asked: () => asked,
    [Symbol.asyncDispose]: () => server.stop(true),
  }
}

const problem = (type: string, status: number, headers = {}) =>
  Response.json(
    { type: `urn:ietf:params:acme:error:${type}`, detail: `no, by ${type}` },
    { status, headers: { 'replay-nonce': 'n', ...headers } },
  )

let count = 0
async function started(directory: string) {
  const place = join(home, String(count++))
  mkdirSync(place)
  const file = join(place, 'belfry.toml')
  const listeners =
    '[c2s]\nlisten = ["127.0.0.1:0"]\ndirect_tls_listen = []\n[http]\nlisten = ["127.0.0.1:0"]\n'
  const acme = `[acme]\nemail = "you@bix.org"\nagree = true\nlisten = []\ndirectory = "${directory}"\n`
  writeFileSync(file, `hosts = ["bix.org"]\n${acme}${listeners}`)
  const clock = new FakeClock(Date.now())
  const open = () => startServer(loadConfig({ file, checkFiles: true }), clock)
  let server = await open()
  const ask = async (path: string, init: RequestInit = {}) =>
    fetch(`http://localhost${path}`, { unix: join(place, 'data/admin.sock'), ...init })
  const entry = async () => {
    const { items } = (await (await ask('/v1/certificates')).json()) as { items: CertificateView[] }
    return items.find(({ name }) => name === 'bix.org')
  }
  return {
    ...{ clock, ask },
    /** Once `failures` orders have failed. */
    async failed(failures: number): Promise<CertificateView> {
      for (let left = 500; left > 0; left--) {
        const found = await entry()
        if (found && found.failures >= failures) return found
        await Bun.sleep(10)
      }
      throw new Error(`no order failed: ${JSON.stringify(await entry())}`)
    },
    async restart() {
      await server.stop()
      server = await open()
    },
    [Symbol.asyncDispose]: () => server.stop(),
  }
}

const waits = ({ next }: CertificateView, { clock }: { clock: FakeClock }): number =>
  (Date.parse(next ?? '') - clock.now()) / MINUTE

test('too many orders: nothing is asked before the time that the authority names, by hand or after a restart', async () => {
  await using ca = authority((path) =>
    path === '/order' ? problem('rateLimited', 429, { 'retry-after': '10800' }) : undefined,
  )
  await using own = await started(ca.directory)
  const failure = await own.failed(1)
  expect(failure.error).toContain('no, by rateLimited')
  expect(waits(failure, own)).toBeWithin(179, 181)
  const asked = ca.asked()
  const headers = { 'content-type': 'application/json' }
  expect((await own.ask('/v1/certificates/renew', { method: 'POST', body: '{}', headers })).status).toBe(409)
  await own.restart()
  expect((await own.failed(1)).error).toContain('rateLimited')
  expect(ca.asked()).toBe(asked)
  const status = await (await own.ask('/v1/status')).json()
  expect(JSON.stringify(status)).toContain('has no certificate of an authority yet')
  expect(await (await own.ask('/readyz')).text()).toContain('WARN certificates')
})

test('down: tried again after a quarter of an hour, then later each time', async () => {
  await using own = await started(`http://127.0.0.1:${await freePort()}/dir`)
  const first = await own.failed(1)
  expect(first.error).toContain('cannot be used')
  expect(waits(first, own)).toBeWithin(14, 19)
  own.clock.advance(20 * MINUTE)
  expect(waits(await own.failed(2), own)).toBeWithin(28, 38)
})

test('one that hangs is left after half a minute', async () => {
  const { promise: reached, resolve } = Promise.withResolvers<void>()
  await using ca = authority(() => {
    resolve()
    return new Promise<Response>(() => undefined)
  })
  await using own = await started(ca.directory)
  await reached
  own.clock.advance(31_000)
  expect((await own.failed(1)).error).toContain('no answer within 30 s')
})

test.each<[string, Answer, string]>([
  ['an answer without end', () => new Response('x'.repeat(3 << 20)), 'more than 1048576 bytes'],
  [
    'nonces that are never right',
    (path) => (path === '/order' ? problem('badNonce', 400) : undefined),
    'badNonce',
  ],
  ['no JSON', () => new Response('<html>'), 'ACME directory'],
  ['a redirect', () => Response.redirect('http://127.0.0.1:1/'), 'no certificate for'],
  [
    'a refused name',
    (path) => (path === '/order' ? problem('rejectedIdentifier', 400) : undefined),
    'leave it out',
  ],
])('%s is a failed order like any other', async (_, answer, said) => {
  await using ca = authority(answer)
  await using own = await started(ca.directory)
  expect((await own.failed(1)).error).toContain(said)
})

test('alarms at 21, 7 and 1 days, in shorter lives at the same part of them', () => {
  const level = (life: number, left: number) =>
    levelOf({ notBefore: new Date(0), notAfter: new Date(life * DAY) }, (life - left) * DAY)
  expect([30, 21, 8, 7, 2, 1, 0, -1].map((left) => level(90, left))).toEqual([
    ...[undefined, 21, 21, 7, 7, 1, 0, 0],
  ])
  expect([21, 11, 10].map((left) => level(45, left))).toEqual([undefined, undefined, 21])
  expect(level(825, 30)).toBeUndefined()
})
