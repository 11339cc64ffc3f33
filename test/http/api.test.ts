import { expect, test } from 'bun:test'
import { APP_DEFAULTS } from '../support/apns.ts'
import { basic, JULIET, PASSWORD, ROMEO, startHttp } from './support.ts'

const of = async <T>(answer: Response | Promise<Response>): Promise<T> => (await (await answer).json()) as T
interface List {
  items: { jid: string }[]
  next: string | null
}
interface Problem {
  code: string
  detail: string
  errors?: { field: string }[]
}

test('accounts: the address is prepared, a taken one is a conflict, a foreign host is named', async () => {
  using w = await startHttp()
  const add = (jid: string, password = PASSWORD) =>
    w.call('POST', '/v1/users', { as: 'operator', body: { jid, password } })
  expect(await of(add('Mercutio@BIX.org'))).toEqual({ jid: 'mercutio@bix.org', warnings: [] })
  for (const again of ['mercutio@bix.org', 'MERCUTIO@bix.org', 'ｍｅｒｃｕｔｉｏ@bix.org']) {
    expect((await of<Problem>(add(again))).code).toBe('conflict')
  }
  expect((await of<Problem>(add('a@elsewhere.example'))).code).toBe('unknown-host')
  for (const bad of [
    '',
    '@bix.org',
    'a@',
    'a b@bix.org',
    'a@bix.org/phone',
    'bix.org',
    `${'x'.repeat(2000)}@bix.org`,
  ]) {
    expect((await add(bad)).status).toBe(422)
  }
  expect((await add('weak@bix.org', 'x')).status).toBe(201)
  expect((await add('none@bix.org', '')).status).toBe(422)
})

test('lists go on from the cursor, by host and by part of the address', async () => {
  using w = await startHttp()
  const list = (query: string) => of<List>(w.call('GET', `/v1/users?${query}`, { as: 'operator' }))
  const first = await list('limit=2')
  expect(first.items.map((u) => u.jid)).toEqual([JULIET, 'nurse@bix.org'])
  const second = await list(`limit=2&cursor=${first.next}`)
  expect(second.items.map((u) => u.jid)).toEqual([ROMEO, 'rosaline@other.example'])
  expect(second.next).toBeNull()
  expect((await list('host=other.example')).items).toHaveLength(1)
  expect((await list('search=ro')).items.map((u) => u.jid)).toEqual([ROMEO, 'rosaline@other.example'])
  // Case 84: what SQL would understand is only text here.
  for (const meta of ['%25', '_', "'%20OR%201=1--", '%5C', '"']) {
    expect((await list(`search=${meta}`)).items).toEqual([])
  }
})

test('sessions are listed and closed after the commit; a disabled account loses them', async () => {
  using w = await startHttp()
  const phone = w.connect(`${JULIET}/phone`)
  const desk = w.connect(`${JULIET}/desk`)
  const path = `/v1/users/${JULIET}`
  const { items } = await of<{ items: { resource: string; address: string }[] }>(
    w.call('GET', `${path}/sessions`, { as: 'operator' }),
  )
  expect(items.map((s) => s.resource)).toEqual(['phone', 'desk'])
  expect(items[0]?.address).toBe('192.0.2.7')
  expect(await of(w.call('DELETE', `${path}/sessions/phone`, { as: 'operator' }))).toEqual({ closed: 1 })
  expect([phone.closed.length, desk.closed.length]).toEqual([1, 0])
  await w.call('POST', `${path}/disable`, { as: 'operator' })
  expect(desk.closed.map((error) => error?.condition)).toEqual(['policy-violation'])
  expect((await w.call('GET', '/v1/me', { as: basic(JULIET) })).status).toBe(401)
  await w.call('POST', `${path}/enable`, { as: 'operator' })
  expect((await w.call('GET', '/v1/me', { as: basic(JULIET) })).status).toBe(200)
})

