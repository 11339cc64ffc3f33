import { describe, expect, test } from 'bun:test'
import { makeInvite, type Wanted } from '../../src/accounts/invites.ts'
import { child, firstElement } from '../../src/xmpp/xml.ts'
import type { Actor } from '../support/actor.ts'
import { COMMANDS, commandOf, commandText, resultOf, runs, submits } from '../support/commands.ts'
import { BASE, play, type Play } from '../support/world.ts'

const INVITE = 'urn:xmpp:invite#invite'
const CREATE = 'urn:xmpp:invite#create-account'
const DAY = 86_400_000
const ADMINS = `admins = ["nurse@bix.org"]\n`
const PASSWORD = 'swear not by the moon'

const register = (username: string) =>
  `<query xmlns='jabber:iq:register'><username>${username}</username><password>${PASSWORD}</password></query>`
const preauth = (token: string) => `<preauth xmlns='urn:xmpp:pars:0' token='${token}'/>`
const tokenOf = (uri: string) => /preauth=([0-9a-f]{32})/.exec(uri)?.[1] ?? ''
const staged = (more = '', admins = ADMINS) => play({ config: `${admins}${BASE}${more}` })

/** An invitation as the operator makes it; returns its token. */
async function invited(p: Play, wanted: Partial<Wanted> = {}): Promise<string> {
  const all = { host: 'bix.org', register: true, contact: false, ...wanted }
  return tokenOf((await p.router.run((t) => makeInvite(t, all))).uri)
}

async function guest(p: Play, host = 'bix.org', ip = '192.0.2.1'): Promise<Actor> {
  const actor = p.connect({ ip })
  await actor.opens(host)
  return actor
}

const subscription = (p: Play, of: string, to: string) => {
  const account = p.store.accounts.find(of)
  return account && p.store.contacts.find(account, to)?.subscription
}

describe('XEP-0401 §5.1: a user invites', () => {
  test('§3: both commands are found by those who may run them', async () => {
    using p = staged()
    const romeo = await p.online('romeo@bix.org/orchard')
    const nurse = await p.online('nurse@bix.org/hall')
    const items = `<query xmlns='http://jabber.org/protocol/disco#items' node='${COMMANDS}'/>`
    expect((await romeo.asks('get', items, 'bix.org')).toString()).toContain(`node="${INVITE}"`)
    expect((await romeo.asks('get', items, 'bix.org')).toString()).not.toContain(CREATE)
    expect((await nurse.asks('get', items, 'bix.org')).toString()).toContain(`node="${CREATE}"`)
    await romeo.isRefused('forbidden', 'set', commandText(CREATE), 'bix.org')
  })

  test('at once: a link to the person, its page and its end; ibr=y only where the operator lets users do that', async () => {
    for (const [more, ibr] of [
      ['', ''],
      ['[invites]\nusers = true\nlifetime = "1d"\n', ';ibr=y'],
    ] as const) {
      using p = staged(`${more}[http]\npublic_url = "https://chat.bix.org/"\n`)
      const romeo = await p.online('rømeo@bix.org/orchard')
      const made = commandOf(await romeo.asks('set', commandText(INVITE), 'bix.org'))
      expect(made.attrs.status).toBe('completed')
      expect(resultOf(made, 'FORM_TYPE')).toEqual(['urn:xmpp:invite#invitation'])
      const [uri = ''] = resultOf(made, 'uri')
      expect(uri).toBe(`xmpp:r%C3%B8meo@bix.org?roster;preauth=${tokenOf(uri)}${ibr}`)
      expect(resultOf(made, 'landing-url')).toEqual([`https://chat.bix.org/invite/${tokenOf(uri)}`])
      expect(resultOf(made, 'expire')).toEqual([
        new Date(p.clock.now() + (ibr === '' ? 7 : 1) * DAY).toISOString(),
      ])
    }
  })

  test('without ibr=y the token makes no account', async () => {
    using p = staged()
    const romeo = await p.online('romeo@bix.org/orchard')
    const [uri = ''] = resultOf(commandOf(await romeo.asks('set', commandText(INVITE), 'bix.org')), 'uri')
    const juliet = await guest(p)
    await juliet.isRefused('item-not-found', 'set', preauth(tokenOf(uri)))
    await juliet.isRefused('service-unavailable', 'set', register('juliet'))
  })

  test('limits.invites_per_user: at the limit, one above, and again when one has ended', async () => {
    using p = play({
      toml: '[limits]\nrates = false\ninvites_per_user = 2\nidle_ping = "0s"\nidle_timeout = "0s"\n',
    })
    const romeo = await p.online('romeo@bix.org/orchard')
    for (let i = 0; i < 2; i++) commandOf(await romeo.asks('set', commandText(INVITE), 'bix.org'))
    await romeo.isRefused('resource-constraint', 'set', commandText(INVITE), 'bix.org')
    // The operator may make more for him.
    await invited(p, { inviter: p.store.accounts.find('romeo@bix.org'), contact: true })
    p.clock.advance(7 * DAY)
    commandOf(await romeo.asks('set', commandText(INVITE), 'bix.org'))
  })
})

