/** An upgrade of the database: it is copied as it was, with what only the log had, and the last two copies stay. */
import { Database } from 'bun:sqlite'
import { afterEach, beforeEach, expect, test } from 'bun:test'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '../../src/store/clock.ts'
import { copyBeforeMigration } from '../../src/store/migration-copy.ts'
import { migrate, MIGRATIONS, SCHEMA } from '../../src/store/migrations.ts'
import { openStore } from '../../src/store/store.ts'

let home: string
let file: string
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'belfry-upgrade-'))
  file = join(home, 'belfry.db')
})
afterEach(() => rmSync(home, { recursive: true }))

const open = () => openStore(file, { flushed() {}, fatal() {} }, systemClock)
const copies = () =>
  readdirSync(home)
    .filter((name) => /schema-\d+$/.test(name))
    .toSorted()

/** As the release before this one has left it. */
function older(): void {
  const raw = new Database(file, { create: true, strict: true })
  raw.run('PRAGMA journal_mode = WAL')
  migrate(raw, MIGRATIONS.slice(0, -1))
  raw.run("INSERT INTO settings VALUES ('from', x'2a')")
  raw.run('PRAGMA wal_checkpoint(TRUNCATE)')
  raw.close()
}

test('a start after an upgrade copies the database, a later one does not', () => {
  older()
  open().close()
  expect(copies()).toEqual([`belfry.db.schema-${SCHEMA - 1}`])
  const copy = new Database(join(home, `belfry.db.schema-${SCHEMA - 1}`), { readonly: true })
  expect(copy.query('PRAGMA user_version').get()).toEqual({ user_version: SCHEMA - 1 })
  expect(copy.query('PRAGMA quick_check').get()).toEqual({ quick_check: 'ok' })
  expect(copy.query("SELECT hex(value) AS value FROM settings WHERE name = 'from'").get()).toEqual({
    value: '2A',
  })
  copy.close()
  rmSync(join(home, copies()[0] ?? ''))
  open().close()
  expect(copies()).toEqual([])
})

test('a fresh database is not copied, and of many upgrades two copies stay', () => {
  open().close()
  expect(copies()).toEqual([])
  for (const next of [1, 2, 3]) {
    copyBeforeMigration(file, SCHEMA + next)
    const raw = new Database(file)
    raw.run(`PRAGMA user_version = ${SCHEMA + next}`)
    raw.close()
  }
  expect(copies()).toEqual([`belfry.db.schema-${SCHEMA + 1}`, `belfry.db.schema-${SCHEMA + 2}`])
})
