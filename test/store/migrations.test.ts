import { Database } from 'bun:sqlite'
import { describe, expect, test } from 'bun:test'
import { is } from 'drizzle-orm'
import { getTableConfig, SQLiteTable } from 'drizzle-orm/sqlite-core'
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { systemClock } from '../../src/store/clock.ts'
import { openDb } from '../../src/store/db.ts'
import { migrate, NewerSchema } from '../../src/store/migrations.ts'
import { openStore } from '../../src/store/store.ts'
import { open, tempDir } from './support.ts'

const ROOT = join(import.meta.dir, '../..')
const HOST = { flushed() {}, fatal() {} }

interface Column {
  name: string
  type: string
  notnull: number
  pk: number
}

const version = (db: Database) =>
  db.query<{ user_version: number }, []>('PRAGMA user_version').get()?.user_version
const schema = (db: Database) => db.query('SELECT type, name, sql FROM sqlite_schema ORDER BY name').all()

async function declaredTables(): Promise<SQLiteTable[]> {
  const files = readdirSync(join(ROOT, 'src/store')).filter(
    (file) => file.endsWith('.ts') && !/worker|\.d\.ts/.test(file),
  )
  const tables = new Set<SQLiteTable>()
  for (const file of files) {
    const module: unknown = await import(join(ROOT, 'src/store', file))
    if (typeof module !== 'object' || module === null) continue
    for (const value of Object.values(module)) if (is(value, SQLiteTable)) tables.add(value)
  }
  return [...tables]
}

describe('a fresh database', () => {
  test('has the columns that the queries declare', async () => {
    using w = open()
    const tables = await declaredTables()
    expect(tables.length).toBeGreaterThanOrEqual(9)
    for (const table of tables) {
      const { name, columns, primaryKeys } = getTableConfig(table)
      const composite = primaryKeys[0]?.columns.map((column) => column.name) ?? []
      const declared = columns.map((column) => {
        const primary = column.primary || composite.includes(column.name)
        return `${column.name} ${column.getSQLType().toUpperCase()} ${primary ? 'key' : column.notNull}`
      })
      const found = w.store.db.raw
        .query<Column, [string]>('SELECT name, type, "notnull", pk FROM pragma_table_info(?)')
        .all(name)
        .map((column) => `${column.name} ${column.type} ${column.pk > 0 ? 'key' : column.notnull === 1}`)
      expect([name, ...declared.sort()]).toEqual([name, ...found.sort()])
    }
  })

  test('checks foreign keys, is in WAL mode, leaves syncs to the turn and checkpoints to us', () => {
    using dir = tempDir()
    using w = open(dir.file)
    const pragma = (name: string) =>
      Object.values(w.store.db.raw.query<Record<string, unknown>, []>(`PRAGMA ${name}`).get() ?? {})[0]
    expect(
      ['foreign_keys', 'journal_mode', 'synchronous', 'wal_autocheckpoint', 'busy_timeout'].map(pragma),
    ).toEqual([1, 'wal', 1, 0, 0])
  })

  test('is migrated once', () => {
    using dir = tempDir()
    const first = open(dir.file)
    const before = schema(first.store.db.raw)
    first.store.close()
    using again = open(dir.file)
    expect(schema(again.store.db.raw)).toEqual(before)
  })
})

test('a newer schema is refused with what to do, and left as it is', () => {
  using dir = tempDir()
  open(dir.file).store.close()
  const db = new Database(dir.file)
  const mine = version(db) ?? 0
  db.run(`PRAGMA user_version = ${mine + 1}`)
  const before = schema(db)
  const attempt = () => openDb(dir.file, HOST, systemClock)
  expect(attempt).toThrow(NewerSchema)
  expect(attempt).toThrow(
    `the database has schema ${mine + 1}, this build knows up to ${mine}: install the newer Belfry again, ` +
      'or restore a backup made before the upgrade',
  )
  expect([version(db), schema(db)]).toEqual([mine + 1, before])
  db.close()
})

test.each([
  [
    'an unreleased build’s',
    'table accounts has no column named disabled',
    (file: string) => {
      const db = new Database(file)
      db.run('ALTER TABLE accounts RENAME COLUMN disabled TO off')
      db.close()
    },
  ],
  ['no database', 'file is not a database', (file: string) => writeFileSync(file, 'x'.repeat(4096))],
] as const)('%s is refused with what to do', (_name, why, spoil) => {
  using dir = tempDir()
  open(dir.file).store.close()
  for (const part of ['-wal', '-shm']) rmSync(`${dir.file}${part}`, { force: true })
  spoil(dir.file)
  expect(() => openStore(dir.file, HOST)).toThrow(
    `${dir.file} cannot be used: ${why}. It is damaged, or an unreleased build made it: ` +
      'restore a backup, or move it away to begin anew',
  )
})

describe('a migration that is interrupted', () => {
  const files = readdirSync(join(ROOT, 'migrations')).sort()
  const texts = files.map((file) => readFileSync(join(ROOT, 'migrations', file), 'utf8'))

  test.each(files)('%s leaves the old version, wherever it stops', (file) => {
    const step = files.indexOf(file)
    const done = texts.slice(0, step)
    const statements = (texts[step] ?? '').split(/;\s*\n/)
    for (let n = 0; n <= statements.length; n++) {
      const db = new Database(':memory:')
      migrate(db, done)
      const before = schema(db)
      const broken = `${statements.slice(0, n).join(';\n')};\nINSERT INTO nowhere VALUES (1);`
      expect(() => migrate(db, [...done, broken])).toThrow('nowhere')
      expect([db.inTransaction, version(db), schema(db)]).toEqual([false, step, before])
      // The next start goes on from there.
      migrate(db, texts)
      expect(version(db)).toBe(texts.length)
      db.close()
    }
  })

  test('one that leaves rows without their parent is undone', () => {
    const db = new Database(':memory:')
    const tables = 'CREATE TABLE a (id INTEGER PRIMARY KEY); CREATE TABLE b (a REFERENCES a (id));'
    migrate(db, [tables])
    expect(() => migrate(db, [tables, 'INSERT INTO b VALUES (1)'])).toThrow('rows without their parent')
    expect([version(db), db.query('SELECT * FROM b').all()]).toEqual([1, []])
  })

  test('one that rebuilds a parent table keeps the children', () => {
    const db = new Database(':memory:')
    const tables =
      'CREATE TABLE a (id INTEGER PRIMARY KEY); CREATE TABLE b (a REFERENCES a (id) ON DELETE CASCADE);' +
      'INSERT INTO a VALUES (1); INSERT INTO b VALUES (1);'
    const rebuild =
      'CREATE TABLE a2 (id INTEGER PRIMARY KEY, x); INSERT INTO a2 SELECT id, 0 FROM a; DROP TABLE a;' +
      'ALTER TABLE a2 RENAME TO a;'
    db.run('PRAGMA foreign_keys = OFF')
    migrate(db, [tables, rebuild])
    expect(db.query('SELECT * FROM b').all()).toEqual([{ a: 1 }])
  })
})

test('every migration is in the bundle as text', async () => {
  const built = await Bun.build({ entrypoints: [join(ROOT, 'src/store/migrations.ts')], target: 'bun' })
  const code = await built.outputs[0]?.text()
  for (const file of readdirSync(join(ROOT, 'migrations'))) {
    const table = /CREATE TABLE \w+/.exec(readFileSync(join(ROOT, 'migrations', file), 'utf8'))?.[0]
    expect(code).toContain(table ?? file)
  }
})
