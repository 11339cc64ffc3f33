/** Idempotency-Key: who did not hear the answer asks again, gets it, and nothing is made twice. */
import { expect, test } from 'bun:test'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '../../src/store/clock.ts'
import { openStore } from '../../src/store/store.ts'
import { basic, codeOf, type HttpWorld, JULIET, ROMEO, startHttp } from './support.ts'

const KEY = '6f1ed002-ab5d-4f0e-9c2f-2d1c6f6ab2d3'
const post = (w: HttpWorld, as: string, path: string, body: unknown, key = KEY) =>
  w.call('POST', path, { as, body, headers: { 'idempotency-key': key } })

const MAKERS: [string, string, object][] = [
  ['an account', '/v1/users', { jid: 'tybalt@bix.org', password: 'prince of cats' }],
  ['a token', '/v1/tokens', { name: 'shop', scopes: ['status'] }],
  ['an invitation', '/v1/invites', { uses: 3 }],
  ['a message', '/v1/messages', { to: JULIET, body: 'Soft!' }],
]

test.each(MAKERS)('%s is made once, and the second answer is the first', async (_what, path, body) => {
  using w = await startHttp()
  const first = await post(w, 'operator', path, body)
  const text = await first.text()
  expect(first.status).toBeOneOf([201, 202])
  expect(first.headers.has('idempotency-replayed')).toBe(false)
  const again = await post(w, 'operator', path, body)
  expect([again.status, await again.text()]).toEqual([first.status, text])
  expect(again.headers.get('idempotency-replayed')).toBe('true')
  // Without a key, or under another one, it is another request.
  expect(await (await post(w, 'operator', path, body, 'another')).text()).not.toBe(text)
})

test('a token of the account itself, which is shown once, is shown again to who has the key', async () => {
  using w = await startHttp()
  const make = async (as: string) =>
    (await (await post(w, as, '/v1/me/tokens', { name: 'phone' })).json()) as { token: string; id: number }
  const first = await make(basic(ROMEO))
  expect(await make(basic(ROMEO))).toEqual(first)
  // A key is one of whoever chose it.
  expect((await make(basic(JULIET))).id).not.toBe(first.id)
  const rows = w.store.db.raw
    .query('SELECT CAST(body AS TEXT) || hex(mark) || actor AS all_of_it FROM answers')
    .all()
  expect(rows).toHaveLength(2)
  expect(JSON.stringify(rows)).not.toContain(first.token)
  expect(JSON.stringify(rows)).not.toContain(KEY)
})

test('a key before another request is 422, wherever it differs; a request that takes none says so', async () => {
  using w = await startHttp()
  const users = (jid: string) => post(w, 'operator', '/v1/users', { jid, password: 'prince of cats' })
  expect((await users('tybalt@bix.org')).status).toBe(201)
  expect(await codeOf(await users('paris@bix.org'))).toBe('key-reused')
  expect((await w.call('GET', '/v1/users/paris%40bix.org', { as: 'operator' })).status).toBe(404)
  expect(await codeOf(await post(w, 'operator', '/v1/users/romeo%40bix.org/disable', undefined))).toBe(
    'no-key-here',
  )
  expect(
    (await post(w, 'operator', '/v1/users', { jid: 'a@bix.org', password: 'b' }, 'k'.repeat(256))).status,
  ).toBe(422)
})

test('two at a time: one is done, the other hears that it is under way', async () => {
  using w = await startHttp()
  const users = () => post(w, 'operator', '/v1/users', { jid: 'tybalt@bix.org', password: 'prince of cats' })
  const [a, b] = await Promise.all([users(), users()])
  expect([a.status, b.status].toSorted()).toEqual([201, 409])
  expect(await codeOf(a.status === 409 ? a : b)).toBe('key-under-way')
  expect((await users()).headers.get('idempotency-replayed')).toBe('true')
})

test('a refusal is not kept: the request may be mended', async () => {
  using w = await startHttp()
  const users = (jid: string) => post(w, 'operator', '/v1/users', { jid, password: 'prince of cats' })
  expect((await users('tybalt@elsewhere.example')).status).toBe(422)
  expect((await users('tybalt@bix.org')).status).toBe(201)
})

test('a day later, and beyond the number of an account or token, it is a new request', async () => {
  using w = await startHttp((config) => (config.limits.idempotency_keys = 2))
  const invite = async (key: string) =>
    ((await (await post(w, 'operator', '/v1/invites', {}, key)).json()) as { id: number }).id
  const ids = [await invite('a'), await invite('b'), await invite('c')]
  expect([await invite('b'), await invite('c')]).toEqual(ids.slice(1))
  expect(await invite('a')).not.toBe(ids[0] ?? 0)
  w.pass(24 * 3_600_000 + 1)
  expect(await invite('c')).not.toBe(ids[2] ?? 0)
})

test('it is on disk with what it tells of, and not there where that was undone', () => {
  const home = mkdtempSync(join(tmpdir(), 'belfry-answers-'))
  const file = join(home, 'belfry.db')
  const keyed = { actor: 'token 1', key: KEY, route: 'POST /v1/tokens', request: Buffer.from('{}') }
  const answer = { status: 201, body: '{"token":"secret-0123456789"}' }
  const open = () => openStore(file, { flushed() {}, fatal() {} }, systemClock)
  try {
    const store = open()
    const trip = (f: () => void) => store.turn.trip(f)
    expect(() =>
      trip(() => {
        store.answers.keep({ ...keyed, key: 'undone' }, answer, 1, 10)
        throw new Error('undone')
      }),
    ).toThrow('undone')
    trip(() => store.answers.keep(keyed, answer, 1, 10))
    store.close()
    expect(readFileSync(file).includes('secret-0123456789')).toBe(false)
    const later = open()
    expect(later.answers.find(keyed, 0)).toEqual(answer)
    expect(later.answers.find({ ...keyed, request: Buffer.from('{ }') }, 0)).toBe('other')
    expect(later.answers.find({ ...keyed, key: 'undone' }, 0)).toBeUndefined()
    expect(later.answers.find(keyed, 2)).toBeUndefined()
    later.close()
  } finally {
    rmSync(home, { recursive: true })
  }
})
