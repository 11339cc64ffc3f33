/** A second place that knows passwords: nothing of the server but its constructor's option is changed for it. */
import { describe, expect, test } from 'bun:test'
import type { AuthBackend } from '../../src/auth/backend.ts'
import { createApp } from '../../src/http/app.ts'
import { AuthLimiter, neverBanned } from '../../src/limits/auth-limiter.ts'
import { registry } from '../../src/metrics/metrics.ts'
import { child, children } from '../../src/xmpp/xml.ts'
import { type Actor, PASSWORD } from '../support/actor.ts'
import { play, type Play } from '../support/world.ts'
import { auth, decode, encode, SASL, scram, verdict } from '../stream/scram-client.ts'

const SECRET = 'the one password'
/** The names that the backend knows. */
const KNOWN = new Set(['tybalt@bix.org', 'paris@bix.org', 'nurse@bix.org'])

/** Takes one password for all that it knows, and keeps no keys. */
const elsewhere: AuthBackend = {
  verify: ({ bare }, password) => Promise.resolve(KNOWN.has(bare) && password === SECRET),
  exists: ({ bare }) => Promise.resolve(KNOWN.has(bare)),
  provision: ({ store }, { bare, domain }, now) => store.accounts.create(bare, domain, undefined, now),
}

async function guest(p: Play): Promise<Actor> {
  const actor = p.connect()
  await actor.opens()
  return actor
}

async function plain(p: Play, name: string, password = SECRET): Promise<string> {
  const actor = await guest(p)
  actor.sends(auth('PLAIN', encode(`\0${name}\0${password}`)))
  return verdict(await actor.next())
}

/** The same world by HTTP. */
function webOf(p: Play) {
  const { world, router, clock, config } = p
  const app = createApp({
    world,
    router,
    logins: new AuthLimiter(clock, config.limits, neverBanned(config)),
    clock,
    pushTarget: () => 'nowhere',
    online: true,
    readiness: () => Promise.resolve([]),
  })
  const ask = (method: string, path: string, init: { as?: string; body?: unknown } = {}) => {
    const headers = new Headers({ host: '127.0.0.1:5280', 'content-type': 'application/json' })
    if (init.as) headers.set('authorization', `Basic ${encode(init.as)}`)
    const peer = init.as
      ? ({ kind: 'tcp', address: '192.0.2.9', tls: true } as const)
      : ({ kind: 'socket' } as const)
    const body = init.body === undefined ? undefined : JSON.stringify(init.body)
    return app.fetch(new Request(`http://127.0.0.1:5280${path}`, { method, headers, body }), { peer })
  }
  return { ask, login: async (as: string) => (await ask('GET', '/v1/me', { as })).status }
}

/** How often logins ended so, by mechanism and result. */
async function counted(): Promise<Record<string, number>> {
  const text = await registry.getSingleMetricAsString('belfry_auth_total')
  const lines = text.matchAll(/mechanism="([^"]+)",result="([^"]+)"\} (\d+)/g)
  return Object.fromEntries(
    [...lines].map(([, mechanism, result, n]) => [`${mechanism} ${result}`, Number(n)]),
  )
}

async function during(f: () => Promise<void>): Promise<string[]> {
  const before = await counted()
  await f()
  return Object.entries(await counted()).flatMap(([key, n]) =>
    n > (before[key] ?? 0) ? [`${key} ${n - (before[key] ?? 0)}`] : [],
  )
}

describe('a backend that keeps no keys', () => {
  test('is not asked by SCRAM: PLAIN is all that is offered', async () => {
    using p = play({ auth: () => elsewhere })
    const features = await p.connect().opens()
    const list = child(features, 'mechanisms', SASL)
    const names = list && children(list, 'mechanism').map((el) => el.getText())
    expect(names).toEqual(['PLAIN'])
    const { end } = await scram(await guest(p), {
      mechanism: 'SCRAM-SHA-256',
      name: 'tybalt',
      password: SECRET,
    })
    expect(verdict(end)).toBe('invalid-mechanism')
  })

  test('logs in by PLAIN and by HTTP, and the first login makes the row', async () => {
    using p = play({ auth: () => elsewhere })
    const web = webOf(p)
    expect([p.store.accounts.find('tybalt@bix.org'), p.store.accounts.find('paris@bix.org')]).toEqual([
      undefined,
      undefined,
    ])
    const tybalt = p.connect()
    await tybalt.logsIn('tybalt@bix.org', SECRET, 'square')
    expect(await web.login(`paris@bix.org:${SECRET}`)).toBe(200)
    expect(p.store.accounts.list({ limit: 9 }).map(({ jid }) => jid)).toEqual([
      'paris@bix.org',
      'tybalt@bix.org',
    ])
    // It is an account like any other: the other door finds the same row.
    const { id } = p.store.accounts.find('tybalt@bix.org') ?? {}
    expect([
      await web.login(`tybalt@bix.org:${SECRET}`),
      p.store.accounts.find('tybalt@bix.org')?.id,
    ]).toEqual([200, id])
  })

  test('several first logins at once make one row', async () => {
    using p = play({ auth: () => elsewhere })
    const web = webOf(p)
    const ways = [plain(p, 'tybalt'), plain(p, 'tybalt'), web.login(`tybalt@bix.org:${SECRET}`)]
    expect(await Promise.all<string | number>(ways)).toEqual(['success', 'success', 200])
    expect(p.store.accounts.count()).toBe(1)
  })

  test('a wrong password or name makes nobody, and both are answered alike', async () => {
    using p = play({ auth: () => elsewhere })
    const web = webOf(p)
    expect([
      await plain(p, 'tybalt', 'guess'),
      await plain(p, 'stranger'),
      await plain(p, 'stranger', 'guess'),
    ]).toEqual(['not-authorized', 'not-authorized', 'not-authorized'])
    for (const as of [
      'tybalt@bix.org:guess',
      `stranger@bix.org:${SECRET}`,
      `tybalt@elsewhere.example:${SECRET}`,
    ])
      expect(await web.login(as)).toBe(401)
    expect(p.store.accounts.count()).toBe(0)
  })

  test('its names are taken before their first login, whoever would make them', async () => {
    using p = play({ auth: () => elsewhere })
    const { ask } = webOf(p)
    const add = async (jid: string) =>
      (await ask('POST', '/v1/users', { body: { jid, password: 'another one' } })).status
    expect([await add('nurse@bix.org'), await add('friar@bix.org')]).toEqual([409, 201])
  })

  test('who is disabled here stays out, whatever the backend says', async () => {
    using p = play({ auth: () => elsewhere })
    const web = webOf(p)
    expect(await plain(p, 'tybalt')).toBe('success')
    await web.ask('POST', '/v1/users/tybalt@bix.org/disable')
    expect([await plain(p, 'tybalt'), await web.login(`tybalt@bix.org:${SECRET}`)]).toEqual([
      'account-disabled',
      401,
    ])
  })
})

