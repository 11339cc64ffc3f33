/** Who may push for a back end, and what is left of it: a line of the audit, and figures. */
import { expect, test } from 'bun:test'
import { pushSends } from '../../src/metrics/metrics.ts'
import { basic, codeOf, JULIET, startHttp } from './support.ts'

const body = {
  items: [
    { to: { jid: JULIET }, type: 'background' },
    { to: { jid: JULIET }, type: 'widgets' },
  ],
}

const total = async (type: string, result: string) =>
  (await pushSends.get()).values.find(({ labels }) => labels.type === type && labels.result === result)
    ?.value ?? 0

test('a token of the scope push:send may, and no other but the administrator’s', async () => {
  using w = await startHttp((config) => (config.push.simulator = true))
  await w.call('POST', '/v1/me/devices', { as: basic(JULIET), body: { token: 'ab'.repeat(32) } })
  const before = [await total('background', 'queued'), await total('widgets', 'refused')]
  for (const scope of ['push:write', 'push:test', 'messages:send']) {
    const refused = await w.call('POST', '/v1/push/send', { as: await w.token(scope), body })
    expect([refused.status, await codeOf(refused)]).toEqual([403, 'scope'])
  }
  const as = await w.token('push:send')
  const answer = await w.call('POST', '/v1/push/send', { as, body })
  expect(answer.status).toBe(202)
  expect(await answer.json()).toMatchObject({
    queued: 1,
    suppressed: 0,
    refused: 1,
    items: [{ result: 'queued' }, { result: 'refused', code: 'no-token' }],
  })
  expect((await w.call('GET', '/v1/push/queue', { as })).status).toBe(403)
  expect([await total('background', 'queued'), await total('widgets', 'refused')]).toEqual(
    before.map((n) => n + 1),
  )
  const audit = await (await w.call('GET', '/v1/audit', { as: 'operator' })).text()
  expect(audit).toContain('pushes sent')
})

test('where no server runs nothing is queued', async () => {
  using w = await startHttp()
  Object.assign(w.deps, { online: false })
  const answer = await w.call('POST', '/v1/push/send', { as: 'operator', body })
  expect([answer.status, await codeOf(answer)]).toEqual([503, 'server-needed'])
})
