/** /v1/rooms with the whole road behind it: groups that the app's own back end makes. */
import { describe, expect, test } from 'bun:test'
import type { Config } from '../../src/config/config.ts'
import { publishFor } from '../../src/accounts/pep/publish.ts'
import { features } from '../../src/features/index.ts'
import { parseStored } from '../../src/xmpp/stored.ts'
import { picture } from '../support/avatars.ts'
import { basic, codeOf, type HttpWorld, JULIET, ROMEO, startHttp } from './support.ts'

const NURSE = 'nurse@bix.org'
const ROSALINE = 'rosaline@other.example'
const VERONA = 'verona@conference.bix.org'

const road = (change: (config: Config) => void = () => {}) =>
  startHttp((config) => {
    config.limits.http_requests_per_ip = Infinity
    change(config)
  }, features)

const ask = (w: HttpWorld, method: string, path = '', body?: unknown): Promise<Response> =>
  w.call(method, `/v1/rooms${path}`, { as: 'operator', ...(body === undefined ? {} : { body }) })

async function answer<T>(response: Promise<Response>, status = 200): Promise<T> {
  const got = await response
  const text = await got.text()
  if (got.status !== status) throw new Error(`${got.status}: ${text}`)
  return (text === '' ? undefined : JSON.parse(text)) as T
}

const refused = async (response: Promise<Response>): Promise<[number, string]> => {
  const got = await response
  return [got.status, await codeOf(got)]
}

interface Placed {
  jid: string
  affiliation: string
  nick: string | null
  bookmarked: boolean
  invited: boolean
}
interface View {
  jid: string
  name: string
  description: string
  subject: string
  avatar: string | null
  members: number
  owners: number
  occupants: number
  settings: Record<string, unknown>
  archive: { messages: number; bytes: number; first: string | null; last: string | null }
  placed: Placed[]
}

const make = (w: HttpWorld, body: Record<string, unknown> = {}): Promise<View> =>
  answer(ask(w, 'POST', '', { jid: VERONA, owner: ROMEO, members: [{ jid: JULIET }], ...body }), 201)

/** Lets what was put off to later turns be done. */
async function settle(w: HttpWorld): Promise<void> {
  for (let n = 0; n < 20; n++) await w.router.run(() => {})
}

const rows = (w: HttpWorld, sql: string, ...values: string[]): string[] =>
  w.store.db.raw
    .query<{ x: string }, string[]>(sql)
    .all(...values)
    .map(({ x }) => x)

const bookmarkOf = (w: HttpWorld, jid: string, node = 'urn:xmpp:bookmarks:1'): string =>
  rows(
    w,
    'SELECT xml AS x FROM pep_items JOIN accounts a ON a.id = account_id WHERE a.jid = ? AND node = ?',
    jid,
    node,
  ).join('')

const offlineOf = (w: HttpWorld, jid: string): string[] =>
  rows(
    w,
    'SELECT xml AS x FROM offline JOIN accounts a ON a.id = account_id WHERE a.jid = ? ORDER BY offline.id',
    jid,
  )

