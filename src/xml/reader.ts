/**
 * The reader: bytes from the Internet become Elements here and nowhere else. It is strict (XML 1.0, Namespaces 1.0
 * and the restrictions of RFC 6120 §11), linear in its input however that is cut, and counts every cap before it
 * spends memory. What it builds follows the convention of `xmpp/xml.ts`.
 */
import { StreamError } from '../xmpp/errors.ts'
import { NS } from '../xmpp/namespaces.ts'
import { Element } from '../xmpp/xml.ts'
import { isBlank, Scanner, TOKEN, type Token } from './scanner.ts'
import { checkDefault, Scope } from './scope.ts'
import { type Name, readEndTag, readTag, Tag } from './tag.ts'
import { decode, decodeCdata, decodeText, notWellFormed, tooMuch } from './text.ts'

/** Per top-level element; attributes and namespace declarations per element. Infinity switches one off. */
export interface ReaderLimits {
  bytes: number
  depth: number
  elements: number
  attributes: number
  namespaces: number
}

export type ReaderEvent =
  | { kind: 'open'; element: Element; prefix: string; xmlns: string; contentNamespace: string }
  | { kind: 'element'; element: Element }
  | { kind: 'close' }

/** An open element: what its end tag must say and what its children inherit. */
interface Frame {
  readonly name: Name
  readonly element: Element | null
  readonly xmlns: string
  readonly defaultNamespace: string
  readonly mark: number
}

/** Shared by all readers: a tag is read and built without a break in between. */
const tag = new Tag()

export class Reader {
  private readonly scanner = new Scanner()
  private scope = new Scope()
  private frames: Frame[] = []
  private header: Frame | null = null
  /** Containers around the innermost one. */
  private outer: Frame[] = []
  private used = 0
  private elements = 0
  private state: 'open' | 'closing' | 'closed' = 'open'
  private failure: StreamError | null = null

  /**
   * `documents`: every top-level element is a document of its own (WebSocket frames, BOSH bodies, stored stanzas).
   * `isContainer`: elements of that name are opened like the header, so that a large file is read a child at a time.
   */
  constructor(
    public limits: ReaderLimits,
    private readonly framing: 'stream' | 'documents' = 'stream',
    private readonly isContainer: (name: string) => boolean = never,
  ) {}

  /** Only stores; the caller leaves the bytes unchanged from here on. */
  feed(bytes: Uint8Array): void {
    if (bytes.length > 0 && !this.failure) this.scanner.feed(bytes)
  }

  /** Reads on until one event is complete; null asks for more bytes. An error repeats at every further call. */
  next(): ReaderEvent | null {
    if (this.failure) throw this.failure
    try {
      return this.advance()
    } catch (error) {
      if (error instanceof StreamError) this.failure = error
      this.scanner.drop()
      throw error
    }
  }

  /** True between top-level elements: a WebSocket frame or a BOSH body must end here. */
  get idle(): boolean {
    return this.frames.length === 0 && this.used === 0 && this.scanner.buffered === 0
  }

  /** Expects a new document; bytes that wait already belong to it. */
  reset(): void {
    this.scope = new Scope()
    this.frames = []
    this.header = null
    this.outer = []
    this.used = this.elements = 0
    this.state = 'open'
    this.failure = null
    this.scanner.restart()
    this.scanner.atStart = this.scanner.restarted = true
  }

  /** Drops the waiting bytes and says how many were not white space: plaintext behind STARTTLS is an injection. */
  discard(): number {
    let count = 0
    const { bytes, start, end } = this.scanner
    for (let at = start; at < end; at++) if (!isBlank(bytes[at] ?? 0)) count++
    this.scanner.drop()
    return count
  }

  private advance(): ReaderEvent | null {
    for (;;) {
      if (this.state !== 'open') return this.end()
      if (this.frames.length === 0) this.scanner.betweenElements()
      const token = this.scanner.next(this.limits.bytes - this.used)
      if (token === TOKEN.none) return null
      if (token === TOKEN.tooBig) {
        throw tooMuch(`more than ${this.limits.bytes} bytes in one element`, 'stanza-too-big')
      }
      const event = this.take(token)
      if (event) return event
    }
  }

  /** RFC 6120 §4.4: nothing that follows the end of the stream counts. */
  private end(): ReaderEvent | null {
    this.scanner.drop()
    if (this.state === 'closed') return null
    this.state = 'closed'
    return { kind: 'close' }
  }

  private take(token: Token): ReaderEvent | null {
    const { scanner } = this
    const length = scanner.tokenEnd - scanner.start
    let event: ReaderEvent | null = null
    if (token === TOKEN.open) event = this.startTag()
    else if (token === TOKEN.close) event = this.endTag()
    else if (token === TOKEN.declaration) this.declaration()
    else this.text(token)
    scanner.consume()
    if (event === null) this.used += length
    else {
      this.used = this.elements = 0
      if (this.framing === 'documents') scanner.atStart = true
    }
    return event
  }

  private startTag(): ReaderEvent | null {
    const { scanner, scope, limits } = this
    readTag(tag, scanner.bytes, scanner.start, scanner.tokenEnd, limits)
    const parent = this.frames[this.frames.length - 1]
    const isHeader = this.framing === 'stream' && (this.header === null || this.opens(parent))
    if (!isHeader) this.countElement()
    const mark = scope.size
    const defaultNamespace = this.declare((parent ?? this.header)?.defaultNamespace ?? '', mark)
    const { name, selfClosing } = tag
    const xmlns = name.prefix === '' ? defaultNamespace : scope.resolve(name.prefix)
    if (isHeader) {
      if (this.header) this.outer.push(this.header)
      this.header = { name, element: null, xmlns, defaultNamespace, mark }
      if (selfClosing) this.state = 'closing'
      return {
        kind: 'open',
        element: this.headerElement(),
        prefix: name.prefix,
        xmlns,
        contentNamespace: defaultNamespace,
      }
    }
    const element = this.build(parent?.element ?? null, parent?.xmlns ?? NS.client, xmlns)
    if (!selfClosing) {
      this.frames.push({ name, element, xmlns, defaultNamespace, mark })
      return null
    }
    scope.release(mark)
    return parent ? null : { kind: 'element', element }
  }

