/**
 * The scanner: keeps the bytes that were fed and cuts them into tokens. It looks at every byte once however they
 * arrive, because a token that is not complete yet is resumed where the scan stopped.
 */
import { StreamError } from '../xmpp/errors.ts'
import { CLASS, notWellFormed } from './text.ts'

export const TOKEN = { none: 0, tooBig: 1, text: 2, cdata: 3, open: 4, close: 5, declaration: 6 } as const
export type Token = (typeof TOKEN)[keyof typeof TOKEN]

const EMPTY = new Uint8Array(0)
const CDATA_START = [0x3c, 0x21, 0x5b, 0x43, 0x44, 0x41, 0x54, 0x41, 0x5b] // <![CDATA[
const DECLARATION_START = [0x3c, 0x3f, 0x78, 0x6d, 0x6c] // <?xml
const LT = 0x3c
const GT = 0x3e
const QUOTE = 0x22
const APOSTROPHE = 0x27
const BRACKET = 0x5d

export const isBlank = (byte: number): boolean =>
  byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09

export class Scanner {
  bytes: Uint8Array = EMPTY
  /** Start of the current token; everything before it is consumed. */
  start = 0
  /** End of the fed bytes: `bytes` may have room behind it. */
  end = 0
  /** After a token was found: where it ends, and the SEEN flags of what it holds (text and CDATA). */
  tokenEnd = 0
  seen = 0
  /** True until the first byte of a document is consumed: only there may the XML declaration stand. */
  atStart = true
  /** The end of the element before a restart may trail white space, which belongs to the old stream. */
  restarted = false
  private owned = false
  private kind: Token = TOKEN.none
  private at = 0
  private quote = 0

  get buffered(): number {
    return this.end - this.start
  }

  /** Takes the bytes by reference where nothing is left over: the caller must not write to them any more. */
  feed(chunk: Uint8Array): void {
    const left = this.end - this.start
    if (left === 0) {
      this.bytes = chunk
      this.start = this.at = 0
      this.end = chunk.length
      this.owned = false
      return
    }
    this.makeRoom(left, chunk.length)
    this.bytes.set(chunk, this.end)
    this.end += chunk.length
  }

  /** Grows by doubling and moves only when half is consumed, so the cost per fed byte stays constant. */
  private makeRoom(left: number, more: number): void {
    if (this.owned && this.end + more <= this.bytes.length) return
    let target = this.bytes
    if (!this.owned || left + more > this.bytes.length || this.start < this.bytes.length >> 1) {
      target = new Uint8Array(Math.max(64, 2 ** Math.ceil(Math.log2(left + more + 1))))
      target.set(this.bytes.subarray(this.start, this.end))
    } else {
      target.copyWithin(0, this.start, this.end)
    }
    this.at -= this.start
    this.start = 0
    this.end = left
    this.bytes = target
    this.owned = true
  }

  /** Lets go of a large chunk when only the beginning of a token is left of it. */
  private release(): void {
    const left = this.end - this.start
    if (left === 0) {
      this.bytes = EMPTY
      this.start = this.end = this.at = 0
      this.owned = false
    } else if (!this.owned) this.makeRoom(left, 0)
  }

  drop(): void {
    this.start = this.end
    this.restart()
    this.release()
  }

  restart(): void {
    this.kind = TOKEN.none
    this.at = this.start
  }

  /** Outside of elements white space costs nothing (keepalive) and other text is refused at its first byte. */
  betweenElements(): void {
    if (this.kind !== TOKEN.none) return
    const { bytes, start, end } = this
    let at = start
    while (at < end && isBlank(bytes[at] ?? 0)) at++
    if (at > start) {
      this.start = this.at = at
      if (!this.restarted) this.atStart = false
    }
    if (at === end || bytes[at] === LT) return
    if (this.atStart) refuseUtf16(bytes[at] ?? 0, undefined)
    throw notWellFormed('Text is not allowed outside of stanzas.')
  }

  consume(): void {
    this.start = this.at = this.tokenEnd
    this.kind = TOKEN.none
    this.atStart = this.restarted = false
  }

  /** The next token, looking at no more than `room` bytes of it. */
  next(room: number): Token {
    const stop = Math.min(this.end, this.start + room)
    if (this.kind === TOKEN.none && !this.classify(stop)) return this.unfinished(stop)
    const found = this.kind === TOKEN.text ? this.scanText(stop) : this.scanMarkup(stop)
    if (!found) return this.unfinished(stop)
    return this.kind
  }

  private unfinished(stop: number): Token {
    if (stop < this.end) return TOKEN.tooBig
    this.release()
    return TOKEN.none
  }

