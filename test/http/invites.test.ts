import { describe, expect, test } from 'bun:test'
import type { Config } from '../../src/config/config.ts'
import { type Call, type HttpWorld, JULIET, PASSWORD, ROMEO, startHttp } from './support.ts'

interface Made {
  id: number
  uri: string
  url: string | null
  jid: string | null
  expires: string
  code?: string
}

const DAY = 86_400_000
const TLS = { kind: 'tcp', address: '203.0.113.9', tls: true } as const
const PAGES = { host: 'chat.bix.org', origin: 'https://chat.bix.org' }
const FORM = { ...PAGES, 'content-type': 'application/x-www-form-urlencoded' }

const open = (change: (config: Config) => void = () => undefined) =>
  startHttp((config) => {
    config.http.public_url = 'https://chat.bix.org'
    change(config)
  })

const make = async (w: HttpWorld, body: object = {}): Promise<Made> =>
  (await (await w.call('POST', '/v1/invites', { as: 'operator', body })).json()) as Made

const tokenOf = ({ uri }: Made): string => /preauth=([0-9a-f]+)/.exec(uri)?.[1] ?? ''

/** From far away, as people come. */
const far = (w: HttpWorld, method: string, path: string, call: Call = {}) =>
  w.call(method, path, { peer: TLS, ...call, headers: { ...PAGES, ...call.headers } })

const register = async (w: HttpWorld, body: object) => {
  const answer = await far(w, 'POST', '/v1/register', { body: { password: PASSWORD, ...body } })
  return { status: answer.status, ...((await answer.json()) as { code?: string; jid?: string }) }
}

const show = async (w: HttpWorld, token: string, headers = {}) => {
  const answer = await far(w, 'GET', `/invite/${token}`, { headers })
  return { status: answer.status, text: await answer.text(), headers: answer.headers }
}

const choose = async (
  w: HttpWorld,
  token: string,
  fields: Record<string, string>,
  peer: Call['peer'] = TLS,
) => {
  const raw = new URLSearchParams(fields).toString()
  const answer = await w.call('POST', `/invite/${token}`, { peer, raw, headers: FORM })
  return { status: answer.status, text: await answer.text() }
}

describe('/v1/invites', () => {
  test('made with its link, listed without it, taken back', async () => {
    using w = await open()
    const made = await make(w)
    expect(made.uri).toMatch(/^xmpp:bix\.org\?register;preauth=[0-9a-f]{32}$/)
    expect(made.url).toBe(`https://chat.bix.org/invite/${tokenOf(made)}`)
    expect(Date.parse(made.expires)).toBe(w.world.now() + 7 * DAY)
    const list = await (await w.call('GET', '/v1/invites', { as: 'operator' })).text()
    expect((JSON.parse(list) as { items: Made[] }).items.map(({ id }) => id)).toEqual([made.id])
    expect(list).not.toContain(tokenOf(made))
    expect((await w.call('DELETE', `/v1/invites/${made.id}`, { as: 'operator' })).status).toBe(204)
    expect((await show(w, tokenOf(made))).status).toBe(404)
    expect((await register(w, { jid: 'paris@bix.org', token: tokenOf(made) })).code).toBe('no-such-invite')
  })

  test('for a name, for a contact, for both; the link says which', async () => {
    using w = await open()
    expect((await make(w, { jid: 'Paris@other.example' })).uri).toStartWith(
      'xmpp:paris@other.example?register;',
    )
    expect((await make(w, { inviter: ROMEO })).uri).toMatch(/^xmpp:romeo@bix\.org\?roster;preauth=\w+;ibr=y$/)
    expect((await make(w, { inviter: ROMEO, register: false })).uri).not.toContain('ibr')
  })

  test('what cannot be made', async () => {
    using w = await open()
    await make(w, { jid: 'paris@bix.org' })
    const cases: [code: string, body: object][] = [
      ['conflict', { jid: JULIET }],
      ['conflict', { jid: 'paris@bix.org' }],
      ['unknown-host', { host: 'elsewhere.example' }],
      ['unknown-host', { jid: 'paris@elsewhere.example' }],
      ['unknown-host', { jid: 'peter@bix.org', host: 'other.example' }],
      ['no-such-user', { inviter: 'nobody@bix.org' }],
      ['nothing-to-do', { register: false }],
      ['invalid', { uses: 0 }],
      ['invalid', { expires_in: 59 }],
      ['invalid', { expires_in: 367 * 24 * 3600 }],
      ['invalid', { forever: true }],
    ]
    for (const [code, body] of cases) expect((await make(w, body)).code).toBe(code)
  })

  test('limits.invites: at the limit, and one above', async () => {
    using w = await startHttp((config) => {
      config.limits.invites = 2
    })
    for (let i = 0; i < 2; i++) expect((await make(w)).code).toBeUndefined()
    expect((await make(w)).code).toBe('resource-constraint')
  })
})

