/** Values of an INSERT: strings of three dialects, numbers, NULL, bytes, and the functions by which dumps write line ends. */
import { LIMITS, SourceError } from './model.ts'

type Value = string | null

const ESCAPES: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r', b: '\b', 0: '\0', Z: '\x1a' }
const NUMBER = /[-+]?[\d.]+(?:[eE][-+]?\d+)?/y
const WORD = /[A-Za-z_]\w*/y
/** `::type` of PostgreSQL. */
const CAST = /::[\w ]+(?:\([\d, ]+\))?/y

/** The rows behind VALUES. `escapes`: a backslash in an ordinary string escapes. @throws SourceError */
export function* readValues(text: string, from: number, escapes: boolean): Generator<readonly Value[]> {
  const parser = new Values(text, from, escapes)
  for (;;) {
    yield parser.row()
    if (!parser.takes(',')) return
  }
}

class Values {
  #at: number
  #parts = 0

  constructor(
    readonly text: string,
    from: number,
    readonly escapes: boolean,
  ) {
    this.#at = from
  }

  row(): Value[] {
    this.#expect('(')
    const values = [this.#value(0)]
    while (this.takes(',')) values.push(this.#value(0))
    this.#expect(')')
    return values
  }

  takes(mark: string): boolean {
    this.#space()
    if (!this.text.startsWith(mark, this.#at)) return false
    this.#at += mark.length
    return true
  }

  #value(depth: number): Value {
    if (depth > LIMITS.depth || ++this.#parts > LIMITS.parts) throw this.#wrong('too much')
    this.#space()
    const c = this.text[this.#at]
    const value = c === "'" ? this.#string(this.escapes) : (this.#match(NUMBER) ?? this.#named(depth))
    while (this.#match(CAST) !== undefined);
    return value
  }

  /** NULL, a function, or a string with a word before it. */
  #named(depth: number): Value {
    const word = this.#match(WORD)?.toLowerCase()
    if (word === undefined) throw this.#wrong('no value')
    if (word === 'null' || word === 'default') return null
    if (word === 'true' || word === 'false') return word === 'true' ? '1' : '0'
    if (this.text[this.#at] === "'") {
      if (word === 'x' || word === 'b') return Buffer.from(this.#string(false), 'hex').toString('utf8')
      return this.#string(this.escapes || word === 'e')
    }
    if (word === '_binary' || word === '_utf8mb4') return this.#value(depth + 1)
    this.#expect('(')
    const args: Value[] = []
    if (!this.takes(')')) {
      do args.push(this.#value(depth + 1))
      while (this.takes(','))
      this.#expect(')')
    }
    return apply(word, args) ?? this.#fail(word)
  }

  #string(escapes: boolean): string {
    const { text } = this
    let out = ''
    let start = ++this.#at
    const special = escapes ? /['\\]/g : /'/g
    for (;;) {
      special.lastIndex = this.#at
      const end = special.exec(text)?.index ?? -1
      if (end < 0) throw this.#wrong('a string without an end')
      if (text[end] === '\\') {
        const code = text[end + 1] ?? ''
        out += text.slice(start, end) + (ESCAPES[code] ?? code)
        this.#at = start = end + 2
      } else if (text[end + 1] === "'") {
        out += text.slice(start, end + 1)
        this.#at = start = end + 2
      } else {
        this.#at = end + 1
        return out + text.slice(start, end)
      }
    }
  }

  #fail(word: string): never {
    throw this.#wrong(`the function ${word}, which is not known here`)
  }

  #expect(mark: string): void {
    if (!this.takes(mark)) throw this.#wrong(`no "${mark}"`)
  }

  #space(): void {
    while (/\s/.test(this.text[this.#at] ?? '')) this.#at++
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at
    const found = pattern.exec(this.text)?.[0]
    if (found !== undefined) this.#at += found.length
    return found
  }

  #wrong(what: string): SourceError {
    return new SourceError(`${what} at character ${this.#at} of an INSERT`)
  }
}

function apply(name: string, args: readonly Value[]): string | undefined {
  const [text = '', from = '', to = ''] = args.map((value) => value ?? '')
  if (name === 'replace') return text.replaceAll(from, to)
  if (name === 'char') return args.map((code) => String.fromCodePoint(Number(code))).join('')
  if (name === 'unistr')
    return text.replace(/\\(?:u([0-9a-fA-F]{4})|(\\))/g, (_, hex?: string) =>
      hex ? String.fromCharCode(Number.parseInt(hex, 16)) : '\\',
    )
  return undefined
}
