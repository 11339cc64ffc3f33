/** Backups of a store that is written to meanwhile, and everything that a backup may turn out to be. */
import { Database } from 'bun:sqlite'
import { describe, expect, test } from 'bun:test'
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { createBackup } from '../../src/store/backup/create.ts'
import { type Manifest, manifestText, nameOf } from '../../src/store/backup/manifest.ts'
import { verifyBackup } from '../../src/store/backup/verify.ts'
import { checkFile } from '../../src/store/check.ts'
import { Checkpointer } from '../../src/store/checkpoint.ts'
import { systemClock } from '../../src/store/clock.ts'
import { carryOut } from '../../src/store/maintenance.ts'
import { kept, NAME } from './backup-support.ts'
import { trip } from './support.ts'

const setting = (file: string, key: string): number => {
  const db = new Database(file, { readonly: true })
  try {
    const row = db
      .query<{ value: Uint8Array }, [string]>('SELECT value FROM settings WHERE name = ?')
      .get(key)
    return Number(Buffer.from(row?.value ?? []).toString())
  } finally {
    db.close()
  }
}

describe('a store that is written to', () => {
  test.each([
    ['its log begins anew all the time', 8],
    ['its log only grows', 1_000_000],
  ])('is copied as it was at one moment, with all that was there before: %s', async (_name, frames) => {
    using k = kept()
    const limits = {
      askFrames: frames,
      leisure: 1,
      restartFrames: frames,
      leftFrames: 1_000_000,
      alarmBytes: Infinity,
    }
    const checkpointer = new Checkpointer(k.store.db, systemClock, () => {}, limits)
    let n = 0
    const write = (): void => {
      n++
      trip(k.store, () => {
        for (const key of ['first', 'last']) k.store.settings.set(key, Buffer.from(String(n)))
        k.store.settings.set(`row ${n % 500}`, Buffer.alloc(20_000, n % 251))
      })
    }
    for (let i = 0; i < 600; i++) write()
    const before = n
    const work = carryOut(k.order({ rate: 1 << 30 }), () => {})
    let going = true
    void work.result.finally(() => (going = false))
    while (going) {
      write()
      await Bun.sleep(0)
    }
    await work.result
    checkpointer.stop()
    expect(n).toBeGreaterThan(before + 1)
    const copy = join(k.made, 'belfry.db')
    expect(checkFile(copy, true).problems).toEqual([])
    expect(setting(copy, 'first')).toBe(setting(copy, 'last'))
    expect(setting(copy, 'first')).toBeGreaterThanOrEqual(before)
    expect(readdirSync(k.made).sort()).toEqual(['belfry.db', 'manifest.json'])
    expect(verifyBackup(k.made).ok).toBe(true)
  })

  test('keeps its locks: who else opens it does not take itself for the only one', () => {
    using k = kept()
    trip(k.store, () => k.store.settings.set('x', Buffer.from('1')))
    createBackup(k.order(), () => {})
    // A last one that closes folds the log in and removes it.
    const other = Bun.spawnSync([
      process.execPath,
      '-e',
      `const { Database } = require('bun:sqlite'); const db = new Database(${JSON.stringify(k.file)}); db.run('CREATE TABLE other (x)'); db.close()`,
    ])
    expect(other.stderr.toString()).toBe('')
    expect(existsSync(`${k.file}-wal`)).toBe(true)
  })
})

describe('files that people sent', () => {
  test('are links to the same file, which take no room, or copies of their own, or left out', () => {
    using k = kept()
    const file = k.upload('ab12', 'hello')
    k.upload('cd34.part', 'half')
    createBackup(k.order(), () => {})
    createBackup(k.order({ name: `${NAME}-1`, uploads: 'copy' }), () => {})
    createBackup(k.order({ name: `${NAME}-2`, uploads: 'none' }), () => {})
    const inode = (name: string): number => statSync(join(k.directory, name, 'uploads/ab/ab12')).ino
    expect(inode(NAME)).toBe(statSync(file).ino)
    expect(inode(`${NAME}-1`)).not.toBe(statSync(file).ino)
    expect(existsSync(join(k.directory, `${NAME}-2`, 'uploads'))).toBe(false)
    rmSync(file)
    const { ok, manifest } = verifyBackup(k.made)
    expect([ok, manifest.files.map(({ path }) => path)]).toEqual([true, ['belfry.db', 'uploads/ab/ab12']])
  })

  test('keep the checksum that the backup before has, if they are the same file', () => {
    using k = kept()
    const file = k.upload('ab12', 'hello')
    k.upload('ab13', 'other')
    createBackup(k.order(), () => {})
    // Bit rot since: only a sum that was taken anew would call this right.
    writeFileSync(file, 'hullo')
    createBackup(k.order({ name: `${NAME}-1`, previous: k.made }), () => {})
    expect(verifyBackup(join(k.directory, `${NAME}-1`)).problems).toEqual([
      'uploads/ab/ab12 was changed: its checksum is another',
    ])
  })
})

