/** Acting on rooms and on behalf of their members over HTTP: each operation by each kind of caller, each member in each room. */
import { expect, test } from 'bun:test'
import { features } from '../../src/features/index.ts'
import { SCOPES } from '../../src/http/policy.ts'
import { Jid } from '../../src/xmpp/jid.ts'
import { ADMIN, basic, codeOf, type HttpWorld, JULIET, ROMEO, startHttp } from './support.ts'

const VERONA = 'verona@conference.bix.org'
const ROSALINE = 'rosaline@other.example'
const room = `/v1/rooms/${encodeURIComponent(VERONA)}`
const memberPath = (user: string) => `${room}/members/${encodeURIComponent(user)}`

const road = () => startHttp((config) => void (config.limits.http_requests_per_ip = Infinity), features)

/** Romeo's room; juliet is a member, rosaline banned. */
async function make(w: HttpWorld, settings: Record<string, unknown> = {}): Promise<void> {
  const members = [{ jid: JULIET }, { jid: ROSALINE, affiliation: 'outcast' }]
  const body = { jid: VERONA, owner: ROMEO, members, settings, invite: false, bookmark: false }
  const made = await w.call('POST', '/v1/rooms', { as: 'operator', body })
  if (made.status !== 201) throw new Error(await made.text())
}

interface Operation {
  readonly method: string
  readonly path: string
  readonly body?: unknown
  readonly scope: string
}

const OPERATIONS: readonly Operation[] = [
  { method: 'POST', path: `${room}/messages`, body: { from: JULIET, body: 'ay me' }, scope: 'messages:send' },
  { method: 'POST', path: `${room}/messages`, body: { body: 'hear ye' }, scope: 'messages:send' },
  { method: 'GET', path: `${room}/messages`, scope: 'rooms:history' },
  { method: 'GET', path: `${room}/members`, scope: 'rooms:read' },
  { method: 'GET', path: `${room}/occupants`, scope: 'rooms:read' },
  { method: 'GET', path: room, scope: 'rooms:read' },
  { method: 'GET', path: '/v1/rooms', scope: 'rooms:read' },
  { method: 'POST', path: `${room}/members`, body: { members: [{ jid: ADMIN }] }, scope: 'rooms:write' },
  { method: 'PUT', path: memberPath(JULIET), body: { affiliation: 'owner' }, scope: 'rooms:write' },
  { method: 'DELETE', path: memberPath(ROSALINE), scope: 'rooms:write' },
  { method: 'DELETE', path: memberPath(JULIET), scope: 'rooms:write' },
  { method: 'PATCH', path: room, body: { name: 'Ours' }, scope: 'rooms:write' },
  { method: 'PUT', path: `${room}/avatar`, body: { image: null }, scope: 'rooms:write' },
  { method: 'POST', path: '/v1/rooms', body: { jid: 'heath@conference.bix.org' }, scope: 'rooms:write' },
  { method: 'DELETE', path: room, scope: 'rooms:write' },
]

/** What a call could have changed. */
const state = (w: HttpWorld): string =>
  JSON.stringify(
    ['rooms', 'room_affiliations', 'room_archive', 'offline', 'outbox'].map((table) =>
      w.store.db.raw.query(`SELECT * FROM ${table}`).all(),
    ),
  )

const calls = async (w: HttpWorld, { method, path, body }: Operation, as: string): Promise<Response> =>
  w.call(method, path, { as, ...(body !== undefined && { body }) })

test('each operation on a room by a token of each scope: its own and admin’s may, and the others change nothing', async () => {
  using w = await road()
  await make(w)
  const tokens = new Map<string, string>()
  for (const scope of SCOPES) tokens.set(scope, await w.token(scope))
  const before = state(w)
  for (const operation of OPERATIONS)
    for (const [scope, as] of tokens) {
      const { method, path } = operation
      if (scope === operation.scope || scope === 'admin') continue
      const answer = await calls(w, operation, as)
      const cell = [method, path, scope]
      expect([...cell, answer.status, await codeOf(answer)]).toEqual([...cell, 403, 'scope'])
      expect([...cell, state(w) === before]).toEqual([...cell, true])
    }
  // What is done once might not be done again: the two that may, each in rooms of its own.
  for (const scope of ['own', 'admin']) {
    using other = await road()
    await make(other)
    for (const operation of OPERATIONS) {
      const answer = await calls(
        other,
        operation,
        await other.token(scope === 'own' ? operation.scope : scope),
      )
      expect([operation.method, operation.path, scope, answer.status < 300]).toEqual([
        operation.method,
        operation.path,
        scope,
        true,
      ])
    }
  }
})

