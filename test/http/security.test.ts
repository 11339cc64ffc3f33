/** Cases 75 to 89 of the catalogue of bad input: tokens, cross-site requests, names, paths, bodies, addresses. */
import { describe, expect, test } from 'bun:test'
import { clientOf, plainAddress, Proxies } from '../../src/http/client.ts'
import { defaults } from '../../src/config.ts'
import { ADMIN, basic, type Call, JULIET, PASSWORD, ROMEO, startHttp } from './support.ts'

const code = async (answer: Response): Promise<string> => ((await answer.json()) as { code: string }).code
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
    expect(await code(await w.call('GET', '/v1/me', { as: basic(ROMEO), peer }))).toBe('insecure-transport')
    const tls = { ...peer, tls: true }
    expect((await w.call('GET', '/v1/me', { as: basic(ROMEO), peer: tls })).status).toBe(200)
  })

  test('an unknown name, a wrong password and a disabled account get the same answer; guesses are slowed', async () => {
    using w = await startHttp()
    await w.call('POST', `/v1/users/${JULIET}/disable`, { as: 'operator' })
    const tries = [
      basic(ROMEO, 'wrong'),
      basic('nobody@bix.org', 'wrong'),
      basic(JULIET),
      basic('', 'x'),
      basic('@', ''),
    ]
    const answers = await Promise.all(tries.map((as) => w.call('GET', '/v1/me', { as })))
    const texts = await Promise.all(
      answers.map(async (a) => (await a.text()).replace(/"request_id":"[^"]*"/, '')),
    )
    expect(new Set(texts).size).toBe(1)
    for (let i = 0; i < 6; i++) await w.call('GET', '/v1/me', { as: basic(ROMEO, 'wrong') })
    const { http_body_timeout } = w.world.config.limits
    expect(w.waits.filter((ms) => ms !== http_body_timeout)).toEqual([1000, 2000])
    for (let i = 0; i < 12; i++) await w.call('GET', '/v1/me', { as: basic(`${i}@bix.org`, 'wrong') })
    const limited = await w.call('GET', '/v1/me', { as: basic(ROMEO) })
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
      expect(await code(await w.call('POST', '/v1/users', call))).toBe('not-json')
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

test('79: spelling a path otherwise opens nothing', async () => {
  using w = await startHttp()
  for (const path of [
    '//v1/users',
    '/v1//users',
    '/./v1/users',
    '/livez/../v1/users',
    '/livez/%2e%2e/v1/users',
    '/livez/..%2fv1/users',
    '/v1/users%2f',
    '/v1/users/',
    '/v1/users;x',
    '/v1/users%00',
    '/v1/%u0075sers',
    '/v1/%75sers',
    '/v1/%2575sers',
    '/V1/users',
    '/v1/users.',
    '/v1/openapi.json/../users',
    '/admin/login/../users',
    '/admin/%2e%2e/v1/users',
    '/admin/style.css/../users',
  ]) {
    const answer = await w.call('GET', path)
    expect([303, 400, 401, 404]).toContain(answer.status)
    expect(await answer.text()).not.toContain('juliet')
  }
  // An address is decoded once; what is left is no address.
  const twice = await w.call('GET', `/v1/users/${encodeURIComponent(encodeURIComponent(JULIET))}`, {
    as: 'operator',
  })
  expect(twice.status).toBe(422)
})

describe('81: bodies', () => {
  const bodies: [string, string | Uint8Array<ArrayBuffer>, Record<string, string>, string][] = [
    ['nested a hundred thousand deep', `{"a":${'['.repeat(100_000)}${']'.repeat(100_000)}}`, {}, 'invalid'],
    ['never closed', '['.repeat(200_000), {}, 'bad-json'],
    ['invalid UTF-8', new Uint8Array([0x22, 0xc0, 0xaf, 0x22]), {}, 'bad-json'],
    ['NaN', '{"jid":NaN}', {}, 'bad-json'],
    ['a number beyond all bounds', '{"jid":1e999,"password":1e999}', {}, 'invalid'],
    ['a prototype', '{"jid":"a@bix.org","password":"12345678","__proto__":{"admin":true}}', {}, 'invalid'],
    ['a constructor', '{"jid":"a@bix.org","password":"12345678","constructor":{}}', {}, 'invalid'],
    ['an unknown key', '{"jid":"a@bix.org","password":"12345678","admin":true}', {}, 'invalid'],
    ['an array', '[]', {}, 'invalid'],
    ['null', 'null', {}, 'invalid'],
    ['nothing', '', {}, 'bad-request'],
    ['packed', new Uint8Array(Bun.gzipSync('{}')), { 'content-encoding': 'gzip' }, 'encoded-body'],
    ['over the limit', JSON.stringify({ jid: 'x'.repeat(5000) }), {}, 'too-large'],
    ['over the limit by its own word', '{}', { 'content-length': '999999999' }, 'too-large'],
  ]
  test.each(bodies)('%s', async (_name, raw, headers, expected) => {
    using w = await startHttp(
      (config) => (config.limits.http_body_bytes = expected === 'too-large' ? 4096 : 2 ** 20),
    )
    const call: Call = { as: 'operator', raw, headers: { 'content-type': 'application/json', ...headers } }
    const answer = await w.call('POST', '/v1/users', call)
    expect(answer.status).toBeLessThan(500)
    expect([expected, 'invalid', 'bad-json']).toContain(await code(answer))
    expect((await w.call('GET', '/livez')).status).toBe(200)
  })

  test('a duplicate key has one meaning: the last', async () => {
    using w = await startHttp()
    const raw = '{"jid":"a@bix.org","jid":"b@bix.org","password":"12345678"}'
    const answer = await w.call('POST', '/v1/users', {
      as: 'operator',
      raw,
      headers: { 'content-type': 'application/json' },
    })
    expect(((await answer.json()) as { jid: string }).jid).toBe('b@bix.org')
  })

  test('a stream that lies about its length is cut at the limit', async () => {
    using w = await startHttp((config) => (config.limits.http_body_bytes = 1000))
    let sent = 0
    const endless = new ReadableStream({
      pull(controller) {
        sent += 100
        controller.enqueue(new Uint8Array(100).fill(0x20))
      },
    })
    const headers = { 'content-type': 'application/json', host: 'localhost' }
    const request = new Request('http://localhost/v1/users', { method: 'POST', body: endless, headers })
    expect((await w.app.fetch(request, { peer: { kind: 'socket' } })).status).toBe(413)
    expect(sent).toBeLessThan(5000)
  })
})

test('84: what means something to SQL is text in every filter, cursor and address', async () => {
  using w = await startHttp()
  const get = (path: string) => w.call('GET', path, { as: 'operator' })
  const { paths } = (await (await get('/v1/openapi.json')).json()) as {
    paths: Record<string, { get?: { parameters?: { name: string; in: string }[] } }>
  }
  const all = await (await get('/v1/users')).json()
  let asked = 0
  for (const meta of [
    `' OR '1'='1`,
    `%`,
    `_`,
    `\\`,
    `"; DROP TABLE accounts; --`,
    `x' UNION SELECT hash FROM tokens --`,
    `*/`,
  ]) {
    const text = encodeURIComponent(meta)
    const found = (await (await get(`/v1/users?search=${text}`)).json()) as { items: unknown[] }
    expect(`${meta} ${found.items.length}`).toBe(`${meta} 0`)
    for (const [path, { get: route }] of Object.entries(paths)) {
      if (!route) continue
      const at = path.replaceAll(/\{\w+\}/g, text)
      const names = (route.parameters ?? []).filter((parameter) => parameter.in === 'query')
      for (const query of ['', ...names.map(({ name }) => `?${name}=${text}`), `?sort=${text}`]) {
        const answer = await get(at + query)
        expect(`${at}${query} ${answer.status < 500}`).toBe(`${at}${query} true`)
        asked++
      }
    }
  }
  expect(asked).toBeGreaterThan(100)
  expect(await (await get('/v1/users')).json()).toEqual(all)
})

test('85: cursors and limits that did not come from here', async () => {
  using w = await startHttp()
  for (const query of [
    'limit=0',
    'limit=-1',
    'limit=1000000000',
    'limit=1e9',
    'limit=x',
    'limit=2&limit=3',
    'sort=jid',
  ]) {
    expect(`${query} ${(await w.call('GET', `/v1/users?${query}`, { as: 'operator' })).status}`).toBe(
      `${query} 422`,
    )
  }
  for (const cursor of ['!!!', 'wK8', '%00', 'a'.repeat(5000), "' OR 1=1--"]) {
    const answer = await w.call('GET', `/v1/users?cursor=${encodeURIComponent(cursor)}`, { as: 'operator' })
    expect([400, 422]).toContain(answer.status)
  }
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

describe('89: the address behind a proxy', () => {
  const config = defaults()
  const proxies = new Proxies(['127.0.0.1', '::1', '10.0.0.0/8'])
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
  ])('peer %s says %s', (peer, header, ip) => expect(from(peer, { 'x-forwarded-for': header }).ip).toBe(ip))

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

test('a bug is answered without its insides', async () => {
  using w = await startHttp()
  w.deps.world.store.accounts.list = () => {
    throw new Error('SELECT secret_column')
  }
  const answer = await w.call('GET', '/v1/users', { as: 'operator' })
  const text = await answer.text()
  expect(answer.status).toBe(500)
  expect(text).not.toContain('secret_column')
  expect(text).toContain(answer.headers.get('x-request-id') ?? 'none')
})

test('the admin page is no door to the API', async () => {
  using w = await startHttp()
  expect((await w.call('GET', '/v1/status', { as: basic(ADMIN) })).status).toBe(403)
})
