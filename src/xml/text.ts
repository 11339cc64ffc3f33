/**
 * Characters: what each byte means to the scanner, and how a slice of bytes becomes a string.
 * Bytes become text in one place and once, by a decoder that refuses what is not UTF-8 (RFC 6120 §11.6).
 */
import { StreamError } from '../xmpp/errors.ts'
import { xml } from '../xmpp/xml.ts'

/** Kinds of bytes in a run; the scanner collects these so that plain runs are decoded without a second look. */
export const SEEN = { nonAscii: 1, ampersand: 2, return: 4, bracket: 8, blank: 16, control: 32 } as const

/** One SEEN flag for every byte value. */
export const CLASS = new Uint8Array(256)
CLASS.fill(SEEN.control, 0, 0x20)
CLASS.fill(SEEN.nonAscii, 0x80)
CLASS[0x09] = SEEN.blank
CLASS[0x0a] = SEEN.blank
CLASS[0x0d] = SEEN.return
CLASS[0x26] = SEEN.ampersand
CLASS[0x5d] = SEEN.bracket

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
// Missing from the types of Bun; four times as fast on short slices as a TextDecoder.
const { latin1Slice } = Buffer.prototype as {
  latin1Slice: (this: Uint8Array, start: number, end: number) => string
}

export function notWellFormed(text: string): StreamError {
  return new StreamError('not-well-formed', text)
}

/** RFC 6120 §4.9.3.14, with the application-specific conditions of XEP-0205 §4. */
export function tooMuch(text: string, app = 'resource-limit-exceeded'): StreamError {
  return new StreamError('policy-violation', `Not accepted: ${text}.`, xml(app, { xmlns: 'urn:xmpp:errors' }))
}

/** Decodes bytes whose SEEN flags are known; refuses bytes and characters that XML 1.0 §2.2 does not allow. */
export function decode(bytes: Uint8Array, start: number, end: number, seen: number): string {
  if (seen & SEEN.control) throw notWellFormed('A control character is not allowed in XML.')
  if ((seen & SEEN.nonAscii) === 0) return latin1Slice.call(bytes, start, end)
  let text: string
  try {
    text = decoder.decode(bytes.subarray(start, end))
  } catch {
    throw new StreamError('unsupported-encoding', 'The stream is not valid UTF-8.')
  }
  if (text.includes('\uFFFE') || text.includes('\uFFFF')) {
    throw notWellFormed('U+FFFE and U+FFFF are not allowed in XML.')
  }
  return text
}

/** Character data between tags (XML 1.0 §2.4, line ends §2.11). */
export function decodeText(bytes: Uint8Array, start: number, end: number, seen: number): string {
  let text = decode(bytes, start, end, seen)
  if (seen & SEEN.bracket && text.includes(']]>')) throw notWellFormed('"]]>" is not allowed in text.')
  if (seen & SEEN.return) text = normaliseLineEnds(text)
  return seen & SEEN.ampersand ? expandReferences(text) : text
}

/** The inside of a CDATA section (XML 1.0 §2.7). */
export function decodeCdata(bytes: Uint8Array, start: number, end: number, seen: number): string {
  const text = decode(bytes, start, end, seen)
  return seen & SEEN.return ? normaliseLineEnds(text) : text
}

/** An attribute's value between its quotes (XML 1.0 §3.3.3): literal white space becomes spaces first. */
export function decodeValue(bytes: Uint8Array, start: number, end: number, seen: number): string {
  let text = decode(bytes, start, end, seen)
  if (seen & SEEN.return) text = normaliseLineEnds(text)
  if (seen & (SEEN.blank | SEEN.return)) text = text.replace(/[\t\n]/g, ' ')
  return seen & SEEN.ampersand ? expandReferences(text) : text
}

function normaliseLineEnds(text: string): string {
  return text.replace(/\r\n?/g, '\n')
}

const PREDEFINED = new Map([
  ['lt', '<'],
  ['gt', '>'],
  ['amp', '&'],
  ['apos', "'"],
  ['quot', '"'],
])

function expandReferences(text: string): string {
  let result = ''
  let from = 0
  for (let at = text.indexOf('&'); at !== -1; at = text.indexOf('&', from)) {
    const end = text.indexOf(';', at)
    if (end === -1) throw notWellFormed('"&" begins no reference.')
    result += text.slice(from, at) + expandReference(text.slice(at + 1, end))
    from = end + 1
  }
  return result + text.slice(from)
}

function expandReference(name: string): string {
  const predefined = PREDEFINED.get(name)
  if (predefined !== undefined) return predefined
  if (name.startsWith('#')) return characterReference(name)
  if (!QNAME.test(name)) throw notWellFormed('"&" begins no reference.')
  // RFC 6120 §11.1: only the five predefined entities.
  throw new StreamError('restricted-xml', 'Entity references are not allowed.')
}

function characterReference(name: string): string {
  const hex = /^#x([0-9A-Fa-f]+)$/.exec(name)
  const decimal = /^#([0-9]+)$/.exec(name)
  const code = hex ? parseInt(hex[1] ?? '', 16) : decimal ? parseInt(decimal[1] ?? '', 10) : -1
  if (!isXmlChar(code)) throw notWellFormed('A character reference names no XML character.')
  return String.fromCodePoint(code)
}

function isXmlChar(code: number): boolean {
  if (code < 0x20) return code === 0x9 || code === 0xa || code === 0xd
  return code <= 0xd7ff || (code >= 0xe000 && code <= 0xfffd) || (code >= 0x10000 && code <= 0x10ffff)
}

// XML 1.0 (5th edition) §2.3 without the colon: Namespaces in XML §4 gives that its own meaning.
const START =
  'A-Z_a-z\\xC0-\\xD6\\xD8-\\xF6\\xF8-\\u02FF\\u0370-\\u037D\\u037F-\\u1FFF\\u200C\\u200D\\u2070-\\u218F' +
  '\\u2C00-\\u2FEF\\u3001-\\uD7FF\\uF900-\\uFDCF\\uFDF0-\\uFFFD\\u{10000}-\\u{EFFFF}'
const NCNAME = `[${START}][${START}\\-.0-9\\xB7\\u0300-\\u036F\\u203F\\u2040]*`

/** A qualified name: at most one colon, with a name on either side of it. */
export const QNAME = new RegExp(`^(?:${NCNAME}:)?${NCNAME}$`, 'u')
