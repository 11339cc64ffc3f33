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
const FILES = readdirSync(join(ROOT, 'migrations')).sort()
const texts = () => FILES.map((file) => readFileSync(join(ROOT, 'migrations', file), 'utf8'))

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
  const all = texts()

  test.each(FILES)('%s leaves the old version, wherever it stops', (file) => {
    const step = FILES.indexOf(file)
    const done = all.slice(0, step)
    const statements = (all[step] ?? '').split(/;\s*\n/)
    for (let n = 0; n <= statements.length; n++) {
      const db = new Database(':memory:')
      migrate(db, done)
      const before = schema(db)
      const broken = `${statements.slice(0, n).join(';\n')};\nINSERT INTO nowhere VALUES (1);`
      expect(() => migrate(db, [...done, broken])).toThrow('nowhere')
      expect([db.inTransaction, version(db), schema(db)]).toEqual([false, step, before])
      // The next start goes on from there.
      migrate(db, all)
      expect(version(db)).toBe(all.length)
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

describe('late indexes (0013)', () => {
  const TABLES = ['archive', 'offline', 'unread', 'verdicts', 'outbox']
  const rows = (db: Database) =>
    Object.fromEntries(
      TABLES.map((table) => [table, db.query(`SELECT * FROM ${table} ORDER BY id`).all()] as const),
    )
  /** What stands in a table, in the order of its index. */
  const places = (db: Database, columns: string, from: string) =>
    db.query(`SELECT ${columns} FROM ${from} ORDER BY ${columns}`).all()

  /** Version 12 with rows of two accounts and of one that is about to go, in all states. */
  function before(file: string): void {
    const db = new Database(file)
    migrate(db, texts().slice(0, 12))
    db.run('PRAGMA foreign_keys = ON')
    for (const [id, jid, host] of [
      [3, 'romeo@bix.org', 'bix.org'],
      [4, 'tybalt@bix.org/4', ''],
      [7, 'juliet@bix.org', 'bix.org'],
    ] as const) {
      db.run('INSERT INTO accounts (id, jid, host, created_at) VALUES (?, ?, ?, 0)', [id, jid, host])
      db.run(
        `INSERT INTO devices (id, account_id, kind, topic, environment, token, created_at, refreshed_at)
         VALUES (?1, ?1, 'apns', 'app', 'production', 't' || ?1, 0, 0)`,
        [id],
      )
    }
    const accounts = [7, 3, 4]
    for (let i = 0; i < 60; i++) {
      const [id, account] = [1_000 + i, accounts[i % 3] ?? 3]
      const peer = `p${i % 4}@bix.org`
      db.run('INSERT INTO archive VALUES (?, ?, ?, ?)', [id, account, peer, `<m>${i}</m>`])
      db.run(
        'INSERT INTO offline (id, account_id, bytes, unread, xml, in_flight) VALUES (?, ?, ?, ?, ?, ?)',
        [id, account, i, i % 2, `<m>${i}</m>`, i % 5 === 0 ? 1 : 0],
      )
      db.run('INSERT INTO unread VALUES (?, ?, ?, ?)', [id, account, peer, i % 6 ? `ref${i}` : null])
      db.run(`INSERT INTO verdicts VALUES (?1, ?2, ?3, 'm' || ?1, 'sent', 'body', ?4, ?1)`, [
        i + 1,
        account,
        i % 7 ? account : null,
        i % 2 ? 'BadDeviceToken' : null,
      ])
      const state = ['queued', 'held', 'dead'][i % 3] ?? ''
      const event = i % 10 === 0
      db.run(
        `INSERT INTO outbox VALUES (?1, ?2, ?3, ?4, 'm' || ?1, 'a' || ?1, 'c', ?5, 's', 't', 'b', ?1, 1, 2, 3, 4, ?6, 'n', '{}')`,
        [
          i + 1,
          event ? null : account,
          state === 'dead' || event ? null : account,
          state,
          event ? 'account.deleted' : 'body',
          state === 'held' ? 'burst' : null,
        ],
      )
    }
    db.run('DELETE FROM outbox WHERE id > 58')
    db.close()
  }

  test('a database of version 12 keeps every row, and each index is complete', () => {
    using dir = tempDir()
    before(dir.file)
    const db = new Database(dir.file)
    const kept = rows(db)
    migrate(db, texts().slice(0, 13))
    expect(version(db)).toBe(13)
    // The columns are the same, but for the order of offline's.
    expect(rows(db)).toEqual(kept)
    for (const table of ['archive', 'unread'])
      expect(places(db, 'account_id, peer, id', `${table}_index`)).toEqual(
        places(db, 'account_id, peer, id', table),
      )
    expect(places(db, 'account_id, id', 'verdicts_index')).toEqual(places(db, 'account_id, id', 'verdicts'))
    expect(places(db, 'account_id, id', 'offline_index')).toEqual(
      places(db, 'account_id, id', 'offline WHERE in_flight = 0'),
    )
    expect(
      db
        .query<{ name: string; value: Uint8Array }, []>(
          `SELECT name, value FROM settings WHERE name LIKE 'indexed-%' ORDER BY name`,
        )
        .all()
        .map(({ name, value }) => [name, Buffer.from(value).toString()]),
    ).toEqual([
      ['indexed-archive', '1059'],
      ['indexed-offline', '1059'],
      ['indexed-unread', '1059'],
      ['indexed-verdicts', '60'],
    ])
    expect(db.query('PRAGMA integrity_check').all()).toEqual([{ integrity_check: 'ok' }])
    db.close()
  })

  test('a server of this version goes on with it', () => {
    using dir = tempDir()
    before(dir.file)
    using w = open(dir.file)
    const { store } = w
    const romeo = store.accounts.find('romeo@bix.org')
    if (!romeo) throw new Error('romeo is gone')
    const mine = [...Array(60).keys()].filter((i) => i % 3 === 1)
    expect(
      store.history.page(romeo, {}, { limit: 100, fromEnd: false, scan: 100 }).map(({ xml }) => xml),
    ).toEqual(mine.map((i) => `<m>${i}</m>`))
    expect(store.messages.waiting(romeo, 0, 100).map(({ id }) => id)).toEqual(
      mine.filter((i) => i % 5).map((i) => 1_000 + i),
    )
    expect(store.messages.inFlight(0, 100)).toHaveLength(12)
    expect(store.unread.count(romeo.id)).toBe(20)
    expect(store.push.explain(romeo.id, 2).map(({ id }) => id)).toEqual([59, 56])
    expect(store.push.counts()).toEqual({ queued: 20, held: 19, dead: 19 })
    // The next row stands behind those of the old numbers.
    expect(store.push.nextId()).toBe(59)
    // Who was about to go goes, with everything.
    for (let i = 0; i < 5; i++) store.turn.trip(() => store.accounts.purgeDeparted(100))
    for (const table of TABLES)
      expect(
        store.db.raw.query<{ n: number }, []>(`SELECT count(*) AS n FROM ${table} WHERE account_id = 4`).get()
          ?.n,
      ).toBe(0)
  })

  test('where it is interrupted everything stays as it was', () => {
    using dir = tempDir()
    before(dir.file)
    const db = new Database(dir.file)
    const kept = rows(db)
    const all = texts()
    expect(() =>
      migrate(db, [...all.slice(0, 12), `${all[12] ?? ''}; INSERT INTO nowhere VALUES (1);`]),
    ).toThrow('nowhere')
    expect([version(db), rows(db)]).toEqual([12, kept])
    expect(db.query(`SELECT name FROM settings WHERE name LIKE 'indexed-%'`).all()).toEqual([])
    db.close()
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
