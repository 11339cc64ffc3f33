/** Rows of a database: of an SQLite file, or of a dump as text by SQLite, MySQL, PostgreSQL or ejabberd itself. */
import { Database } from 'bun:sqlite'
import { openSync, readSync, closeSync } from 'node:fs'
import { type Told, sizeOf, utf8Of } from './input.ts'
import { SourceError } from './model.ts'
import { type Found, Statements } from './sql-statements.ts'
import { readValues, type Value } from './sql-values.ts'

export type Row = Readonly<Record<string, string>>

export interface TableRow {
  readonly table: string
  readonly row: Row
}

/**
 * Rows of those tables, in the order of the file, piece by piece; a value that is NULL is not in its row. `seen` gets all
 * tables with rows.
 */
export async function* rowsOf(
  path: string,
  tables: ReadonlySet<string>,
  told: Told,
  encoding?: string,
  seen = new Set<string>(),
): AsyncGenerator<Iterable<TableRow>> {
  if (isSqlite(path)) {
    yield rowsOfSqlite(path, tables, told, seen)
    return
  }
  const statements = new Statements(path)
  const rows = new Rows(path, tables, seen)
  for await (const chunk of utf8Of(path, told, encoding)) yield rowsIn(chunk, statements, rows)
  statements.finish()
}

function* rowsIn(chunk: Buffer, statements: Statements, rows: Rows): Generator<TableRow> {
  for (const found of statements.feed(chunk)) yield* rows.in(found, statements.escapes)
}

function isSqlite(path: string): boolean {
  const head = Buffer.alloc(16)
  const file = openSync(path, 'r')
  try {
    readSync(file, head, 0, head.length, 0)
  } finally {
    closeSync(file)
  }
  return head.toString('latin1') === 'SQLite format 3\0'
}

function* rowsOfSqlite(
  path: string,
  tables: ReadonlySet<string>,
  told: Told,
  seen: Set<string>,
): Generator<TableRow> {
  using db = new Database(path, { readonly: true })
  try {
    const there = db.query<{ name: string }, []>(`SELECT name FROM sqlite_schema WHERE type = 'table'`).all()
    for (const { name: table } of there) {
      seen.add(table)
      if (!tables.has(table)) continue
      const all = db.query<Record<string, unknown>, []>(`SELECT * FROM "${table}"`)
      for (const found of all.iterate()) yield { table, row: textsOf(found) }
    }
  } catch (error) {
    throw new SourceError(`${path} cannot be read: ${error instanceof Error ? error.message : String(error)}`)
  }
  told(sizeOf([path]))
}

function textsOf(found: Record<string, unknown>): Row {
  const row: Record<string, string> = {}
  for (const [name, value] of Object.entries(found))
    if (value instanceof Uint8Array) row[name] = Buffer.from(value).toString('utf8')
    else if (typeof value === 'string') row[name] = value
    else if (typeof value === 'number' || typeof value === 'bigint') row[name] = String(value)
  return row
}

const NAME = '(?:[\\w"`\\[\\]]+\\.)*["`\\[]?(\\w+)["`\\]]?'
/** A name of the grammar between two patterns. */
const around = (before: string, after: string): RegExp => new RegExp(before + NAME + after, 'i')
const CREATE = around('^CREATE TABLE\\s+(?:IF NOT EXISTS\\s+)?', '\\s*\\(([^]*)\\)')
const INSERT = around(
  '^(?:INSERT|REPLACE)\\s+(?:IGNORE\\s+)?INTO\\s+',
  '\\s*(?:\\(([^)]*)\\))?\\s*VALUES\\s*',
)
const COPY = around('^COPY\\s+', '\\s*(?:\\(([^)]*)\\))?')
const NO_COLUMN = /^(?:PRIMARY|UNIQUE|KEY|CONSTRAINT|INDEX|FOREIGN|CHECK|FULLTEXT|SPATIAL|EXCLUDE)\b/i

