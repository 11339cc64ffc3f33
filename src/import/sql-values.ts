/** Values of an INSERT: strings of three dialects, numbers, NULL, bytes, and the functions by which dumps write line ends. */
import { LIMITS, SourceError } from './model.ts'

export type Value = string | null

const [QUOTE, BACKSLASH, OPEN, CLOSE, COMMA, COLON, SPACE] = Buffer.from("'\\(),: ") as unknown as readonly [
  ...[number, number, number, number, number, number, number],
]

/** A table of the bytes that a pattern of one character has. */
const tableOf = (pattern: RegExp): Uint8Array =>
  Uint8Array.from({ length: 256 }, (_, code) => (pattern.test(String.fromCharCode(code)) ? 1 : 0))
const DIGITS = tableOf(/[-+\d.eE]/)
const WORD = tableOf(/\w/)
/** `::character varying(10)` of PostgreSQL. */
const CAST = tableOf(/[\w :]/)

const ESCAPES = Uint8Array.from({ length: 256 }, (_, code) => code)
for (const [letter, meant] of Object.entries({ n: '\n', t: '\t', r: '\r', b: '\b', 0: '\0', Z: '\x1a' }))
  ESCAPES[letter.charCodeAt(0)] = meant.charCodeAt(0)

/** The bytes of a string in which something was escaped; one that is larger has its own. */
const SCRATCH = Buffer.allocUnsafe(64 * 1024)

/** The rows behind VALUES, in `bytes` up to `to`. `escapes`: a backslash in an ordinary string escapes. @throws SourceError */
export function* readValues(
  bytes: Buffer,
  from: number,
  to: number,
  escapes: boolean,
): Generator<readonly Value[]> {
  const parser = new Values(bytes, from, to, escapes)
  for (;;) {
    yield parser.row()
    if (!parser.takes(COMMA)) return
  }
}

class Values {
  #parts = 0
  #at: number
  readonly #start: number
  readonly #bytes: Buffer
  readonly #to: number
  readonly #escapes: boolean

  constructor(bytes: Buffer, from: number, to: number, escapes: boolean) {
    this.#bytes = bytes
    this.#at = this.#start = from
    this.#to = to
    this.#escapes = escapes
  }

  row(): Value[] {
    this.#expect(OPEN)
    const values = [this.#value(0)]
    while (this.takes(COMMA)) values.push(this.#value(0))
    this.#expect(CLOSE)
    return values
  }

  takes(mark: number): boolean {
    if (this.#peek() !== mark) return false
    this.#at++
    return true
  }

  #value(depth: number): Value {
    if (depth > LIMITS.depth || ++this.#parts > LIMITS.parts) throw this.#wrong('too much')
    const c = this.#peek()
    const value = c === QUOTE ? this.#string(this.#escapes) : (this.#number(c) ?? this.#named(depth))
    while (this.#peek() === COLON && this.#bytes[this.#at + 1] === COLON) this.#cast()
    return value
  }

  #number(first: number): string | undefined {
    if (DIGITS[first] !== 1 || first === 0x65 || first === 0x45) return undefined
    return this.#run(DIGITS)
  }

  #cast(): void {
    this.#run(CAST)
    if (this.#peek() !== OPEN) return
    while (this.#peek() !== CLOSE && this.#at < this.#to) this.#at++
    this.#expect(CLOSE)
  }

  /** NULL, a function, or a string with a word before it. */
  #named(depth: number): Value {
    const word = this.#run(WORD).toLowerCase()
    if (word === '') throw this.#wrong('no value')
    if (word === 'null' || word === 'default') return null
    if (word === 'true' || word === 'false') return word === 'true' ? '1' : '0'
    if (this.#bytes[this.#at] === QUOTE) {
      if (word === 'x' || word === 'b') return Buffer.from(this.#string(false), 'hex').toString('utf8')
      return this.#string(this.#escapes || word === 'e')
    }
    if (word === '_binary' || word === '_utf8mb4') return this.#value(depth + 1)
    this.#expect(OPEN)
    const args: Value[] = []
    if (!this.takes(CLOSE)) {
      do args.push(this.#value(depth + 1))
      while (this.takes(COMMA))
      this.#expect(CLOSE)
    }
    return apply(word, args) ?? this.#fail(word)
  }

  /** Text of its own: a part of a larger string would keep that in memory. */
  #string(escapes: boolean): string {
    const bytes = this.#bytes
    const to = this.#to
    const start = ++this.#at
    let escaped = false
    for (let at = start; at < to; at++) {
      const c = bytes[at]
      if (c === BACKSLASH && escapes) {
        escaped = true
        at++
      } else if (c === QUOTE) {
        if (at + 1 >= to || bytes[at + 1] !== QUOTE) {
          this.#at = at + 1
          return escaped ? unescaped(bytes, start, at, escapes) : bytes.toString('utf8', start, at)
        }
        escaped = true
        at++
      }
    }
    throw this.#wrong('a string without an end')
  }

  #fail(word: string): never {
    throw this.#wrong(`the function ${word}, which is not known here`)
  }

  #expect(mark: number): void {
    if (!this.takes(mark)) throw this.#wrong(`no "${String.fromCharCode(mark)}"`)
  }

  /** The next byte that is no space; 0 at the end. */
  #peek(): number {
    while (this.#at < this.#to && (this.#bytes[this.#at] ?? 0) <= SPACE) this.#at++
    return this.#at < this.#to ? (this.#bytes[this.#at] ?? 0) : 0
  }

  #run(table: Uint8Array): string {
    const start = this.#at
    while (this.#at < this.#to && table[this.#bytes[this.#at] ?? 0] === 1) this.#at++
    return this.#bytes.toString('latin1', start, this.#at)
  }

  #wrong(what: string): SourceError {
    return new SourceError(`${what} at byte ${this.#at - this.#start} of the values of an INSERT`)
  }
}

/** A doubled mark is one; a backslash, where it escapes, makes something else of what follows. */
function unescaped(bytes: Buffer, from: number, to: number, escapes: boolean): string {
  const scratch = to - from > SCRATCH.length ? Buffer.allocUnsafe(to - from) : SCRATCH
  let length = 0
  for (let at = from; at < to; at++) {
    let c = bytes[at] ?? 0
    if (c === QUOTE) at++
    else if (c === BACKSLASH && escapes) c = ESCAPES[bytes[++at] ?? 0] ?? 0
    scratch[length++] = c
  }
  return scratch.toString('utf8', 0, length)
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
