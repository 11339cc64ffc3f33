/** An overload passes: whoever meets it is told to come again (RFC 9110 §15.6.4), not that the disk is full. */
import { expect, test } from 'bun:test'
import { availableParallelism } from 'node:os'
import { basic, JULIET, PASSWORD, startHttp } from './support.ts'

test('more passwords than can be prepared at once are 503 with Retry-After, never 507', async () => {
  using w = await startHttp()
  const made = Array.from({ length: 400 }, (_, i) =>
    w.call('POST', '/v1/users', {
      as: 'operator',
      body: { jid: `guest${i}@bix.org`, password: 'correct horse' },
    }),
  )
  const answers = await Promise.all(made)
  const refused = answers.filter(({ status }) => status !== 201)
  expect(refused.length).toBeGreaterThan(0)
  for (const answer of refused) {
    expect(answer.status).toBe(503)
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0)
    expect(await answer.json()).toMatchObject({ status: 503, code: 'busy' })
  }
})

test('who guesses waits behind who does not, and gives way where the queue is full', async () => {
  using w = await startHttp((config) => {
    config.limits.auth_failures_per_ip = Infinity
    config.limits.http_requests_per_ip = Infinity
  })
  const asks = (address: string, jid: string, password: string) =>
    w.call('GET', '/v1/me', { as: basic(jid, password), peer: { kind: 'tcp', address, tls: true } })
  expect((await asks('192.0.2.1', 'nobody@bix.org', 'guess')).status).toBe(401)
  const ended: string[] = []
  const guesses = Array.from({ length: 400 }, async (_, i) => {
    const { status } = await asks('192.0.2.1', `guest${i}@bix.org`, 'guess')
    ended.push(`guess ${status}`)
    return status
  })
  const honest = Array.from({ length: 5 }, async () => {
    const { status } = await asks('192.0.2.9', JULIET, PASSWORD)
    ended.push(`login ${status}`)
    return status
  })
  expect(await Promise.all(honest)).toEqual([200, 200, 200, 200, 200])
  // What was checked before them had begun, or was the one in eight that keeps suspects from waiting for ever.
  expect(ended.filter((one) => one === 'guess 401').length).toBeLessThan(2 + availableParallelism())
  const statuses = await Promise.all(guesses)
  expect(new Set(statuses)).toEqual(new Set([401, 503]))
})