test('the owner of a room, its member and a stranger act on it as accounts by no operation, with a password or a token of their own', async () => {
  using w = await road()
  await make(w)
  const before = state(w)
  const own = async (jid: string): Promise<string> => {
    const made = await w.call('POST', '/v1/me/tokens', { as: basic(jid), body: { name: 'phone' } })
    return `Bearer ${((await made.json()) as { token: string }).token}`
  }
  for (const jid of [ROMEO, JULIET, ROSALINE])
    for (const as of [basic(jid), await own(jid)])
      for (const operation of OPERATIONS) {
        const { status } = await calls(w, operation, as)
        expect([jid, operation.method, operation.path, status]).toEqual([
          jid,
          operation.method,
          operation.path,
          403,
        ])
      }
  for (const as of ['guest', 'Bearer bfy_of-nobody', basic(ROMEO, 'a wrong password')])
    for (const operation of OPERATIONS) expect((await calls(w, operation, as)).status).toBe(401)
  expect(state(w)).toBe(before)
})

test('a token that was taken back does nothing to rooms any more', async () => {
  using w = await road()
  await make(w)
  const made = await w.call('POST', '/v1/tokens', {
    as: 'operator',
    body: { name: 't', scopes: ['rooms:write'] },
  })
  const { id, token } = (await made.json()) as { id: string; token: string }
  const change = () => w.call('PATCH', room, { as: `Bearer ${token}`, body: { name: 'Ours' } })
  expect((await change()).status).toBe(200)
  expect((await w.call('DELETE', `/v1/tokens/${id}`, { as: 'operator' })).status).toBeLessThan(300)
  expect((await change()).status).toBe(401)
})

/** Who is spoken for, and what comes of it in a room that is there. */
const SPEAKERS: readonly [who: string, from: string | undefined, status: number, code?: string][] = [
  ['the room', undefined, 202],
  ['the owner', ROMEO, 202],
  ['a member', JULIET, 202],
  ['a full address of a member', `${JULIET}/balcony`, 422],
  ['an outcast', ROSALINE, 403, 'not-a-member'],
  ['a stranger', ADMIN, 403, 'not-a-member'],
  ['nobody', 'nobody@bix.org', 403, 'not-a-member'],
  ['another server’s account', 'fred@elsewhere.example', 403, 'not-a-member'],
  ['a host', 'bix.org', 422],
  ['the room itself by its address', VERONA, 403, 'not-a-member'],
  ['an occupant’s address', `${VERONA}/juliet`, 422],
]
const KINDS: readonly [kind: string, settings: Record<string, unknown>][] = [
  ['open', { public: true, members_only: false }],
  ['members-only', { members_only: true }],
  ['moderated', { members_only: false, moderated: true }],
  ['semi-anonymous', { non_anonymous: false }],
  ['with a password', { password: 'ring' }],
]

for (const [kind, settings] of KINDS)
  test(`on whose behalf a program may speak in a room that is ${kind}: its members’, under the nick that is theirs`, async () => {
    using w = await road()
    await make(w, settings)
    for (const [who, from, status, code] of SPEAKERS) {
      const before = state(w)
      const body = { ...(from !== undefined && { from }), body: `by ${who}` }
      const answer = await w.call('POST', `${room}/messages`, { as: 'operator', body })
      expect([kind, who, answer.status]).toEqual([kind, who, status])
      if (status === 202) continue
      const problem = await codeOf(answer)
      if (code !== undefined) expect([who, problem]).toEqual([who, code])
      expect([who, state(w) === before]).toEqual([who, true])
    }
    const rows = w.store.db.raw
      .query<{ user: string; nick: string; xml: string }, []>(
        'SELECT user, nick, xml FROM room_archive ORDER BY id',
      )
      .all()
    expect(rows.map(({ user, nick }) => [user, nick])).toEqual([
      ['', ''],
      [ROMEO, 'romeo'],
      [JULIET, 'juliet'],
    ])
    // Nobody's address is in what others read.
    expect(rows.map(({ xml }) => xml).join('')).not.toMatch(/romeo@|juliet@/)
  })

test('on behalf of somebody whose account is gone, or who is banned with the whole domain, nobody speaks', async () => {
  using w = await road()
  await make(w)
  const says = async (from: string) => {
    const answer = await w.call('POST', `${room}/messages`, { as: 'operator', body: { from, body: 'hark' } })
    return [answer.status, answer.status === 202 ? '' : await codeOf(answer)]
  }
  await w.call('PUT', memberPath('other.example'), { as: 'operator', body: { affiliation: 'outcast' } })
  expect(await says('benvolio@other.example')).toEqual([403, 'not-a-member'])
  expect(await says(JULIET)).toEqual([202, ''])
  await w.router.run((t) => w.world.deleteAccount(t, Jid.parse(JULIET)))
  for (let i = 0; i < 5; i++) await w.router.run(() => {})
  expect(await says(JULIET)).toEqual([403, 'not-a-member'])
  // Of a room that is gone, or was never there, nothing is said either.
  expect((await w.call('DELETE', room, { as: 'operator' })).status).toBe(204)
  expect(await says(ROMEO)).toEqual([404, 'no-such-room'])
})
