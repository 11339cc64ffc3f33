/** Cases 75 to 78 and 88 of the catalogue of bad input: who may do what, and what a page of another site may not. */
import { describe, expect, test } from 'bun:test'
import { ADMIN, basic, type Call, codeOf, JULIET, PASSWORD, ROMEO, startHttp } from './support.ts'

const newUser = { jid: 'balthasar@bix.org', password: PASSWORD }

describe('75: tokens', () => {
  test('revoked, expired, of the wrong scope, in the query, of any other form', async () => {
    using w = await startHttp()
    const made = await w.call('POST', '/v1/tokens', {
      as: 'operator',
      body: { name: 'short', scopes: ['users:read'], expires_in: 60 },
    })
    const { id, token } = (await made.json()) as { id: number; token: string }
    const get = (as: string, path = '/v1/users') => w.call('GET', path, { as })
    expect((await get(`Bearer ${token}`)).status).toBe(200)
    expect((await get(`bearer ${token}`)).status).toBe(200)
    expect((await get(`Bearer ${token}`, '/v1/status')).status).toBe(403)
    for (const wrong of [
      `Bearer ${token}x`,
      `Bearer ${token.slice(0, -1)}`,
      'Bearer',
      'Bearer  ',
      `Bearer ${token} ${token}`,
      `Token ${token}`,
      token,
      `Bearer ${token.toUpperCase()}`,
      'Basic !!!!',
      'Digest username="x"',
    ]) {
      expect((await get(wrong)).status).toBe(401)
    }
    for (const name of ['token', 'access_token', 'authorization']) {
      expect((await w.call('GET', `/v1/status?${name}=${token}`)).status).toBe(401)
    }
    w.pass(61_000)
    expect((await get(`Bearer ${token}`)).status).toBe(401)
    const lasting = await w.token('users:read')
    const { items } = (await (await w.call('GET', '/v1/tokens', { as: 'operator' })).json()) as {
      items: { id: number; last_used: string | null }[]
    }
    expect(items.find((entry) => entry.id === id)?.last_used).toBeString()
    expect((await w.call('DELETE', `/v1/tokens/${items.at(-1)?.id}`, { as: 'operator' })).status).toBe(204)
    expect((await get(lasting)).status).toBe(401)
  })

  test('neither list nor log shows a secret again', async () => {
    using w = await startHttp()
    const secret = (await w.token('admin')).slice(7)
    const list = await (await w.call('GET', '/v1/tokens', { as: 'operator' })).text()
    expect(list).toContain(secret.slice(0, 10))
    expect(list).not.toContain(secret.slice(0, 16))
  })

  test('credentials over a plain line from elsewhere are refused before they are looked at', async () => {
    using w = await startHttp()
    const peer = { kind: 'tcp', address: '192.0.2.1', tls: false } as const
    expect(await codeOf(await w.call('GET', '/v1/me', { as: basic(ROMEO), peer }))).toBe('insecure-transport')
    const tls = { ...peer, tls: true }
    expect((await w.call('GET', '/v1/me', { as: basic(ROMEO), peer: tls })).status).toBe(200)
  })

  test('an unknown name, a wrong password and a disabled account get the same answer; guesses are slowed', async () => {
    using w = await startHttp()
    const peer = { kind: 'tcp', address: '198.51.100.1', tls: true } as const
    await w.call('POST', `/v1/users/${JULIET}/disable`, { as: 'operator' })
    const tries = [
      basic(ROMEO, 'wrong'),
      basic('nobody@bix.org', 'wrong'),
      basic(JULIET),
      basic('', 'x'),
      basic('@', ''),
    ]
    const answers = await Promise.all(tries.map((as) => w.call('GET', '/v1/me', { as, peer })))
    const texts = await Promise.all(
      answers.map(async (a) => (await a.text()).replace(/"request_id":"[^"]*"/, '')),
    )
    expect(new Set(texts).size).toBe(1)
    for (let i = 0; i < 6; i++) await w.call('GET', '/v1/me', { as: basic(ROMEO, 'wrong'), peer })
    const { http_body_timeout } = w.world.config.limits
    expect(w.waits.filter((ms) => ms !== http_body_timeout)).toEqual([1000, 2000])
    for (let i = 0; i < 12; i++) await w.call('GET', '/v1/me', { as: basic(`${i}@bix.org`, 'wrong'), peer })
    const limited = await w.call('GET', '/v1/me', { as: basic(ROMEO), peer })
    expect([limited.status, limited.headers.get('retry-after')]).toEqual([429, '3600'])
    // Another address is not locked out with the one that guesses.
    const elsewhere = { kind: 'tcp', address: '127.0.0.2', tls: false } as const
    expect((await w.call('GET', '/v1/me', { as: basic(ROMEO), peer: elsewhere })).status).toBe(200)
  })
})

describe('76: a page of another site', () => {
  const sends: [string, Record<string, string>, number][] = [
    ['the same origin', { origin: 'http://127.0.0.1:5280', 'sec-fetch-site': 'same-origin' }, 201],
    ['a program', {}, 409],
    ['another origin', { origin: 'https://evil.example' }, 403],
    ['another port', { origin: 'http://127.0.0.1:9999' }, 403],
    ['origin null', { origin: 'null' }, 403],
    ['a cross-site fetch', { 'sec-fetch-site': 'cross-site' }, 403],
    ['a sister host', { 'sec-fetch-site': 'same-site' }, 403],
    ['an origin that only begins like ours', { origin: 'http://127.0.0.1:5280.evil.example' }, 403],
  ]
  test('may not act, with whatever it is logged in', async () => {
    using w = await startHttp()
    const as = await w.token('admin')
    for (const [name, headers, status] of sends) {
      const answer = await w.call('POST', '/v1/users', { as, headers, body: newUser })
      expect(`${name} ${answer.status}`).toBe(`${name} ${status}`)
    }
  })

  test('cannot send JSON in the clothes of a form', async () => {
    using w = await startHttp()
    for (const type of [
      'text/plain',
      'application/x-www-form-urlencoded',
      'multipart/form-data; boundary=x',
      '',
    ]) {
      const call: Call = { as: 'operator', body: newUser, headers: { 'content-type': type } }
      expect(await codeOf(await w.call('POST', '/v1/users', call))).toBe('not-json')
    }
    const charset = { 'content-type': 'Application/JSON; charset=utf-8' }
    expect(
      (await w.call('POST', '/v1/users', { as: 'operator', body: newUser, headers: charset })).status,
    ).toBe(201)
  })
})

test('78: a name re-pointed at this machine', async () => {
  using w = await startHttp((config) => (config.http.public_url = 'https://chat.bix.org'))
  const asked = async (host: string, address = '127.0.0.1') =>
    (await w.call('GET', '/livez', { headers: { host }, peer: { kind: 'tcp', address, tls: false } })).status
  for (const host of [
    '127.0.0.1:5280',
    'localhost',
    'localhost:1',
    '[::1]:5280',
    'bix.org',
    'chat.bix.org',
    'BIX.org',
  ]) {
    expect(`${host} ${await asked(host)}`).toBe(`${host} 200`)
  }
  for (const host of [
    'evil.example',
    'evil.example:5280',
    'localhost.evil.example',
    'bix.org.evil.example',
    '',
  ]) {
    expect(`${host} ${await asked(host)}`).toBe(`${host} 421`)
    expect(await asked(host, '::ffff:127.0.0.1')).toBe(421)
  }
  expect(await asked('some.name', '192.0.2.1')).toBe(200)
})

test('88: each answer says what a browser may not do with it', async () => {
  using w = await startHttp()
  for (const path of ['/livez', '/v1/users', '/nothing', '/admin/login', '/admin/']) {
    const { headers } = await w.call('GET', path)
    expect(headers.get('content-security-policy')).toContain("default-src 'none'")
    expect(headers.get('content-security-policy')).toContain("frame-ancestors 'none'")
    expect(headers.get('x-content-type-options')).toBe('nosniff')
    expect(headers.get('referrer-policy')).toBe('same-origin')
    expect(headers.get('cache-control')).toBe('no-store')
    expect(headers.get('x-request-id')).toMatch(/^[\w-]{12}$/)
    expect(headers.get('access-control-allow-origin')).toBeNull()
    expect(headers.get('server')).toBeNull()
  }
  const peer = { kind: 'tcp', address: '192.0.2.1', tls: true } as const
  expect((await w.call('GET', '/livez', { peer })).headers.get('strict-transport-security')).toContain(
    'max-age',
  )
})

test('the admin page is no door to the API', async () => {
  using w = await startHttp()
  expect((await w.call('GET', '/v1/status', { as: basic(ADMIN) })).status).toBe(403)
})
