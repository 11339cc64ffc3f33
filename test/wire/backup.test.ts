/** A backup of a server at work, and the way back: every message acknowledged before, every password. */
import { expect, test } from 'bun:test'
import { Database } from 'bun:sqlite'
import { existsSync, mkdirSync, readdirSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { mayMount, smallDisk } from '../support/small-disk.ts'
import { Ballast } from '../../src/ops/ballast.ts'
import { systemRandom } from '../../src/store/clock.ts'
import { belfry, finished, type Job } from './backup-support.ts'
import { wire } from './support.ts'

const bodies = (file: string): number => {
  const db = new Database(file, { readonly: true })
  try {
    return db.query<{ n: number }, []>('SELECT count(*) AS n FROM offline').get()?.n ?? 0
  } finally {
    db.close()
  }
}

test('what was acknowledged before it is in it; it is listed, verified, restored, and old passwords hold', async () => {
  await using w = await wire()
  for (const jid of ['romeo@bix.org', 'juliet@bix.org']) await w.account(jid)
  const say = (): Promise<Response> =>
    w.ask('POST', '/v1/messages', { from: 'romeo@bix.org', to: 'juliet@bix.org', body: 'It is the east' })
  for (let i = 0; i < 20; i++) expect((await say()).status).toBeLessThan(300)
  let going = true
  const more = (async () => {
    for (; going;) await say()
  })()
  const job = await finished(w, await w.ask('POST', '/v1/backups', {}))
  going = false
  await more
  expect(job).toMatchObject({
    state: 'done',
    result: { hosts: ['bix.org', 'other.example'], uploads: 'link' },
  })
  const { directory, items } = (await (await w.ask('GET', '/v1/backups')).json()) as {
    directory: string
    items: { name: string }[]
  }
  const name = items[0]?.name ?? ''
  expect(items).toHaveLength(1)
  expect(bodies(join(directory, name, 'belfry.db'))).toBeGreaterThanOrEqual(20)
  const audit = (await (await w.ask('GET', '/v1/audit?by=operator&limit=1')).json()) as { items: unknown[] }
  expect(audit.items[0]).toMatchObject({ event: 'backup made', door: 'Unix socket', facts: { name } })
  expect(await finished(w, await w.ask('POST', `/v1/backups/${name}/verify`))).toMatchObject({
    result: { ok: true },
  })
  expect(await finished(w, await w.ask('POST', '/v1/db/check', { full: true }))).toMatchObject({
    result: { ok: true },
  })
  expect(await finished(w, await w.ask('POST', '/v1/db/vacuum'))).toMatchObject({ state: 'done' })

  // Data of a running server is not touched.
  const held = await belfry(w.directory, 'backup', 'restore', name, '--yes')
  expect(held.code).toBe(1)
  expect(held.err).toContain('is in use by another Belfry')

  await w.account('tybalt@bix.org')
  await w.server.stop()
  const dry = await belfry(w.directory, 'backup', 'restore', name, '--dry-run')
  expect(dry.code).toBe(0)
  expect(dry.out).toContain('would put')
  const back = await belfry(w.directory, '-o', 'json', 'backup', 'restore', name, '--yes')
  expect(back.code).toBe(0)
  const { aside } = JSON.parse(back.out) as { aside: string }
  expect(readdirSync(aside)).toContain('belfry.db')
  expect(statSync(join(w.config.data_dir, 'belfry.db')).mode).toBe(statSync(join(aside, 'belfry.db')).mode)

  await w.restart()
  const me = (jid: string): Promise<Response> =>
    fetch(`https://127.0.0.1:${w.port('https')}/v1/me/devices`, {
      headers: { authorization: w.basic(jid), host: 'bix.org' },
      tls: { rejectUnauthorized: false },
    })
  expect((await me('romeo@bix.org')).status).toBe(200)
  expect((await me('tybalt@bix.org')).status).toBe(401)
  const restored = (await (await w.ask('GET', '/v1/audit?limit=50')).json()) as { items: { event: string }[] }
  expect(restored.items.map(({ event }) => event)).toContain('backup restored')
})

test('a cut backup is not restored, and an interrupted restore does not serve what is of two kinds', async () => {
  await using w = await wire()
  await finished(w, await w.ask('POST', '/v1/backups', { config: true }))
  const { directory, items } = (await (await w.ask('GET', '/v1/backups')).json()) as {
    directory: string
    items: { name: string; config: boolean }[]
  }
  const [made] = items
  expect(made?.config).toBe(true)
  const path = join(directory, made?.name ?? '')
  expect(existsSync(join(path, 'config', w.directory, 'bix.org.key'))).toBe(true)
  await w.server.stop()
  truncateSync(join(path, 'belfry.db'), 4096)
  const refused = await belfry(w.directory, '-o', 'json', 'backup', 'restore', path, '--yes')
  expect(refused.code).toBe(1)
  expect(refused.err).toContain('belfry.db has 4096 of')
  const looked = await belfry(w.directory, 'backup', 'verify', path)
  expect(looked.code).toBe(1)
  expect(looked.err).toContain('cannot be relied on')
  expect(readdirSync(w.config.data_dir).filter((file) => file.startsWith('before-'))).toEqual([])

  writeFileSync(join(w.config.data_dir, 'restore-unfinished'), '')
  const list = await belfry(w.directory, 'backup', 'list')
  expect(list.code).toBe(1)
  expect(list.err).toContain('was interrupted')
})

test.if(mayMount())('a backup that the disk has no room for leaves nothing that looks whole', async () => {
  using disk = smallDisk('2m')
  if (!disk) throw new Error('not mounted')
  await using w = await wire({ toml: `[backup]\ndir = "${disk.path}"\n` })
  const answer = await w.ask('POST', '/v1/backups', {})
  expect(answer.status).toBe(503)
  expect(await answer.text()).toContain('a backup needs')
  expect(readdirSync(disk.path)).toEqual([])
})

test.if(mayMount())('the ballast is written for real, given up on a full disk, and comes back', async () => {
  using disk = smallDisk('8m')
  if (!disk) throw new Error('not mounted')
  const data = join(disk.path, 'data')
  mkdirSync(data)
  const size = 2 << 20
  const ballast = new Ballast(data, size, systemRandom)
  await ballast.look(0)
  const { blocks } = statSync(join(data, 'ballast'))
  expect(blocks * 512).toBeGreaterThanOrEqual(size)
  const free = disk.fillUp()
  expect(() => writeFileSync(join(data, 'row'), Buffer.alloc(100_000))).toThrow('ENOSPC')
  ballast.free()
  writeFileSync(join(data, 'row'), Buffer.alloc(100_000))
  await ballast.look(0)
  expect(existsSync(join(data, 'ballast'))).toBe(false)
  free()
  await ballast.look(0)
  expect(statSync(join(data, 'ballast')).size).toBe(size)
})

test('by the clock: one at the start, and no second before its time; the old ones go behind it', async () => {
  await using w = await wire({ toml: '[backup]\nevery = "1h"\nmost = 1\n' })
  type List = { items: { name: string }[]; running: Job | null }
  const settled = async (): Promise<List> => {
    for (;;) {
      const list = (await (await w.ask('GET', '/v1/backups')).json()) as List
      if (list.running === null && list.items.length > 0) return list
    }
  }
  const [first] = (await settled()).items
  await w.restart()
  expect((await settled()).items.map(({ name }) => name)).toEqual([first?.name ?? ''])
  const by = await finished(w, await w.ask('POST', '/v1/backups', {}))
  expect(by.state).toBe('done')
})
