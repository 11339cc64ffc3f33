/** An upgrade of the database: it is copied as it was, with what only the log had, and the last two copies stay. */
import { Database } from 'bun:sqlite'
import { afterEach, beforeEach, expect, test } from 'bun:test'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '../../src/store/clock.ts'
import { copyBeforeMigration } from '../../src/store/migration-copy.ts'
import { SCHEMA } from '../../src/store/migrations.ts'
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
  open().close()
  const raw = new Database(file)
  raw.run('DROP TABLE device_tokens')
  raw.run('DROP INDEX devices_by_call_address')
  raw.run('ALTER TABLE outbox DROP COLUMN direct')
  raw.run(`PRAGMA user_version = ${SCHEMA - 1}`)
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
  expect(copy.query("SELECT count(*) AS n FROM sqlite_master WHERE name = 'device_tokens'").get()).toEqual({
    n: 0,
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