  /** An empty container has no children to be read one by one. */
  private opens(parent: Frame | undefined): boolean {
    return parent === undefined && !tag.selfClosing && this.isContainer(tag.name.local)
  }

  private countElement(): void {
    if (this.frames.length >= this.limits.depth) throw tooMuch(`deeper than ${this.limits.depth} elements`)
    if (++this.elements > this.limits.elements) throw tooMuch(`more than ${this.limits.elements} elements`)
  }

  /** Takes the tag's declarations into scope and returns the default namespace inside it. */
  private declare(inherited: string, mark: number): string {
    let result: string | undefined
    for (let i = 0; i < tag.count; i++) {
      const name = tag.names[i]
      const value = tag.values[i] ?? ''
      if (name?.raw === 'xmlns') {
        if (result !== undefined) throw notWellFormed('An attribute is given twice.')
        result = checkDefault(value)
      } else if (name?.prefix === 'xmlns') this.scope.bind(name.local, value, mark)
    }
    return result ?? inherited
  }

  private build(parent: Element | null, inherited: string, xmlns: string): Element {
    const element = new Element(tag.name.local)
    // Without a prototype: an attribute may be called __proto__ or constructor.
    const attrs = bare()
    if (xmlns !== inherited) attrs.xmlns = xmlns
    let expanded: Set<string> | undefined
    for (let i = 0; i < tag.count; i++) {
      const name = tag.names[i]
      if (name === undefined || name.raw === 'xmlns' || name.prefix === 'xmlns') continue
      if (name.raw in attrs) throw notWellFormed('An attribute is given twice.')
      attrs[name.raw] = tag.values[i] ?? ''
      if (name.prefix === '' || name.prefix === 'xml') continue
      const space = this.scope.resolve(name.prefix)
      attrs[`xmlns:${name.prefix}`] = space
      expanded ??= new Set()
      const key = `${space}\0${name.local}`
      if (expanded.has(key)) throw notWellFormed('An attribute is given twice under two prefixes.')
      expanded.add(key)
    }
    element.attrs = attrs
    if (parent) {
      element.parent = parent
      parent.children.push(element)
    }
    return element
  }

  /** The stream header keeps its attributes as they were sent, declarations included. */
  private headerElement(): Element {
    this.build(null, '', '')
    const element = new Element(tag.name.local)
    element.attrs = bare()
    for (let i = 0; i < tag.count; i++) element.attrs[tag.names[i]?.raw ?? ''] = tag.values[i] ?? ''
    return element
  }

  private endTag(): ReaderEvent | null {
    const { scanner } = this
    const name = readEndTag(scanner.bytes, scanner.start, scanner.tokenEnd)
    const frame = this.frames.pop() ?? this.header
    if (!frame || frame.name.raw !== name.raw) throw notWellFormed('An end tag does not match its start tag.')
    if (!frame.element) {
      this.header = this.outer.pop() ?? null
      if (!this.header) this.state = 'closed'
      else this.scope.release(frame.mark)
      return { kind: 'close' }
    }
    this.scope.release(frame.mark)
    return this.frames.length === 0 ? { kind: 'element', element: frame.element } : null
  }

  private text(token: Token): void {
    const { bytes, start, tokenEnd, seen } = this.scanner
    const element = this.frames[this.frames.length - 1]?.element
    if (!element) throw notWellFormed('Text is not allowed outside of stanzas.')
    const text =
      token === TOKEN.cdata
        ? decodeCdata(bytes, start + '<![CDATA['.length, tokenEnd - ']]>'.length, seen)
        : decodeText(bytes, start, tokenEnd, seen)
    if (text === '') return
    const last = element.children.length - 1
    const before = element.children[last]
    if (typeof before === 'string') element.children[last] = before + text
    else element.children.push(text)
  }

  private declaration(): void {
    const { bytes, start, tokenEnd } = this.scanner
    for (let at = start; at < tokenEnd; at++) {
      if ((bytes[at] ?? 0) >= 0x80) throw notWellFormed('The XML declaration is malformed.')
    }
    const parts = DECLARATION.exec(decode(bytes, start, tokenEnd, 0))
    if (!parts) throw notWellFormed('The XML declaration is malformed.')
    if (parts[2] !== '1.0') throw notWellFormed('Only XML 1.0 is understood.')
    if (parts[4] !== undefined && parts[4].toLowerCase() !== 'utf-8') {
      throw new StreamError('unsupported-encoding', 'The stream must be encoded in UTF-8.')
    }
  }
}

const never = (): boolean => false

// XML 1.0 §2.8
const DECLARATION =
  /^<\?xml[ \t\r\n]+version[ \t\r\n]*=[ \t\r\n]*(['"])(1\.[0-9]+)\1(?:[ \t\r\n]+encoding[ \t\r\n]*=[ \t\r\n]*(['"])([A-Za-z][A-Za-z0-9._-]*)\3)?(?:[ \t\r\n]+standalone[ \t\r\n]*=[ \t\r\n]*(['"])(?:yes|no)\5)?[ \t\r\n]*\?>$/

function bare(): Record<string, string> {
  // Object.create is typed `any`; an object without prototype and properties is such a record.
  return Object.create(null) as Record<string, string>
}