describe('a group is made', () => {
  test('with its members: affiliations, nicks, bookmarks in every form, and a mediated invitation that rings', async () => {
    using w = await road((config) => void (config.push.simulator = true))
    await answer(
      w.call('POST', '/v1/me/devices', {
        as: `Basic ${Buffer.from(`${JULIET}:correct horse`).toString('base64')}`,
        body: { token: 'ab'.repeat(32) },
      }),
    )
    const made = await make(w, {
      name: 'Verona',
      members: [{ jid: JULIET, nick: 'Capulet', affiliation: 'admin' }],
    })
    expect(made.placed).toEqual([
      { jid: ROMEO, affiliation: 'owner', nick: 'romeo', bookmarked: true, invited: true },
      { jid: JULIET, affiliation: 'admin', nick: 'Capulet', bookmarked: true, invited: true },
    ])
    expect(made).toMatchObject({ jid: VERONA, name: 'Verona', members: 2, owners: 1, occupants: 0 })
    expect(made.settings).toMatchObject({ public: false, members_only: true, non_anonymous: true })
    const item = bookmarkOf(w, JULIET)
    expect(item).toContain('autojoin="true"')
    expect(item).toContain('<nick>Capulet</nick>')
    expect(item).toContain('name="Verona"')
    expect(bookmarkOf(w, JULIET, 'storage:bookmarks')).toContain(`jid="${VERONA}"`)
    const [invitation, ...more] = offlineOf(w, JULIET)
    expect(more).toEqual([])
    expect(invitation).toContain('<invite from="verona@conference.bix.org"')
    expect(invitation).not.toContain('jabber:x:conference')
    expect(rows(w, 'SELECT kind AS x FROM outbox')).toEqual(['invitation'])
    expect(w.store.rooms.find(VERONA)?.settings.persistent).toBe(true)
  })

  test('with a name of its own, at a host of its own, and with nobody in it', async () => {
    using w = await road()
    const made = await answer<View>(ask(w, 'POST', '', { host: 'other.example' }), 201)
    expect(made.jid).toMatch(/^[a-z0-9_-]{12}@conference\.other\.example$/)
    expect([made.members, made.placed]).toEqual([0, []])
    expect((await answer<{ items: unknown[] }>(ask(w, 'GET'))).items).toHaveLength(1)
  })

  test('names that are alike are made distinct, in one request and over several', async () => {
    using w = await road()
    const made = await make(w, {
      members: [
        { jid: JULIET, nick: 'Anna' },
        { jid: NURSE, nick: 'anna' },
        { jid: ROSALINE, nick: 'ROMEO' },
      ],
    })
    expect(made.placed.map(({ nick }) => nick)).toEqual(['romeo', 'Anna', 'anna 2', 'ROMEO 2'])
    const again = await answer<Placed>(ask(w, 'PUT', `/${VERONA}/members/${ROMEO}`, { nick: 'ANNA' }))
    expect(again.nick).toBe('ANNA 3')
  })

  test('without bookmark and without invitation where neither is wanted', async () => {
    using w = await road()
    const made = await make(w, { bookmark: false, invite: false })
    expect(made.placed.every(({ bookmarked, invited }) => !bookmarked && !invited)).toBe(true)
    expect([bookmarkOf(w, JULIET), offlineOf(w, JULIET)]).toEqual(['', []])
  })

  test('a bookmark that is there keeps its name, its nick and what clients keep with it', async () => {
    using w = await road()
    const before =
      `<conference xmlns="urn:xmpp:bookmarks:1" name="Ours"><nick>J</nick><extensions>` +
      `<seal xmlns="urn:example:seal" colour="red"/></extensions></conference>`
    await w.router.run((t) => {
      const account = t.store.accounts.find(JULIET)!
      const node = { access_model: ['open'] }
      publishFor(t, account, 'urn:xmpp:bookmarks:1', node, { id: VERONA, payload: parseStored(before) })
    })
    await make(w, { name: 'Verona', settings: { password: 'love' } })
    const item = bookmarkOf(w, JULIET)
    for (const part of [
      'name="Ours"',
      '<nick>J</nick>',
      'colour="red"',
      'autojoin="true"',
      '<password>love</password>',
    ])
      expect(item).toContain(part)
    // The password must not stand where strangers read.
    expect(rows(w, `SELECT config AS x FROM pep_nodes WHERE node = 'urn:xmpp:bookmarks:1'`).join()).toContain(
      'whitelist',
    )
  })

  test('whoever may keep no more bookmarks belongs to it all the same', async () => {
    using w = await road((config) => void (config.limits.bookmarks_bytes = 10))
    const made = await make(w)
    expect(made.placed.map(({ bookmarked, invited }) => [bookmarked, invited])).toEqual([
      [false, true],
      [false, true],
    ])
    expect(bookmarkOf(w, JULIET)).toBe('')
  })

  const BAD: [string, Record<string, unknown>, number, string][] = [
    ['an unknown host', { jid: undefined, host: 'nowhere.example' }, 422, 'unknown-host'],
    ['a room at a host itself', { jid: 'verona@bix.org' }, 422, 'unknown-host'],
    ['a room of another host than said', { host: 'other.example' }, 422, 'unknown-host'],
    ['no local part', { jid: 'conference.bix.org' }, 422, 'invalid'],
    ['a nick as the address', { jid: `${VERONA}/nick` }, 422, 'invalid'],
    ['a member that is nobody', { members: [{ jid: 'paris@bix.org' }] }, 404, 'no-such-user'],
    ['a member of elsewhere', { members: [{ jid: 'paris@elsewhere.example' }] }, 422, 'unknown-host'],
    ['an owner that is nobody', { owner: 'paris@bix.org' }, 404, 'no-such-user'],
    ['a member twice', { members: [{ jid: JULIET }, { jid: 'JULIET@bix.org', nick: 'J' }] }, 422, 'twice'],
    ['the owner as a member', { members: [{ jid: ROMEO }] }, 422, 'twice'],
    ['an empty nick', { members: [{ jid: JULIET, nick: '' }] }, 422, 'invalid'],
    ['a nick of a space', { members: [{ jid: JULIET, nick: ' ' }] }, 422, 'invalid'],
    ['a nick of 1,100 bytes', { members: [{ jid: JULIET, nick: 'x'.repeat(1100) }] }, 422, 'invalid'],
    ['a nick with a line end', { members: [{ jid: JULIET, nick: 'a\nb' }] }, 422, 'invalid'],
    ['a name of 256 characters', { name: 'x'.repeat(256) }, 422, 'invalid'],
    ['an affiliation that there is not', { members: [{ jid: JULIET, affiliation: 'king' }] }, 422, 'invalid'],
    ['a setting that there is not', { settings: { colour: 'red' } }, 422, 'invalid'],
  ]
  test.each(BAD)('%s: nothing is written', async (_name, wrong, status, code) => {
    using w = await road()
    const body = { jid: VERONA, owner: ROMEO, members: [{ jid: JULIET }], ...wrong }
    expect(await refused(ask(w, 'POST', '', body))).toEqual([status, code])
    for (const table of ['rooms', 'room_affiliations', 'pep_items', 'offline'])
      expect(rows(w, `SELECT count(*) AS x FROM ${table}`).join()).toBe('0')
  })

  test('twice under one address, or where one was destroyed, is a conflict', async () => {
    using w = await road()
    await make(w)
    expect(await refused(ask(w, 'POST', '', { jid: VERONA }))).toEqual([409, 'conflict'])
    await answer(ask(w, 'DELETE', `/${VERONA}`), 204)
    expect(await refused(ask(w, 'POST', '', { jid: VERONA }))).toEqual([409, 'gone'])
  })

  test('names of 255 bytes in other scripts, nicks with a slash, and the local part of an account', async () => {
    using w = await road()
    const name = '語'.repeat(85)
    const jid = `${ROMEO.split('@')[0]}@conference.bix.org`
    const made = await make(w, {
      jid,
      name,
      members: [
        { jid: JULIET, nick: 'a/b' },
        { jid: NURSE, nick: name },
      ],
    })
    expect([made.jid, made.name]).toEqual([jid, name])
    expect(made.placed.map(({ nick }) => nick)).toEqual(['romeo', 'a/b', name])
    const long = await make(w, { jid: `${'語'.repeat(341)}@conference.bix.org` })
    expect((await answer<View>(ask(w, 'GET', `/${encodeURIComponent(long.jid)}`))).jid).toBe(long.jid)
    expect(bookmarkOf(w, JULIET)).toContain('<nick>a/b</nick>')
  })

  test('without rooms there are none', async () => {
    using w = await road((config) => void (config.muc.enabled = false))
    expect(await refused(ask(w, 'POST', '', {}))).toEqual([422, 'no-rooms'])
  })
})

