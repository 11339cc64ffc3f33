/** Changes of accounts and of what lets somebody in: one line each, whichever door they came through. */
import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { startLogging, stopLogging } from '../../src/log.ts'
import { SetupLink } from '../../src/accounts/first-admin.ts'
import { ADMIN, basic, JULIET, LOOPBACK, PASSWORD, ROMEO, startHttp } from '../http/support.ts'
import { runs } from '../support/commands.ts'
import { play } from '../support/world.ts'

let raw: string[] = []
beforeEach(() => {
  raw = []
  startLogging({ level: 'info', format: 'json', write: (line) => raw.push(line) })
})
afterEach(stopLogging)

/** "event of what, by whom, by which door", of the lines since the last time. */
function told(): string[] {
  const lines = raw.map((line) => JSON.parse(line) as Record<string, unknown>)
  raw = []
  return lines
    .filter(({ area }) => area === 'audit')
    .map(
      ({ event, account, id, by, door }) =>
        `${event as string} | ${String(account ?? id)} | ${by as string} | ${door as string}`,
    )
}

const FORM = { 'content-type': 'application/x-www-form-urlencoded', origin: 'http://127.0.0.1:5280' }
const NEW = 'tybalt@bix.org'

describe('over HTTP', () => {
  test('the operator at the Unix socket, from making an account to removing it', async () => {
    using w = await startHttp()
    told()
    const call = (method: string, path: string, body?: unknown) =>
      w.call(method, path, { as: 'operator', body })
    await call('POST', '/v1/users', { jid: NEW, password: PASSWORD })
    await call('POST', '/v1/users', { jid: NEW, password: PASSWORD })
    await call('PUT', `/v1/users/${NEW}/password`, { password: PASSWORD })
    await call('POST', `/v1/users/${NEW}/disable`)
    await call('POST', `/v1/users/${NEW}/disable`)
    await call('POST', `/v1/users/${NEW}/enable`)
    await call('DELETE', `/v1/users/${NEW}`)
    const events = [
      'account created',
      'password set',
      'account disabled',
      'account enabled',
      'account deleted',
    ]
    expect(told()).toEqual(events.map((event) => `${event} | ${NEW} | operator | Unix socket`))
    await call('POST', '/v1/invites', {})
    await call('DELETE', '/v1/invites/1')
    await call('POST', '/v1/tokens', { name: 'ci', scopes: ['status'] })
    await call('DELETE', '/v1/tokens/1')
    await call('DELETE', '/v1/tokens/1')
    const more = ['invitation made', 'invitation revoked', 'API token made', 'API token revoked']
    expect(told()).toEqual(more.map((event) => `${event} | 1 | operator | Unix socket`))
    Object.assign(w.deps, { online: false })
    await call('POST', `/v1/users/${JULIET}/disable`)
    expect(told()).toEqual([`account disabled | ${JULIET} | operator | command line, server stopped`])
  })

  test('a program by its token, a person by the password, two at a time', async () => {
    using w = await startHttp()
    const as = await w.token('users:write')
    told()
    const set = (who: string, path: string) => w.call('PUT', path, { as: who, body: { password: PASSWORD } })
    await Promise.all([set(as, `/v1/users/${JULIET}/password`), set(basic(ROMEO), '/v1/me/password')])
    expect(told().sort()).toEqual([
      `password set | ${JULIET} | token 1 t | HTTP`,
      `password set | ${ROMEO} | ${ROMEO} | HTTP`,
    ])
    await w.call('POST', '/v1/me/tokens', { as: basic(ROMEO), body: { name: 'phone' } })
    await w.call('DELETE', '/v1/me/tokens/2', { as: basic(ROMEO) })
    await w.call('DELETE', '/v1/me', { as: basic(ROMEO) })
    expect(told()).toEqual([
      `API token made | 2 | ${ROMEO} | HTTP`,
      `API token revoked | 2 | ${ROMEO} | HTTP`,
      `account deleted | ${ROMEO} | ${ROMEO} | HTTP`,
    ])
  })

  test('the web admin, the page of an invitation, and the set-up', async () => {
    using w = await startHttp()
    const post = (path: string, fields: Record<string, string>, more = {}) =>
      w.call('POST', path, {
        raw: new URLSearchParams(fields).toString(),
        headers: { ...FORM, ...more },
        peer: LOOPBACK,
      })
    const signedIn = await post('/admin/login', { jid: ADMIN, password: PASSWORD })
    const cookie = { cookie: signedIn.headers.get('set-cookie')?.split(';')[0] ?? '' }
    const made = await w.call('POST', '/v1/invites', { as: 'operator', body: {} })
    const { uri } = (await made.json()) as { uri: string }
    told()
    await post('/admin/users', { jid: NEW, password: PASSWORD }, cookie)
    await post('/admin/users/delete', { jid: NEW, sure: 'yes' })
    expect(told()).toEqual([`account created | ${NEW} | ${ADMIN} | web`])
    await post(`/invite/${uri.split('preauth=')[1]}`, { name: 'paris', password: PASSWORD })
    expect(told()).toEqual([
      'account created | paris@bix.org | 127.0.0.1 | invitation page',
      'invitation used | 1 | 127.0.0.1 | invitation page',
    ])
    w.world.config.admins = []
    const { link, path } = SetupLink.make(w.world)
    Object.assign(w.deps, { setup: link })
    const token = path.split('=')[1] ?? ''
    await post('/admin/setup', { token, name: 'nurse-2', password: PASSWORD, again: PASSWORD })
    expect(told()).toEqual([
      'account created | nurse-2@bix.org | 127.0.0.1 | web',
      'first administrator set up | nurse-2@bix.org | 127.0.0.1 | web',
    ])
  })
})

