/** The database's files, what is in them, and who holds them. */
import { Database } from 'bun:sqlite'
import { join } from 'node:path'
import { perObject } from '../../per-object.ts'
import { SCHEMA } from '../../store/migrations.ts'
import { carryOut } from '../../store/maintenance.ts'
import { databaseFile } from '../data-dir.ts'
import {
  type DoctorCheck,
  type DoctorWorld,
  fail,
  megabytes,
  ok,
  readText,
  skip,
  some,
  statOf,
  warn,
} from './check.ts'

export const DATABASE_CHECKS: readonly DoctorCheck[] = [
  { id: 'db.file', needs: ['config'], look: file },
  { id: 'db.sound', needs: ['config'], look: sound },
  { id: 'db.schema', needs: ['config'], look: schema },
  { id: 'db.free_pages', needs: ['config'], look: freePages },
  { id: 'db.other_tables', needs: ['config'], look: otherTables },
  { id: 'db.log', needs: ['config'], look: log },
  { id: 'db.holder', needs: ['config'], look: holder },
  { id: 'db.growth', needs: ['config'], look: growth },
  { id: 'db.library', look: library },
]

const NONE = 'there is none yet'
/** Bytes that are looked through unasked: a few seconds' worth. A larger one has a command of its own. */
const LOOKED_THROUGH = 1 << 30
/** Bytes of log that no reader should hold for long. */
const LARGE_LOG = 512 << 20

function file({ config: { data_dir: dir } }: DoctorWorld) {
  const path = databaseFile(dir)
  const size = statOf(path)?.size
  const wal = statOf(`${path}-wal`)?.size ?? 0
  // By its size alone: opening it here and closing it again would drop the locks of a server in this process.
  if (size === undefined)
    return wal > 0
      ? fail(`${path} is gone, though its log is there`, 'belfry help backup: restore one')
      : skip(NONE)
  return size === 0
    ? fail(`${path} is empty`, 'belfry help backup: restore one')
    : ok(`${megabytes(size)}, ${path}`)
}

/** Look in a Worker, one for all who ask about it. */
const inside = perObject(({ config }: DoctorWorld) => lookInside(databaseFile(config.data_dir)))

async function lookInside(path: string) {
  const size = statOf(path)?.size ?? 0
  if (size === 0 || size > LOOKED_THROUGH) return undefined
  return carryOut({ kind: 'check', file: path, full: false }, () => {}).result
}

const unseen = (w: DoctorWorld) =>
  (statOf(databaseFile(w.config.data_dir))?.size ?? 0) > LOOKED_THROUGH
    ? skip('it is large: belfry db check looks through it')
    : skip(NONE)

async function sound(w: DoctorWorld) {
  const found = await inside(w)
  if (!found) return unseen(w)
  return found.problems.length === 0
    ? ok(`${found.pages} pages`)
    : fail(some(found.problems, 2), 'stop the server, then belfry backup restore; see belfry help backup')
}

async function schema(w: DoctorWorld) {
  const found = await inside(w)
  if (!found) return unseen(w)
  if (found.schema > SCHEMA)
    return fail(
      `schema ${found.schema} is of a newer Belfry; this one knows ${SCHEMA}`,
      'install the newer one again',
    )
  if (found.schema < SCHEMA)
    return warn(
      `${SCHEMA - found.schema} migrations will run at the next start`,
      'belfry backup create before it',
    )
  return ok(`schema ${SCHEMA}`)
}

async function freePages(w: DoctorWorld) {
  const found = await inside(w)
  if (!found || found.pages === 0) return unseen(w)
  const share = found.free_pages / found.pages
  const bytes = found.free_pages * found.page_bytes
  const why = `${megabytes(bytes)} of it are free pages`
  return share > 0.5 && bytes > 256 << 20
    ? warn(why, 'belfry db vacuum gives them back to the disk')
    : ok(why)
}

async function otherTables(w: DoctorWorld) {
  const found = await inside(w)
  if (!found) return unseen(w)
  const list = found.foreign_tables
  const others = list.filter((name) => !/^_litestream_/.test(name))
  if (others.length > 0)
    return warn(
      `tables that are not ours: ${some(others)}`,
      'nothing reads them; see who made them, then drop them',
    )
  return ok(list.length > 0 ? 'ours, and those of Litestream' : 'ours alone')
}

function log({ config: { data_dir: dir } }: DoctorWorld) {
  const stat = statOf(`${databaseFile(dir)}-wal`)
  if (!stat) return skip('there is no log: the database is closed')
  const why = `the write-ahead log has ${megabytes(stat.size)}`
  return stat.size > LARGE_LOG
    ? warn(why, 'a reader holds it: look for sqlite3, Litestream or a backup that hangs')
    : ok(why)
}

/** Whether the process that belfry.pid names is there. lock.db itself is not touched: that would drop our own lock. */
function holder({ config: { data_dir: dir }, live }: DoctorWorld) {
  const pid = readText(join(dir, 'belfry.pid'))?.trim()
  if (pid === undefined)
    return live ? warn('belfry.pid is gone', 'systemctl restart belfry') : ok('nobody: the server is stopped')
  if (isThere(Number(pid))) return ok(`process ${pid}`)
  return warn(
    `process ${pid} has ended without an orderly stop`,
    'start the server: nothing acknowledged is lost; look for the reason in its log',
  )
}

function isThere(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}

function growth({ config: { archive, data_dir: dir } }: DoctorWorld) {
  if (!statOf(dir)) return skip(NONE)
  if (archive.keep !== Infinity || archive.max_bytes !== Infinity || archive.default === 'never')
    return ok('the archive ends somewhere')
  return ok('the archive is kept for ever; [archive] keep or max_bytes would end it')
}

/** Versions before this may damage a database that two connections write (https://sqlite.org/wal.html#walresetbug). */
const SAFE = '3.51.3'

function library() {
  const db = new Database(':memory:')
  const { v } = db.query<{ v: string }, []>('SELECT sqlite_version() AS v').get() ?? { v: '0' }
  db.close()
  return isOlder(v, SAFE)
    ? fail(`SQLite ${v} may damage its log`, 'install a newer Belfry')
    : ok(`SQLite ${v}, of this executable; sqlite3 of the machine may be older: read with it only`)
}

export function isOlder(version: string, than: string): boolean {
  const [one, other] = [version, than].map((text) => text.split('.').map(Number))
  const at = other?.findIndex((part, i) => part !== (one?.[i] ?? 0)) ?? -1
  return at >= 0 && (one?.[at] ?? 0) < (other?.[at] ?? 0)
}
