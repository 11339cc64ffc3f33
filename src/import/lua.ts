/** Lua tables as text, as far as Prosody's own storage writes them: data, never a program. */
import { LIMITS, SourceError } from './model.ts'

/** A table: what has no key, in order, and what has one. Keys that are no strings stand as "[false]", "[7]". */
export interface LuaTable {
  readonly list: readonly LuaValue[]
  readonly map: ReadonlyMap<string, LuaValue>
}
export type LuaValue = string | number | boolean | null | LuaTable

export const isTable = (value: LuaValue | undefined): value is LuaTable =>
  typeof value === 'object' && value !== null

const SPACE = /(?:\s|--\[\[[^]*?\]\]|--[^\n]*)*/y
const NUMBER = /-?(?:0x[0-9a-fA-F]+|\d+(?:\.\d+)?(?:[eE][-+]?\d+)?)/y
const WORD = /[A-Za-z_]\w*/y
const STRING = /"(?:[^"\\]|\\[^])*"|'(?:[^'\\]|\\[^])*'/y
const ESCAPE = /\\(\d{1,3}|x[0-9a-fA-F]{2}|z\s*|[^])/g
const ESCAPES: Readonly<Record<string, string>> = {
  n: '\n',
  t: '\t',
  r: '\r',
  b: '\b',
  f: '\f',
  v: '\v',
  a: '\x07',
}

/** Values of a file, one at a time: `return VALUE;` or `item(VALUE);` again and again. `bytes` is Latin-1 of its bytes. */
export function* luaValues(bytes: string): Generator<LuaValue> {
  const parser = new Parser(bytes)
  for (let value = parser.next(); value !== undefined; value = parser.next()) yield value
}

class Parser {
  #at = 0
  #parts = 0

  constructor(readonly text: string) {}

  next(): LuaValue | undefined {
    this.#parts = 0
    this.#takes(';')
    if (this.#peek() === undefined) return undefined
    const word = this.#match(WORD)
    if (word === 'return') return this.#value(0)
    if (word !== 'item') throw this.#wrong('neither "return" nor "item"')
    this.#expect('(')
    const value = this.#value(0)
    this.#expect(')')
    return value
  }

  #value(depth: number): LuaValue {
    if (depth > LIMITS.depth) throw this.#wrong(`deeper than ${LIMITS.depth}`)
    if (++this.#parts > LIMITS.parts) throw this.#wrong(`more than ${LIMITS.parts} parts`)
    const c = this.#peek()
    if (c === '{') return this.#table(depth)
    if (c === '"' || c === "'") return this.#string()
    const number = this.#match(NUMBER)
    if (number !== undefined) return Number(number)
    const word = this.#match(WORD)
    if (word === 'true' || word === 'false') return word === 'true'
    if (word === 'nil') return null
    throw this.#wrong('no value')
  }

  #table(depth: number): LuaTable {
    const list: LuaValue[] = []
    const map = new Map<string, LuaValue>()
    this.#expect('{')
    while (!this.#takes('}')) {
      const key = this.#key(depth)
      const value = this.#value(depth + 1)
      if (key === undefined) list.push(value)
      else map.set(key, value)
      if (!this.#takes(';')) this.#takes(',')
    }
    return { list, map }
  }

  /** `["key"] =`, `[7] =` or `key =`; undefined where there is none. */
  #key(depth: number): string | undefined {
    const start = this.#at
    if (this.#takes('[')) {
      const key = this.#value(depth + 1)
      this.#expect(']')
      this.#expect('=')
      if (isTable(key)) throw this.#wrong('a table as a key')
      return typeof key === 'string' ? key : `[${String(key)}]`
    }
    const word = this.#peek() === undefined ? undefined : this.#match(WORD)
    if (word !== undefined && this.#takes('=')) return word
    this.#at = start
    return undefined
  }

  #string(): string {
    const raw = this.#match(STRING)
    if (raw === undefined) throw this.#wrong('a string without an end')
    const bytes = raw.slice(1, -1).replace(ESCAPE, (_, code: string) => escaped(code))
    return Buffer.from(bytes, 'latin1').toString('utf8')
  }

  #peek(): string | undefined {
    SPACE.lastIndex = this.#at
    SPACE.exec(this.text)
    this.#at = SPACE.lastIndex
    return this.text[this.#at]
  }

  #takes(mark: string): boolean {
    if (this.#peek() !== mark) return false
    this.#at++
    return true
  }

  #expect(mark: string): void {
    if (!this.#takes(mark)) throw this.#wrong(`no "${mark}"`)
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at
    const found = pattern.exec(this.text)?.[0]
    if (found !== undefined) this.#at += found.length
    return found
  }

  #wrong(what: string): SourceError {
    return new SourceError(`${what} at byte ${this.#at}`)
  }
}

function escaped(code: string): string {
  if (/^\d/.test(code)) return String.fromCharCode(Number(code) & 0xff)
  if (code.startsWith('x')) return String.fromCharCode(Number.parseInt(code.slice(1), 16))
  if (code.startsWith('z')) return ''
  return ESCAPES[code] ?? code
}

/** The same of JSON, as Prosody's SQL storage has it: an object is a table, a list one without keys. */
export function ofJson(value: unknown): LuaValue {
  if (Array.isArray(value)) return { list: value.map(ofJson), map: new Map() }
  if (typeof value === 'object' && value !== null) {
    const entries = (Object.entries(value) as [string, unknown][]).filter(
      ([key]) => key !== '__array' && key !== '__hash',
    )
    const { __array: list, __hash: hash } = value as { __array?: unknown[]; __hash?: unknown[] }
    const pairs = Array.isArray(hash) ? pairsOf(hash) : entries
    const isNumbered = ([key]: readonly [string, unknown]) => /^\d+$/.test(key)
    const numbered = pairs.filter(isNumbered).sort(([a], [b]) => Number(a) - Number(b))
    const items = Array.isArray(list) ? list : numbered.map(([, item]) => item)
    const rest = pairs.filter((pair) => !isNumbered(pair))
    return { list: items.map(ofJson), map: new Map(rest.map(([key, inner]) => [key, ofJson(inner)])) }
  }
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? value : null
}

/** Keys that are no text come as a list of key, value, key, value. */
function pairsOf(hash: readonly unknown[]): [string, unknown][] {
  const pairs: [string, unknown][] = []
  for (let i = 0; i + 1 < hash.length; i += 2) {
    const key = hash[i]
    pairs.push([typeof key === 'string' ? key : `[${JSON.stringify(key)}]`, hash[i + 1]])
  }
  return pairs
}
