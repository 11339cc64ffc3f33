/** What a command prints: a table or `key: value` for people, one JSON document for scripts. */

export type Row = Readonly<Record<string, unknown>>

/** Names and messages come from strangers: nothing in them may move the cursor or colour the terminal. */
export function printable(value: unknown): string {
  if (value === null || value === undefined) return '-'
  if (Array.isArray(value)) return value.map(printable).join(', ') || '-'
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  return text.replace(
    /[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

export class Output {
  constructor(readonly json: boolean) {}

  /** A list. `columns` chooses and orders what people see; JSON carries everything. */
  table(rows: readonly Row[], columns: readonly string[]): void {
    if (this.json) return this.document(rows)
    const cells = rows.map((row) => columns.map((column) => printable(row[column])))
    const heads = columns.map((column) => column.replaceAll('_', ' ').toUpperCase())
    const widths = heads.map((head, i) =>
      Math.max(head.length, ...cells.map((line) => (line[i] ?? '').length)),
    )
    for (const line of [heads, ...cells]) {
      this.#line(
        line
          .map((cell, i) => cell.padEnd(widths[i] ?? 0))
          .join('  ')
          .trimEnd(),
      )
    }
  }

  /** One thing with its facts. */
  record(row: Row): void {
    if (this.json) return this.document(row)
    const width = Math.max(...Object.keys(row).map((key) => key.length)) + 1
    for (const [key, value] of Object.entries(row)) {
      this.#line(`${`${key}:`.padEnd(width)} ${printable(value)}`)
    }
  }

  /** One sentence for people; for scripts the facts behind it. */
  done(sentence: string, facts: Row = {}): void {
    if (this.json) this.document({ ok: true, ...facts })
    else this.line(sentence)
  }

  /** One line for people. */
  line(text: string): void {
    this.#line(printable(text))
  }

  document(value: unknown): void {
    this.#line(JSON.stringify(value, null, 2))
  }

  /** Text that is itself the product: a unit, a schema, a sample. */
  text(text: string): void {
    process.stdout.write(text.endsWith('\n') ? text : `${text}\n`)
  }

  warn(sentence: string): void {
    process.stderr.write(`warning: ${printable(sentence)}\n`)
  }

  #line(text: string): void {
    process.stdout.write(`${text}\n`)
  }
}
