/** Entity tags: what has not changed is not sent again, and what has changed is not overwritten. */
import { expect, test } from 'bun:test'
import { features } from '../../src/features/index.ts'
import { basic, codeOf, ROMEO, startHttp } from './support.ts'

const settings = '/v1/me/push-settings'
const as = basic(ROMEO)

test.each(['/v1/me', settings, '/v1/openapi.json', '/v1/me/devices'])(
  '%s has a tag, and is not sent to who has it',
  async (path) => {
    using w = await startHttp()
    const first = await w.call('GET', path, { as })
    const etag = first.headers.get('etag') ?? ''
    expect(etag).toMatch(/^"[\w-]{22}"$/)
    const ask = (known: string) => w.call('GET', path, { as, headers: { 'if-none-match': known } })
    const second = await ask(`"another", W/${etag}`)
    expect([second.status, await second.text(), second.headers.get('etag')]).toEqual([304, '', etag])
    expect(second.headers.get('content-type')).toBeNull()
    expect((await ask('"another"')).status).toBe(200)
    expect((await ask('*')).status).toBe(304)
  },
)

test('a change is of what was read, or is none', async () => {
  using w = await startHttp()
  const tag = async () => (await w.call('GET', settings, { as })).headers.get('etag') ?? ''
  const put = (match: string, unknown_senders: boolean) =>
    w.call('PUT', settings, { as, body: { quiet: null, unknown_senders }, headers: { 'if-match': match } })
  const before = await tag()
  expect((await put(before, false)).status).toBe(200)
  const lost = await put(before, true)
  expect([lost.status, await codeOf(lost)]).toEqual([412, 'changed'])
  expect(await (await w.call('GET', settings, { as })).json()).toMatchObject({ unknown_senders: false })
  expect((await put(await tag(), true)).status).toBe(200)
  expect((await put('*', false)).status).toBe(200)
})

test('two who have read the same room: the second hears of the first', async () => {
  using w = await startHttp(undefined, features)
  const made = await w.call('POST', '/v1/rooms', { as: 'operator', body: { name: 'Verona' } })
  const { jid } = (await made.json()) as { jid: string }
  const path = `/v1/rooms/${encodeURIComponent(jid)}`
  const match = (await w.call('GET', path, { as: 'operator' })).headers.get('etag') ?? ''
  const rename = (name: string) =>
    w.call('PATCH', path, { as: 'operator', body: { name }, headers: { 'if-match': match } })
  expect((await Promise.all([rename('Mantua'), rename('Padua')])).map(({ status }) => status)).toEqual([
    200, 412,
  ])
})

test('a change of what has no tag does not ignore the condition', async () => {
  using w = await startHttp()
  const answer = await w.call('PUT', '/v1/me/password', {
    as,
    body: { password: 'x'.repeat(20) },
    headers: { 'if-match': '"a"' },
  })
  expect([answer.status, await codeOf(answer)]).toEqual([412, 'no-etag-here'])
})
