/** Opens the one database of a data directory and hands out its two doors: Drizzle for queries, the turn for writes. */
import { Database } from 'bun:sqlite'
import { renameSync, rmSync } from 'node:fs'
import { type BunSQLiteDatabase, drizzle } from 'drizzle-orm/bun-sqlite'
import { getLogger, OutsideError } from '../log.ts'
import type { Clock } from './clock.ts'
import { checkDatabaseFile } from './database-file.ts'
import { copyBeforeMigration } from './migration-copy.ts'
import { migrate } from './migrations.ts'
import { Turn } from './turn.ts'
import type { TurnHost } from './turn-host.ts'
import { type DiskSync, WalSync } from './wal-sync.ts'

const log = getLogger('store')

export interface Db {
  readonly file: string
  readonly raw: Database
  readonly orm: BunSQLiteDatabase
  readonly turn: Turn
  readonly sync: DiskSync | undefined
}

/**
 * Bytes. A message touches a page of each index that its rows stand in, here and there, and a commit writes whole
 * pages: half of SQLite's own size halves what is written. A database of another size keeps it.
 */
export const PAGE_BYTES = 2048
/** KiB of pages in memory: those indexes of an active server. Taken as they are used. */
const CACHE_KIB = 8192
/** Bytes of the WAL file that are kept for the next round. */
const WAL_KEPT = 64 * 1024 * 1024

/** Milliseconds for which an opening waits for another process that writes. */
const OPENING_MS = 10_000

/** A prepared statement that changes rows; running it belongs to the current trip. */
export type Write<P> = (params: P) => number

type Binding = string | number | boolean | null | Buffer

interface Runnable {
  run(params?: Record<string, unknown>): unknown
}

/**
 * Opens and migrates `file` (":memory:" for a store that forgets). `disk` takes the place of the file's own fdatasync.
 * Throws when the schema is newer than this build.
 */
export function openDb(file: string, host: TurnHost, clock: Clock, disk?: DiskSync): Db {
  if (file !== ':memory:') {
    if (checkDatabaseFile(file)) copyBeforeMigration(file)
    else create(file)
  }
  const raw = new Database(file, { create: file === ':memory:', readwrite: true, strict: true })
  try {
    raw.run(`PRAGMA busy_timeout = ${OPENING_MS}`)
    configure(raw, file)
    migrate(raw)
  } catch (error) {
    raw.close()
    throw error
  }
  // Only now: a migration that rebuilds a table must be free to drop the old one without its children.
  raw.run('PRAGMA foreign_keys = ON')
  const sync = disk ?? (file === ':memory:' ? undefined : new WalSync(file))
  return { file, raw, orm: drizzle({ client: raw }), turn: new Turn(raw, host, clock, { sync }), sync }
}

/** A new database appears whole: whoever is killed here leaves none, and no empty one that nobody could tell from a loss. */
function create(file: string): void {
  const unfinished = `${file}.new`
  for (const left of [unfinished, `${unfinished}-journal`]) rmSync(left, { force: true })
  const raw = new Database(unfinished, { create: true, strict: true })
  try {
    raw.run(`PRAGMA page_size = ${PAGE_BYTES}`)
    migrate(raw)
  } finally {
    raw.close()
  }
  renameSync(unfinished, file)
}

function configure(raw: Database, file: string): void {
  raw.run(`PRAGMA page_size = ${PAGE_BYTES}`)
  raw.run(`PRAGMA cache_size = -${CACHE_KIB}`)
  // What a savepoint may have to take back is kept in memory; a file would be written beyond 64 KiB.
  raw.run('PRAGMA temp_store = MEMORY')
  const mode = raw.query<{ journal_mode: string }, []>('PRAGMA journal_mode = WAL').get()?.journal_mode
  if (file !== ':memory:' && mode !== 'wal') {
    throw new OutsideError(
      `${file}: this file system cannot share memory between processes, which SQLite's WAL needs`,
    )
  }
  // An acked message must survive a power cut: NORMAL, since the turn itself waits for the disk (wal-sync.ts). The
  // checkpoint is ours (checkpoint.ts), never a commit's.
  raw.run('PRAGMA synchronous = NORMAL')
  raw.run('PRAGMA wal_autocheckpoint = 0')
  // What a burst left behind is given back when the WAL starts anew.
  raw.run(`PRAGMA journal_size_limit = ${WAL_KEPT}`)
  raw.run('PRAGMA trusted_schema = OFF')
  raw.run('PRAGMA cell_size_check = ON')
  raw.run('PRAGMA secure_delete = FAST')
}

/** Ends the open turn and closes the database; the WAL is folded into the file. */
export function closeDb({ file, raw, turn, sync }: Db): void {
  turn.end()
  // After a failed fsync no statement may run: the process ends as it is.
  if (turn.dead) return
  try {
    if (file !== ':memory:') raw.run('PRAGMA wal_checkpoint(TRUNCATE)')
  } catch (error) {
    log.error('the last checkpoint failed; what is stored stays in the write-ahead log', { error })
  }
  // Bun gives the file up only when the last prepared statement is collected, so everything is folded in by now.
  raw.close()
  sync?.close()
}

/** Wraps a prepared Drizzle statement so that it cannot run outside a turn; returns the number of rows changed. */
export function writer<P extends Record<string, unknown>>(db: Db, statement: Runnable): Write<P> {
  return (params) => {
    db.turn.writes()
    const result = statement.run(params)
    return changes(result)
  }
}

/**
 * The same for plain SQL with `$name` parameters: for what is run several times per message, where Drizzle's binding
 * costs more than SQLite's insert, and for statements whose tables are not known beforehand.
 */
export function rawWriter<P extends Record<string, Binding>>(db: Db, text: string): Write<P> {
  const statement = db.raw.prepare<unknown, [Record<string, Binding>]>(text)
  return (params) => {
    db.turn.writes()
    return statement.run(params).changes
  }
}

function changes(result: unknown): number {
  if (typeof result === 'object' && result !== null && 'changes' in result) return Number(result.changes)
  return 0
}