test('a backend with keys of some: the others fail as unknown users do, with a salt of their own that stays', async () => {
  using p = play({ auth: () => ({ ...elsewhere, scramKeys: () => undefined }) })
  const salt = async (name: string) => {
    const { challenge, end } = await scram(await guest(p), {
      mechanism: 'SCRAM-SHA-1',
      name,
      password: SECRET,
    })
    return [/,s=([^,]+)/.exec(challenge)?.[1], verdict(end)] as const
  }
  const [known, again, unknown] = [await salt('tybalt'), await salt('tybalt'), await salt('stranger')]
  expect([known[1], unknown[1]]).toEqual(['not-authorized', 'not-authorized'])
  expect(known).toEqual(again)
  expect([unknown[0]?.length, unknown[0] === known[0]]).toEqual([known[0]?.length, false])
  expect(p.store.accounts.count()).toBe(0)
})

describe('belfry_auth_total: one vocabulary for every door', () => {
  test('SASL and HTTP call the same thing the same', async () => {
    using p = play()
    await p.account('romeo@bix.org')
    await p.account('mike@bix.org')
    const web = webOf(p)
    await web.ask('POST', '/v1/users/mike@bix.org/disable')
    expect(
      await during(async () => {
        await plain(p, 'romeo', PASSWORD)
        await plain(p, 'romeo', 'guess')
        await plain(p, 'mike', PASSWORD)
        const actor = await guest(p)
        actor.sends(auth('SCRAM-SHA-1', encode('n,,n=romeo,r=abc')))
        expect(decode((await actor.next()).getText())).toStartWith('r=abc')
        actor.sends(`<abort xmlns='${SASL}'/>`)
        await actor.next()
        actor.sends(auth('PLAIN', '!'))
        await actor.next()
      }),
    ).toEqual([
      'PLAIN ok 1',
      'PLAIN failed 1',
      'PLAIN disabled 1',
      'SCRAM-SHA-1 aborted 1',
      'PLAIN invalid 1',
    ])
    expect(
      await during(async () => {
        for (const as of [`romeo@bix.org:${PASSWORD}`, 'romeo@bix.org:guess', `mike@bix.org:${PASSWORD}`])
          await web.login(as)
      }),
    ).toEqual(['http ok 1', 'http failed 1', 'http disabled 1'])
  })

  test('who failed too often is limited at both', async () => {
    const toml = '[limits]\nrates = true\nauth_failures = 100\nauth_failures_per_ip = 2\nauth_tries = 9\n'
    using p = play({ toml })
    const web = webOf(p)
    const results = await during(async () => {
      for (let i = 0; i < 3; i++) await plain(p, 'romeo', 'guess')
      for (let i = 0; i < 3; i++) await web.login('romeo@bix.org:guess')
    })
    expect(results.toSorted()).toEqual([
      'PLAIN failed 2',
      'PLAIN limited 1',
      'http failed 2',
      'http limited 1',
    ])
  })

  test('a fault of the backend is nobody’s wrong password', async () => {
    const broken = (): AuthBackend => ({
      ...elsewhere,
      verify: () => Promise.reject(new Error('the directory is away')),
    })
    using p = play({ auth: broken })
    const web = webOf(p)
    const results = await during(async () => {
      expect(await plain(p, 'tybalt')).toBe('temporary-auth-failure')
      expect(await web.login(`tybalt@bix.org:${SECRET}`)).toBe(500)
    })
    expect(results).toEqual(['PLAIN error 1', 'http error 1'])
  })

  test('each result that there is stands in the help', async () => {
    const text = await registry.getSingleMetricAsString('belfry_auth_total')
    const help = /# HELP belfry_auth_total (.*)/.exec(text)?.[1] ?? ''
    const used = new Set(Object.keys(await counted()).map((key) => key.split(' ')[1] ?? ''))
    expect([...used].filter((result) => !help.includes(`${result} (`))).toEqual([])
  })
})
