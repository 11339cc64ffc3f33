/** /admin/uploads: files that people send, looked at and removed; what is counted and noted of them. */
import { expect, test } from 'bun:test'
import { uploads } from '../../src/metrics/metrics.ts'
import { PASSWORD } from '../support/actor.ts'
import { type Files, files, putsPieces } from '../support/uploads.ts'

const ORIGIN = 'http://127.0.0.1:5280'

async function asked(
  f: Files,
  path: string,
  cookie = '',
  fields?: Record<string, string>,
): Promise<Response> {
  const headers = {
    cookie,
    host: '127.0.0.1:5280',
    origin: ORIGIN,
    'content-type': 'application/x-www-form-urlencoded',
  }
  const init = fields && { method: 'POST', body: new URLSearchParams(fields).toString() }
  const request = new Request(ORIGIN + path, { ...init, headers })
  return f.app.fetch(request, { peer: { kind: 'tcp', address: '127.0.0.1', tls: false } })
}

async function signedIn(f: Files): Promise<string> {
  await f.p.account('nurse@bix.org')
  f.p.config.admins = ['nurse@bix.org']
  const answer = await asked(f, '/admin/login', '', { jid: 'nurse@bix.org', password: PASSWORD })
  return answer.headers.get('set-cookie')?.split(';')[0] ?? ''
}

const text = async (f: Files, path: string, cookie: string): Promise<string> =>
  (await asked(f, path, cookie)).text()

test('are listed with their owners and quotas, by account too, and no name is markup', async () => {
  await using f = await files('[upload]\naccount_bytes = "2MB"\n')
  const cookie = await signedIn(f)
  await f.stored('x'.repeat(1500), { name: '"&#62;&#60;img src=x&#62;.txt', who: 'romeo@bix.org/x' })
  await f.stored('y'.repeat(512_000), { name: 'nurse.png', type: 'image/png', who: 'juliet@bix.org/x' })
  const all = await text(f, '/admin/uploads', cookie)
  for (const part of ['romeo@bix.org', 'nurse.png', 'image/png', '500 kB', 'of 50.0 GB'])
    expect(all).toContain(part)
  expect(all).not.toContain('<img src=x')
  const own = await text(f, '/admin/uploads?account=romeo@bix.org', cookie)
  expect(own).toContain('of 2.0 MB')
  expect(own).not.toContain('nurse.png')
  const nobody = await asked(f, '/admin/uploads?account=nobody@bix.org', cookie)
  expect([nobody.status, (await nobody.text()).includes('There is no')]).toEqual([422, true])
})

test('have pages; one is removed, then those of an account, and the audit says who did', async () => {
  await using f = await files()
  const cookie = await signedIn(f)
  for (let i = 0; i < 52; i++) await f.stored('x', { name: `f${i}.txt`, who: 'romeo@bix.org/x' })
  const first = await text(f, '/admin/uploads', cookie)
  expect(first).not.toContain('f50.txt')
  const next = /href="(\/admin\/uploads\?cursor=\d+&amp;trail=\.)"/.exec(first)?.[1]?.replaceAll('&amp;', '&')
  expect(await text(f, next ?? '', cookie)).toContain('f50.txt')
  const gone = await asked(f, '/admin/uploads/delete', cookie, { id: '1' })
  expect([gone.status, gone.headers.get('location')]).toEqual([303, '/admin/uploads?done=files'])
  const purge = (fields: Record<string, string>) => asked(f, '/admin/uploads/purge', cookie, fields)
  expect((await purge({ account: 'romeo@bix.org', days: '' })).status).toBe(422)
  expect((await purge({ account: '', days: '', sure: 'yes' })).status).toBe(422)
  expect((await purge({ account: '', days: 'many', sure: 'yes' })).status).toBe(422)
  expect((await purge({ account: 'romeo@bix.org', days: '1', sure: 'yes' })).status).toBe(303)
  expect(f.p.store.uploads.total()).toBe(51)
  expect((await purge({ account: 'romeo@bix.org', days: '', sure: 'yes' })).status).toBe(303)
  expect(f.p.store.uploads.total()).toBe(0)
  const rows = f.p.store.audit.page({ event: 'files removed' }, undefined, 10)
  expect(rows.map(({ by, door, facts }) => [by, door, JSON.parse(facts) as unknown])).toEqual([
    ['nurse@bix.org', 'web', { of: 'romeo@bix.org', files: 51, bytes: 51 }],
    ['nurse@bix.org', 'web', { of: 'romeo@bix.org', files: 1, bytes: 1 }],
  ])
})

test('each way in which a file ends is counted', async () => {
  await using f = await files()
  const before = new Map((await uploads.get()).values.map(({ labels, value }) => [labels.result, value]))
  await f.stored('hello')
  const slot = await f.slot({ size: 5 })
  expect((await putsPieces(slot.put, ['hell', 'o!'])).status).toBe(413)
  expect((await putsPieces(slot.put, ['he'])).status).toBe(400)
  const after = (await uploads.get()).values.map(({ labels, value }) => [
    labels.result,
    value - (before.get(labels.result) ?? 0),
  ])
  expect(Object.fromEntries(after.filter(([, n]) => n !== 0))).toMatchObject({ stored: 1 })
  expect(after.reduce((sum, [, n]) => sum + Number(n), 0)).toBe(3)
})
