/** Cuts the bytes of a dump into statements and lines of COPY, whatever its chunks: UTF-8 has no mark within a character. */
import { LIMITS, SourceError } from './model.ts'
import { escapesByBackslash } from './sql-quoting.ts'

/** Bytes of the marks that matter outside of strings and comments. */
const [QUOTE, DOUBLE, TICK, DASH, SLASH, STAR, SEMICOLON, BACKSLASH, NEWLINE, RETURN, SPACE] = Buffer.from(
  '\'"`-/*;\\\n\r ',
) as unknown as readonly [
  number,
  number,
  number,
  number,
  number,
  number,
  number,
  number,
  number,
  number,
  number,
]

/** A statement, or a line of COPY: a stretch of `bytes` that holds until the next one is asked for. */
export interface Found {
  readonly bytes: Buffer
  readonly from: number
  readonly to: number
  /** Of a line: the statement that it belongs to. */
  readonly copying: string | undefined
}

export class Statements {
  /** A backslash in a string escapes what follows. */
  escapes = false
  readonly #path: string
  /** Bytes that were read and not yet given out lie between #from and #to. */
  #bytes: Buffer = Buffer.alloc(0)
  #from = 0
  #to = 0
  /** Everything before it was looked at. */
  #at = 0
  /** The first byte of the statement that is no space and in no comment; -1 before that. */
  #first = -1
  /** The string or comment that #at is in: its mark, or 0. */
  #inside = 0
  /** The place behind the last string, and whether backslashes escaped in it: a mark that is doubled opens it again. */
  #closed = -1
  #escaping = false
  #copying: string | undefined
  #isFirst = true

  constructor(path: string) {
    this.#path = path
  }

  *feed(chunk: Buffer): Generator<Found> {
    this.#append(chunk)
    if (this.#isFirst) {
      const head = this.#bytes.toString('latin1', this.#from, this.#to)
      this.escapes = isOfMysql(head) || (isOfMnesia(head) && escapesByBackslash(this.#path))
    }
    this.#isFirst = false
    while (this.#copying === undefined ? this.#statement() : this.#line()) {
      const [from, to] = [this.#first < 0 ? this.#at : this.#first, this.#at]
      const copying = this.#copying
      this.#first = -1
      this.#from = this.#at = to + 1
      if (copying !== undefined) yield* this.#copied(from, to, copying)
      else if (from < to) yield* this.#found(from, to)
    }
    if (this.#to - this.#from > LIMITS.record)
      throw new SourceError(`${this.#path}: a statement without an end`)
  }

  finish(): void {
    const isCommentOnly = this.#inside === 0 || this.#inside === DASH
    if (this.#first >= 0 || !isCommentOnly || this.#copying !== undefined)
      throw new SourceError(`${this.#path} ends in its midst: it was cut off`)
  }

  *#found(from: number, to: number): Generator<Found> {
    const bytes = this.#bytes
    if (/^COPY\s/i.test(bytes.toString('latin1', from, Math.min(to, from + 5)))) {
      const statement = bytes.toString('utf8', from, to)
      if (/FROM stdin/i.test(statement)) this.#copying = statement
      return
    }
    yield { bytes, from, to, copying: undefined }
  }

  *#copied(from: number, end: number, copying: string): Generator<Found> {
    const bytes = this.#bytes
    const to = bytes[end - 1] === RETURN ? end - 1 : end
    // The rest of the line on which the statement ended.
    if (to <= from) return
    if (to - from === 2 && bytes[from] === BACKSLASH && bytes[from + 1] === 0x2e) this.#copying = undefined
    else yield { bytes, from, to, copying }
  }

  #append(chunk: Buffer): void {
    const kept = this.#to - this.#from
    if (this.#to + chunk.length > this.#bytes.length) {
      const isLarge = kept + chunk.length > this.#bytes.length
      const target = isLarge ? Buffer.allocUnsafe(2 * (kept + chunk.length)) : this.#bytes
      this.#bytes.copy(target, 0, this.#from, this.#to)
      this.#bytes = target
      this.#at -= this.#from
      this.#closed -= this.#from
      if (this.#first >= 0) this.#first -= this.#from
      this.#from = 0
      this.#to = kept
    }
    chunk.copy(this.#bytes, this.#to)
    this.#to += chunk.length
  }

  /** Looks for the end of a line; true at it. */
  #line(): boolean {
    this.#first = this.#from
    const end = this.#bytes.indexOf(NEWLINE, this.#at)
    const found = end >= 0 && end < this.#to
    this.#at = found ? end : this.#to
    return found
  }

  /** Looks for the end of a statement; true at it. */
  #statement(): boolean {
    const bytes = this.#bytes
    const to = this.#to
    let at = this.#at
    for (;;) {
      if (this.#inside !== 0) {
        at = this.#close(at)
        if (this.#inside !== 0) break
        continue
      }
      if (at >= to) break
      const c = bytes[at] ?? 0
      if (c <= SPACE) at++
      else if (c === SEMICOLON) {
        this.#at = at
        return true
      } else if (c === DASH || c === SLASH) {
        // The mark has two characters.
        if (at + 1 >= to) break
        const isComment = bytes[at + 1] === (c === DASH ? DASH : STAR)
        if (isComment) this.#inside = c
        else if (this.#first < 0) this.#first = at
        at += isComment ? 2 : 1
      } else {
        if (this.#first < 0) this.#first = at
        if (c === QUOTE || c === DOUBLE || c === TICK) {
          if (at !== this.#closed) this.#escaping = this.escapes || this.#isEscapeString(at)
          this.#inside = c
        }
        at++
      }
    }
    this.#at = at
    return false
  }

  /** Goes on in a string or comment; returns the place behind it, or that from which more is needed. */
  #close(from: number): number {
    const bytes = this.#bytes
    const to = this.#to
    const mark = this.#inside
    let at = from
    if (mark === DASH || mark === SLASH) {
      for (; at < to; at++) {
        if (bytes[at] !== (mark === DASH ? NEWLINE : SLASH)) continue
        if (mark === SLASH && bytes[at - 1] !== STAR) continue
        this.#inside = 0
        return at + 1
      }
      return at
    }
    const escaping = this.#escaping
    for (; at < to; at++) {
      const c = bytes[at]
      if (c === mark) {
        this.#inside = 0
        return (this.#closed = at + 1)
      }
      if (!escaping || c !== BACKSLASH) continue
      if (at + 1 >= to) return at
      at++
    }
    return at
  }

  /** PostgreSQL's E'…': an E that ends no word. */
  #isEscapeString(at: number): boolean {
    const bytes = this.#bytes
    if (at === this.#from || ((bytes[at - 1] ?? 0) | 0x20) !== 0x65) return false
    return at - 1 === this.#from || !/\w/.test(String.fromCharCode(bytes[at - 2] ?? 0))
  }
}

const isOfMysql = (text: string): boolean =>
  /^\s*--.*(?:MySQL|MariaDB)|\/\*!40101/m.test(text.slice(0, 4096)) ||
  /(?:INTO|TABLE(?: IF EXISTS)?) `/.test(text.slice(0, 65_536))

const isOfMnesia = (text: string): boolean => /^-- Mnesia table:/m.test(text.slice(0, 4096))
