/** The end of files: by purpose, by their owner's word, with the account, and what a crash has left. */
import { expect, test } from 'bun:test'
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { accountOf, remove } from '../../src/accounts/accounts.ts'
import { UploadSweep } from '../../src/uploads/sweep.ts'
import { type Files, files } from '../support/uploads.ts'

const DAY = 24 * 3_600_000
const PURPOSE = 'urn:xmpp:http:upload:purpose:0'
const sweepOf = ({ p }: Files): UploadSweep => new UploadSweep(p.world, (f) => p.router.run(f))
const purpose = (name: string, attrs = ''): string => `<${name} xmlns='${PURPOSE}'${attrs}/>`
const statusOf = async (url: string): Promise<number> => (await fetch(url)).status
const fileOf = (url: string): string => url.split('/')[4] ?? ''

test('each purpose keeps its files for its time; profile and permanent ones stay', async () => {
  await using f = await files('[upload]\nkeep = "10d"\nkeep_ephemeral = "2d"\n')
  const end = new Date(f.p.world.now() + DAY).toISOString()
  const all = {
    message: await f.stored('a'),
    ephemeral: await f.stored('b', { inner: purpose('ephemeral', ` expire-before='2999-01-01T00:00:00Z'`) }),
    ended: await f.stored('c', { inner: purpose('ephemeral', ` expire-before='${end}'`) }),
    profile: await f.stored('d', { inner: purpose('profile') }),
    permanent: await f.stored('e', { inner: purpose('permanent') }),
  }
  const left = async () => {
    const found: string[] = []
    for (const [name, url] of Object.entries(all)) if ((await statusOf(url)) === 200) found.push(name)
    // Nobody gets what is over, swept or not.
    await sweepOf(f).expire()
    while (f.onDisk().length > found.length) await Bun.sleep(1)
    expect(f.onDisk().length).toBe(found.length)
    expect(f.p.world.store.uploads.total()).toBe(found.length)
    return found
  }
  expect(await left()).toEqual(['message', 'ephemeral', 'ended', 'profile', 'permanent'])
  f.p.clock.advance(DAY)
  expect(await left()).toEqual(['message', 'ephemeral', 'profile', 'permanent'])
  f.p.clock.advance(DAY)
  expect(await left()).toEqual(['message', 'profile', 'permanent'])
  f.p.clock.advance(8 * DAY)
  expect(await left()).toEqual(['profile', 'permanent'])
  f.p.clock.advance(200 * DAY)
  expect(await left()).toEqual(['profile', 'permanent'])
})

test('what a browser may remember ends with the file', async () => {
  await using f = await files('[upload]\nkeep = "1d"\n')
  const get = await f.stored('a')
  const ageOf = async () => (await fetch(get)).headers.get('cache-control')
  expect(await ageOf()).toBe('private, max-age=86400, immutable')
  f.p.clock.advance(DAY / 2)
  expect(await ageOf()).toBe('private, max-age=43200, immutable')
})

test('slots that nobody uses are remembered for an hour, then forgotten', async () => {
  await using f = await files()
  const { put } = await f.slot({ size: 1 })
  const asked = async () => (await fetch(put, { method: 'PUT', body: 'a' })).status
  f.p.clock.advance(300_000)
  await sweepOf(f).expire()
  expect(await asked()).toBe(410)
  f.p.clock.advance(3_600_000)
  await sweepOf(f).expire()
  expect(await asked()).toBe(404)
})

test('what nobody knows is removed: temporary names, files without rows; what is not ours stays', async () => {
  await using f = await files()
  const get = await f.stored('a')
  const other = 'b'.repeat(32)
  mkdirSync(join(f.dataDir, 'uploads/bb'))
  for (const name of [other, `${other}.part`, 'notes.txt'])
    writeFileSync(join(f.dataDir, 'uploads/bb', name), 'x')
  const own = join(f.dataDir, 'uploads', fileOf(get).slice(0, 2), fileOf(get))
  writeFileSync(`${own}.part`, 'x')
  // A slot whose file was there before its row said so.
  const slot = await f.slot({ size: 1 })
  const lost = fileOf(slot.get)
  mkdirSync(join(f.dataDir, 'uploads', lost.slice(0, 2)), { recursive: true })
  writeFileSync(join(f.dataDir, 'uploads', lost.slice(0, 2), lost), 'x')
  await sweepOf(f).tidy()
  expect(f.onDisk().sort()).toEqual([fileOf(get), 'notes.txt'].sort())
  expect(await statusOf(get)).toBe(200)
  expect((await fetch(slot.put, { method: 'PUT', body: 'a' })).status).toBe(201)
})

test('a row whose file is missing goes, but not all of them where the disk is not mounted', async () => {
  await using f = await files()
  const [one, two] = [await f.stored('a'), await f.stored('bc')]
  const path = join(f.dataDir, 'uploads', fileOf(one).slice(0, 2), fileOf(one))
  rmSync(path)
  await sweepOf(f).tidy()
  expect([f.p.world.store.uploads.total(), await statusOf(two)]).toEqual([2, 200])
  rmSync(join(f.dataDir, 'uploads'), { recursive: true })
  await sweepOf(f).tidy()
  expect(f.p.world.store.uploads.total()).toBe(2)
})

test('an upload that is under way is left alone, however long it takes', async () => {
  await using f = await files()
  const slot = await f.slot({ size: 2 })
  const { promise: goOn, resolve } = Promise.withResolvers<void>()
  const body = new ReadableStream<Uint8Array>({
    async start(controller) {
      controller.enqueue(Buffer.from('a'))
      await goOn
      controller.enqueue(Buffer.from('b'))
      controller.close()
    },
  })
  const slow = fetch(slot.put, { method: 'PUT', body })
  while (f.onDisk().length === 0) await Bun.sleep(1)
  f.p.clock.advance(2 * DAY)
  await sweepOf(f).tidy()
  await sweepOf(f).expire()
  resolve()
  expect([(await slow).status, await statusOf(slot.get)]).toEqual([201, 200])
})

test('an account takes its files and slots with it, those of others stay', async () => {
  await using f = await files()
  const own = await f.stored('a')
  const slot = await f.slot({ size: 1 })
  const other = await f.stored('b', { who: 'juliet@bix.org/balcony' })
  await f.p.router.run((t) => remove(t, accountOf(t, 'romeo@bix.org')))
  expect([await statusOf(own), await statusOf(other)]).toEqual([404, 200])
  expect((await fetch(slot.put, { method: 'PUT', body: 'a' })).status).toBe(404)
  while (f.onDisk().length > 1) await Bun.sleep(1)
  expect(f.onDisk()).toEqual([fileOf(other)])
  expect(f.p.world.store.uploads.total()).toBe(1)
  expect(readdirSync(f.dataDir)).toEqual(['uploads'])
})