describe('XEP-0445 over HTTP: POST /v1/register with a token', () => {
  test('makes an account although registration is closed and the address may not; once', async () => {
    using w = await open()
    const token = tokenOf(await make(w, { inviter: ROMEO }))
    expect((await register(w, { jid: 'paris@bix.org' })).code).toBe('registration-closed')
    expect(await register(w, { jid: 'paris@bix.org', token })).toEqual({ status: 201, jid: 'paris@bix.org' })
    const romeo = w.world.store.accounts.find(ROMEO)
    expect(romeo && w.world.store.contacts.find(romeo, 'paris@bix.org')?.subscription).toBe('both')
    expect((await register(w, { jid: 'peter@bix.org', token })).code).toBe('no-such-invite')
  })

  test('one account per address and interval, also with a token; the refused one uses nothing', async () => {
    using w = await open()
    const token = tokenOf(await make(w, { uses: 2 }))
    const both = [register(w, { jid: 'paris@bix.org', token }), register(w, { jid: 'peter@bix.org', token })]
    expect((await Promise.all(both)).map(({ status }) => status).toSorted()).toEqual([201, 429])
    expect(w.world.store.invites.find(token)?.used).toBe(1)
    w.pass(600_000)
    expect((await register(w, { jid: 'late@bix.org', token })).status).toBe(201)
  })

  test('case 87: fifty that redeem one invitation at once: one of them', async () => {
    using w = await open((config) => (config.limits.rates = false))
    const token = tokenOf(await make(w))
    const all = Array.from({ length: 50 }, (_, i) => register(w, { jid: `guest${i}@bix.org`, token }))
    const statuses = (await Promise.all(all)).map(({ status }) => status)
    expect(statuses.filter((status) => status === 201)).toHaveLength(1)
    expect(w.world.store.accounts.count()).toBe(5)
  })

  test('a name kept for somebody, a wrong name, a wrong host, a short password, no TLS, an end that has passed', async () => {
    using w = await open()
    const kept = tokenOf(await make(w, { jid: 'paris@bix.org' }))
    const free = tokenOf(await make(w, { expires_in: 60 }))
    expect((await register(w, { jid: 'paris@bix.org', token: free })).code).toBe('conflict')
    expect((await register(w, { jid: 'peter@bix.org', token: kept })).code).toBe('not-acceptable')
    expect((await register(w, { jid: 'peter@other.example', token: free })).code).toBe('not-acceptable')
    expect((await register(w, { jid: 'peter@bix.org', token: free, password: 'short' })).code).toBe(
      'weak-password',
    )
    const clear = await w.call('POST', '/v1/register', {
      peer: { kind: 'tcp', address: '203.0.113.9', tls: false },
      body: { jid: 'peter@bix.org', password: PASSWORD, token: free },
    })
    expect(((await clear.json()) as Made).code).toBe('insecure-transport')
    w.pass(60_000)
    expect((await register(w, { jid: 'peter@bix.org', token: free })).code).toBe('no-such-invite')
    expect(w.world.store.accounts.count()).toBe(4)
    // The name that was kept for nobody else is made by its own invitation.
    expect((await register(w, { jid: 'paris@bix.org', token: kept })).status).toBe(201)
  })

  test('a contact’s invitation without ibr=y makes no account', async () => {
    using w = await open()
    const token = tokenOf(await make(w, { inviter: ROMEO, register: false }))
    expect((await register(w, { jid: 'paris@bix.org', token })).code).toBe('no-such-invite')
    expect((await choose(w, token, { name: 'paris', password: PASSWORD })).status).toBe(404)
    expect((await show(w, token)).text).not.toContain('<form')
  })
})

