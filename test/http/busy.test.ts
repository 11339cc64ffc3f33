/** An overload passes: whoever meets it is told to come again (RFC 9110 §15.6.4), not that the disk is full. */
import { expect, test } from 'bun:test'
import { startHttp } from './support.ts'

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