test('apps are listed and logged out: their token, their session and their phone, and no others', async () => {
  using w = await startHttp()
  const login = (agent: string, software: string) =>
    w.router.run((t) => {
      const account = t.store.accounts.find(JULIET)
      if (!account) throw new Error('no juliet')
      const client = t.store.clients.seen(account, { id: agent, software, device: 'Phone' }, t.now, 50)
      t.store.clients.offer(client, 'HT-SHA-256-NONE', t.now + 86_400_000)
      const device = {
        kind: 'apns',
        topic: 'org.bix.chat',
        address: agent,
        assumed: 'sandbox',
        sessionKey: agent,
      }
      t.store.push.devices.enable(account.id, device, t.now, 10)
      return client.id
    })
  const lost = await login('lost', 'Verona')
  await login('kept', 'Mantua')
  const sessions = ['lost', 'kept'].map((id) => {
    const there = w.connect(`${JULIET}/${id}`)
    there.session.agent = { id, software: undefined, device: undefined }
    return there
  })
  interface App {
    id: number
    software: string
    connected: boolean
    token_expires: string | null
  }
  const apps = async () =>
    (await of<{ items: App[] }>(w.call('GET', '/v1/me/apps', { as: basic(JULIET) }))).items
  expect((await apps()).map(({ software, connected }) => [software, connected]).toSorted()).toEqual([
    ['Mantua', true],
    ['Verona', true],
  ])
  expect((await apps())[0]?.token_expires).not.toBeNull()
  // Nobody else's.
  expect((await w.call('DELETE', `/v1/me/apps/${lost}`, { as: basic(ROMEO) })).status).toBe(404)
  expect((await w.call('DELETE', `/v1/me/apps/${lost}`, { as: basic(JULIET) })).status).toBe(204)
  expect((await apps()).map(({ software }) => software)).toEqual(['Mantua'])
  expect(sessions.map(({ closed }) => closed.length)).toEqual([1, 0])
  const account = w.world.store.accounts.find(JULIET)
  expect(account && w.world.store.push.devices.of(account.id).map(({ address }) => address)).toEqual(['kept'])
  const kept = (await apps())[0]?.id
  expect((await w.call('DELETE', `/v1/users/${JULIET}/apps/${kept}`, { as: 'operator' })).status).toBe(204)
  expect(await apps()).toEqual([])
})

test('a message goes down the road from the server or from an account', async () => {
  using w = await startHttp()
  const { session } = w.connect(`${JULIET}/phone`)
  const { xml } = await import('../../src/xmpp/xml.ts')
  session.presence = xml('presence')
  const send = (body: Record<string, unknown>) => w.call('POST', '/v1/messages', { as: 'operator', body })
  const { id } = await of<{ id: string }>(send({ to: JULIET, body: 'closing <soon> & "now"' }))
  expect(w.delivered[0]).toContain('from="bix.org"')
  expect(w.delivered[0]).toContain('<body>closing &lt;soon&gt; &amp;')
  expect(w.delivered[0]).toContain(`id="${id}"`)
  expect((await send({ from: ROMEO, to: JULIET, body: 'it is I', id: 'once' })).status).toBe(202)
  expect(w.delivered[1]).toContain(`from="${ROMEO}"`)
  const refusals: [Record<string, unknown>, string][] = [
    [{ to: 'nobody@bix.org', body: 'x' }, 'no-such-user'],
    [{ to: 'a@far.example', body: 'x' }, 'remote-server-not-found'],
    [{ from: 'a@far.example', to: JULIET, body: 'x' }, 'foreign-sender'],
    [{ from: 'nobody@bix.org', to: JULIET, body: 'x' }, 'no-such-user'],
    [{ to: JULIET, body: 'bell\u0007' }, 'invalid'],
    [{ to: JULIET, body: '\ud800' }, 'invalid'],
    [{ to: JULIET, body: 'x', type: 'groupchat' }, 'invalid'],
  ]
  for (const [body, code] of refusals) expect((await of<Problem>(send(body))).code).toBe(code)
  expect(w.delivered).toHaveLength(2)
})

test('registration: closed, by address, by password, one per interval, taken back when it fails', async () => {
  using closed = await startHttp()
  const body = { jid: 'paris@bix.org', password: 'long enough' }
  expect((await of<Problem>(closed.call('POST', '/v1/register', { body }))).code).toBe('registration-closed')
  using w = await startHttp((config) => (config.registration.http = true))
  const register = (change: object = {}, address = '127.0.0.1', headers = {}) =>
    w.call('POST', '/v1/register', {
      body: { ...body, ...change },
      peer: { kind: 'tcp', address, tls: false },
      headers,
    })
  expect((await of<Problem>(register({}, '192.0.2.1'))).code).toBe('insecure-transport')
  const far = await register({}, '127.0.0.1', {
    'x-forwarded-for': '192.0.2.1',
    'x-forwarded-proto': 'https',
  })
  expect((await of<Problem>(far)).code).toBe('address-not-allowed')
  expect((await of<Problem>(register({ password: 'short' }))).errors?.[0]?.field).toBe('password')
  expect((await of<Problem>(register({ jid: ROMEO }))).code).toBe('conflict')
  // Case 87: side by side, one gets in.
  const both = await Promise.all([register(), register({ jid: 'peter@bix.org' })])
  expect(both.map((answer) => answer.status).sort()).toEqual([201, 429])
  const late = await register({ jid: 'late@bix.org' })
  expect(late.headers.get('retry-after')).toBe('600')
  w.pass(600_000)
  expect((await register({ jid: 'late@bix.org' })).status).toBe(201)
})

