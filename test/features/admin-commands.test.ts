import { describe, expect, test } from 'bun:test'
import { Session } from '../../src/routing/session.ts'
import { Jid } from '../../src/xmpp/jid.ts'
import { child, childText, elements, firstElement } from '../../src/xmpp/xml.ts'
import type { Actor } from '../support/actor.ts'
import {
  COMMANDS,
  commandOf,
  commandText,
  type Fields,
  resultOf,
  runs,
  submits,
} from '../support/commands.ts'
import { play, type Play } from '../support/world.ts'

const ADMIN = 'http://jabber.org/protocol/admin#'
const TOML = 'admins = ["nurse@bix.org"]\n'
const NODES = [
  'add-user',
  'delete-user',
  'disable-user',
  'reenable-user',
  'end-user-session',
  'change-user-password',
  'user-stats',
  'get-registered-users-num',
  'get-disabled-users-num',
  'get-online-users-num',
  'get-registered-users-list',
  'get-disabled-users-list',
  'get-online-users-list',
  'get-user-lastlogin',
  'get-user-roster',
  'announce',
  'set-motd',
  'edit-motd',
  'delete-motd',
  'set-welcome',
  'delete-welcome',
]

async function house(more = ''): Promise<{ p: Play; nurse: Actor; [Symbol.dispose](): void }> {
  const p = play({
    config: `hosts = ["bix.org", "other.example"]\n${TOML}[auth]\nplain = true\nscram_iterations = 4096\n[limits]\nrates = false\n${more}`,
  })
  const nurse = await p.online('nurse@bix.org/kitchen')
  return { p, nurse, [Symbol.dispose]: () => p[Symbol.dispose]() }
}

const run = (actor: Actor, name: string, fields: Fields) => runs(actor, ADMIN + name, fields)

async function isRefused(actor: Actor, condition: string, name: string, fields: Fields): Promise<void> {
  const answer = await submits(actor, ADMIN + name, fields)
  const error = child(answer, 'error')
  expect(error && firstElement(error)?.name).toBe(condition)
}

async function logsIn(p: Play, name: string, password: string): Promise<boolean> {
  const actor = p.connect()
  await actor.opens()
  const plain = Buffer.from(`\0${name}\0${password}`).toString('base64')
  actor.sends(`<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>${plain}</auth>`)
  return (await actor.next()).name === 'success'
}

describe('XEP-0133 §6: only for those whom the configuration names', () => {
  test('§3, §6: administrators see the commands, nobody else sees or runs one', async () => {
    using h = await house()
    const romeo = await h.p.online('romeo@bix.org/orchard')
    const items = `<query xmlns='http://jabber.org/protocol/disco#items' node='${COMMANDS}'/>`
    const list = async (actor: Actor) => {
      const query = firstElement(await actor.asks('get', items, 'bix.org'))
      return query
        ? elements(query)
            .map(({ attrs }) => attrs.node ?? '')
            .filter((node) => node.startsWith(ADMIN))
        : []
    }
    expect((await list(h.nurse)).sort()).toEqual(NODES.map((name) => ADMIN + name).sort())
    expect(await list(romeo)).toEqual([])
    for (const name of [...NODES, 'get-user-password']) {
      await romeo.isRefused('forbidden', 'set', commandText(ADMIN + name), 'bix.org')
    }
  })

  test('nor with the id of an administrator’s session', async () => {
    using h = await house()
    const romeo = await h.p.online('romeo@bix.org/orchard')
    const node = `${ADMIN}delete-user`
    const { sessionid = '' } = commandOf(await h.nurse.asks('set', commandText(node), 'bix.org')).attrs
    const stolen = commandText(node, { sessionid }, { accountjids: 'nurse@bix.org' })
    await romeo.isRefused('forbidden', 'set', stolen, 'bix.org')
  })
})