describe('XEP-0401 §5.2: the page of an invitation', () => {
  test('says who invites, links to the app, and works without a script', async () => {
    using w = await open()
    const made = await make(w, { inviter: ROMEO })
    const { status, text, headers } = await show(w, tokenOf(made))
    expect(status).toBe(200)
    expect(text).toContain(`${ROMEO} invites you to chat`)
    expect(text).toContain(`href="${made.uri}"`)
    // A finder pattern behind the white border: its corner is dark, what is inside its frame is not.
    expect(text).toMatch(/<path d="M4 4h1v1h-1zM5 4/)
    expect(text).not.toContain('M5 5h')
    expect(text).not.toMatch(/<script|style=|https?:\/\/[^"]*\.(js|css)/)
    expect(headers.get('x-robots-tag')).toBe('noindex')
    expect(headers.get('cache-control')).toBe('no-store')
    expect(headers.get('content-security-policy')).toContain("default-src 'none'")
  })

  test('the apps for the device at hand stand first', async () => {
    using w = await open()
    const token = tokenOf(await make(w))
    for (const [agent, first] of [
      ['Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X)', 'Monal'],
      ['Mozilla/5.0 (Linux; Android 15)', 'Conversations'],
      ['Mozilla/5.0 (X11; Linux x86_64)', 'Gajim'],
      ['', 'Gajim'],
    ] as const) {
      const { text } = await show(w, token, { 'user-agent': agent })
      expect(/<li><a href="[^"]*" rel="noreferrer">(\w+)/.exec(text)?.[1]).toBe(first)
    }
  })

  test('an account is made on it, and then the invitation is over', async () => {
    using w = await open()
    const token = tokenOf(await make(w))
    const short = await choose(w, token, { name: 'paris', password: 'short' })
    expect([short.status, short.text.includes('At least 8 characters are needed.')]).toEqual([422, true])
    expect(short.text).toContain('value="paris"')
    for (const name of ['', 'pa ris', '"><script>'])
      expect((await choose(w, token, { name, password: PASSWORD })).status).toBe(422)
    expect((await choose(w, token, { name: '"><script>', password: PASSWORD })).text).not.toContain(
      '<script>',
    )
    expect((await choose(w, token, { name: 'romeo', password: PASSWORD })).status).toBe(409)
    const made = await choose(w, token, { name: 'Paris', password: PASSWORD })
    expect([made.status, made.text.includes('paris@bix.org')]).toEqual([201, true])
    expect((await show(w, token)).status).toBe(404)
    expect((await choose(w, token, { name: 'peter', password: PASSWORD })).status).toBe(404)
  })

  test('a name that was chosen by who invites cannot be changed', async () => {
    using w = await open()
    const token = tokenOf(await make(w, { jid: 'paris@bix.org' }))
    expect((await show(w, token)).text).not.toContain('name="name"')
    expect((await choose(w, token, { name: 'peter', password: PASSWORD })).text).toContain('paris@bix.org')
    expect(w.world.store.accounts.find('peter@bix.org')).toBeUndefined()
  })

  test('in the clear there is no form, and none is taken; nor from another site', async () => {
    using w = await open()
    const token = tokenOf(await make(w))
    const peer = { kind: 'tcp', address: '203.0.113.9', tls: false } as const
    const page = await w.call('GET', `/invite/${token}`, { peer, headers: PAGES })
    expect(await page.text()).not.toContain('<form')
    expect((await choose(w, token, { name: 'paris', password: PASSWORD }, peer)).status).toBe(403)
    const other = await w.call('POST', `/invite/${token}`, {
      peer: TLS,
      raw: 'name=paris&password=correct+horse',
      headers: { ...FORM, origin: 'https://evil.example' },
    })
    expect([other.status, other.headers.get('content-type')]).toEqual([403, 'text/html; charset=utf-8'])
    expect(w.world.store.accounts.count()).toBe(4)
  })

  test('one that has ended, was used, or never was: the same page', async () => {
    using w = await open()
    const token = tokenOf(await make(w, { expires_in: 60 }))
    w.pass(60_000)
    const ended = await show(w, token)
    expect([ended.status, ended.text.includes('This invitation is over')]).toEqual([404, true])
    for (const wrong of ['x', 'ab'.repeat(16), '%00', `${token}0`])
      expect((await show(w, wrong)).text).toBe(ended.text)
  })
})