test('case 87: the same account made fifty times at once is made once', async () => {
  using w = await startHttp()
  const body = { jid: 'twin@bix.org', password: PASSWORD }
  const answers = await Promise.all(
    Array.from({ length: 50 }, () => w.call('POST', '/v1/users', { as: 'operator', body })),
  )
  const statuses = answers.map((answer) => answer.status)
  expect(statuses.filter((status) => status === 201)).toHaveLength(1)
  expect(statuses.filter((status) => status === 409)).toHaveLength(49)
})

test('case 87: deleted, disabled, rung and given a password at once: each is answered, and the account is gone', async () => {
  using w = await startHttp()
  const user = `/v1/users/${encodeURIComponent(JULIET)}`
  const body = { password: 'another password' }
  const calls = Array.from({ length: 10 }, () => [
    w.call('PUT', `${user}/password`, { as: 'operator', body }),
    w.call('POST', `${user}/disable`, { as: 'operator' }),
    w.call('POST', `${user}/devices`, { as: 'operator', body: { token: 'ab'.repeat(32) } }),
    w.call('DELETE', user, { as: 'operator' }),
    w.call('POST', `${user}/enable`, { as: 'operator' }),
  ]).flat()
  const statuses = new Set((await Promise.all(calls)).map(({ status }) => status))
  expect([...statuses].filter((status) => status >= 500)).toEqual([])
  expect((await w.call('GET', user, { as: 'operator' })).status).toBe(404)
})

test('an account changes its own password and removes itself; a token alone may do neither', async () => {
  using w = await startHttp()
  const { token } = await of<{ token: string }>(
    w.call('POST', '/v1/me/tokens', { as: basic(ROMEO), body: { name: 'phone' } }),
  )
  const bearer = `Bearer ${token}`
  expect((await w.call('GET', '/v1/me', { as: bearer })).status).toBe(200)
  const change = (as: string, body: object) => w.call('PUT', '/v1/me/password', { as, body })
  expect((await of<Problem>(change(bearer, { password: 'another one' }))).code).toBe('password-needed')
  const wrong = { password: 'another one', current_password: 'wrong' }
  expect((await change(bearer, wrong)).status).toBe(401)
  expect((await of<Problem>(change(basic(ROMEO), { password: 'short' }))).code).toBe('weak-password')
  expect((await change(bearer, { ...wrong, current_password: PASSWORD })).status).toBe(200)
  expect((await w.call('GET', '/v1/me', { as: basic(ROMEO) })).status).toBe(401)
  expect((await w.call('POST', '/v1/me/tokens', { as: bearer, body: { name: 'more' } })).status).toBe(403)
  expect((await w.call('DELETE', '/v1/me', { as: bearer })).status).toBe(403)
  expect((await w.call('DELETE', '/v1/me', { as: basic(ROMEO, 'another one') })).status).toBe(204)
  expect((await w.call('GET', '/v1/me', { as: bearer })).status).toBe(401)
  expect((await w.call('GET', `/v1/users/${ROMEO}`, { as: 'operator' })).status).toBe(404)
})

test('readiness is 503 with the reason for those who may know', async () => {
  using w = await startHttp()
  w.checks[0] = { name: 'store', ok: false, detail: 'the disk is full' }
  const guest = await w.call('GET', '/readyz')
  expect([guest.status, await guest.text()]).toEqual([503, 'not ready\n'])
  expect(await (await w.call('GET', '/readyz', { as: 'operator' })).text()).toContain(
    'FAIL store: the disk is full',
  )
})

