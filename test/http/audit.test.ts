/** Who has changed what: rows that stay, whichever door a change came through, and what reads them. */
import { describe, expect, test } from 'bun:test'
import { runs } from '../support/commands.ts'
import { enableOf } from '../support/phones.ts'
import { play } from '../support/world.ts'
import { ADMIN, basic, type HttpWorld, JULIET, LOOPBACK, PASSWORD, ROMEO, startHttp } from './support.ts'

interface Entry {
  readonly id: number
  readonly event: string
  readonly by: string
  readonly door: string
  readonly address: string | null
  readonly about: string | null
  readonly facts: Record<string, unknown>
}

async function entries(w: HttpWorld, query = ''): Promise<{ items: Entry[]; next: string | null }> {
  const answer = await w.call('GET', `/v1/audit${query}`, { as: 'operator' })
  expect(answer.status).toBe(200)
  return (await answer.json()) as { items: Entry[]; next: string | null }
}

const lines = ({ items }: { items: Entry[] }): string[] =>
  items.map(({ event, about, by, door, address }) => [event, about, by, door, address].join(' | '))

describe('GET /v1/audit', () => {
  test('has each change with its door and address, the newest first', async () => {
    using w = await startHttp()
    const token = await w.token('users:write')
    const body = { jid: 'tybalt@bix.org', password: PASSWORD }
    await w.call('POST', '/v1/users', {
      as: token,
      body,
      peer: { kind: 'tcp', address: '192.0.2.7', tls: true },
    })
    await w.call('POST', '/v1/users/tybalt@bix.org/disable', { as: 'operator' })
    expect(lines(await entries(w, '?about=tybalt@bix.org'))).toEqual([
      'account disabled | tybalt@bix.org | operator | Unix socket | ',
      'account created | tybalt@bix.org | token 1 t | HTTP | 192.0.2.7',
    ])
  })

  test('says what was there before and after, and no secret', async () => {
    using w = await startHttp()
    const call = (method: string, path: string, body?: object) =>
      w.call(method, path, { as: 'operator', body })
    const made = await call('POST', '/v1/rooms', { name: 'Orchard', members: [{ jid: JULIET }] })
    const { jid } = (await made.json()) as { jid: string }
    await call('PATCH', `/v1/rooms/${jid}`, { name: 'Balcony', settings: { password: 'wherefore' } })
    await call('PUT', `/v1/rooms/${jid}/members/${JULIET}`, { affiliation: 'admin' })
    const { items } = await entries(w, `?about=${jid}`)
    const [admin, configured] = items
    expect(admin).toMatchObject({
      event: 'room affiliation changed',
      facts: { user: JULIET, before: 'member', after: 'admin' },
    })
    expect(configured).toMatchObject({
      event: 'room configured',
      facts: {
        before: { name: 'Orchard', password: 'none' },
        after: { name: 'Balcony', password: 'set' },
      },
    })
    expect(JSON.stringify(items)).not.toContain('wherefore')
  })

  test('has what changes no row of its own: a ban that is ended; what changed nothing is not there', async () => {
    using w = await startHttp()
    for (let i = 0; i < 40; i++) w.deps.logins.failed('192.0.2.9', JULIET)
    expect(w.deps.logins.bans()).toHaveLength(1)
    await w.call('DELETE', '/v1/bans/192.0.2.9', { as: 'operator' })
    await w.call('DELETE', `/v1/users/${JULIET}/sessions`, { as: 'operator' })
    await w.call('POST', '/v1/webhook/replay', { as: 'operator' })
    const { items } = await entries(w, '?by=operator')
    expect(items).toMatchObject([{ event: 'ban ended', facts: { network: '192.0.2.9' } }])
  })

  test('reading and what is refused leave nothing', async () => {
    using w = await startHttp()
    await w.call('GET', '/v1/users', { as: 'operator' })
    await w.call('POST', '/v1/users', { as: 'operator', body: { jid: JULIET, password: PASSWORD } })
    await w.call('POST', '/v1/users', { as: 'operator', body: { jid: 'not an address' } })
    expect((await entries(w)).items.filter(({ by }) => by === 'operator')).toEqual([])
  })

  test('people cannot fill it with what they do themselves', async () => {
    using w = await startHttp()
    const before = (await entries(w)).items.length
    await w.call('PUT', '/v1/me/password', { as: basic(ROMEO), body: { password: PASSWORD } })
    await w.call('POST', '/v1/me/tokens', { as: basic(ROMEO), body: { name: 'phone' } })
    expect((await entries(w)).items).toHaveLength(before)
    await w.call('DELETE', '/v1/me', { as: basic(ROMEO) })
    expect(lines(await entries(w, `?about=${ROMEO}&event=account deleted`))[0]).toBe(
      `account deleted | ${ROMEO} | ${ROMEO} | HTTP | 127.0.0.1`,
    )
  })

  test('pages by a cursor, by who did it and by door; a cursor from elsewhere is refused', async () => {
    using w = await startHttp()
    for (let i = 0; i < 5; i++)
      await w.call('POST', `/v1/users/${JULIET}/${i % 2 === 0 ? 'disable' : 'enable'}`, { as: 'operator' })
    const first = await entries(w, '?by=operator&limit=3')
    const second = await entries(w, `?by=operator&limit=3&cursor=${String(first.next)}`)
    const ids = [...first.items, ...second.items].map(({ id }) => id)
    expect(new Set(ids).size).toBe(ids.length)
    expect(ids).toEqual(ids.toSorted((a, b) => b - a))
    expect(second.next).toBeNull()
    expect((await entries(w, '?door=web')).items).toEqual([])
    expect((await entries(w, '?since=2999-01-01T00:00:00Z')).items).toEqual([])
    expect((await w.call('GET', '/v1/audit?cursor=x', { as: 'operator' })).status).toBe(422)
    expect((await w.call('GET', '/v1/audit', { as: await w.token('users:read') })).status).toBe(403)
    expect((await w.call('GET', '/v1/audit', { as: await w.token('audit:read') })).status).toBe(200)
  })
})