describe('XEP-0133 §4.1: add a user', () => {
  test('the account is there and can log in; a weak password warns', async () => {
    using h = await house()
    const made = await run(h.nurse, 'add-user', {
      accountjid: 'Peter@bix.org',
      password: 'a good password',
      'password-verify': 'a good password',
    })
    expect(made.attrs.status).toBe('completed')
    expect(elements(made)).toEqual([])
    expect(await logsIn(h.p, 'peter', 'a good password')).toBe(true)
    const weak = await run(h.nurse, 'add-user', { accountjid: 'sampson@other.example', password: 'abc' })
    expect(child(weak, 'note')?.attrs.type).toBe('warn')
    expect(h.p.store.accounts.find('sampson@other.example')).toBeDefined()
  })

  test('§5: what is refused: a taken name is a conflict', async () => {
    using h = await house()
    const password = 'a good password'
    const cases: [condition: string, fields: Fields][] = [
      ['conflict', { accountjid: 'nurse@bix.org', password }],
      ['bad-request', { accountjid: 'peter@elsewhere.example', password }],
      ['bad-request', { accountjid: 'bix.org', password }],
      ['bad-request', { accountjid: 'peter@bix.org/home', password }],
      ['bad-request', { accountjid: 'pe ter@bix.org', password }],
      ['bad-request', { accountjid: 'peter@bix.org' }],
      ['bad-request', { accountjid: 'peter@bix.org', password: '' }],
      ['bad-request', { password }],
      ['bad-request', { accountjid: 'peter@bix.org', password, 'password-verify': 'another' }],
      ['not-acceptable', { accountjid: 'peter@bix.org', password: 'x'.repeat(1025) }],
    ]
    for (const [condition, fields] of cases) await isRefused(h.nurse, condition, 'add-user', fields)
    expect(h.p.store.accounts.count()).toBe(1)
  })

  test('two that add the same name at once: one of them', async () => {
    using h = await house()
    const fields = { accountjid: 'peter@bix.org', password: 'a good password' }
    const answers = await Promise.all([1, 2].map(() => submits(h.nurse, `${ADMIN}add-user`, fields)))
    expect(answers.map(({ attrs }) => attrs.type).toSorted()).toEqual(['error', 'result'])
  })
})

describe('XEP-0133 §4.2–§4.5: accounts and their sessions', () => {
  test('§4.2: deleted, with sessions and all; all of the list or none', async () => {
    using h = await house()
    const romeo = await h.p.online('romeo@bix.org/orchard')
    await h.p.account('juliet@bix.org')
    await isRefused(h.nurse, 'item-not-found', 'delete-user', {
      accountjids: ['juliet@bix.org', 'nobody@bix.org'],
    })
    expect(h.p.store.accounts.find('juliet@bix.org')).toBeDefined()
    await run(h.nurse, 'delete-user', { accountjids: ['juliet@bix.org', 'romeo@bix.org'] })
    await romeo.cutOffAmong('not-authorized')
    for (const name of ['romeo', 'juliet']) {
      expect(h.p.store.accounts.find(`${name}@bix.org`)).toBeUndefined()
      expect(h.p.reloaded().accounts.find(`${name}@bix.org`)).toBeUndefined()
    }
  })

  test('§4.3, §4.4: disabled, its sessions end and logins fail, its data stays; then enabled again', async () => {
    using h = await house()
    const romeo = await h.p.online('romeo@bix.org/orchard')
    await romeo.asks('set', `<vCard xmlns='vcard-temp'><FN>Romeo</FN></vCard>`)
    await run(h.nurse, 'disable-user', { accountjids: 'romeo@bix.org' })
    await romeo.cutOffAmong('policy-violation')
    expect(await logsIn(h.p, 'romeo', 'wherefore art thou')).toBe(false)
    await run(h.nurse, 'reenable-user', { accountjids: 'romeo@bix.org' })
    expect(await logsIn(h.p, 'romeo', 'wherefore art thou')).toBe(true)
    const account = h.p.store.accounts.find('romeo@bix.org')
    expect(account && h.p.store.accounts.vcard(account)).toContain('Romeo')
  })

  test('§4.5: one session by its full address, all of them by the bare one', async () => {
    using h = await house()
    const [orchard, street, mantua] = await Promise.all(
      ['orchard', 'street', 'mantua'].map((place) => h.p.online(`romeo@bix.org/${place}`)),
    )
    await run(h.nurse, 'end-user-session', { accountjids: 'romeo@bix.org/street' })
    await street?.cutOffAmong('policy-violation')
    await orchard?.settles()
    await run(h.nurse, 'end-user-session', { accountjids: 'romeo@bix.org' })
    await orchard?.cutOffAmong('policy-violation')
    await mantua?.cutOffAmong('policy-violation')
    const again = await run(h.nurse, 'end-user-session', { accountjids: 'romeo@bix.org' })
    expect(child(again, 'note')?.toString()).toBe('<note type="warn">Nobody of them was here.</note>')
    expect(await logsIn(h.p, 'romeo', 'wherefore art thou')).toBe(true)
  })

  test('nobody deletes or disables himself', async () => {
    using h = await house()
    for (const name of ['delete-user', 'disable-user'])
      await isRefused(h.nurse, 'not-allowed', name, { accountjids: 'nurse@bix.org' })
  })

  test('limits.command_accounts: at the limit, and one above', async () => {
    using h = await house('command_accounts = 2\n')
    for (const name of ['a', 'b', 'c']) await h.p.account(`${name}@bix.org`)
    const three = ['a@bix.org', 'b@bix.org', 'c@bix.org']
    await isRefused(h.nurse, 'bad-request', 'delete-user', { accountjids: three })
    await run(h.nurse, 'delete-user', { accountjids: three.slice(0, 2) })
    expect(h.p.store.accounts.count()).toBe(2)
    await isRefused(h.nurse, 'bad-request', 'delete-user', {})
  })
})

