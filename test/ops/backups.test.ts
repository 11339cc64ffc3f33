/** Backups by the clock: when one is made, which old ones go, and what an operator hears where none is made. */
import { expect, test } from 'bun:test'
import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { type Config, defaults } from '../../src/config/config.ts'
import { Backups } from '../../src/ops/backups.ts'
import { Jobs } from '../../src/ops/jobs.ts'
import { type Manifest, manifestText, nameOf } from '../../src/store/backup/manifest.ts'
import type { WriteTx } from '../../src/store/tx.ts'
import { open, tempDir, trip } from '../store/support.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

/** A server's backups, by a clock that is held. */
function kept(backup: Partial<Config['backup']>) {
  const dir = tempDir()
  const { store, clock } = open(dir.file)
  const config = { ...defaults(), data_dir: dirname(dir.file) }
  Object.assign(config.backup, { rate: Infinity }, backup)
  const jobs = new Jobs(clock)
  const run = async <T>(f: (t: WriteTx) => T): Promise<T> => trip(store, () => f({ store }))
  const backups = new Backups({ config, clock, jobs, run, version: '0' })
  const directory = join(config.data_dir, 'backups')
  const names = (): string[] => backups.list().map(({ name }) => name)
  return {
    ...{ backups, clock, jobs, directory, names, config },
    /** Lets the time pass, and the work that has become due be done. */
    async pass(ms: number): Promise<void> {
      clock.advance(ms)
      await jobs.latest?.over
    },
    /** Waits for what is removed behind a backup. */
    async until(wanted: readonly string[]): Promise<void> {
      for (; names().join() !== wanted.join();) await new Promise(setImmediate)
    },
    /** A whole one of that time, as the list sees it. */
    put(at: number, dataDir = config.data_dir): string {
      const name = nameOf(at)
      const manifest: Manifest = {
        ...{ format: 1, version: '0', schema: 1, hosts: ['bix.org'], data_dir: dataDir, uploads: 'none' },
        ...{ created: new Date(at).toISOString(), config: false, bytes: 0, files: [] },
      }
      mkdirSync(join(directory, name), { recursive: true })
      writeFileSync(join(directory, name, 'manifest.json'), manifestText(manifest))
      return name
    },
    [Symbol.dispose]() {
      store.close()
      dir[Symbol.dispose]()
    },
  }
}

test('one is made at the start and then each day, not sooner', async () => {
  using k = kept({ every: DAY })
  const stop = k.backups.start()
  await k.pass(0)
  expect(k.names()).toHaveLength(1)
  await k.pass(DAY - MINUTE)
  expect(k.names()).toHaveLength(1)
  await k.pass(MINUTE)
  expect(k.names()).toHaveLength(2)
  expect(k.backups.alarms()).toEqual([])
  stop()
  await k.pass(3 * DAY)
  expect(k.names()).toHaveLength(2)
})

test('old ones go by age behind a new one; the newest stays however old, and those of other data', async () => {
  using k = kept({ every: DAY, keep: 3 * DAY })
  const now = k.clock.now()
  const [, two] = [k.put(now - 4 * DAY), k.put(now - 2 * DAY)]
  const other = k.put(now - 9 * DAY, '/srv/another')
  const stop = k.backups.start()
  await k.pass(0)
  await k.until([nameOf(now), two, other])
  stop()

  using alone = kept({ every: DAY, keep: HOUR })
  const only = alone.put(alone.clock.now() - 30 * DAY)
  // Without room for a new one nothing is removed either.
  rmSync(join(alone.config.data_dir, 'belfry.db'))
  const end = alone.backups.start()
  await alone.pass(DAY)
  expect(alone.names()).toEqual([only])
  end()
})

test('old ones go by number', async () => {
  using k = kept({ every: DAY, keep: Infinity, most: 2 })
  const now = k.clock.now()
  const [last] = [1, 2, 3].map((days) => k.put(now - days * DAY))
  const stop = k.backups.start()
  await k.pass(0)
  await k.until([nameOf(now), last ?? ''])
  stop()
})

test('one that fails is tried again an hour later, and missed once the last is twice as old as it may be', async () => {
  using k = kept({ every: 2 * HOUR })
  const last = k.put(k.clock.now())
  const file = join(k.config.data_dir, 'belfry.db')
  const stop = k.backups.start()
  renameSync(file, `${file}.away`)
  await k.pass(2 * HOUR)
  expect(k.backups.alarms()).toEqual([])
  renameSync(`${file}.away`, file)
  await k.pass(HOUR - MINUTE)
  expect(k.names()).toEqual([last])
  await k.pass(MINUTE)
  expect(k.names()).toEqual([nameOf(k.clock.now()), last])
  renameSync(file, `${file}.away`)
  await k.pass(4 * HOUR + MINUTE)
  expect(k.backups.alarms()).toEqual(['the last backup is 4 h old'])
  renameSync(`${file}.away`, file)
  stop()
})

test('none at all is missed from the start on; nothing is missed where nothing is made by the clock', async () => {
  using k = kept({ every: HOUR })
  rmSync(join(k.config.data_dir, 'belfry.db'))
  const stop = k.backups.start()
  await k.pass(2 * HOUR)
  expect(k.backups.alarms()).toEqual([])
  await k.pass(HOUR)
  expect(k.backups.alarms()).toEqual(['no backup was made for 3 h'])
  stop()
  using byHand = kept({ every: Infinity })
  byHand.put(byHand.clock.now() - 90 * DAY)
  expect(byHand.backups.alarms()).toEqual([])
})
