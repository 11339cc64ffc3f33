/** Looks whether a database is sound, and whether it has the tables of this build. It takes as long as reading all of it. */
import { Database } from 'bun:sqlite'
import { migrate, SCHEMA } from './migrations.ts'

export interface DatabaseCheck {
  readonly ok: boolean
  readonly problems: readonly string[]
  readonly schema: number
  readonly pages: number
  /** Pages without content, which VACUUM gives back. */
  readonly free_pages: number
  readonly page_bytes: number
  /** Tables that are not ours, such as Litestream's; they are left alone. */
  readonly foreign_tables: readonly string[]
}

/** Findings that are listed at most; one fault can have thousands. */
const MOST = 20

/** `full` compares indexes with their tables too (integrity_check), which takes some times longer. */
export function checkDatabase(db: Database, full = false): DatabaseCheck {
  const number = (pragma: string): number =>
    Number(Object.values(db.query<Record<string, number>, []>(pragma).get() ?? {})[0] ?? 0)
  const schema = number('PRAGMA user_version')
  const tables = tablesOf(db)
  const own = schema === SCHEMA ? ownTables() : undefined
  const problems = [
    ...findings(db, full),
    ...db
      .query<{ table: string; parent: string }, []>('PRAGMA foreign_key_check')
      .all()
      .slice(0, MOST)
      .map(({ table, parent }) => `a row of ${table} has no parent in ${parent}`),
    ...(own ?? []).filter((name) => !tables.includes(name)).map((name) => `the table ${name} is missing`),
    ...(schema > SCHEMA ? [`its schema ${schema} is newer than that of this build (${SCHEMA})`] : []),
    ...(schema === 0 ? ['it is no database of Belfry'] : []),
  ]
  return {
    ok: problems.length === 0,
    problems,
    schema,
    pages: number('PRAGMA page_count'),
    free_pages: number('PRAGMA freelist_count'),
    page_bytes: number('PRAGMA page_size'),
    foreign_tables: own ? tables.filter((name) => !own.includes(name)) : [],
  }
}

function findings(db: Database, full: boolean): string[] {
  try {
    return db
      .query<Record<string, string>, []>(full ? 'PRAGMA integrity_check(20)' : 'PRAGMA quick_check(20)')
      .all()
      .map((row) => Object.values(row)[0] ?? '')
      .filter((text) => text !== 'ok')
  } catch (error) {
    // Of a file that is damaged enough, even that cannot be asked.
    return [error instanceof Error ? error.message : String(error)]
  }
}

/** Files as the operator has them: a path, never one that is in use under another name. */
export function checkFile(file: string, full = false): DatabaseCheck {
  const db = new Database(file, { readonly: true })
  try {
    db.run('PRAGMA busy_timeout = 10000')
    return checkDatabase(db, full)
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    const unknown = { schema: 0, pages: 0, free_pages: 0, page_bytes: 0, foreign_tables: [] }
    return { ok: false, problems: [why], ...unknown }
  } finally {
    db.close()
  }
}

function tablesOf(db: Database): string[] {
  return db
    .query<{ name: string }, []>("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")
    .all()
    .map(({ name }) => name)
}

function ownTables(): string[] {
  const db = new Database(':memory:')
  try {
    migrate(db)
    return tablesOf(db)
  } finally {
    db.close()
  }
}
