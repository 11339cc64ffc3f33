/** No door of HTTP makes an account that people would take for another or for an administrator. */
import { expect, test } from 'bun:test'
import { ADMIN, type Call, type HttpWorld, LOOPBACK, PASSWORD, startHttp } from './support.ts'

const LIKE = 'rorneo@bix.org'
const open = () =>
  startHttp((config) => {
    config.registration.http = true
    config.registration.timeout = 0
    config.admins.push('mike@bix.org')
  })

async function answer(w: HttpWorld, path: string, body: object, call: Call = {}) {
  const got = await w.call('POST', path, { ...call, body })
  return { status: got.status, ...((await got.json()) as { code?: string; detail?: string; uri?: string }) }
}
const there = (w: HttpWorld, jid = LIKE) => w.world.store.accounts.find(jid) !== undefined

test('POST /v1/users: a conflict that names the account and what to do; allow_lookalike makes it', async () => {
  using w = await open()
  const as = { as: 'operator' }
  const body = { jid: LIKE, password: PASSWORD }
  const refused = await answer(w, '/v1/users', body, as)
  expect(refused).toMatchObject({ status: 409, code: 'lookalike' })
  for (const word of ['romeo@bix.org', 'allow_lookalike', '--allow-lookalike'])
    expect(refused.detail).toContain(word)
  expect(there(w)).toBe(false)
  expect(await answer(w, '/v1/users', { ...body, allow_lookalike: false }, as)).toMatchObject({ status: 409 })
  expect(await answer(w, '/v1/users', { ...body, allow_lookalike: true }, as)).toMatchObject({ status: 201 })
  // An administrator who has no account yet, and the same name itself.
  expect(await answer(w, '/v1/users', { ...body, jid: 'rnike@bix.org' }, as)).toMatchObject({
    code: 'lookalike',
  })
  expect(await answer(w, '/v1/users', { ...body, jid: 'mike@bix.org' }, as)).toMatchObject({ status: 201 })
})

test('POST /v1/users: names in a row are no look-alikes but for those that are', async () => {
  using w = await open()
  const made: number[] = []
  for (const name of ['user1', 'user2', 'user10', 'user11', 'user01', 'a.b', 'a-b', 'a_b', 'userl'])
    made.push(
      (await answer(w, '/v1/users', { jid: `${name}@bix.org`, password: PASSWORD }, { as: 'operator' }))
        .status,
    )
  expect(made).toEqual([201, 201, 201, 201, 201, 201, 201, 201, 409])
})

test('POST /v1/register: a conflict that names nobody', async () => {
  using w = await open()
  for (const jid of [LIKE, 'rnike@bix.org', 'mike@bix.org']) {
    const refused = await answer(w, '/v1/register', { jid, password: PASSWORD })
    expect(refused).toMatchObject({ status: 409, code: 'conflict' })
    expect(refused.detail).not.toMatch(/romeo|mike/)
    expect(there(w, jid)).toBe(false)
  }
  expect(await answer(w, '/v1/register', { jid: 'paris@bix.org', password: PASSWORD })).toMatchObject({
    status: 201,
  })
})

test('POST /v1/invites: a name for which it would be is refused the same, or kept if that is meant', async () => {
  using w = await open()
  const as = { as: 'operator' }
  const refused = await answer(w, '/v1/invites', { jid: LIKE }, as)
  expect(refused).toMatchObject({ status: 409 })
  expect(refused.detail).toContain('romeo@bix.org')
  const { uri } = await answer(w, '/v1/invites', { jid: LIKE, allow_lookalike: true }, as)
  const token = /preauth=(\w+)/.exec(uri ?? '')?.[1]
  expect(await answer(w, '/v1/register', { jid: LIKE, password: PASSWORD, token })).toMatchObject({
    status: 201,
  })
  // One for whoever comes is no answer for any name.
  const anyone = /preauth=(\w+)/.exec((await answer(w, '/v1/invites', {}, as)).uri ?? '')?.[1]
  const other = { jid: 'ju1iet@bix.org', password: PASSWORD, token: anyone }
  expect(await answer(w, '/v1/register', other)).toMatchObject({ status: 409 })
})

test('the form of the web admin: told, and made with the box ticked', async () => {
  using w = await open()
  const headers = { 'content-type': 'application/x-www-form-urlencoded', origin: 'http://127.0.0.1:5280' }
  const post = (path: string, fields: Record<string, string>, more = {}) =>
    w.call('POST', path, {
      raw: new URLSearchParams(fields).toString(),
      headers: { ...headers, ...more },
      peer: LOOPBACK,
    })
  const login = await post('/admin/login', { jid: ADMIN, password: PASSWORD })
  const cookie = { cookie: login.headers.get('set-cookie')?.split(';')[0] ?? '' }
  const fields = { jid: LIKE, password: PASSWORD }
  const refused = await post('/admin/users', fields, cookie)
  expect(refused.status).toBe(422)
  const text = await refused.text()
  expect(text).toContain('looks like romeo@bix.org')
  expect(text).toContain('name="allow_lookalike"')
  expect((await post('/admin/users', { ...fields, allow_lookalike: 'yes' }, cookie)).status).toBe(303)
  expect(there(w)).toBe(true)
})
