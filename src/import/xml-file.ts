/**
 * XML files of a source for the strict reader, which knows no comments, no instructions and but one encoding: those are
 * removed before it. Document types are refused, so no entity is ever expanded.
 */
import { StreamError } from '../xmpp/errors.ts'
import { Reader, type ReaderEvent } from '../xml/reader.ts'
import { bytesOf, decoded, decoderOf, type Told } from './input.ts'
import { LIMITS, SourceError } from './model.ts'

const MARKUP = /<!--|<\?|<!\[CDATA\[|<!DOCTYPE/
const MARKS = ['<!--', '<?', '<![CDATA[', '<!DOCTYPE']
const ENDS: Readonly<Record<string, string>> = { '<!--': '-->', '<?': '?>', '<![CDATA[': ']]>' }

/** Events of a file, those of a piece at a time; elements that `isContainer` names are opened, all others come whole. */
export async function* xmlEvents(
  path: string,
  isContainer: (name: string) => boolean,
  told: Told,
  encoding?: string,
): AsyncGenerator<Iterable<ReaderEvent>> {
  const reader = new Reader(
    { bytes: LIMITS.record, depth: LIMITS.depth, elements: LIMITS.parts, attributes: 200, namespaces: 200 },
    'stream',
    isContainer,
  )
  const cleaner = new Cleaner(path)
  let decoder: TextDecoder | undefined
  let at = 0
  const nesting = { depth: 0 }
  for await (const bytes of bytesOf(path, told)) {
    decoder ??= decoderOf(encoding ?? declared(bytes), path)
    reader.feed(Buffer.from(cleaner.clean(decoded(decoder, bytes, path, at))))
    at += bytes.length
    yield eventsIn(reader, path, nesting)
  }
  if (nesting.depth > 0 || at === 0) throw new SourceError(`${path} ends in its midst: it was cut off`)
}

/** As its declaration says, or its first bytes. */
function declared(bytes: Buffer): string {
  const head = bytes.subarray(0, 200).toString('latin1')
  if (/^\xfe\xff/.test(head)) return 'utf-16be'
  if (/^\xff\xfe/.test(head)) return 'utf-16le'
  return /^(?:\xef\xbb\xbf)?<\?xml[^>]*encoding\s*=\s*["']([\w.-]+)["']/.exec(head)?.[1] ?? 'utf-8'
}

function* eventsIn(reader: Reader, path: string, nesting: { depth: number }): Generator<ReaderEvent> {
  for (let event = next(reader, path); event; event = next(reader, path)) {
    if (event.kind === 'open') nesting.depth++
    if (event.kind === 'close') nesting.depth--
    yield event
  }
}

function next(reader: Reader, path: string): ReaderEvent | null {
  try {
    return reader.next()
  } catch (error) {
    if (!(error instanceof StreamError)) throw error
    throw new SourceError(`${path} is not well-formed XML: ${error.text ?? error.condition}`)
  }
}

/** Removes comments and instructions, however they lie in the chunks. */
class Cleaner {
  #held = ''
  /** The end of what is in progress. */
  #until = ''

  constructor(readonly path: string) {}

  clean(chunk: string): string {
    const text = this.#held + chunk
    let out = ''
    let at = 0
    for (;;) {
      if (this.#until !== '') {
        const end = text.indexOf(this.#until, at)
        const keeps = this.#until === ENDS['<![CDATA[']
        const stop = end < 0 ? Math.max(at, text.length - this.#until.length + 1) : end + this.#until.length
        if (keeps) out += text.slice(at, stop)
        at = stop
        if (end < 0) break
        this.#until = ''
      }
      const found = MARKUP.exec(text.slice(at))
      if (!found) break
      out += text.slice(at, at + found.index)
      at += found.index
      const [mark] = found
      if (mark === '<!DOCTYPE') throw new SourceError(`${this.path} has a document type, which is refused`)
      if (mark === '<![CDATA[') out += mark
      at += mark.length
      this.#until = ENDS[mark] ?? ''
    }
    const tail = this.#until === '' ? text.lastIndexOf('<') : -1
    const isBegun = tail >= at && MARKS.some((mark) => mark.startsWith(text.slice(tail)))
    const cut = isBegun ? tail : this.#until === '' ? text.length : at
    this.#held = text.slice(cut)
    return out + text.slice(at, cut)
  }
}