describe('XEP-0401 §5.4: an administrator invites to an account', () => {
  test('with a name and without one; what is no name, or taken, is refused', async () => {
    using p = staged()
    const nurse = await p.online('nurse@bix.org/hall')
    const uri = async (username: string) => resultOf(await runs(nurse, CREATE, { username }), 'uri')[0] ?? ''
    expect(await uri('Juliet')).toMatch(/^xmpp:juliet@bix\.org\?register;preauth=[0-9a-f]{32}$/)
    expect(await uri('')).toMatch(/^xmpp:bix\.org\?register;preauth=[0-9a-f]{32}$/)
    for (const [condition, username] of [
      ['bad-request', 'ju liet'],
      ['conflict', 'nurse'],
      ['conflict', 'juliet'],
    ] as const) {
      const answer = await submits(nurse, CREATE, { username })
      const error = child(answer, 'error')
      expect(error && firstElement(error)?.name).toBe(condition)
    }
  })

  test('§5.5: roster-subscription: both are contacts at once, and the inviter hears it by a roster push', async () => {
    using p = staged()
    const nurse = await p.online('nurse@bix.org/hall')
    const made = await runs(nurse, CREATE, { username: 'juliet', 'roster-subscription': '1' })
    const juliet = await guest(p)
    await juliet.asks('set', preauth(tokenOf(resultOf(made, 'uri')[0] ?? '')))
    expect((await juliet.asks('set', register('juliet'))).attrs.type).toBe('result')
    await nurse.receives(
      `<iq type='set' id='{any}' to='nurse@bix.org/hall'><query xmlns='jabber:iq:roster' ver='{any}'><item jid='juliet@bix.org' subscription='both'/></query></iq>`,
    )
    expect(subscription(p, 'juliet@bix.org', 'nurse@bix.org')).toBe('both')
    expect(subscription(p, 'nurse@bix.org', 'juliet@bix.org')).toBe('both')
  })
})

test('limits.roster_items: a full roster stays as it is, and the account is made, the request heard, all the same', async () => {
  using p = play({ toml: '[limits]\nrates = false\nroster_items = 1' })
  const nurse = await p.online('nurse@bix.org/hall')
  await nurse.asks('set', `<query xmlns='jabber:iq:roster'><item jid='a@bix.org'/></query>`)
  const inviter = p.store.accounts.find('nurse@bix.org')
  const token = await invited(p, { contact: true, inviter })
  const juliet = await guest(p)
  await juliet.asks('set', preauth(token))
  expect((await juliet.asks('set', register('juliet'))).attrs.type).toBe('result')
  expect(subscription(p, 'nurse@bix.org', 'juliet@bix.org')).toBeUndefined()
  expect(subscription(p, 'juliet@bix.org', 'nurse@bix.org')).toBe('both')
  const link = await invited(p, { contact: true, register: false, inviter })
  const tybalt = await p.online('tybalt@bix.org/street')
  tybalt.sends(`<presence to='nurse@bix.org' type='subscribe'>${preauth(link)}</presence>`)
  await tybalt.settles()
  expect((inviter && p.store.contacts.find(inviter, 'tybalt@bix.org'))?.listed).not.toBe(true)
  expect(p.store.invites.countOf(inviter?.id ?? 0, p.clock.now())).toBe(1)
})

