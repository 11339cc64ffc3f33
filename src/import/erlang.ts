/** Erlang terms as text (`file:consult`), as ejabberd dumps its tables and keeps options of rooms in SQL. */
import { LIMITS, SourceError } from './model.ts'

export class Atom {
  constructor(readonly name: string) {}
}
export class Tuple {
  constructor(readonly items: readonly Term[]) {}
}
/** Binaries and strings are text; a map is a list of pairs. */
export type Term = string | number | Atom | Tuple | readonly Term[]

const SPACE = /(?:\s|%[^\n]*)*/y
const NUMBER = /-?\d+(?:\.\d+(?:[eE][-+]?\d+)?|#[0-9a-zA-Z]+)?/y
const ATOM = /[a-z][\w@]*/y
const ESCAPE = /\\(x\{[0-9a-fA-F]{1,6}\}|x[0-9a-fA-F]{2}|[0-7]{1,3}|[^])/g
const ESCAPES: Readonly<Record<string, string>> = {
  n: '\n',
  t: '\t',
  r: '\r',
  b: '\b',
  f: '\f',
  v: '\v',
  e: '\x1b',
  s: ' ',
  d: '\x7f',
}

/** The one term of a text, with or without the dot behind it. @throws SourceError */
export function readTerm(text: string): Term {
  return new Parser(text).whole()
}

class Parser {
  #at = 0
  #parts = 0
  readonly #text: string

  constructor(text: string) {
    this.#text = text
  }

  whole(): Term {
    const term = this.#term(0)
    this.#space()
    if (this.#text[this.#at] === '.') this.#at++
    this.#space()
    if (this.#at < this.#text.length) throw this.#wrong('more than one term')
    return term
  }

  #term(depth: number): Term {
    this.#space()
    if (depth > LIMITS.depth) throw this.#wrong(`deeper than ${LIMITS.depth}`)
    if (++this.#parts > LIMITS.parts) throw this.#wrong(`more than ${LIMITS.parts} parts`)
    const c = this.#text[this.#at]
    if (c === '{') return new Tuple(this.#list('{', '}', depth))
    if (c === '[') return this.#list('[', ']', depth)
    if (c === '"') return this.#strings()
    if (c === "'") return new Atom(this.#quoted("'"))
    if (c === '<') return this.#binary()
    if (c === '#') return this.#map(depth)
    const number = this.#match(NUMBER)
    if (number !== undefined) return numberOf(number)
    const atom = this.#match(ATOM)
    if (atom !== undefined) return new Atom(atom)
    throw this.#wrong('no term')
  }

  #list(open: string, close: string, depth: number): Term[] {
    const items: Term[] = []
    this.#expect(open)
    if (this.#takes(close)) return items
    for (;;) {
      items.push(this.#term(depth + 1))
      if (this.#takes(close)) return items
      // The rest of an improper list is one more item.
      if (!this.#takes('|')) this.#expect(',')
    }
  }

  #map(depth: number): Term[] {
    this.#at++
    const items: Term[] = []
    this.#expect('{')
    if (this.#takes('}')) return items
    for (;;) {
      const key = this.#term(depth + 1)
      if (!this.#takes('=>')) this.#expect(':=')
      items.push(new Tuple([key, this.#term(depth + 1)]))
      if (this.#takes('}')) return items
      this.#expect(',')
    }
  }

  #binary(): string {
    this.#expect('<<')
    if (this.#takes('>>')) return ''
    if (this.#peek() === '"') {
      const text = this.#strings()
      this.#takes('/utf8')
      this.#expect('>>')
      return text
    }
    const bytes: number[] = []
    for (;;) {
      const byte = this.#term(LIMITS.depth)
      if (typeof byte !== 'number' || byte < 0 || byte > 255) throw this.#wrong('no byte')
      bytes.push(byte)
      if (this.#takes('>>')) return Buffer.from(bytes).toString('utf8')
      this.#expect(',')
    }
  }

  /** Neighbours are one string. */
  #strings(): string {
    let text = this.#quoted('"')
    while (this.#peek() === '"') text += this.#quoted('"')
    return text
  }

  #quoted(mark: string): string {
    const start = ++this.#at
    let end = start
    for (; ; end++) {
      end = this.#text.indexOf(mark, end)
      if (end < 0) throw this.#wrong('a string without an end')
      let slashes = 0
      while (this.#text[end - 1 - slashes] === '\\' && end - 1 - slashes >= start) slashes++
      if (slashes % 2 === 0) break
    }
    this.#at = end + 1
    const raw = this.#text.slice(start, end)
    return raw.includes('\\') ? raw.replace(ESCAPE, (_, code: string) => escaped(code)) : raw
  }

  #peek(): string | undefined {
    this.#space()
    return this.#text[this.#at]
  }

  #takes(word: string): boolean {
    this.#space()
    if (!this.#text.startsWith(word, this.#at)) return false
    this.#at += word.length
    return true
  }

  #expect(word: string): void {
    if (!this.#takes(word)) throw this.#wrong(`no "${word}"`)
  }

  #space(): void {
    SPACE.lastIndex = this.#at
    SPACE.exec(this.#text)
    this.#at = SPACE.lastIndex
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at
    const found = pattern.exec(this.#text)?.[0]
    if (found !== undefined) this.#at += found.length
    return found
  }

  #wrong(what: string): SourceError {
    return new SourceError(`${what} at character ${this.#at} of a term`)
  }
}

function escaped(code: string): string {
  if (code.startsWith('x')) return codePoint(Number.parseInt(code.replace(/[x{}]/g, ''), 16))
  if (/^[0-7]/.test(code)) return codePoint(Number.parseInt(code, 8))
  return ESCAPES[code] ?? code
}

const codePoint = (code: number): string => (code <= 0x10ffff ? String.fromCodePoint(code) : '\ufffd')

function numberOf(text: string): number {
  const [base, digits] = text.split('#')
  return digits === undefined ? Number(text) : Number.parseInt(digits, Number(base))
}

/** A string or a quoted atom, or what lies between them, up to a dot that ends a term. */
const PIECE = /"(?:[^"\\]|\\[^])*"|'(?:[^'\\]|\\[^])*'|\$\\?[^]|%[^\n]*\n|[^"'.%$]+|\.(?!\s|$)|\./y

/** Cuts a text into terms, each ended by a dot and white space, whatever the chunks: those that end in one at a time. */
export async function* termsOf(chunks: AsyncIterable<string>, path: string): AsyncGenerator<Iterable<Term>> {
  const rest = { text: '', scanned: 0 }
  for await (const chunk of chunks) {
    rest.text += chunk
    yield termsIn(rest)
    if (rest.text.length > LIMITS.record) throw new SourceError(`${path}: a term without an end`)
  }
  const { text } = rest
  if (text.trim() === '') return
  if (endOf(`${text}\n`, 0).dot < 0) throw new SourceError(`${path} ends in its midst: it was cut off`)
  yield [readTerm(text)]
}

/** `rest`: what belongs to no whole term stays, with the number of its characters that hold no end. */
function* termsIn(rest: { text: string; scanned: number }): Generator<Term> {
  const { text } = rest
  let from = 0
  for (let at = rest.scanned; ;) {
    const end = endOf(text, at)
    at = end.scanned
    if (end.dot < 0) {
      rest.text = text.slice(from)
      rest.scanned = at - from
      return
    }
    yield readTerm(text.slice(from, end.dot))
    from = at = end.dot + 1
  }
}

/** The place at which the first term ends; -1 where more is needed. That which was looked at need not be looked at again. */
function endOf(text: string, from: number): { dot: number; scanned: number } {
  let at = from
  while (at < text.length) {
    PIECE.lastIndex = at
    const piece = PIECE.exec(text)?.[0]
    // A string that goes on in the next chunk.
    if (piece === undefined) break
    if (piece === '.' && at + 1 === text.length) break
    if (piece === '.' && /\s/.test(text[at + 1] ?? '')) return { dot: at, scanned: at }
    at += piece.length
  }
  return { dot: -1, scanned: at }
}
