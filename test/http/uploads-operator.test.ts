/** /v1/uploads: what the operator sees of files and removes. */
import { expect, test } from 'bun:test'
import { files } from '../support/uploads.ts'

interface Page {
  readonly items: readonly { id: number; owner: string; name: string; size: number; expires: string | null }[]
  readonly next: string | null
  readonly total_bytes: number
}

test('files are listed page by page without their addresses, removed one by one, by account, by age', async () => {
  await using f = await files('[upload]\nkeep_permanent = "0s"\n')
  const call = (method: string, path: string): Promise<Response> =>
    Promise.resolve(
      f.app.fetch(new Request(`http://localhost${path}`, { method }), { peer: { kind: 'socket' } }),
    )
  const list = async (query = ''): Promise<Page> =>
    (await (await call('GET', `/v1/uploads${query}`)).json()) as Page
  const urls: string[] = []
  for (const [i, who] of ['romeo', 'juliet', 'romeo', 'romeo', 'juliet'].entries()) {
    urls.push(await f.stored('x'.repeat(i + 1), { who: `${who}@bix.org/x`, name: `${i}.txt` }))
    f.p.clock.advance(60_000)
  }
  await f.slot({ size: 7 })
  const first = await list('?limit=2')
  expect([first.items.map(({ name }) => name), first.total_bytes]).toEqual([['0.txt', '1.txt'], 15])
  const rest = await list(`?limit=3&cursor=${first.next}`)
  expect([rest.items.map(({ name }) => name), rest.next]).toEqual([['2.txt', '3.txt', '4.txt'], null])
  expect((await list('?account=juliet@bix.org')).items.map(({ owner }) => owner)).toEqual([
    'juliet@bix.org',
    'juliet@bix.org',
  ])
  const whole = JSON.stringify(await list())
  for (const url of urls) expect(whole).not.toContain(url.split('/')[4] ?? url)
  expect((await call('GET', '/v1/uploads?cursor=x')).status).toBe(422)
  expect((await call('GET', '/v1/uploads?account=nobody@bix.org')).status).toBe(404)

  const [one] = first.items
  expect((await call('DELETE', `/v1/uploads/${one?.id}`)).status).toBe(204)
  expect((await call('DELETE', `/v1/uploads/${one?.id}`)).status).toBe(404)
  expect((await fetch(urls[0] ?? '')).status).toBe(404)

  const purge = async (query: string) => (await call('DELETE', `/v1/uploads${query}`)).json()
  // Of all accounts, stored four minutes ago or before: the second.
  expect(await purge('?older_than=240')).toEqual({ files: 1, bytes: 2 })
  expect(await purge('?account=romeo@bix.org')).toEqual({ files: 2, bytes: 7 })
  expect((await call('DELETE', '/v1/uploads')).status).toBe(422)
  expect((await list()).items.map(({ name }) => name)).toEqual(['4.txt'])
  while (f.onDisk().length > 1) await Bun.sleep(1)
})