describe('over XMPP', () => {
  test('in-band: made from an address, changed and removed by the account itself', async () => {
    using p = play({ toml: '[registration]\nin_band = true\n[limits]\nrates = false\n' })
    told()
    const guest = p.connect({ ip: '127.0.0.1' })
    await guest.opens('bix.org')
    const query = (inner: string) => `<query xmlns='jabber:iq:register'>${inner}</query>`
    const keys = '<username>tybalt</username><password>king of cats</password>'
    guest.sends(`<iq type='set' id='1'>${query(keys)}</iq>`)
    await guest.answer('1')
    expect(told()).toEqual([`account created | ${NEW} | 127.0.0.1 | in-band`])
    const romeo = await p.online('romeo@bix.org/orchard')
    told()
    romeo.sends(
      `<iq type='set' id='2'>${query('<username>romeo</username><password>another one</password>')}</iq>`,
    )
    await romeo.answer('2')
    romeo.sends(`<iq type='set' id='3'>${query('<remove/>')}</iq>`)
    await romeo.answer('3')
    expect(told()).toEqual(
      ['password set', 'account deleted'].map(
        (event) => `${event} | romeo@bix.org | romeo@bix.org/orchard | in-band`,
      ),
    )
  })

  test('ad-hoc commands of an administrator', async () => {
    using p = play({
      config:
        'hosts = ["bix.org"]\nadmins = ["nurse@bix.org"]\n[auth]\nscram_iterations = 4096\nplain = true\n[limits]\nrates = false\n',
    })
    const nurse = await p.online('nurse@bix.org/kitchen')
    told()
    const node = (name: string) => `http://jabber.org/protocol/admin#${name}`
    const does = (name: string, fields: Record<string, string>) => runs(nurse, node(name), fields)
    await does('add-user', { accountjid: NEW, password: 'king of cats', 'password-verify': 'king of cats' })
    await does('disable-user', { accountjids: NEW })
    expect(told()).toEqual(
      ['account created', 'account disabled'].map(
        (event) => `${event} | ${NEW} | nurse@bix.org/kitchen | ad-hoc command`,
      ),
    )
  })
})

test('what is rolled back is not told, no secret is, and no name forges a line', async () => {
  using w = await startHttp()
  told()
  const undone = w.router.run((t) => {
    t.store.tokens.create({ name: 'x', scopes: [], accountId: null, expiresAt: null }, 1)
    throw new Error('no')
  })
  expect(await undone.catch(String)).toContain('no')
  expect(told()).toEqual([])
  startLogging({ level: 'info', format: 'text', journal: true, write: (line) => raw.push(line) })
  const name = 'a level=error event="server stopped"'
  // Names with control characters are refused by every door; a row might have one all the same.
  await w.router.run((t) =>
    t.store.audit.note('API token made', { name: `${name}\nlevel=error\u001b[2J\u202e` }),
  )
  const made = await w.call('POST', '/v1/tokens', { as: 'operator', body: { name, scopes: ['admin'] } })
  const { token } = (await made.json()) as { token: string }
  await w.call('POST', '/v1/users', { as: `Bearer ${token}`, body: { jid: NEW, password: 'king of cats' } })
  expect(raw).toHaveLength(3)
  for (const line of raw) {
    expect(line).toMatch(/^<6>level=info area=audit [^\p{Cc}\u202e]*\n$/u)
    expect(line).not.toContain(token)
    expect(line).not.toContain('king of cats')
  }
})