describe('a backup that is not as it was made', () => {
  const CHANGES: readonly [string, (made: string) => void, string][] = [
    ['a changed byte', (made) => flip(join(made, 'belfry.db'), 5_000), 'belfry.db was changed'],
    [
      'a file that was cut off',
      (made) => truncateSync(join(made, 'belfry.db'), 4096),
      'belfry.db has 4096 of',
    ],
    ['a file that is missing', (made) => rmSync(join(made, 'uploads/ab/ab12')), 'uploads/ab/ab12 is missing'],
  ]
  test.each(CHANGES)('%s', (_name, change, problem) => {
    using k = kept()
    k.upload('ab12', 'hello')
    createBackup(k.order(), () => {})
    change(k.made)
    const { ok, problems } = verifyBackup(k.made)
    expect(ok).toBe(false)
    expect(problems).toHaveLength(1)
    expect(problems[0]).toContain(problem)
  })

  const REFUSED: readonly [string, (made: string) => void, RegExp][] = [
    ['no manifest', (made) => rmSync(join(made, 'manifest.json')), /is no whole backup/],
    ['a manifest that was cut off', (made) => truncateSync(join(made, 'manifest.json'), 50), /was changed/],
    ['another host in it', (made) => edit(made, (text) => text.replace('bix.org', 'bax.org')), /was changed/],
    ['a newer schema', (made) => rewrite(made, { schema: 9_999, version: '7.0' }), /newer Belfry \(7\.0\)/],
    ['a newer format', (made) => rewrite(made, { format: 3, version: '8.0' }), /newer Belfry \(8\.0\)/],
    [
      'a file outside',
      (made) => rewrite(made, { files: [{ path: 'uploads/../../x', size: 1, sha256: '' }] }),
      /outside itself/,
    ],
    ['nothing there', (made) => rmSync(made, { recursive: true }), /does not exist/],
  ]
  test.each(REFUSED)('%s', (_name, change, reason) => {
    using k = kept()
    createBackup(k.order(), () => {})
    change(k.made)
    expect(() => verifyBackup(k.made)).toThrow(reason)
  })

  const flip = (file: string, at: number): void => {
    const bytes = readFileSync(file)
    bytes[at] = (bytes[at] ?? 0) ^ 1
    writeFileSync(file, bytes)
  }
  const edit = (made: string, change: (text: string) => string): void => {
    const file = join(made, 'manifest.json')
    writeFileSync(file, change(readFileSync(file, 'utf8')))
  }
  const rewrite = (made: string, change: Partial<Manifest>): void =>
    edit(made, (text) => {
      const { sha256: _, ...manifest } = JSON.parse(text) as Manifest & { sha256: string }
      return manifestText({ ...manifest, ...change })
    })
})

test('what a killed server has left goes at the next backup, that of another server stays', async () => {
  using k = kept()
  const stopped = carryOut(k.order(), () => {})
  stopped.stop()
  expect(await stopped.result.catch(String)).toContain('stopped')
  const other = join(k.directory, `${nameOf(0)}.0123456789ab.part`)
  mkdirSync(other, { recursive: true })
  createBackup(k.order({ name: `${NAME}-1` }), () => {})
  expect(readdirSync(k.directory).sort()).toEqual([`${nameOf(0)}.0123456789ab.part`, `${NAME}-1`].sort())
})

test('a database that is damaged makes no backup', () => {
  using k = kept()
  trip(k.store, () => k.store.settings.set('x', Buffer.alloc(100_000, 1)))
  k.store.db.raw.run('PRAGMA wal_checkpoint(TRUNCATE)')
  const bytes = readFileSync(k.file)
  bytes.fill(7, 30 * 2048, 80 * 2048)
  writeFileSync(k.file, bytes)
  expect(() => createBackup(k.order(), () => {})).toThrow(/malformed|damaged/)
  expect(readdirSync(k.directory)).toEqual([])
})

test('the check of a database names what is not sound, and lets the tables of others be', () => {
  using k = kept()
  k.store.db.raw.run('CREATE TABLE _litestream_seq (id INTEGER PRIMARY KEY, seq INTEGER)')
  expect(checkFile(k.file)).toMatchObject({ ok: true, foreign_tables: ['_litestream_seq'] })
  k.store.db.raw.run('DROP TABLE settings')
  expect(checkFile(k.file)).toMatchObject({ ok: false, problems: ['the table settings is missing'] })
})
