/** The first administrator: a link that the start prints, a page, an account; once. */
import { expect, test } from 'bun:test'
import { features } from '../../src/features/index.ts'
import { isWithoutAdmin, SetupLink } from '../../src/accounts/first-admin.ts'
import { isAdmin } from '../../src/accounts/admins.ts'
import { ADMIN, type Call, type HttpWorld, LOOPBACK, PASSWORD, startHttp } from './support.ts'

const NEW = 'mercutio@bix.org'
const FIELDS = { name: 'Mercutio', host: 'bix.org', password: PASSWORD, again: PASSWORD }
const FORM = { 'content-type': 'application/x-www-form-urlencoded', origin: 'http://127.0.0.1:5280' }
const REMOTE = { kind: 'tcp', address: '192.0.2.1', tls: false } as const

/** A server that nobody administers, with the token of its link. */
async function fresh(change: Parameters<typeof startHttp>[0] = () => {}) {
  const w = await startHttp((config) => {
    config.admins = []
    change(config)
  }, features)
  return { ...w, [Symbol.dispose]: () => w[Symbol.dispose](), token: link(w) }
}

function link(w: Pick<HttpWorld, 'world' | 'deps'>): string {
  const made = SetupLink.make(w.world)
  Object.assign(w.deps, { setup: made.link })
  return new URL(`http://127.0.0.1${made.path}`).searchParams.get('token') ?? ''
}

type Host = Pick<HttpWorld, 'call'>
const open = async (w: Host, path: string, options: Call = {}) => {
  const answer = await w.call('GET', path, options)
  return { status: answer.status, to: answer.headers.get('location'), text: await answer.text() }
}
const send = async (
  w: Host,
  fields: Record<string, string>,
  headers: object = FORM,
  peer: Call['peer'] = LOOPBACK,
) => {
  const raw = new URLSearchParams(fields).toString()
  const answer = await w.call('POST', '/admin/setup', { raw, headers: { ...headers }, peer })
  return { answer, status: answer.status, to: answer.headers.get('location'), text: await answer.text() }
}
const page = (token: string): string => `/admin/setup?token=${token}`

test('/ leads to the set-up and later to the sign-in, and never tells the token', async () => {
  using w = await fresh()
  for (const path of ['/', '/admin/login']) expect((await open(w, path)).to).toBe('/admin/setup')
  const closed = await open(w, '/admin/setup')
  expect([closed.status, closed.text.includes(w.token)]).toEqual([200, false])
  expect(closed.text).toContain('printed a link')
  expect((await open(w, page(w.token))).text).toContain('The first administrator')
  await send(w, { ...FIELDS, token: w.token })
  expect((await open(w, '/')).to).toBe('/admin/')
  expect((await open(w, '/admin/')).to).toBe('/admin/login')
})

test('the link makes one administrator, who is signed in by that, and nobody else', async () => {
  using w = await fresh()
  const made = await send(w, { ...FIELDS, token: w.token })
  expect([made.status, made.to]).toEqual([303, '/admin/?done=setup'])
  const cookie = made.answer.headers.get('set-cookie')?.split(';')[0] ?? ''
  expect((await open(w, '/admin/', { headers: { cookie } })).text).toContain(NEW)
  expect([isAdmin(w.world, NEW), isAdmin(w.world, ADMIN)]).toEqual([true, false])
  for (const path of [page(w.token), '/admin/setup']) expect((await open(w, path)).to).toBe('/admin/')
  const again = await send(w, { ...FIELDS, name: 'tybalt', token: w.token })
  expect([again.to, w.world.store.accounts.find('tybalt@bix.org')]).toEqual(['/admin/', undefined])
})

test('of two who send the form at the same time one comes through', async () => {
  using w = await fresh()
  const names = ['mercutio', 'tybalt', 'paris']
  const sent = await Promise.all(names.map((name) => send(w, { ...FIELDS, name, token: w.token })))
  expect(sent.map(({ status }) => status).sort()).toEqual([303, 409, 409])
  expect(names.filter((name) => w.world.store.accounts.find(`${name}@bix.org`))).toHaveLength(1)
  expect(sent.find(({ status }) => status === 409)?.text).toContain('has an administrator by now')
})

