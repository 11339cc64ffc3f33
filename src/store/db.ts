/** Opens the one database of a data directory and hands out its two doors: Drizzle for queries, the turn for writes. */
import { Database } from 'bun:sqlite'
import { type BunSQLiteDatabase, drizzle } from 'drizzle-orm/bun-sqlite'
import type { Clock } from './clock.ts'
import { migrate } from './migrations.ts'
import { Turn, type TurnHost } from './turn.ts'

export interface Db {
  readonly file: string
  readonly raw: Database
  readonly orm: BunSQLiteDatabase
  readonly turn: Turn
}

/** A prepared statement that changes rows; running it belongs to the current trip. */
export type Write<P> = (params: P) => number

interface Runnable {
  run(params?: Record<string, unknown>): unknown
}

/** Opens and migrates `file` (":memory:" for a store that forgets). Throws when the schema is newer than this build. */
export function openDb(file: string, host: TurnHost, clock: Clock): Db {
  const raw = new Database(file, { create: true, strict: true })
  // FULL: an acked message must survive a power cut. The checkpoint is ours (checkpoint.ts), never a commit's.
  raw.run('PRAGMA journal_mode = WAL')
  raw.run('PRAGMA synchronous = FULL')
  raw.run('PRAGMA busy_timeout = 0')
  raw.run('PRAGMA foreign_keys = ON')
  raw.run('PRAGMA trusted_schema = OFF')
  raw.run('PRAGMA cell_size_check = ON')
  raw.run('PRAGMA secure_delete = FAST')
  migrate(raw)
  raw.run('PRAGMA wal_autocheckpoint = 0')
  return { file, raw, orm: drizzle({ client: raw }), turn: new Turn(raw, host, clock) }
}

/** Wraps a prepared Drizzle statement so that it cannot run outside a turn; returns the number of rows changed. */
export function writer<P extends Record<string, unknown>>(db: Db, statement: Runnable): Write<P> {
  return (params) => {
    db.turn.writes()
    const result = statement.run(params)
    return changes(result)
  }
}

function changes(result: unknown): number {
  if (typeof result === 'object' && result !== null && 'changes' in result) return Number(result.changes)
  return 0
}
