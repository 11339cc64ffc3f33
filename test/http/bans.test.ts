/** /v1/bans: what the operator sees of bans and can end. */
import { expect, test } from 'bun:test'
import { basic, codeOf, JULIET, ROMEO, startHttp } from './support.ts'

const peer = { kind: 'tcp', address: '2001:db8::7', tls: true } as const

test('a ban is listed with its end, and ended by any address of its network', async () => {
  using w = await startHttp((config) => (config.limits.auth_failures_per_ip = 3))
  const tries = (as: string) => w.call('GET', '/v1/me', { as, peer })
  for (const name of ['a', 'b', 'c']) await tries(basic(`${name}@bix.org`, 'wrong'))
  expect((await tries(basic(ROMEO))).status).toBe(429)
  const list = async () => (await (await w.call('GET', '/v1/bans', { as: 'operator' })).json()) as object
  expect(await list()).toEqual({
    items: [
      {
        address: '2001:db8::/64',
        account: null,
        failures: 3,
        since: '2023-11-14T22:13:20.000Z',
        until: '2023-11-14T23:13:20.000Z',
      },
    ],
  })
  const ends = (path: string) => w.call('DELETE', `/v1/bans/${encodeURIComponent(path)}`, { as: 'operator' })
  expect((await ends('2001:db8:1::')).status).toBe(404)
  expect(await codeOf(await ends('2001:db8::.evil.test'))).toBe('invalid')
  expect((await ends('2001:db8::99')).status).toBe(204)
  expect(await list()).toEqual({ items: [] })
  expect((await tries(basic(ROMEO))).status).toBe(200)
  // And it starts from nothing, or the next failure would ban it again.
  await tries(basic('d@bix.org', 'wrong'))
  expect((await tries(basic(ROMEO))).status).toBe(200)
})

test('the ban of one account at an address is ended alone', async () => {
  using w = await startHttp((config) => {
    config.limits.auth_failures = 1
    config.limits.auth_failures_per_ip = 3
  })
  const tries = (as: string) => w.call('GET', '/v1/me', { as, peer })
  for (const jid of [ROMEO, JULIET]) for (let i = 0; i < 3; i++) await tries(basic(jid, 'wrong'))
  expect([(await tries(basic(ROMEO))).status, (await tries(basic(JULIET))).status]).toEqual([429, 429])
  const path = `/v1/bans/${encodeURIComponent('2001:db8::/64')}?account=${encodeURIComponent(ROMEO)}`
  expect((await w.call('DELETE', path, { as: 'operator' })).status).toBe(204)
  expect([(await tries(basic(ROMEO))).status, (await tries(basic(JULIET))).status]).toEqual([200, 429])
})

test('a ban by hand holds like one of failures, again it is the same, and none is made of a proxy', async () => {
  using w = await startHttp((config) => (config.auth.never_ban = ['192.0.2.0/24']))
  const add = (body: object) => w.call('POST', '/v1/bans', { as: 'operator', body })
  const made = await add({ address: '2001:db8::99', account: ROMEO })
  const ban = (await made.json()) as { address: string; until: string }
  expect([made.status, ban]).toMatchObject([201, { address: '2001:db8::/64', account: ROMEO, failures: 0 }])
  const tries = (as: string) => w.call('GET', '/v1/me', { as, peer })
  expect([(await tries(basic(ROMEO))).status, (await tries(basic(JULIET))).status]).toEqual([429, 200])
  expect(await (await add({ address: '2001:db8::/64', account: ROMEO })).json()).toEqual(ban)
  expect((await add({ address: '2001:db8::1' })).status).toBe(201)
  expect((await tries(basic(JULIET))).status).toBe(429)
  expect(await codeOf(await add({ address: '192.0.2.7' }))).toBe('never-banned')
})