describe('XEP-0445: registration with a token', () => {
  test('§3: the stream says so before login, and not after it', async () => {
    using p = staged()
    await p.account('romeo@bix.org')
    const actor = p.connect()
    const offered = (el: Parameters<typeof child>[0]) =>
      child(el, 'register', 'urn:xmpp:ibr-token:0') !== undefined
    expect(offered(await actor.opens())).toBe(true)
    await actor.authenticates('romeo')
    expect(offered(await actor.opens())).toBe(false)
  })

  test('§4, XEP-0401 §2: an account is made although in-band registration is closed, from an address that may not register', async () => {
    using p = staged('[registration]\nin_band = false\nip_access = []\n')
    const token = await invited(p)
    const juliet = await guest(p)
    await juliet.isRefused('service-unavailable', 'get', `<query xmlns='jabber:iq:register'/>`)
    expect((await juliet.asks('set', preauth(token))).attrs.type).toBe('result')
    expect((await juliet.asks('get', `<query xmlns='jabber:iq:register'/>`)).attrs.type).toBe('result')
    expect((await juliet.asks('set', register('juliet'))).attrs.type).toBe('result')
    await juliet.authenticates('juliet', PASSWORD)
  })

  test('§4: it is used only when the account is there, and once', async () => {
    using p = staged()
    const token = await invited(p)
    await p.account('romeo@bix.org')
    const first = await guest(p)
    await first.asks('set', preauth(token))
    await first.isRefused('conflict', 'set', register('romeo'))
    const second = await guest(p)
    await second.asks('set', preauth(token))
    expect((await first.asks('set', register('juliet'))).attrs.type).toBe('result')
    await second.isRefused('service-unavailable', 'set', register('rosaline'))
    await second.isRefused('item-not-found', 'set', preauth(token))
    expect(p.store.accounts.count()).toBe(2)
  })

  test('§4: two that use the last one at the same moment: one of them', async () => {
    using p = staged()
    const token = await invited(p)
    const both = await Promise.all([guest(p), guest(p)])
    for (const one of both) await one.asks('set', preauth(token))
    const answers = await Promise.all(both.map((one, i) => one.asks('set', register(`guest${i}`))))
    expect(answers.map(({ attrs }) => attrs.type).toSorted()).toEqual(['error', 'result'])
    expect(p.store.accounts.count()).toBe(1)
  })

  test('§4: its end is looked at when it is shown, not later', async () => {
    using p = play({ toml: '[limits]\nrates = false\npreauth_timeout = "0s"\n' })
    const token = await invited(p, { lifetime: DAY })
    const juliet = await guest(p)
    await juliet.asks('set', preauth(token))
    p.clock.advance(DAY)
    const late = await guest(p)
    await late.isRefused('item-not-found', 'set', preauth(token))
    expect((await juliet.asks('set', register('juliet'))).attrs.type).toBe('result')
  })

  test('§4: what is no token, or one of another host, or revoked, is not found', async () => {
    using p = staged()
    const token = await invited(p)
    const revoked = await invited(p)
    await p.router.run((t) => t.store.invites.delete(t.store.invites.find(revoked)?.id ?? 0))
    const juliet = await guest(p)
    for (const wrong of ['', 'x', 'ab'.repeat(16), token.toUpperCase(), `${token} `, revoked])
      await juliet.isRefused('item-not-found', 'set', preauth(wrong))
    await juliet.isRefused('item-not-found', 'set', `<preauth xmlns='urn:xmpp:pars:0'/>`)
    const other = await guest(p, 'other.example')
    await other.isRefused('item-not-found', 'set', preauth(token))
    await other.isRefused('service-unavailable', 'set', register('juliet'))
  })

  test('§5, XEP-0401 §6.2: a name that is kept for somebody is made by nobody else, until the invitation ends', async () => {
    using p = play({
      toml: '[registration]\nin_band = true\nip_access = ["0.0.0.0/0"]\n[limits]\nrates = false\npreauth_timeout = "0s"\n',
    })
    const token = await invited(p, { jid: 'juliet@bix.org', lifetime: DAY })
    const open = await invited(p, { lifetime: 2 * DAY })
    const stranger = await guest(p)
    await stranger.isRefused('conflict', 'set', register('juliet'))
    await stranger.asks('set', preauth(open))
    await stranger.isRefused('conflict', 'set', register('juliet'))
    const juliet = await guest(p)
    await juliet.asks('set', preauth(token))
    await juliet.isRefused('not-acceptable', 'set', register('rosaline'))
    p.clock.advance(DAY)
    expect((await stranger.asks('set', register('juliet'))).attrs.type).toBe('result')
    await juliet.isRefused('conflict', 'set', register('juliet'))
  })

  test('registration.timeout holds for invitations too', async () => {
    using p = play({ toml: '[limits]\nrates = true\n[registration]\ntimeout = "10m"\n' })
    const token = await invited(p, { uses: 2 })
    const actor = await guest(p)
    await actor.asks('set', preauth(token))
    expect((await actor.asks('set', register('one'))).attrs.type).toBe('result')
    await actor.isRefused('resource-constraint', 'set', register('two'))
    const neighbour = await guest(p, 'bix.org', '192.0.2.2')
    await neighbour.asks('set', preauth(token))
    expect((await neighbour.asks('set', register('two'))).attrs.type).toBe('result')
  })
})