test('XEP-0133 §4.6: nobody reads a password', async () => {
  using h = await house()
  await h.nurse.isRefused('not-allowed', 'set', commandText(`${ADMIN}get-user-password`), 'bix.org')
})

test('XEP-0133 §4.7: the new password holds, the old one no more', async () => {
  using h = await house()
  await h.p.account('romeo@bix.org')
  await run(h.nurse, 'change-user-password', { accountjid: 'romeo@bix.org', password: 'banished!' })
  expect(await logsIn(h.p, 'romeo', 'banished!')).toBe(true)
  expect(await logsIn(h.p, 'romeo', 'wherefore art thou')).toBe(false)
  await isRefused(h.nurse, 'item-not-found', 'change-user-password', {
    accountjid: 'no@bix.org',
    password: 'x',
  })
})

test('XEP-0133 §4.10, §4.13, §4.15, §4.20: figures and lists, of the host that was asked', async () => {
  using h = await house()
  const romeo = await h.p.online('romeo@bix.org/orchard')
  await h.p.online('romeo@bix.org/street')
  await h.p.online('rosaline@other.example/ball')
  await romeo.asks('set', `<query xmlns='jabber:iq:roster'><item jid='juliet@bix.org'/></query>`)
  const stats = await run(h.nurse, 'user-stats', { accountjid: 'romeo@bix.org' })
  expect(resultOf(stats, 'rostersize')).toEqual(['1'])
  expect(resultOf(stats, 'onlineresources').toSorted()).toEqual(['orchard', 'street'])
  expect(resultOf(stats, 'ipaddresses')).toEqual(['192.0.2.1'])
  const figure = async (name: string, field: string, host: string) =>
    resultOf(commandOf(await h.nurse.asks('set', commandText(ADMIN + name), host)), field)
  expect(await figure('get-registered-users-num', 'registeredusersnum', 'bix.org')).toEqual(['2'])
  expect(await figure('get-registered-users-num', 'registeredusersnum', 'other.example')).toEqual(['1'])
  expect(await figure('get-online-users-num', 'onlineusersnum', 'bix.org')).toEqual(['2'])
  const list = async (max: string) =>
    resultOf(await run(h.nurse, 'get-online-users-list', { max_items: max }), 'onlineuserjids')
  expect(await list('25')).toEqual(['nurse@bix.org', 'romeo@bix.org'])
  expect(await list('1')).toEqual(['nurse@bix.org'])
  // XEP-0004 §3.3: several values have a type that may have several.
  const answer = await run(h.nurse, 'get-online-users-list', { max_items: '25' })
  expect(answer.toString()).toContain('<field var="onlineuserjids" type="jid-multi">')
  for (const wrong of ['0', '-1', 'many'])
    await isRefused(h.nurse, 'bad-request', 'get-online-users-list', { max_items: wrong })
})

test('XEP-0133 §4.23: everyone who is online at that host hears it, and nobody later', async () => {
  using h = await house()
  const romeo = await h.p.online('romeo@bix.org/orchard')
  const rosaline = await h.p.online('rosaline@other.example/ball')
  await h.p.account('juliet@bix.org')
  await run(h.nurse, 'announce', { announcement: ['Supper', 'is ready'] })
  const heard = await romeo.receives(
    `<message type='headline' from='bix.org' to='romeo@bix.org/orchard'><subject>Announcement</subject><body>Supper\nis ready</body></message>`,
  )
  expect(childText(heard, 'body')).toBe('Supper\nis ready')
  await rosaline.hearsNothing()
  const juliet = await h.p.online('juliet@bix.org/balcony')
  await juliet.hearsNothing()
  await isRefused(h.nurse, 'bad-request', 'announce', { announcement: ' ' })
})

test('XEP-0133 §4.23: a large audience hears it in several turns, each of it once', async () => {
  using h = await house()
  const heard: string[] = []
  const account = h.p.store.accounts.find('nurse@bix.org')
  if (!account) throw new Error('no nurse')
  for (let i = 0; i < 1001; i++) {
    const jid = Jid.parse(`nurse@bix.org/room${i}`)
    const outlet = { send: () => void heard.push(jid.resource), close() {}, ip: '192.0.2.1', kind: 'tls' }
    h.p.world.sessions.add(new Session(jid, account, outlet, 0))
  }
  await run(h.nurse, 'announce', { announcement: 'Supper' })
  for (let turn = 0; turn < 3; turn++) await h.nurse.settles()
  expect(heard.length).toBe(1001)
  expect(new Set(heard).size).toBe(1001)
})