test('an ad-hoc command has its administrator and address; what people do on their streams has no row', async () => {
  using p = play()
  p.config.admins = ['nurse@bix.org']
  const nurse = await p.online('nurse@bix.org/desk')
  const juliet = await p.online('juliet@bix.org/phone')
  const rows = () => p.store.audit.page({}, undefined, 100)
  const before = rows().length
  await juliet.asks('set', enableOf(1))
  expect(rows()).toHaveLength(before)
  await runs(nurse, 'http://jabber.org/protocol/admin#end-user-session', { accountjids: 'juliet@bix.org' })
  await runs(nurse, 'http://jabber.org/protocol/admin#announce', { announcement: 'Supper is ready' })
  expect(
    rows()
      .slice(0, 2)
      .map(({ event, by, door, address }) => [event, by, door, typeof address]),
  ).toEqual([
    ['announcement', 'nurse@bix.org/desk', 'ad-hoc command', 'string'],
    ['sessions ended', 'nurse@bix.org/desk', 'ad-hoc command', 'string'],
  ])
})

test('a change that is rolled back leaves no row', async () => {
  using w = await startHttp()
  const before = (await entries(w)).items.length
  const undone = w.router.run((t) => {
    t.store.audit.note('account created', { account: JULIET })
    throw new Error('no')
  })
  expect(await undone.catch(String)).toContain('no')
  expect((await entries(w)).items).toHaveLength(before)
})

test('rows go by age and by number, the oldest first, some at a time', async () => {
  using p = play()
  const note = (n: number) =>
    p.router.run((t) => t.store.audit.note('account created', { account: `u${n}@bix.org` }))
  for (let i = 0; i < 5; i++) await note(i)
  p.clock.advance(10_000)
  for (let i = 5; i < 10; i++) await note(i)
  const about = () => p.store.audit.page({ event: 'account created' }, undefined, 100).map((row) => row.about)
  const purge = (before: number, keep: number, limit: number) =>
    p.router.run((t) => t.store.audit.purge(before, keep, limit))
  expect(await purge(p.clock.now() - 5_000, Infinity, 3)).toBe(3)
  expect(await purge(p.clock.now() - 5_000, Infinity, 3)).toBe(2)
  expect(about()).toEqual([9, 8, 7, 6, 5].map((n) => `u${n}@bix.org`))
  expect(await purge(0, 2, 100)).toBe(3)
  expect(about()).toEqual(['u9@bix.org', 'u8@bix.org'])
})

test('the page shows them to an administrator, escaped, and his signing in is one', async () => {
  using w = await startHttp()
  const form = { 'content-type': 'application/x-www-form-urlencoded', origin: 'http://127.0.0.1:5280' }
  const raw = new URLSearchParams({ jid: ADMIN, password: PASSWORD }).toString()
  const signedIn = await w.call('POST', '/admin/login', { raw, headers: form, peer: LOOPBACK })
  const cookie = signedIn.headers.get('set-cookie')?.split(';')[0] ?? ''
  await w.router.run((t) =>
    t.store.audit.note('account created', { account: '<script>x', name: '"><img src=x>' }),
  )
  const get = async (path: string) =>
    (await w.call('GET', path, { headers: { cookie }, peer: LOOPBACK })).text()
  const page = await get('/admin/audit')
  expect(page).toContain('administrator signed in')
  expect(page).toContain('&lt;script&gt;x')
  expect(page).not.toContain('<img src=x')
  expect(await get('/admin/audit?about=nobody@bix.org&by=')).toContain('Nothing was changed')
})
