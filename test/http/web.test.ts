import { expect, test } from 'bun:test'
import { addDevice } from '../../src/http/devices.ts'
import { ADMIN, JULIET, PASSWORD, ROMEO, startHttp } from './support.ts'
import { FORM, page, post, signIn } from './web-support.ts'

/** Any but the one file of our own. */
const STRANGE_SCRIPT = /<script(?! src="\/admin\/admin\.js)/
const TLS = { kind: 'tcp', address: '192.0.2.1', tls: true } as const

test('signing in: for listed accounts, with a cookie that no script and no other site gets', async () => {
  using w = await startHttp()
  const wrong = await post(w, '/admin/login', { jid: ADMIN, password: 'wrong' })
  expect([wrong.status, wrong.headers.get('set-cookie')]).toEqual([401, null])
  const other = await post(w, '/admin/login', { jid: ROMEO, password: PASSWORD })
  expect([other.status, other.headers.get('set-cookie')]).toEqual([403, null])
  const plain = await post(w, '/admin/login', { jid: ADMIN, password: PASSWORD })
  expect(plain.headers.get('set-cookie')).toMatch(/^belfry=[\w-]{43}; Path=\/; HttpOnly; SameSite=Strict$/)
  const origin = { origin: 'https://bix.org', host: 'bix.org' }
  const safe = await post(w, '/admin/login', { jid: ADMIN, password: PASSWORD }, origin, TLS)
  expect(safe.headers.get('set-cookie')).toMatch(
    /^__Host-belfry=[\w-]{43}; Path=\/; HttpOnly; Secure; SameSite=Strict$/,
  )
  const open = { kind: 'tcp', address: '192.0.2.1', tls: false } as const
  const insecure = await post(w, '/admin/login', { jid: ADMIN, password: PASSWORD }, {}, open)
  expect([insecure.status, insecure.headers.get('set-cookie')]).toEqual([403, null])
})

test('a session is new at each login, idles out, and ends with the right, the password and the sign-out', async () => {
  using w = await startHttp()
  const planted = { cookie: 'belfry=planted' }
  const answer = await post(w, '/admin/login', { jid: ADMIN, password: PASSWORD }, planted)
  expect(answer.headers.get('set-cookie')).not.toContain('planted')
  const inside = async (cookie: { cookie: string }) => (await page(w, '/admin/', cookie)).status === 200
  const idle = await signIn(w)
  expect(await inside(idle)).toBe(true)
  w.pass(31 * 60_000)
  expect(await inside(idle)).toBe(false)
  const left = await signIn(w)
  await post(w, '/admin/logout', {}, left)
  expect(await inside(left)).toBe(false)
  const changed = await signIn(w)
  await w.call('PUT', `/v1/users/${ADMIN}/password`, { as: 'operator', body: { password: PASSWORD } })
  expect(await inside(changed)).toBe(false)
  const disabled = await signIn(w)
  await w.call('POST', `/v1/users/${ADMIN}/disable`, { as: 'operator' })
  expect(await inside(disabled)).toBe(false)
  await w.call('POST', `/v1/users/${ADMIN}/enable`, { as: 'operator' })
  const unlisted = await signIn(w)
  w.world.config.admins.length = 0
  expect(await inside(unlisted)).toBe(false)
})

test('the dashboard and the users, from making to removing one', async () => {
  using w = await startHttp()
  const cookie = await signIn(w)
  const dashboard = await page(w, '/admin/', cookie)
  expect(dashboard.text).toContain('<title>Dashboard · Belfry</title>')
  expect(dashboard.text).toContain('no phone rings')
  expect((await page(w, '/admin/users', cookie)).text).toContain(JULIET)
  expect((await page(w, '/admin/users?search=romeo', cookie)).text).not.toContain(JULIET)
  const made = await post(w, '/admin/users', { jid: 'Abram@bix.org', password: PASSWORD }, cookie)
  expect(made.headers.get('location')).toBe('/admin/users?done=added')
  const jid = 'abram@bix.org'
  const show = `/admin/users/show?jid=${encodeURIComponent(jid)}`
  expect((await page(w, show, cookie)).status).toBe(200)
  for (const [bad, word] of [
    [{ jid, password: PASSWORD }, 'is taken'],
    [{ jid: 'x', password: PASSWORD }, 'user@host'],
    [{ jid: 'x@far.example', password: PASSWORD }, 'hosts'],
    [{ jid: 'x@bix.org', password: '' }, 'role="alert"'],
  ] as const) {
    const refused = await post(w, '/admin/users', bad, cookie)
    expect(refused.status).toBe(422)
    expect(await refused.text()).toContain(word)
  }
  await post(w, '/admin/users/disable', { jid }, cookie)
  expect((await page(w, show, cookie)).text).toContain('>disabled<')
  await post(w, '/admin/users/enable', { jid }, cookie)
  await post(w, '/admin/users/password', { jid, password: 'another one' }, cookie)
  expect((await post(w, '/admin/users/delete', { jid }, cookie)).status).toBe(422)
  expect((await post(w, '/admin/users/delete', { jid, sure: 'yes' }, cookie)).status).toBe(303)
  expect((await page(w, show, cookie)).status).toBe(404)
})

test('nobody shuts himself out', async () => {
  using w = await startHttp()
  const cookie = await signIn(w)
  for (const path of ['/admin/users/disable', '/admin/users/delete']) {
    expect((await post(w, path, { jid: ADMIN, sure: 'yes' }, cookie)).status).toBe(422)
  }
  expect((await page(w, '/admin/', cookie)).status).toBe(200)
})

test('a form from anywhere else does nothing, cookie or not', async () => {
  using w = await startHttp()
  const cookie = await signIn(w)
  for (const headers of [
    { origin: 'https://evil.example' },
    { origin: 'null' },
    { 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'same-site' },
  ]) {
    expect(
      (await post(w, '/admin/users/delete', { jid: JULIET, sure: 'yes' }, { ...cookie, ...headers })).status,
    ).toBe(403)
  }
  const bare = { ...cookie, 'content-type': FORM['content-type'] }
  const silent = await w.call('POST', '/admin/users/delete', { raw: `jid=${JULIET}&sure=yes`, headers: bare })
  expect(silent.status).toBe(403)
  expect((await w.call('GET', `/v1/users/${JULIET}`, { as: 'operator' })).status).toBe(200)
})

test('each page says that the simulator is the target', async () => {
  using w = await startHttp((config) => (config.push.simulator = true))
  const cookie = await signIn(w)
  for (const path of ['/admin/', '/admin/users', `/admin/users/show?jid=${JULIET}`, '/admin/push'])
    expect(`${path} ${(await page(w, path, cookie)).text.includes('class="ribbon"')}`).toBe(`${path} true`)
  // Whoever is not signed in reads it as well, and where something went wrong.
  for (const path of ['/admin/login', '/admin/nowhere', '/invite/nothing'])
    expect(`${path} ${(await page(w, path, {})).text.includes('class="ribbon"')}`).toBe(`${path} true`)
  w.world.config.push.simulator = false
  expect((await page(w, '/admin/login', {})).text).not.toContain('class="ribbon"')
})

test('82: what people chose for a name stays text on every page', async () => {
  const polyglot = `'"><script>alert(1)</script><img src=x onerror=alert(1)>{{7*7}}\${7*7}`
  using w = await startHttp()
  const cookie = await signIn(w)
  const { session } = w.connect(`${JULIET}/phone`)
  Object.assign(session.outlet, { kind: polyglot, ip: polyglot })
  const account = w.world.store.accounts.find(JULIET)
  if (account) {
    await addDevice(w.deps, account, { of: {}, token: 'ab'.repeat(32), topic: polyglot })
  }
  w.checks.push({ name: polyglot, ok: false, detail: polyglot })
  const pages = [
    await page(w, '/admin/', cookie),
    await page(
      w,
      `/admin/users?search=${encodeURIComponent(polyglot)}&done=${encodeURIComponent(polyglot)}`,
      cookie,
    ),
    await page(w, `/admin/users/show?jid=${encodeURIComponent(JULIET)}`, cookie),
    await page(w, `/admin/users/show?jid=${encodeURIComponent(polyglot)}`, cookie),
    await page(w, `/admin/${encodeURIComponent(polyglot)}`, cookie),
  ]
  const tried = await post(w, '/admin/login', { jid: polyglot, password: polyglot })
  const refused = await post(w, '/admin/users', { jid: polyglot, password: PASSWORD }, cookie)
  for (const text of [...pages.map((p) => p.text), await tried.text(), await refused.text()]) {
    expect(text).not.toMatch(STRANGE_SCRIPT)
    expect(text).not.toContain('<img src=x')
  }
})

test('the pages need no script and no inline style, so the strict policy costs nothing', async () => {
  using w = await startHttp()
  const cookie = await signIn(w)
  for (const path of ['/admin/', '/admin/users', `/admin/users/show?jid=${JULIET}`, '/admin/login']) {
    const { text } = await page(w, path, path === '/admin/login' ? {} : cookie)
    expect(text).toStartWith('<!doctype html>')
    expect(text).not.toMatch(STRANGE_SCRIPT)
    expect(text).not.toMatch(/\sstyle=|\son\w+=|https?:\/\//)
  }
})

test('push: alarms, apps, what waits and what was decided; Apple is asked on demand', async () => {
  using w = await startHttp()
  const cookie = await signIn(w)
  const account = w.world.store.accounts.find(JULIET)
  if (!account) throw new Error('no Juliet')
  await w.router.run((t) =>
    t.store.push.record({
      account: account.id,
      device: 3,
      messageId: 'm1',
      verdict: 'suppressed',
      rule: 'session-active',
      at: t.now,
    }),
  )
  const calm = await page(w, '/admin/push', cookie)
  expect(calm.status).toBe(200)
  for (const words of [
    'works',
    'org.bix.chat',
    'key K of team T',
    JULIET,
    'a connected app took the message',
  ])
    expect(calm.text).toContain(words)
  const asked = await post(w, '/admin/push/check', {}, cookie)
  expect(await asked.text()).toContain('key, team and topic are accepted')
  w.alarms.push({ name: 'x', text: 'Push rests at <b>T</b>.' })
  for (const path of ['/admin/push', '/admin/'])
    expect((await page(w, path, cookie)).text).toContain('Push rests at &lt;b&gt;T&lt;/b&gt;.')
  const user = await page(w, `/admin/users/show?jid=${encodeURIComponent(JULIET)}`, cookie)
  expect(user.text).toContain('No device is registered')
  expect(user.text).toContain('suppressed')
  const replayed = await post(w, '/admin/push/replay', {}, cookie)
  expect([replayed.status, replayed.headers.get('location')]).toEqual([303, '/admin/push?done=replayed'])
})

test('the push page counts the devices that are there at its load', async () => {
  using w = await startHttp()
  const cookie = await signIn(w)
  const account = w.world.store.accounts.find(JULIET)
  if (!account) throw new Error('no Juliet')
  const shown = async () => /Devices<\/dt><dd>(\d+)</.exec((await page(w, '/admin/push', cookie)).text)?.[1]
  expect(await shown()).toBe('0')
  await addDevice(w.deps, account, { of: {}, token: 'ab'.repeat(32) })
  expect(await shown()).toBe('1')
})