test('the OpenAPI document describes each API route with its security and its problems', async () => {
  using w = await startHttp()
  interface Operation {
    security?: object[]
    summary?: string
    responses: Record<string, unknown>
  }
  const document = await of<{ openapi: string; paths: Record<string, Record<string, Operation>> }>(
    w.call('GET', '/v1/openapi.json'),
  )
  expect(document.openapi).toBe('3.1.0')
  const described = Object.entries(document.paths).flatMap(([path, verbs]) =>
    Object.entries(verbs).map(([verb, operation]) => ({ name: `${verb.toUpperCase()} ${path}`, operation })),
  )
  const routes = w.app.routes.filter(
    (r) => r.method !== 'ALL' && !/^\/($|admin|invite|v1\/docs)/.test(r.path),
  )
  const names = new Set(routes.map((r) => `${r.method} ${r.path.replace(/:(\w+)/g, '{$1}')}`))
  expect(described.map(({ name }) => name).sort()).toEqual([...names].sort())
  for (const { operation } of described) {
    expect(operation.summary).toBeString()
    expect(operation.security).toBeArray()
    expect(operation.responses).toHaveProperty('default')
  }
})

test('devices: registered as often as the app likes, one owner at a time, the topic chosen or asked for', async () => {
  const app = APP_DEFAULTS
  using w = await startHttp(({ push }) => {
    push.simulator = false
    push.apps = [{ ...app, topic: 'org.bix.chat', environment: 'sandbox' }]
  })
  const token = 'AB'.repeat(32)
  const add = async (as: string, device: object) => {
    const answer = await w.call('POST', '/v1/me/devices', { as, body: device })
    return { status: answer.status, json: (await answer.json()) as Record<string, unknown> }
  }
  const first = await add(basic(ROMEO), { token })
  expect(first.json).toMatchObject({ topic: 'org.bix.chat', environment: 'sandbox', token: 'ababab' })
  expect((await add(basic(ROMEO), { token: `<${token}>` })).json.id).toBe(first.json.id)
  const calls = await add(basic(ROMEO), { token, voip_token: 'CD'.repeat(32) })
  expect(calls.json.id).toBe(first.json.id)
  expect(w.world.store.push.devices.get(Number(first.json.id))?.callAddress).toBe('cd'.repeat(32))
  const bad: [object, string][] = [
    [{ token: 'xyz' }, 'token'],
    [{ token: 'ab'.repeat(300) }, 'token'],
    [{ token, topic: 'org.other' }, 'topic'],
    [{ token, environment: 'production' }, 'environment'],
    [{ token, voip_token: 'xyz' }, 'voip_token'],
  ]
  for (const [device, field] of bad) {
    const { status, json } = await add(basic(ROMEO), device)
    expect(status).toBe(422)
    expect((json as unknown as Problem).errors?.[0]?.field).toBe(field)
  }
  w.world.config.push.apps.push({ ...app, topic: 'org.bix.second', environment: 'sandbox' })
  expect((await add(basic(ROMEO), { token })).json.detail).toContain('org.bix.second')
  // Case 68: the newest account owns a token.
  const moved = await add(basic(JULIET), { token, topic: 'org.bix.chat' })
  const list = (as: string) => of<{ items: unknown[] }>(w.call('GET', '/v1/me/devices', { as }))
  expect((await list(basic(ROMEO))).items).toHaveLength(0)
  const id = String(moved.json.id)
  expect((await w.call('DELETE', `/v1/me/devices/${id}`, { as: basic(ROMEO) })).status).toBe(404)
  expect((await w.call('DELETE', `/v1/users/${JULIET}/devices/${id}`, { as: 'operator' })).status).toBe(204)
  // Case 69: the oldest gives way.
  for (let i = 10; i < 30; i++) await add(basic(ROMEO), { token: `${i}`.repeat(32), topic: 'org.bix.chat' })
  expect((await list(basic(ROMEO))).items).toHaveLength(10)
})

test('me: quiet hours keep their time zone under its proper name', async () => {
  using w = await startHttp()
  const set = (zone: string) =>
    w.call('PUT', '/v1/me/push-settings', {
      as: basic(ROMEO),
      body: { quiet: { from: '22:00', to: '07:00', zone }, unknown_senders: true },
    })
  expect(await of(set('europe/ROME'))).toMatchObject({ quiet: { zone: 'Europe/Rome' } })
  expect(await of(set('+05:17'))).toMatchObject({ quiet: { zone: '+05:17' } })
  for (const zone of ['Europe/Verona', '', '+25:00']) expect((await set(zone)).status).toBe(422)
  expect(await of(w.call('GET', '/v1/me/push-settings', { as: basic(ROMEO) }))).toMatchObject({
    quiet: { zone: '+05:17' },
  })
})