test('rooms are listed by pages, hidden ones too, of all hosts or of one', async () => {
  using w = await road()
  for (const name of ['c', 'a', 'b']) await make(w, { jid: `${name}@conference.bix.org`, members: [] })
  await make(w, { jid: 'd@conference.other.example', members: [], settings: { public: true } })
  const seen: string[] = []
  let next: string | null = ''
  while (next !== null) {
    const page: { items: View[]; next: string | null } = await answer(
      ask(w, 'GET', `?limit=3${next === '' ? '' : `&cursor=${next}`}`),
    )
    seen.push(...page.items.map(({ jid }) => jid))
    ;({ next } = page)
  }
  expect(seen.map((jid) => jid[0]).join('')).toBe('abcd')
  const other = await answer<{ items: View[] }>(ask(w, 'GET', '?host=other.example'))
  expect(other.items.map(({ jid }) => jid)).toEqual(['d@conference.other.example'])
  expect(await refused(ask(w, 'GET', '?cursor=%21'))).toEqual([400, 'bad-cursor'])
})

test('a room is renamed, described and set; what is not named stays', async () => {
  using w = await road()
  await make(w, { name: 'Verona', settings: { history: 7 } })
  const changed = await answer<View>(
    ask(w, 'PATCH', `/${VERONA}`, { name: 'Mantua', subject: 'Exile', settings: { moderated: true } }),
  )
  expect(changed).toMatchObject({ name: 'Mantua', subject: 'Exile', description: '' })
  expect(changed.settings).toMatchObject({ moderated: true, members_only: true, history: 7 })
  expect((await answer<View>(ask(w, 'GET', `/${VERONA}`))).name).toBe('Mantua')
  expect(await refused(ask(w, 'PATCH', '/nowhere@conference.bix.org', { name: 'x' }))).toEqual([
    404,
    'no-such-room',
  ])
})