test('a form that cannot be taken says why, keeps the name, and leaves the link as it was', async () => {
  using w = await fresh()
  for (const [change, word] of [
    [{ again: 'another one' }, 'The two passwords differ'],
    [{ password: 'short', again: 'short' }, 'At least 8 characters'],
    [{ password: '', again: '' }, 'password'],
    [{ name: 'a b' }, 'cannot be a name'],
    [{ name: '' }, 'cannot be a name'],
    [{ name: 'juliet' }, 'juliet@bix.org is taken'],
    [{ host: 'far.example' }, 'far.example is not one of'],
  ] as const) {
    const { status, text } = await send(w, { ...FIELDS, ...change, token: w.token })
    expect([status >= 400 && status < 500, text.includes(word)]).toEqual([true, true])
  }
  expect((await send(w, { ...FIELDS, name: '<b>&"', token: w.token })).text).toContain(
    'value="&lt;b&gt;&amp;&quot;"',
  )
  expect((await send(w, { ...FIELDS, token: w.token })).status).toBe(303)
})

test('guessing is held back like that of passwords', async () => {
  using w = await fresh((config) => Object.assign(config.auth, { never_ban: [] }))
  for (let n = 0; n < 5; n++) expect((await open(w, page('A'.repeat(32)))).status).toBe(403)
  expect(w.waits).toEqual([])
  await open(w, page('B'.repeat(32)))
  expect(w.waits).toEqual([1000])
  // Who has the link is not shut out by it, only made to wait.
  expect((await open(w, page(w.token))).status).toBe(200)
  await send(w, { ...FIELDS, token: 'guess' })
  expect(w.waits).toContain(2000)
})

test('a form from elsewhere does nothing; neither does one in the clear', async () => {
  using w = await fresh()
  for (const headers of [
    { ...FORM, origin: 'https://evil.example' },
    { ...FORM, origin: 'null' },
    { 'content-type': FORM['content-type'] },
  ])
    expect((await send(w, { ...FIELDS, token: w.token }, headers)).status).toBe(403)
  const far = { host: 'bix.org' }
  expect((await open(w, page(w.token), { peer: REMOTE, headers: far })).text).toContain('without encryption')
  const clear = await send(
    w,
    { ...FIELDS, token: w.token },
    { ...FORM, ...far, origin: 'http://bix.org' },
    REMOTE,
  )
  expect([clear.status, isWithoutAdmin(w.world)]).toEqual([403, true])
})

test('the link ends with its time, and without one there is only the advice to start again', async () => {
  using w = await fresh((config) => (config.limits.setup_link = 60_000))
  w.pass(60_000)
  const late = await open(w, page(w.token))
  expect([late.status, late.text.includes('has ended')]).toEqual([403, true])
  expect((await send(w, { ...FIELDS, token: w.token })).status).toBe(403)
  Object.assign(w.deps, { setup: undefined })
  expect((await open(w, '/admin/setup')).text).toContain('has ended')
})

test('an account of the same name that comes later is no administrator', async () => {
  using w = await fresh()
  await send(w, { ...FIELDS, token: w.token })
  await w.call('DELETE', `/v1/users/${NEW}`, { as: 'operator' })
  await w.call('POST', '/v1/users', { as: 'operator', body: { jid: NEW, password: PASSWORD } })
  expect(isAdmin(w.world, NEW)).toBe(false)
  // The link that was used stays used; another start has another one.
  expect((await send(w, { ...FIELDS, name: 'tybalt', token: w.token })).status).toBe(403)
  expect((await send(w, { ...FIELDS, name: 'tybalt', token: link(w) })).status).toBe(303)
})

test('whom the configuration names counts alone', async () => {
  using w = await fresh()
  await send(w, { ...FIELDS, token: w.token })
  w.world.config.admins = [ADMIN]
  expect([isAdmin(w.world, NEW), isAdmin(w.world, ADMIN)]).toEqual([false, true])
  w.world.config.admins = []
  expect(isAdmin(w.world, NEW)).toBe(true)
  // A list in the configuration needs no link, whether or not those accounts are there.
  using listed = await startHttp((config) => (config.admins = ['nobody@bix.org']))
  expect((await open(listed, page(link(listed)))).to).toBe('/admin/')
})
