/** Changes of accounts and of what lets somebody in: one line each, whichever door they came through. */
import { createHmac } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { startLogging, stopLogging } from '../../src/log.ts'
import { SetupLink } from '../../src/accounts/first-admin.ts'
import { ADMIN, basic, JULIET, LOOPBACK, PASSWORD, ROMEO, startHttp } from '../http/support.ts'
import { PASSWORD as STAGE_PASSWORD } from '../support/actor.ts'
import { runs } from '../support/commands.ts'
import { enableOf, PUSH } from '../support/phones.ts'
import { play, type Play } from '../support/world.ts'
import { child } from '../../src/xmpp/xml.ts'

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

describe('apps and phones', () => {
  const APP = 'd4565fa7-4d72-4749-b3d3-740edbf87770'
  const FAST = 'urn:xmpp:fast:0'

  /** A login by XEP-0388; returns its token. */
  async function logsIn(p: Play, app: string, data: string, mechanism = 'PLAIN', more = ''): Promise<string> {
    const actor = p.connect()
    await actor.opens()
    actor.sends(
      `<authenticate xmlns='urn:xmpp:sasl:2' mechanism='${mechanism}'><initial-response>${data}</initial-response>` +
        `<user-agent id='${app}'/>${more}</authenticate>`,
    )
    const success = await actor.next()
    expect(success.name).toBe('success')
    return child(success, 'token', FAST)?.attrs.token ?? ''
  }
  const plain = Buffer.from(`\0romeo\0${STAGE_PASSWORD}`).toString('base64')
  const wish = `<request-token xmlns='${FAST}' mechanism='HT-SHA-256-NONE'/>`

  test('an app’s first token, its end by the app, and the app that makes room for a newer one', async () => {
    using p = play({ toml: '[auth]\nplain = true\n[limits]\nclients_per_user = 1\n' })
    await p.account('romeo@bix.org')
    told()
    const romeo = 'romeo@bix.org | login'
    const token = await logsIn(p, APP, plain, 'PLAIN', wish)
    await logsIn(p, APP, plain, 'PLAIN', wish)
    expect(told()).toEqual([`app token made | 1 | ${romeo}`])
    const again = await logsIn(p, APP, plain, 'PLAIN', wish)
    expect(again).not.toBe(token)
    const proof = createHmac('sha256', again).update('Initiator').digest()
    const ht = Buffer.concat([Buffer.from('romeo\0'), proof]).toString('base64')
    await logsIn(p, APP, ht, 'HT-SHA-256-NONE', `<fast xmlns='${FAST}' invalidate='true'/>`)
    expect(told()).toEqual([`app token revoked | 1 | ${romeo}`])
    p.clock.advance(1)
    await logsIn(p, APP.replace('d', 'e'), plain)
    expect(told()).toEqual([`app logged out for good | romeo@bix.org | ${romeo}`])
  })

  test('a phone comes, moves and goes: by its app, by its owner, by the word of its service', async () => {
    using p = play({ toml: PUSH })
    await p.account('romeo@bix.org')
    const juliet = await p.online('juliet@bix.org/phone')
    const romeo = await p.online('romeo@bix.org/phone')
    told()
    const off = (n: number) =>
      `<disable xmlns='urn:xmpp:push:0' jid='push.bix.org' node='${String(n).repeat(64)}'/>`
    await juliet.asks('set', enableOf(1))
    await juliet.asks('set', enableOf(1))
    await romeo.asks('set', enableOf(1))
    await romeo.asks('set', off(1))
    expect(told()).toEqual([
      'device registered | juliet@bix.org | juliet@bix.org/phone | stream',
      'device moved | romeo@bix.org | romeo@bix.org/phone | stream',
      'device removed | romeo@bix.org | romeo@bix.org/phone | stream',
    ])
    await juliet.asks('set', enableOf(2))
    told()
    const [phone] = p.store.push.devices.of(p.store.accounts.find('juliet@bix.org')?.id ?? 0)
    await p.router.run((t) => t.store.push.devices.forget(phone?.id ?? 0, t.now + 1))
    expect(raw.join('')).not.toContain('2222')
    expect(told()).toEqual(['device removed | juliet@bix.org | server | server'])
  })

  test('an app that its owner logs out over HTTP', async () => {
    using w = await startHttp()
    const account = w.world.store.accounts.find(ROMEO)
    if (!account) throw new Error('no romeo')
    const agent = { id: APP, software: 'Chat', device: undefined }
    await w.router.run((t) => t.store.clients.seen(account, agent, t.now, 9))
    told()
    await w.call('DELETE', '/v1/me/apps/1', { as: basic(ROMEO) })
    expect(told()).toEqual([`app logged out for good | ${ROMEO} | ${ROMEO} | HTTP`])
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
