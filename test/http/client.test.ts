/** Case 89 of the catalogue of bad input: from which address a request comes, and what is counted by it. */
import { describe, expect, test } from 'bun:test'
import { defaults } from '../../src/config/config.ts'
import { clientOf } from '../../src/http/client.ts'
import { Networks, plainAddress } from '../../src/net/address.ts'
import { startHttp } from './support.ts'

describe('89: the address behind a proxy', () => {
  const config = defaults()
  const proxies = new Networks(['127.0.0.1', '::1', '10.0.0.0/8'])
  const from = (address: string, headers: Record<string, string>) =>
    clientOf({ kind: 'tcp', address, tls: false }, new Headers(headers), proxies, config)

  test.each([
    ['198.51.100.1', '203.0.113.9', '198.51.100.1'],
    ['127.0.0.1', '203.0.113.9', '203.0.113.9'],
    ['::ffff:127.0.0.1', '203.0.113.9', '203.0.113.9'],
    ['127.0.0.1', '127.0.0.1, 203.0.113.9', '203.0.113.9'],
    ['127.0.0.1', '203.0.113.9, 10.1.2.3', '203.0.113.9'],
    ['127.0.0.1', '1.1.1.1, 203.0.113.9, 10.1.2.3', '203.0.113.9'],
    ['127.0.0.1', 'nonsense', '127.0.0.1'],
    ['127.0.0.1', '203.0.113.9, nonsense', '127.0.0.1'],
    ['127.0.0.1', '2001:DB8::1', '2001:db8::1'],
    ['127.0.0.1', '::ffff:203.0.113.9', '203.0.113.9'],
    ['127.0.0.1', '[2001:db8::1]', '2001:db8::1'],
    ['127.0.0.1', '203.0.113.9:54321', '203.0.113.9'],
    ['127.0.0.1', '[2001:db8::1]:443', '2001:db8::1'],
    ['127.0.0.1', '1.1.1.1:1, 203.0.113.9:54321, 10.1.2.3:80', '203.0.113.9'],
    ['127.0.0.1', '203.0.113.9:', '127.0.0.1'],
    ['127.0.0.1', '203.0.113.9.evil.test', '127.0.0.1'],
  ])('peer %s says %s', (peer, header, ip) => expect(from(peer, { 'x-forwarded-for': header }).ip).toBe(ip))

  test.each([
    ['for=203.0.113.9', '203.0.113.9', false],
    ['for=203.0.113.9;proto=https;by=10.1.1.1', '203.0.113.9', true],
    ['Proto=HTTPS; For="203.0.113.9:4711"', '203.0.113.9', true],
    ['for="[2001:db8:cafe::17]:4711";proto=http', '2001:db8:cafe::17', false],
    ['for=1.1.1.1, for=203.0.113.9;proto=https, for=10.9.9.9;proto=https', '203.0.113.9', true],
    ['for="1.1.1.1, for=2.2.2.2";proto=https, for=203.0.113.9', '203.0.113.9', false],
    ['for="1.1.1.1\\"", for=203.0.113.9', '203.0.113.9', false],
    ['for=unknown;proto=https', '127.0.0.1', true],
    ['for=_hidden, for=_SEVKISEK', '127.0.0.1', false],
    ['proto=https', '127.0.0.1', true],
    ['for="', '127.0.0.1', false],
    [';=,,=;', '127.0.0.1', false],
  ])('RFC 7239: Forwarded: %s', (header, ip, secure) => {
    expect(from('127.0.0.1', { forwarded: header })).toMatchObject({ ip, secure, encrypted: secure })
    expect(from('198.51.100.1', { forwarded: header }).ip).toBe('198.51.100.1')
  })

  test.each([
    ['203.0.113.9', '203.0.113.9'],
    ['[2001:db8::1]:99', '2001:db8::1'],
    ['nonsense', '127.0.0.1'],
  ])('X-Real-IP: %s', (header, ip) => {
    expect(from('127.0.0.1', { 'x-real-ip': header })).toMatchObject({ ip, encrypted: false })
    expect(from('198.51.100.1', { 'x-real-ip': header }).ip).toBe('198.51.100.1')
  })

  test('of several headers the first of forwarded_by counts, and those it does not name never', () => {
    const all = { 'x-forwarded-for': '203.0.113.1', forwarded: 'for=203.0.113.2', 'x-real-ip': '203.0.113.3' }
    expect(from('127.0.0.1', all).ip).toBe('203.0.113.1')
    const only = (...forwarded_by: ('x-forwarded-for' | 'forwarded' | 'x-real-ip')[]) => {
      const other = { ...config, http: { ...config.http, forwarded_by } }
      return clientOf({ kind: 'tcp', address: '127.0.0.1', tls: false }, new Headers(all), proxies, other).ip
    }
    expect(only('x-real-ip')).toBe('203.0.113.3')
    expect(only('forwarded', 'x-real-ip')).toBe('203.0.113.2')
  })

  test('the word https counts from a proxy only, and without it the way is not safe', () => {
    const proto = { 'x-forwarded-for': '203.0.113.9', 'x-forwarded-proto': 'https' }
    expect(from('127.0.0.1', proto).secure).toBe(true)
    expect(from('198.51.100.1', proto).secure).toBe(false)
    expect(from('127.0.0.1', { 'x-forwarded-for': '203.0.113.9' }).secure).toBe(false)
    expect(from('127.0.0.1', {}).secure).toBe(true)
  })

  test('HSTS is promised over TLS, ours or a trusted proxy’s, whoever else says https', async () => {
    using w = await startHttp()
    const headers = { host: 'bix.org', 'x-forwarded-proto': 'https' }
    const asks = async (address: string, tls = false) =>
      (await w.call('GET', '/admin/login', { peer: { kind: 'tcp', address, tls }, headers })).headers
    expect((await asks('127.0.0.1')).has('strict-transport-security')).toBe(true)
    expect((await asks('198.51.100.1', true)).has('strict-transport-security')).toBe(true)
    expect((await asks('198.51.100.1')).has('strict-transport-security')).toBe(false)
  })

  test('one spelling per address', () => {
    expect(['fe80::1%eth0', '::FFFF:1.2.3.4', '[::1]', ' 1.2.3.4 '].map(plainAddress)).toEqual([
      'fe80::1',
      '1.2.3.4',
      '::1',
      '1.2.3.4',
    ])
  })
})

test('requests per address and minute', async () => {
  using w = await startHttp((config) => (config.limits.http_requests_per_ip = 10))
  const statuses: number[] = []
  for (let i = 0; i < 12; i++) statuses.push((await w.call('GET', '/livez')).status)
  expect(statuses).toEqual([...Array<number>(10).fill(200), 429, 429])
  expect((await w.call('GET', '/livez', { as: 'operator' })).status).toBe(200)
  w.pass(60_000)
  expect((await w.call('GET', '/livez')).status).toBe(200)
})

test('streams over HTTP have rates of their own and are not counted there', async () => {
  using w = await startHttp((config) => (config.limits.http_requests_per_ip = 2))
  for (let i = 0; i < 4; i++)
    expect((await w.call('POST', '/http-bind', { raw: '<body/>' })).status).toBe(503)
})
