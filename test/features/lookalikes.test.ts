/** No door of the stream makes an account that people would take for another or for an administrator. */
import { describe, expect, test } from 'bun:test'
import { makeInvite, type Wanted } from '../../src/accounts/invites.ts'
import { child } from '../../src/xmpp/xml.ts'
import type { Actor } from '../support/actor.ts'
import { commandOf, resultOf, runs, submits } from '../support/commands.ts'
import { BASE, play, type Play } from '../support/world.ts'

const PASSWORD = 'swear not by the moon'
const ADD = 'http://jabber.org/protocol/admin#add-user'
const CREATE = 'urn:xmpp:invite#create-account'

/** Open to everyone, with an administrator who has no account yet. */
const staged = (more = '') =>
  play({
    config:
      `admins = ["nurse@bix.org", "admin@bix.org"]\n${BASE}` +
      `[registration]\nin_band = true\nip_access = ["0.0.0.0/0"]\n${more}`,
  })

const register = (username: string) =>
  `<query xmlns='jabber:iq:register'><username>${username}</username><password>${PASSWORD}</password></query>`

async function guest(p: Play, token?: string, host = 'bix.org'): Promise<Actor> {
  const actor = p.connect()
  await actor.opens(host)
  if (token !== undefined) await actor.asks('set', `<preauth xmlns='urn:xmpp:pars:0' token='${token}'/>`)
  return actor
}

const tokenIn = (uri: string) => /preauth=(\w+)/.exec(uri)?.[1] ?? ''

async function invited(p: Play, wanted: Partial<Wanted> = {}): Promise<string> {
  const all = { host: 'bix.org', register: true, contact: false, ...wanted }
  return tokenIn((await p.router.run((t) => makeInvite(t, all))).uri)
}

describe('XEP-0077, XEP-0445: whoever makes an account for oneself', () => {
  test.each([
    ['rnike', 'of another that is there'],
    ['rn\u0456ke', 'by a letter of another script'],
    ['\u0430dmin', 'of an administrator without an account'],
    ['admin', 'that an administrator has'],
    ['nur\u0455e', 'of an administrator with an account'],
  ])('cannot have the name %s, %s, whatever invitation is shown', async (name) => {
    using p = staged()
    await p.account('mike@bix.org')
    await p.account('nurse@bix.org')
    for (const token of [undefined, await invited(p)]) {
      const answer = await (await guest(p, token)).isRefused('conflict', 'set', register(name))
      // To whom it is like is nobody's business.
      expect(child(answer, 'error')?.toString()).not.toMatch(/mike|nurse|admin/)
    }
    expect(p.store.accounts.find(`${name}@bix.org`)).toBeUndefined()
  })

  test('can have it on another host, and any other name', async () => {
    using p = staged()
    await p.account('mike@bix.org')
    for (const [host, name] of [
      ['other.example', 'rnike'],
      ['other.example', 'admin'],
      ['bix.org', 'mika'],
    ] as const)
      expect((await (await guest(p, undefined, host)).asks('set', register(name))).attrs.type).toBe('result')
  })

  test('two who look the same at the same moment: one of them', async () => {
    using p = staged()
    const [one, other] = await Promise.all([guest(p), guest(p)])
    const answers = await Promise.all([
      one.asks('set', register('mike')),
      other.asks('set', register('rnike')),
    ])
    expect(answers.map(({ attrs }) => attrs.type).toSorted()).toEqual(['error', 'result'])
    expect(p.store.accounts.count()).toBe(1)
  })

  test('registration.refuse_lookalikes = false takes it away; the names of administrators stay theirs', async () => {
    using p = staged('refuse_lookalikes = false\n')
    await p.account('mike@bix.org')
    expect((await (await guest(p)).asks('set', register('rnike'))).attrs.type).toBe('result')
    await (await guest(p)).isRefused('conflict', 'set', register('admin'))
  })

  test('has the name that the invitation names, whatever it looks like by then', async () => {
    using p = staged()
    const mike = await guest(p, await invited(p, { jid: 'mike@bix.org' }))
    const admin = await guest(p, await invited(p, { jid: 'admin@bix.org' }))
    await p.account('rnike@bix.org')
    expect((await mike.asks('set', register('mike'))).attrs.type).toBe('result')
    expect((await admin.asks('set', register('admin'))).attrs.type).toBe('result')
  })

  test('cannot have a name like one that an invitation keeps, until that ends', async () => {
    using p = staged()
    await invited(p, { jid: 'mike@bix.org', lifetime: 86_400_000 })
    await (await guest(p)).isRefused('conflict', 'set', register('rnike'))
    await invited(p, { jid: 'rnike@bix.org' }).then(
      () => expect.unreachable(),
      (error: unknown) => expect(String(error)).toContain('looks like mike@bix.org'),
    )
    p.clock.advance(86_400_000)
    expect((await (await guest(p)).asks('set', register('rnike'))).attrs.type).toBe('result')
  })

  test('existing accounts that look alike go on as they are', async () => {
    using p = staged()
    for (const name of ['mike', 'rnike']) {
      await p.online(`${name}@bix.org/home`)
      expect(p.store.accounts.find(`${name}@bix.org`)?.jid).toBe(`${name}@bix.org`)
    }
  })
})

describe('by command an administrator is told of whom, and may mean it', () => {
  const told = async (answer: Promise<{ toString(): string }>) => (await answer).toString()

  test('XEP-0133 §4.1', async () => {
    using p = staged()
    const nurse = await p.online('nurse@bix.org/hall')
    await p.account('mike@bix.org')
    const fields = { accountjid: 'rnike@bix.org', password: PASSWORD }
    const answer = await told(submits(nurse, ADD, fields))
    expect(answer).toContain('<conflict')
    expect(answer).toContain('looks like mike@bix.org')
    expect(answer).toContain('allow_lookalike')
    expect(p.store.accounts.find('rnike@bix.org')).toBeUndefined()
    const made = await runs(nurse, ADD, { ...fields, allow_lookalike: '1' })
    expect(made.attrs.status).toBe('completed')
    // The administrator's own name is his to give.
    await runs(nurse, ADD, { accountjid: 'admin@bix.org', password: PASSWORD })
    expect(p.store.accounts.find('admin@bix.org')).toBeDefined()
  })

  test('XEP-0401 §5.4', async () => {
    using p = staged()
    const nurse = await p.online('nurse@bix.org/hall')
    await p.account('mike@bix.org')
    const answer = await told(submits(nurse, CREATE, { username: 'rnike' }))
    expect(answer).toContain('looks like mike@bix.org')
    const made = commandOf(await submits(nurse, CREATE, { username: 'rnike', allow_lookalike: 'true' }))
    const [uri = ''] = resultOf(made, 'uri')
    expect((await (await guest(p, tokenIn(uri))).asks('set', register('rnike'))).attrs.type).toBe('result')
  })
})
