/** Output of a command: a table or `key: value` for people, one JSON document for scripts. */
import { COLOUR_OF, paintFor } from './colour.ts'
import { layOut, wrapped } from './table.ts'

export type Row = Readonly<Record<string, unknown>>

/** Characters that move the cursor, change colours or direction, or are not there for the eye, such as joiners. */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu

/** Names and messages come from strangers: nothing in them may move the cursor or colour the terminal. */
export function printable(value: unknown): string {
  if (value === null || value === undefined) return '-'
  if (Array.isArray(value)) return value.map(printable).join(', ') || '-'
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  return text.replace(UNPRINTABLE, (c) => {
    const code = (c.codePointAt(0) ?? 0).toString(16).padStart(4, '0')
    return code.length > 4 ? `\\u{${code}}` : `\\u${code}`
  })
}

/** Columns of the terminal; Infinity where a program reads. The kernel knows, or else COLUMNS of the shell. */
function terminalWidth(): number {
  const { isTTY, columns } = process.stdout
  return (isTTY && (columns || Number(process.env.COLUMNS))) || Infinity
}

export class Output {
  readonly #width: number
  readonly #paint = paintFor(process.stdout)

  constructor(
    readonly json: boolean,
    width = terminalWidth(),
  ) {
    this.#width = width
  }

  /** A list. `columns` chooses and orders what people see; JSON carries everything. */
  table(rows: readonly Row[], columns: readonly string[]): void {
    if (this.json) return this.document(rows)
    const cells = rows.map((row) => columns.map((column) => printable(row[column])))
    const heads = columns.map((column) => column.replaceAll('_', ' ').toUpperCase())
    const [head, ...lines] = layOut(heads, cells, this.#width)
    // Laid out as blocks it is no head.
    if (head !== undefined)
      this.#line(heads.every((word) => head.includes(word)) ? this.#paint(head, 'bold') : head)
    for (const line of lines) this.#line(line)
  }

  /** One thing with its facts. */
  record(row: Row): void {
    if (this.json) return this.document(row)
    const left = Math.max(...Object.keys(row).map((key) => key.length)) + 2
    for (const [key, value] of Object.entries(row)) {
      // Addresses and tokens are there to be copied, so they stay whole.
      const lines = wrapped(printable(value), Math.max(1, this.#width - left), (word) => word)
      lines.forEach((line, n) => this.#line((n === 0 ? `${key}:` : '').padEnd(left) + line))
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

  /** A line that begins with how something stands. */
  state(word: string, text: string): void {
    const shown = word.padEnd(4)
    this.#line(`${COLOUR_OF[word] ? this.#paint(shown, COLOUR_OF[word]) : shown}  ${printable(text)}`)
  }

  document(value: unknown): void {
    this.#line(JSON.stringify(value, null, 2))
  }

  /** Text that is itself the product: a unit, a schema, a sample. */
  text(text: string): void {
    process.stdout.write(text.endsWith('\n') ? text : `${text}\n`)
  }

  warn(sentence: string): void {
    const word = paintFor(process.stderr)('warning:', 'yellow')
    process.stderr.write(`${word} ${printable(sentence)}\n`)
  }

  #line(text: string): void {
    process.stdout.write(`${text}\n`)
  }
}
