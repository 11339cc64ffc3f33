/** The examination over HTTP: of the running server, by a token that may, and as a page. */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { type DnsServer, serveDns } from '../support/dns.ts'
import { ADMIN, type HttpWorld, LOOPBACK, PASSWORD, startHttp } from './support.ts'

interface Found {
  readonly summary: Record<string, number>
  readonly items: { id: string; status: string; why: string; mend?: string }[]
}

const ask = async (w: HttpWorld, only?: string): Promise<Found> => {
  const query = only === undefined ? '' : `?only=${only}`
  return (await (await w.call('GET', `/v1/doctor${query}`, { as: 'operator' })).json()) as Found
}
const of = ({ items }: Found, id: string) => items.find((item) => item.id === id)

let dns: DnsServer
beforeAll(async () => {
  dns = await serveDns({})
  process.env.BELFRY_RESOLVER = dns.address
})
afterAll(() => {
  delete process.env.BELFRY_RESOLVER
  dns.stop()
})

test('all of it, or what is asked for; the figures are those of the running server', async () => {
  using w = await startHttp()
  const some = await ask(w, 'access,server.running')
  expect(new Set(some.items.map(({ id }) => id.split('.')[0]))).toEqual(new Set(['access', 'server']))
  expect(of(some, 'server.running')?.status).toBe('ok')
  expect(Object.values(some.summary).reduce((a, b) => a + b)).toBe(some.items.length)
  w.alarms.push({ name: 'outbox-age', text: 'A push waits since 9 minutes' })
  w.checks.push({ name: 'disk', ok: false, detail: '3 MB free' })
  const now = await ask(w, 'server')
  expect(of(now, 'server.alarms')).toMatchObject({ status: 'fail', why: 'A push waits since 9 minutes' })
  expect(of(now, 'server.ready')).toMatchObject({ status: 'fail', why: 'disk: 3 MB free' })
  expect(of(now, 'server.admin_accounts')?.status).toBe('ok')
})

test('boxes that are full and badges that stand still are counted', async () => {
  using w = await startHttp((config) => {
    config.limits.unread_per_user = 0
    config.limits.offline_messages = 0
  })
  const found = await ask(w, 'server')
  expect(of(found, 'server.full_boxes')?.why).toStartWith('4 accounts')
  expect(of(found, 'server.unread')?.why).toStartWith('4 accounts')
})

test('a check that is not there is named, with the one that may be meant', async () => {
  using w = await startHttp()
  const answer = await w.call('GET', '/v1/doctor?only=tls,acess', { as: 'operator' })
  expect(answer.status).toBe(422)
  expect(await answer.text()).toContain('did you mean access?')
})

test('of a stopped server’s data it says that nobody is connected to it', async () => {
  using w = await startHttp()
  Object.assign(w.deps, { online: false })
  expect(of(await ask(w, 'server'), 'server.ready')).toMatchObject({
    status: 'skip',
    why: 'the server is stopped',
  })
})

test('the page shows the same, what is to be mended first, and asks nobody twice within a moment', async () => {
  using w = await startHttp((config) => {
    config.auth.plain = true
    Object.assign(config, { source: { file: '/nowhere/<script>.toml', warnings: [] } })
  })
  const form = { 'content-type': 'application/x-www-form-urlencoded', origin: 'http://127.0.0.1:5280' }
  const raw = new URLSearchParams({ jid: ADMIN, password: PASSWORD }).toString()
  const signedIn = await w.call('POST', '/admin/login', { raw, headers: form, peer: LOOPBACK })
  const cookie = signedIn.headers.get('set-cookie')?.split(';')[0] ?? ''
  const page = async () =>
    (await w.call('GET', '/admin/doctor', { headers: { cookie }, peer: LOOPBACK })).text()
  const first = await page()
  expect(dns.asked).toContain('bix.org A')
  expect(first).toContain('<code>access.plain</code>')
  expect(first.indexOf('config.file')).toBeLessThan(first.indexOf('access.plain'))
  expect(first).toContain('&lt;script&gt;')
  expect(first).not.toContain('<script>')
  expect(first.length).toBeLessThan(100_000)
  w.deps.world.config.auth.plain = false
  expect(await page()).toBe(first)
  w.pass(20_000)
  expect(await page()).not.toContain('passwords come as they are')
})