describe('XEP-0379 §3.5: a request with a token', () => {
  async function link(actor: Actor): Promise<string> {
    return tokenOf(
      resultOf(commandOf(await actor.asks('set', commandText(INVITE), 'bix.org')), 'uri')[0] ?? '',
    )
  }
  const request = (token: string) =>
    `<presence to='romeo@bix.org' type='subscribe'>${preauth(token)}</presence>`

  test('is granted and returned for the inviter, who need not be there', async () => {
    using p = staged()
    const romeo = await p.online('romeo@bix.org/orchard')
    const token = await link(romeo)
    romeo.sends('</stream:stream>')
    const juliet = await p.online('juliet@bix.org/balcony')
    // §3.4: pre-approved, as her client should.
    juliet.sends(`<presence to='romeo@bix.org' type='subscribed'/>${request(token)}`)
    await juliet.settles()
    expect(subscription(p, 'juliet@bix.org', 'romeo@bix.org')).toBe('both')
    expect(subscription(p, 'romeo@bix.org', 'juliet@bix.org')).toBe('both')
  })

  test('without the pre-approval she is asked in turn, and the inviter’s clients are told of the new contact', async () => {
    using p = staged()
    const romeo = await p.online('romeo@bix.org/orchard')
    const token = await link(romeo)
    const juliet = await p.online('juliet@bix.org/balcony')
    juliet.sends(request(token))
    await juliet.settles()
    expect(juliet.heard.map((el) => `${el.name} ${el.attrs.type}`)).toContain('presence subscribe')
    expect(juliet.heard.map((el) => `${el.name} ${el.attrs.type}`)).toContain('presence subscribed')
    await romeo.settles()
    expect(romeo.heard.every(({ name }) => name === 'iq')).toBe(true)
    expect(romeo.heard.at(-1)?.toString()).toContain(
      '<item jid="juliet@bix.org" subscription="from" ask="subscribe"',
    )
    juliet.sends(`<presence to='romeo@bix.org' type='subscribed'/>`)
    await juliet.settles()
    expect(subscription(p, 'romeo@bix.org', 'juliet@bix.org')).toBe('both')
  })

  test('§4.1, §5.2: with a token that is wrong, of somebody else, used or ended it is a request like any other', async () => {
    using p = play({ toml: '[limits]\nrates = false\nidle_ping = "0s"\nidle_timeout = "0s"\n' })
    const romeo = await p.online('romeo@bix.org/orchard')
    const nurse = await p.online('nurse@bix.org/hall')
    const used = await link(romeo)
    const first = await p.online('rosaline@bix.org/ball')
    first.sends(request(used))
    await first.settles()
    const foreign = await link(nurse)
    const ended = await link(romeo)
    p.clock.advance(7 * DAY)
    for (const [i, token] of ['', 'x', 'ab'.repeat(16), foreign, used, ended].entries()) {
      await romeo.settles()
      romeo.forget()
      const actor = await p.online(`guest${i}@bix.org/home`)
      actor.sends(request(token))
      await actor.settles()
      await romeo.settles()
      expect(romeo.heard.map((el) => `${el.name} ${el.attrs.type} ${el.attrs.from}`)).toEqual([
        `presence subscribe guest${i}@bix.org`,
      ])
      expect(subscription(p, `guest${i}@bix.org`, 'romeo@bix.org')).toBe('none')
    }
  })

  test('§5.2: what was made for one address is of no use to another', async () => {
    using p = staged()
    const romeo = await p.online('romeo@bix.org/orchard')
    const inviter = p.store.accounts.find('romeo@bix.org')
    const token = await invited(p, { jid: 'juliet@bix.org', inviter, contact: true })
    const tybalt = await p.online('tybalt@bix.org/street')
    tybalt.sends(request(token))
    await tybalt.settles()
    await romeo.settles()
    expect(romeo.heard.map((el) => `${el.name} ${el.attrs.type} ${el.attrs.from}`)).toEqual([
      'presence subscribe tybalt@bix.org',
    ])
    expect(subscription(p, 'tybalt@bix.org', 'romeo@bix.org')).toBe('none')
    const juliet = await guest(p)
    await juliet.asks('set', preauth(token))
    expect((await juliet.asks('set', register('juliet'))).attrs.type).toBe('result')
    expect(subscription(p, 'romeo@bix.org', 'juliet@bix.org')).toBe('both')
  })

  test('invitations go with their maker', async () => {
    using p = staged()
    const romeo = await p.online('romeo@bix.org/orchard')
    const token = await link(romeo)
    await romeo.asks('set', `<query xmlns='jabber:iq:register'><remove/></query>`)
    expect(p.store.invites.find(token)).toBeUndefined()
    expect(p.store.invites.count()).toBe(0)
  })
})
