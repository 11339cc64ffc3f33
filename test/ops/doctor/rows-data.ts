import { Database } from 'bun:sqlite'
import { chmodSync, chownSync, mkdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { manifestText, nameOf } from '../../../src/store/backup/manifest.ts'
import { openStore } from '../../../src/store/store.ts'
import { SCHEMA } from '../../../src/store/migrations.ts'
import { DAY, NOW, type Row, row, type Trial } from './trial.ts'

const database = (t: Trial): string => join(t.data, 'belfry.db')

/** A database as the server leaves it behind. */
function stored(t: Trial, then: (db: Database) => void = () => {}): void {
  openStore(database(t), { flushed() {}, fatal() {} }).close()
  const db = new Database(database(t))
  then(db)
  db.close()
  chmodSync(database(t), 0o640)
}

function backup(t: Trial, at: number, change: (text: string) => string = (text) => text): string {
  const directory = join(t.data, 'backups', nameOf(at))
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  const manifest = {
    ...{
      format: 1,
      version: '0',
      schema: SCHEMA,
      hosts: ['bix.org'],
      data_dir: t.data,
      config: false,
      bytes: 1,
    },
    ...{ created: new Date(at).toISOString(), uploads: 'none' as const, files: [] },
  }
  writeFileSync(join(directory, 'manifest.json'), change(manifestText(manifest)))
  return directory
}

async function socketAt(t: Trial, mode: number): Promise<void> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(join(t.data, 'admin.sock'), resolve))
  chmodSync(join(t.data, 'admin.sock'), mode)
  t.closing.push(() => new Promise((resolve) => server.close(resolve)))
}

const own = (t: Trial, name: string, mode = 0o640): string => t.put(join(t.data, name), 'x', mode)