test('a room has a picture, or none', async () => {
  using w = await road()
  await make(w)
  const image = picture('verona').base64
  const shown = await answer<View>(ask(w, 'PUT', `/${VERONA}/avatar`, { image }))
  expect(shown.avatar).toMatch(/^[0-9a-f]{40}$/)
  expect(await refused(ask(w, 'PUT', `/${VERONA}/avatar`, { image: 'no picture' }))).toEqual([
    422,
    'not-acceptable',
  ])
  expect((await answer<View>(ask(w, 'PUT', `/${VERONA}/avatar`, { image: null }))).avatar).toBeNull()
})

describe('members', () => {
  test('are added, listed, changed and removed; once more nobody is rung', async () => {
    using w = await road()
    await make(w, { members: [] })
    const add = () => ask(w, 'POST', `/${VERONA}/members`, { members: [{ jid: JULIET }, { jid: NURSE }] })
    expect((await answer<{ items: Placed[] }>(add())).items.map(({ invited }) => invited)).toEqual([
      true,
      true,
    ])
    expect((await answer<{ items: Placed[] }>(add())).items.map(({ invited }) => invited)).toEqual([
      false,
      false,
    ])
    expect(offlineOf(w, JULIET)).toHaveLength(1)
    const page = await answer<{ items: Placed[]; next: string | null }>(
      ask(w, 'GET', `/${VERONA}/members?limit=2`),
    )
    expect(page.items.map(({ jid }) => jid)).toEqual([JULIET, NURSE])
    const rest = await answer<{ items: Placed[] }>(ask(w, 'GET', `/${VERONA}/members?cursor=${page.next}`))
    expect(rest.items).toEqual([
      { jid: ROMEO, affiliation: 'owner', nick: 'romeo', reason: null, unread: 0 } as never,
    ])
    await answer(ask(w, 'PUT', `/${VERONA}/members/${JULIET}`, { affiliation: 'admin' }))
    const admins = await answer<{ items: Placed[] }>(ask(w, 'GET', `/${VERONA}/members?affiliation=admin`))
    expect(admins.items.map(({ jid, nick }) => [jid, nick])).toEqual([[JULIET, 'juliet']])
    await answer(ask(w, 'DELETE', `/${VERONA}/members/${JULIET}?reason=exile`), 204)
    expect(await refused(ask(w, 'DELETE', `/${VERONA}/members/${JULIET}`))).toEqual([404, 'no-such-member'])
    expect(bookmarkOf(w, JULIET)).not.toContain('autojoin')
    expect(offlineOf(w, JULIET).at(-1)).toContain('<body>You were removed from verona: exile</body>')
    expect(await refused(ask(w, 'POST', `/${VERONA}/members`, { members: [] }))).toEqual([422, 'invalid'])
  })

  test('each has so many unread messages, in the list and in /v1/me/rooms, page by page', async () => {
    using w = await road()
    await make(w, { members: [{ jid: JULIET }, { jid: NURSE }] })
    const HEATH = 'heath@conference.bix.org'
    await answer(
      ask(w, 'POST', '', { jid: HEATH, name: 'Heath', owner: ROMEO, members: [{ jid: JULIET, nick: 'J' }] }),
      201,
    )
    const send = (room: string, from: string, body: string) =>
      answer(ask(w, 'POST', `/${room}/messages`, { from, body }), 202)
    await send(VERONA, ROMEO, 'one')
    await send(VERONA, NURSE, 'two')
    await send(HEATH, ROMEO, 'three')
    const page = await answer<{ items: { jid: string; unread: number }[] }>(
      ask(w, 'GET', `/${VERONA}/members`),
    )
    expect(page.items.map(({ jid, unread }) => [jid, unread])).toEqual([
      [JULIET, 2],
      [NURSE, 0],
      [ROMEO, 1],
    ])
    const mine = (query: string) =>
      answer<{ items: unknown[]; next: string | null }>(
        w.call('GET', `/v1/me/rooms${query}`, { as: basic(JULIET) }),
      )
    const first = await mine('?limit=1')
    expect(first.items).toEqual([{ jid: HEATH, name: 'Heath', affiliation: 'member', nick: 'J', unread: 1 }])
    const rest = await mine(`?limit=1&cursor=${first.next}`)
    expect(rest).toEqual({
      items: [{ jid: VERONA, name: '', affiliation: 'member', nick: 'juliet', unread: 2 }],
      next: null,
    })
    await answer(ask(w, 'DELETE', `/${HEATH}`), 204)
    await answer(ask(w, 'PUT', `/${VERONA}/members/${JULIET}`, { affiliation: 'outcast' }))
    expect((await mine('')).items).toEqual([])
  })

  test('who is removed is told only where that is wanted', async () => {
    using w = await road((config) => void (config.muc.tell_removed = false))
    await make(w, { members: [{ jid: JULIET }, { jid: NURSE }] })
    await answer(ask(w, 'DELETE', `/${VERONA}/members/${JULIET}`), 204)
    await answer(ask(w, 'DELETE', `/${VERONA}/members/${NURSE}?tell=true`), 204)
    expect([offlineOf(w, JULIET).length, offlineOf(w, NURSE).length]).toEqual([1, 2])
  })

  test('bans are of accounts and of whole domains; a ban ends what a member had', async () => {
    using w = await road()
    await make(w)
    await answer(ask(w, 'PUT', `/${VERONA}/members/${JULIET}`, { affiliation: 'outcast' }))
    await answer(ask(w, 'PUT', `/${VERONA}/members/evil.example`, { affiliation: 'outcast' }))
    expect(bookmarkOf(w, JULIET)).not.toContain('autojoin')
    expect(await refused(ask(w, 'PUT', `/${VERONA}/members/evil.example`, {}))).toEqual([
      422,
      'not-acceptable',
    ])
    const banned = await answer<{ items: Placed[] }>(ask(w, 'GET', `/${VERONA}/members?affiliation=outcast`))
    expect(banned.items.map(({ jid }) => jid)).toEqual(['evil.example', JULIET])
  })

  test('a list with one that is wrong adds nobody', async () => {
    using w = await road()
    await make(w, { members: [] })
    const members = [{ jid: JULIET }, { jid: 'paris@bix.org' }]
    expect(await refused(ask(w, 'POST', `/${VERONA}/members`, { members }))).toEqual([404, 'no-such-user'])
    expect((await answer<View>(ask(w, 'GET', `/${VERONA}`))).members).toBe(1)
  })

  test('limits.room_affiliations is told, and who came before it stays', async () => {
    using w = await road((config) => void (config.limits.room_affiliations = 2))
    await make(w)
    expect(await refused(ask(w, 'PUT', `/${VERONA}/members/${NURSE}`, {}))).toEqual([
      507,
      'resource-constraint',
    ])
    expect(offlineOf(w, NURSE)).toEqual([])
    expect((await answer<View>(ask(w, 'GET', `/${VERONA}`))).members).toBe(2)
  })
})