  /** Decides by its first bytes what begins at `start`; false where they are not all here. */
  private classify(stop: number): boolean {
    const { bytes, start } = this
    if (start >= stop) return false
    if (this.atStart) refuseUtf16(bytes[start] ?? 0, start + 1 < stop ? bytes[start + 1] : undefined)
    this.seen = 0
    this.at = start
    if (bytes[start] !== LT) {
      this.kind = TOKEN.text
      return true
    }
    if (start + 1 >= stop) return false
    switch (bytes[start + 1]) {
      case 0x21:
        return this.classifyBang(stop)
      case 0x3f:
        return this.classifyDeclaration(stop)
      case 0x2f:
        return this.begin(TOKEN.close, 2)
      default:
        this.quote = 0
        return this.begin(TOKEN.open, 1)
    }
  }

  private begin(kind: Token, skip: number): boolean {
    this.kind = kind
    this.at = this.start + skip
    return true
  }

  private classifyBang(stop: number): boolean {
    const first = this.start + 2 < stop ? this.bytes[this.start + 2] : undefined
    if (first === undefined) return false
    // RFC 6120 §11.1: no comments, no document types.
    if (first === 0x2d) throw new StreamError('restricted-xml', 'Comments are not allowed.')
    if (first !== 0x5b) throw new StreamError('restricted-xml', 'Document types are not allowed.')
    if (!this.startsWith(CDATA_START, stop)) return false
    return this.begin(TOKEN.cdata, CDATA_START.length)
  }

  private classifyDeclaration(stop: number): boolean {
    if (!this.atStart) throw processingInstruction()
    if (!this.startsWith(DECLARATION_START, stop) || this.start + 5 >= stop) return false
    if (!isBlank(this.bytes[this.start + 5] ?? 0)) throw processingInstruction()
    return this.begin(TOKEN.declaration, 6)
  }

  private startsWith(expected: number[], stop: number): boolean {
    const length = Math.min(expected.length, stop - this.start)
    for (let i = 2; i < length; i++) {
      if (this.bytes[this.start + i] === expected[i]) continue
      throw expected === CDATA_START
        ? notWellFormed('"<!" begins no CDATA section.')
        : processingInstruction()
    }
    return length === expected.length
  }

  private scanText(stop: number): boolean {
    const { bytes } = this
    let { at, seen } = this
    while (at < stop) {
      const byte = bytes[at] ?? 0
      if (byte === LT) break
      seen |= CLASS[byte] ?? 0
      at++
    }
    this.at = at
    this.seen = seen
    this.tokenEnd = at
    return at < stop
  }

  private scanMarkup(stop: number): boolean {
    switch (this.kind) {
      case TOKEN.open:
        return this.scanTag(stop)
      case TOKEN.cdata:
        return this.scanCdata(stop)
      default:
        return this.scanToGreaterThan(stop)
    }
  }

  private scanTag(stop: number): boolean {
    const { bytes } = this
    let { at, quote } = this
    for (; at < stop; at++) {
      const byte = bytes[at] ?? 0
      if (byte === LT) throw notWellFormed('"<" is not allowed inside a tag.')
      if (quote !== 0) {
        if (byte === quote) quote = 0
      } else if (byte === GT) {
        this.tokenEnd = at + 1
        return true
      } else if (byte === QUOTE || byte === APOSTROPHE) quote = byte
    }
    this.at = at
    this.quote = quote
    return false
  }

  private scanCdata(stop: number): boolean {
    const { bytes } = this
    const content = this.start + CDATA_START.length
    let { at, seen } = this
    for (; at < stop; at++) {
      const byte = bytes[at] ?? 0
      if (byte === GT && at - 2 >= content && bytes[at - 1] === BRACKET && bytes[at - 2] === BRACKET) {
        this.tokenEnd = at + 1
        this.seen = seen
        return true
      }
      seen |= CLASS[byte] ?? 0
    }
    this.at = at
    this.seen = seen
    return false
  }

  private scanToGreaterThan(stop: number): boolean {
    const { bytes } = this
    for (let at = this.at; at < stop; at++) {
      if (bytes[at] === LT) throw notWellFormed('"<" is not allowed inside a tag.')
      if (bytes[at] !== GT) continue
      this.tokenEnd = at + 1
      return true
    }
    this.at = stop
    return false
  }
}

function processingInstruction(): StreamError {
  return new StreamError('restricted-xml', 'Processing instructions are not allowed.')
}

/** RFC 6120 §11.6: UTF-8 and nothing else, so a UTF-16 document is named for what it is. */
function refuseUtf16(first: number, second: number | undefined): void {
  if (first === 0xfe || first === 0xff || first === 0 || (first === LT && second === 0)) {
    throw new StreamError('unsupported-encoding', 'The stream must be encoded in UTF-8.')
  }
}