export const DATA_ROWS: readonly Row[] = [
  row('data.directory', 'ok', 'data'),
  row('data.directory', 'warn', 'not there', (t) => rmSync(t.data, { recursive: true })),
  row('data.directory', 'fail', 'no directory', (t) => {
    rmSync(t.data, { recursive: true })
    writeFileSync(t.data, '')
  }),
  row('data.mode', 'ok', '750'),
  row('data.mode', 'fail', '755', (t) => chmodSync(t.data, 0o755)),
  row('data.owner', 'ok', 'belongs', (t) => void own(t, 'belfry.db')),
  row('data.owner', 'fail', 'belfry.db-wal', (t) => chownSync(own(t, 'belfry.db-wal'), 12_345, 0)),
  row('data.files', 'ok', 'nobody else', (t) => void own(t, 'belfry.db')),
  row('data.files', 'warn', 'lock.db', (t) => void own(t, 'lock.db', 0o644)),
  row('data.filesystem', 'ok', 'this machine'),
  row('data.filesystem', 'fail', 'memory', (t) => Object.assign(t.config, { data_dir: '/dev/shm' })),
  row('data.space', 'ok', 'free'),
  row('data.inodes', 'ok', 'inodes'),
  row('data.ballast', 'ok', '1 MB', (t) => {
    t.config.storage.ballast = 1 << 20
    truncateSync(own(t, 'ballast'), 1 << 20)
  }),
  row('data.ballast', 'warn', 'no ballast'),
  row('data.ballast', 'skip', 'only just', (t) => Object.assign(t.live ?? {}, { uptime: 9_000 })),
  row('data.ballast', 'skip', 'off', (t) => (t.config.storage.ballast = 0)),
  row('data.restore', 'ok', 'none'),
  row('data.restore', 'fail', 'interrupted', (t) => void own(t, 'restore-unfinished')),
  row('data.uploads', 'ok', 'uploads', (t) => void mkdirSync(join(t.data, 'uploads'))),
  row('data.uploads', 'skip', 'bucket', (t) => (t.config.upload.storage = 's3')),
  row('data.socket', 'ok', '660', (t) => socketAt(t, 0o660)),
  row('data.socket', 'fail', 'everybody', (t) => socketAt(t, 0o666)),
  row('data.socket', 'fail', 'gone'),
  row('data.socket', 'fail', 'no socket', (t) => void own(t, 'admin.sock')),
  row('data.socket', 'skip', 'no server', (t) => (t.live = undefined)),

  row('db.file', 'ok', 'belfry.db', (t) => stored(t)),
  row('db.file', 'fail', 'empty', (t) => writeFileSync(database(t), '')),
  row('db.file', 'fail', 'its log is there', (t) => writeFileSync(`${database(t)}-wal`, 'x')),
  row('db.file', 'skip', 'none yet'),
  row('db.sound', 'ok', 'pages', (t) => stored(t)),
  row('db.sound', 'fail', 'not a database', (t) => writeFileSync(database(t), 'x'.repeat(8192))),
  row('db.schema', 'ok', `schema ${SCHEMA}`, (t) => stored(t)),
  row('db.schema', 'warn', '1 migrations', (t) =>
    stored(t, (db) => db.run(`PRAGMA user_version = ${SCHEMA - 1}`)),
  ),
  row('db.schema', 'fail', 'newer', (t) => stored(t, (db) => db.run(`PRAGMA user_version = ${SCHEMA + 1}`))),
  row('db.free_pages', 'ok', 'free pages', (t) => stored(t)),
  row('db.other_tables', 'ok', 'ours alone', (t) => stored(t)),
  row('db.other_tables', 'ok', 'Litestream', (t) =>
    stored(t, (db) => db.run('CREATE TABLE _litestream_seq (id)')),
  ),
  row('db.other_tables', 'warn', 'montague', (t) => stored(t, (db) => db.run('CREATE TABLE montague (id)'))),
  row('db.log', 'ok', 'MB', (t) => writeFileSync(`${database(t)}-wal`, 'x')),
  row('db.log', 'warn', '600 MB', (t) => {
    writeFileSync(`${database(t)}-wal`, 'x')
    truncateSync(`${database(t)}-wal`, 600 << 20)
  }),
  row('db.holder', 'ok', String(process.pid), (t) =>
    writeFileSync(join(t.data, 'belfry.pid'), `${process.pid}\n`),
  ),
  row('db.holder', 'warn', 'orderly', (t) => writeFileSync(join(t.data, 'belfry.pid'), '4194399\n')),
  row('db.holder', 'warn', 'gone'),
  row('db.growth', 'ok', 'for ever'),
  row('db.growth', 'ok', 'ends', (t) => (t.config.archive.keep = DAY)),
  row('db.library', 'ok', 'SQLite 3.'),

  row('backup.schedule', 'ok', '24 h', (t) => (t.config.backup.every = DAY)),
  row('backup.schedule', 'warn', 'clock'),
  row('backup.age', 'ok', '2 h old', (t) => {
    stored(t)
    backup(t, NOW - DAY / 12)
  }),
  row('backup.age', 'fail', '72 h old', (t) => {
    stored(t)
    t.config.backup.every = DAY
    backup(t, NOW - 3 * DAY)
  }),
  row('backup.age', 'warn', 'no backup', (t) => stored(t)),
  row('backup.whole', 'ok', '1 have', (t) => void backup(t, NOW)),
  row(
    'backup.whole',
    'fail',
    'was changed',
    (t) => void backup(t, NOW, (text) => text.replace('bix.org', 'fix.org')),
  ),
  row('backup.unfinished', 'ok', 'no half', (t) => void backup(t, NOW)),
  row(
    'backup.unfinished',
    'warn',
    '.part',
    (t) => void mkdirSync(join(t.data, 'backups', `${nameOf(NOW)}.part`), { recursive: true }),
  ),
  row('backup.place', 'warn', 'same file system', (t) => void backup(t, NOW)),
  row('backup.place', 'ok', 'another', (t) => (t.config.backup.dir = '/dev/shm')),
  row('backup.room', 'ok', 'needs', (t) => stored(t)),
  row('backup.room', 'fail', 'needs', (t) => {
    writeFileSync(database(t), 'x')
    // Sparse: it takes no room itself.
    truncateSync(database(t), 8 * 1024 ** 4)
  }),
  row('backup.mode', 'ok', '700', (t) => {
    backup(t, NOW)
    chmodSync(join(t.data, 'backups'), 0o700)
  }),
  row('backup.mode', 'fail', 'everybody', (t) => {
    backup(t, NOW)
    chmodSync(join(t.data, 'backups'), 0o755)
  }),
]
