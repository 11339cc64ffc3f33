/** Rows of a database: of an SQLite file, or of a dump as text by SQLite, MySQL, PostgreSQL or ejabberd itself. */
import { Database } from 'bun:sqlite'
import { openSync, readSync, closeSync } from 'node:fs'
import { type Told, sizeOf, textOf } from './input.ts'
import { LIMITS, SourceError } from './model.ts'
import { readValues } from './sql-values.ts'

export type Row = Readonly<Record<string, string>>

/** Rows of those tables, in the order of the file; a value that is NULL is not in its row. `seen` gets all tables with rows. */
export async function* rowsOf(
  path: string,
  tables: ReadonlySet<string>,
  told: Told,
  encoding?: string,
  seen = new Set<string>(),
): AsyncGenerator<{ readonly table: string; readonly row: Row }> {
  if (isSqlite(path)) return yield* rowsOfSqlite(path, tables, told, seen)
  const columns = new Map<string, readonly string[]>()
  const dump = new Dump(path)
  for await (const chunk of textOf(path, told, encoding))
    for (const found of dump.feed(chunk)) yield* rowsIn(found, columns, tables, dump, seen)
  dump.finish()
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

function* rowsOfSqlite(path: string, tables: ReadonlySet<string>, told: Told, seen: Set<string>) {
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

/** Each is a statement, or a line of COPY with the statement that it belongs to. */
interface Found {
  readonly statement: string
  readonly line?: string
}

/** Cuts the text of a dump, whatever its chunks. */
class Dump {
  /** A backslash in a string escapes what follows. */
  escapes = false
  #text = ''
  #scanned = 0
  #copying: string | undefined
  #isFirst = true

  constructor(readonly path: string) {}

  *feed(chunk: string): Generator<Found> {
    this.#text += chunk
    if (this.#isFirst) {
      const isTold = /^\s*--.*(?:MySQL|MariaDB)|^-- Mnesia table:|\/\*!40101/m.test(this.#text.slice(0, 4096))
      this.escapes = isTold || /(?:INTO|TABLE(?: IF EXISTS)?) `/.test(this.#text.slice(0, 65_536))
    }
    this.#isFirst = false
    for (;;) {
      const found = this.#copying === undefined ? this.#statement() : this.#line(this.#copying)
      if (!found) break
      yield found
    }
    if (this.#text.length > LIMITS.record) throw new SourceError(`${this.path}: a statement without an end`)
  }

  finish(): void {
    const rest = this.#text.replace(/--[^\n]*|\/\*[^]*?\*\//g, '').trim()
    if (rest !== '' || this.#copying !== undefined)
      throw new SourceError(`${this.path} ends in its midst: it was cut off`)
  }

  #statement(): Found | undefined {
    const end = this.#end()
    if (end < 0) return undefined
    const statement = this.#text.slice(0, end).replace(/^(?:\s|--[^\n]*\n|\/\*[^]*?\*\/)+/, '')
    this.#text = this.#text.slice(end + 1)
    this.#scanned = 0
    if (!/^COPY\s/i.test(statement) || !/FROM stdin/i.test(statement)) return { statement }
    this.#copying = statement
    this.#text = this.#text.replace(/^\r?\n/, '')
    return { statement: '' }
  }

  #line(statement: string): Found | undefined {
    const end = this.#text.indexOf('\n')
    if (end < 0) return undefined
    const line = this.#text.slice(0, end).replace(/\r$/, '')
    this.#text = this.#text.slice(end + 1)
    if (line !== '\\.') return { statement, line }
    this.#copying = undefined
    return { statement: '' }
  }

  /** The place at which the first statement ends; -1 where more is needed. */
  #end(): number {
    const text = this.#text
    const special = /['"`;]|--|\/\*/g
    // Behind the last mark that was read.
    let at = this.#scanned
    special.lastIndex = at
    for (let found = special.exec(text); found; found = special.exec(text)) {
      const [mark] = found
      this.#scanned = found.index
      if (mark === ';') return found.index
      const end =
        mark === '--'
          ? text.indexOf('\n', found.index)
          : mark === '/*'
            ? text.indexOf('*/', found.index)
            : this.#close(
                mark,
                found.index + 1,
                this.escapes || /\WE$/i.test(text.slice(found.index - 2, found.index)),
              )
      if (end < 0) return -1
      special.lastIndex = at = end + 1
    }
    // The last character may be half of a mark.
    this.#scanned = Math.max(at, text.length - 1)
    return -1
  }

  /** The end of a string; a mark that is doubled is a part of it. */
  #close(mark: string, from: number, escapes: boolean): number {
    for (let end = this.#text.indexOf(mark, from); end >= 0; end = this.#text.indexOf(mark, end + 1)) {
      let slashes = 0
      if (escapes) while (this.#text[end - 1 - slashes] === '\\' && end - 1 - slashes >= from) slashes++
      if (slashes % 2 === 1) continue
      if (this.#text[end + 1] !== mark) return end
      end++
    }
    return -1
  }
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

function* rowsIn(
  { statement, line }: Found,
  columns: Map<string, readonly string[]>,
  tables: ReadonlySet<string>,
  { path, escapes }: Dump,
  seen: Set<string>,
): Generator<{ table: string; row: Row }> {
  const head = statement.slice(0, 8).toUpperCase()
  if (head.startsWith('CREATE')) {
    const [, table = '', body = ''] = CREATE.exec(statement) ?? []
    if (table !== '') columns.set(table, columnsIn(body))
    return
  }
  const isCopy = line !== undefined
  if (!isCopy && !head.startsWith('INSERT') && !head.startsWith('REPLACE')) return
  const found = (isCopy ? COPY : INSERT).exec(statement)
  const [whole = '', table = '', list] = found ?? []
  seen.add(table)
  if (!tables.has(table)) return
  const names = list === undefined ? columns.get(table) : namesIn(list)
  if (!names) throw new SourceError(`${path}: the columns of ${table} are not named; dump it with its schema`)
  const rows = isCopy ? [copied(line)] : readValues(statement, whole.length, escapes)
  for (const values of rows) {
    const row: Record<string, string> = {}
    for (const [i, name] of names.entries()) {
      const value = values[i]
      if (value !== undefined && value !== null) row[name] = value
    }
    yield { table, row }
  }
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
