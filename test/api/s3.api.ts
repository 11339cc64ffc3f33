/** Files in a store that speaks S3, with a server of other people in its place. */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { storageOf } from '../../src/uploads/storage-of.ts'
import { UploadSweep } from '../../src/uploads/sweep.ts'
import { type Files, files, putsPieces } from '../support/uploads.ts'
import { s3, type S3 } from '../support/s3.ts'

let store: S3
beforeAll(async () => {
  store = await s3()
})
afterAll(() => store[Symbol.asyncDispose]())

const fileOf = (url: string): string => url.split('/')[4] ?? ''
/** What is in the bucket; tests share it. */
async function names({ p }: Files): Promise<string[]> {
  const found: string[] = []
  for await (const name of storageOf(p.world).names()) found.push(name)
  return found
}
const started = (keys = '') => files(`[upload]\n${keys}${store.toml}`)

test('a file passes through into the bucket and comes back: whole, in parts, by HEAD, never by the disk', async () => {
  await using f = await started()
  const content = randomBytes(5_000_000)
  const get = await f.stored(content, { name: 'été.mov', type: 'video/mp4' })
  expect(f.onDisk()).toEqual([])
  expect(await names(f)).toContain(fileOf(get))
  const whole = await fetch(get)
  expect(Buffer.from(await whole.arrayBuffer()).equals(content)).toBe(true)
  expect([whole.status, whole.headers.get('content-type')]).toEqual([200, 'video/mp4'])
  for (const [range, from, to] of [
    ['bytes=0-1', 0, 2],
    ['bytes=0-', 0, 5_000_000],
    ['bytes=4000000-4000999', 4_000_000, 4_001_000],
    ['bytes=-10', 4_999_990, 5_000_000],
  ] as const) {
    const part = await fetch(get, { headers: { range } })
    expect([part.status, part.headers.get('content-range')]).toEqual([206, `bytes ${from}-${to - 1}/5000000`])
    // With a stream the runtime says none.
    if (to - from <= 1_048_576) expect(part.headers.get('content-length')).toBe(String(to - from))
    expect(Buffer.from(await part.arrayBuffer()).equals(content.subarray(from, to))).toBe(true)
  }
  const picture = await fetch(
    await f.stored(content.subarray(0, 300_000), { name: 'a.jpg', type: 'image/jpeg' }),
  )
  expect(picture.headers.get('content-length')).toBe('300000')
  await picture.arrayBuffer()
  const head = await fetch(get, { method: 'HEAD' })
  expect([head.status, head.headers.get('content-length')]).toEqual([200, '5000000'])
  expect(f.p.world.store.uploads.total()).toBe(5_300_000)
})

test('the bucket before the host: the same bucket, signed for another name', async () => {
  const toml = store.toml.replace('://127.0.0.1:', '://localhost:')
  await using f = await files(`[upload]\n${toml}path_style = false\n`)
  const get = await f.stored('hello')
  expect(await (await fetch(get)).text()).toBe('hello')
  await using g = await started()
  expect(await names(g)).toContain(fileOf(get))
  await storageOf(f.p.world).remove(fileOf(get))
  expect(await names(g)).not.toContain(fileOf(get))
})

test('too long, too short, cut off: nothing comes into the bucket, and the slot takes a second try', async () => {
  await using f = await started()
  const slot = await f.slot({ size: 5 })
  expect((await putsPieces(slot.put, ['he', 'll'])).status).toBe(400)
  expect((await putsPieces(slot.put, ['hell', 'o!'])).status).toBe(413)
  // This store takes a body that ends early for a whole one, and may do so after it was told to remove it.
  await new UploadSweep(f.p.world, (work) => f.p.router.run(work)).tidy()
  expect(await names(f)).not.toContain(fileOf(slot.get))
  expect((await fetch(slot.get)).status).toBe(404)
  expect((await putsPieces(slot.put, ['he', 'll', 'o'])).status).toBe(201)
  expect(await (await fetch(slot.get)).text()).toBe('hello')
})

test('what is removed, is over or belongs to nobody leaves the bucket', async () => {
  await using f = await started('keep = "1d"\n')
  const get = await f.stored('hello')
  const orphan = await storageOf(f.p.world).create('ab'.repeat(16), 3)
  await orphan.write(Buffer.from('abc'))
  await orphan.keep()
  const sweep = new UploadSweep(f.p.world, (work) => f.p.router.run(work))
  await sweep.tidy()
  expect(await names(f)).toEqual([fileOf(get)])
  f.p.clock.advance(24 * 3_600_000)
  await sweep.expire()
  while ((await names(f)).length > 0) await Bun.sleep(5)
  expect((await fetch(get)).status).toBe(404)
})

test('a wrong secret is refused with 502, a store that is gone with 503; the slot is as good as before', async () => {
  await using f = await started()
  const slot = await f.slot({ size: 5 })
  // The secret is read once.
  expect(await storageOf(f.p.world).has('cd'.repeat(16))).toBe(false)
  const put = async (url: string) => (await fetch(url, { method: 'PUT', body: 'hello' })).status
  const other = await s3()
  writeFileSync(store.secretFile, 'wrong')
  await using g = await started()
  const wrong = await g.slot({ size: 5 })
  expect(await put(wrong.put)).toBe(502)
  expect(g.p.world.store.uploads.total()).toBe(0)
  await using h = await files(`[upload]\n${other.toml}`)
  const [stored, lost] = [await h.stored('hello'), await h.slot({ size: 5 })]
  await other.stop()
  expect([(await fetch(stored)).status, await put(lost.put)]).toEqual([503, 503])
  await other[Symbol.asyncDispose]()
  expect(await put(slot.put)).toBe(201)
})