describe('messages', () => {
  interface Said {
    body: string | null
    from: string | null
    nick: string | null
    id: string
    stanza_id: string
  }
  const history = (w: HttpWorld, query = '') =>
    answer<{ items: Said[]; next: string | null }>(ask(w, 'GET', `/${VERONA}/messages${query}`))
  const send = (w: HttpWorld, body: Record<string, unknown>) => ask(w, 'POST', `/${VERONA}/messages`, body)

  test('as the room and on behalf of a member, who need not be there', async () => {
    using w = await road()
    await make(w)
    await answer(send(w, { body: 'hark' }), 202)
    await answer(send(w, { from: JULIET, body: 'ay me' }), 202)
    const { items, next } = await history(w)
    expect(next).toBeNull()
    expect(items.map(({ from, nick, body }) => [from, nick, body])).toEqual([
      [JULIET, 'juliet', 'ay me'],
      [null, null, 'hark'],
    ])
    expect(await refused(send(w, { from: NURSE, body: 'madam' }))).toEqual([403, 'not-a-member'])
    const { archive } = await answer<View>(ask(w, 'GET', `/${VERONA}`))
    expect([archive.messages, archive.bytes > 100]).toEqual([2, true])
  })

  test('sent again under its id it is said once; another one under that id is refused', async () => {
    using w = await road()
    await make(w)
    for (let n = 0; n < 2; n++)
      expect(await answer(send(w, { body: 'hark', id: 'a' }), 202)).toEqual({ id: 'a' })
    expect(await refused(send(w, { body: 'other', id: 'a' }))).toEqual([409, 'id-reused'])
    await answer(send(w, { from: JULIET, body: 'other', id: 'a' }), 202)
    expect((await history(w)).items.map(({ body }) => body)).toEqual(['other', 'hark'])
  })

  test('history goes back by pages, of messages and of bytes', async () => {
    using w = await road((config) => void (config.limits.archive_page_bytes = 2000))
    await make(w)
    for (let n = 0; n < 25; n++) await answer(send(w, { body: `n${n}` }), 202)
    const seen: string[] = []
    let next: string | null = ''
    let pages = 0
    while (next !== null) {
      const page: Awaited<ReturnType<typeof history>> = await history(w, next === '' ? '' : `?cursor=${next}`)
      seen.push(...page.items.map(({ body }) => body ?? ''))
      ;({ next } = page)
      pages++
    }
    expect(seen).toEqual(Array.from({ length: 25 }, (_, n) => `n${24 - n}`))
    expect(pages).toBeGreaterThan(2)
    expect(await refused(ask(w, 'GET', `/${VERONA}/messages?cursor=eA`))).toEqual([400, 'bad-cursor'])
  })

  test('members are rung, the one in whose name it is said is not', async () => {
    using w = await road((config) => void (config.push.simulator = true))
    for (const jid of [ROMEO, JULIET])
      await answer(
        w.call('POST', '/v1/me/devices', {
          as: `Basic ${Buffer.from(`${jid}:correct horse`).toString('base64')}`,
          body: { token: (jid === ROMEO ? 'ab' : 'cd').repeat(32) },
        }),
      )
    await make(w, { invite: false })
    await answer(send(w, { from: JULIET, body: 'ay me' }), 202)
    await settle(w)
    const pushed = 'SELECT a.jid || o.kind AS x FROM outbox o JOIN accounts a ON a.id = o.account_id'
    expect(rows(w, pushed)).toEqual([`${ROMEO}body`])
  })
})

test('a room is destroyed with all that was said in it, and nobody enters it by himself any more', async () => {
  using w = await road()
  await make(w)
  await answer(ask(w, 'POST', `/${VERONA}/messages`, { body: 'hark' }), 202)
  await answer(ask(w, 'DELETE', `/${VERONA}?reason=fire&alternate=mantua@conference.bix.org`), 204)
  await settle(w)
  expect(bookmarkOf(w, JULIET)).not.toContain('autojoin')
  expect(rows(w, 'SELECT count(*) AS x FROM room_archive').join()).toBe('0')
  expect(await refused(ask(w, 'GET', `/${VERONA}`))).toEqual([404, 'no-such-room'])
  expect(await refused(ask(w, 'DELETE', `/${VERONA}`))).toEqual([404, 'no-such-room'])
  expect(w.store.rooms.find(VERONA)?.gone).toMatchObject({
    reason: 'fire',
    alternate: 'mantua@conference.bix.org',
  })
})