const namesIn = (list: string): string[] => list.split(',').map((name) => name.trim().replace(/["`[\]]/g, ''))

/** Bytes of a statement that may lie before its values. */
const LONGEST_HEAD = 64 * 1024

/** Table of the values that follow, and its columns in their order. */
interface Target {
  readonly table: string
  readonly names: readonly string[]
}

/** Rows of the statements of one dump. */
class Rows {
  readonly #path: string
  readonly #tables: ReadonlySet<string>
  readonly #seen: Set<string>
  readonly #columns = new Map<string, readonly string[]>()
  /** The beginning of the last INSERT, up to its values: most are like the one before. */
  #head: Buffer = Buffer.alloc(0)
  #target: Target | undefined
  #copying = ''

  constructor(path: string, tables: ReadonlySet<string>, seen: Set<string>) {
    this.#path = path
    this.#tables = tables
    this.#seen = seen
  }

  *in(found: Found, escapes: boolean): Generator<TableRow> {
    const { bytes, from, to, copying } = found
    if (copying === undefined) {
      if (!this.#aim(found) || !this.#target) return
      const { table, names } = this.#target
      for (const values of readValues(bytes, from + this.#head.length, to, escapes))
        yield { table, row: rowOf(names, values) }
    } else {
      if (copying !== this.#copying) this.#target = this.#targetOf(COPY.exec(copying))
      this.#copying = copying
      if (!this.#target) return
      const { table, names } = this.#target
      yield { table, row: rowOf(names, copied(bytes.toString('utf8', from, to))) }
    }
  }

  /** False where the statement is no INSERT. */
  #aim({ bytes, from, to }: Found): boolean {
    const { length } = this.#head
    if (length > 0 && length <= to - from && bytes.compare(this.#head, 0, length, from, from + length) === 0)
      return true
    const verb = bytes.toString('latin1', from, Math.min(to, from + 8)).toUpperCase()
    if (verb.startsWith('CREATE')) {
      const [, table = '', body = ''] = CREATE.exec(bytes.toString('utf8', from, to)) ?? []
      if (table !== '') this.#columns.set(table, columnsIn(body))
      return false
    }
    if (!verb.startsWith('INSERT') && !verb.startsWith('REPLACE')) return false
    const match = INSERT.exec(bytes.toString('latin1', from, Math.min(to, from + LONGEST_HEAD)))
    this.#target = this.#targetOf(match)
    this.#head = Buffer.from(bytes.subarray(from, from + (match?.[0].length ?? 0)))
    return true
  }

  /** Undefined for a table that nobody wants. */
  #targetOf(match: RegExpExecArray | null): Target | undefined {
    const [, table = '', list] = match ?? []
    this.#seen.add(table)
    if (!this.#tables.has(table)) return undefined
    const names = list === undefined ? this.#columns.get(table) : namesIn(list)
    if (!names)
      throw new SourceError(`${this.#path}: the columns of ${table} are not named; dump it with its schema`)
    return { table, names }
  }
}

function rowOf(names: readonly string[], values: readonly Value[]): Row {
  const row: Record<string, string> = {}
  for (let i = 0; i < names.length; i++) {
    const value = values[i]
    if (value !== undefined && value !== null) row[names[i] ?? ''] = value
  }
  return row
}

/** The first word of each part between the commas that are in no parentheses. */
function columnsIn(body: string): string[] {
  let depth = 0
  let part = ''
  const parts: string[] = []
  for (const c of body.replace(/--[^\n]*/g, '').replace(/'[^']*'/g, '')) {
    if (c === '(') depth++
    if (c === ')') depth--
    if (c === ',' && depth === 0) {
      parts.push(part)
      part = ''
    } else part += c
  }
  return [...parts, part]
    .map((text) => text.trim())
    .filter((text) => text !== '' && !NO_COLUMN.test(text))
    .map((text) => /^["`[]?(\w+)/.exec(text)?.[1] ?? '')
}

const COPY_ESCAPES: Readonly<Record<string, string>> = {
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
}

const copied = (line: string): (string | null)[] =>
  line
    .split('\t')
    .map((value) =>
      value === '\\N' ? null : value.replace(/\\([^])/g, (_, code: string) => COPY_ESCAPES[code] ?? code),
    )
