/** One start tag: its names and values, split and checked, before namespaces are looked at. */
import { isBlank } from './scanner.ts'
import { CLASS, decode, decodeValue, notWellFormed, QNAME, SEEN, tooMuch } from './text.ts'

export interface Name {
  readonly raw: string
  readonly prefix: string
  readonly local: string
}

/** Result of `readTag`. One object is reused for all tags: nothing of it outlives the tag. */
export class Tag {
  name: Name = { raw: '', prefix: '', local: '' }
  readonly names: Name[] = []
  readonly values: string[] = []
  /** Of both kinds, declarations and attributes. */
  count = 0
  selfClosing = false
}

/** Names and values come from a small vocabulary; a table of fixed size gives the same string for the same bytes. */
const SLOTS = 1024
const LONGEST = 64
const knownNames = new Array<Name | undefined>(SLOTS).fill(undefined)
const knownValues = new Array<string | undefined>(SLOTS).fill(undefined)

let end = 0 // set by the functions below: where the name or value they read ends

/** Reads `<name a="b" …>` or `<name/>` from `start` to `stop`. */
export function readTag(
  tag: Tag,
  bytes: Uint8Array,
  start: number,
  stop: number,
  limits: { attributes: number; namespaces: number },
): void {
  const last = bytes[stop - 2] === 0x2f ? stop - 2 : stop - 1
  tag.selfClosing = last === stop - 2
  tag.name = readName(bytes, start + 1, last)
  let at = end
  let count = 0
  let declarations = 0
  for (;;) {
    const gap = at
    at = skipBlanks(bytes, at, last)
    if (at === last) break
    if (at === gap) throw notWellFormed('White space must separate attributes.')
    const name = readName(bytes, at, last)
    at = skipBlanks(bytes, end, last)
    if (bytes[at] !== 0x3d) throw notWellFormed('An attribute has no value.')
    at = skipBlanks(bytes, at + 1, last)
    if (name.prefix === 'xmlns' || name.raw === 'xmlns') declarations++
    if (declarations > limits.namespaces) throw tooMuch('too many namespace declarations in one tag')
    if (count - declarations >= limits.attributes) throw tooMuch('too many attributes in one tag')
    tag.values[count] = readValue(bytes, at, last, name.raw !== 'id')
    at = end
    tag.names[count++] = name
  }
  tag.count = count
}

/** Reads `</name >` and returns the name as written. */
export function readEndTag(bytes: Uint8Array, start: number, stop: number): Name {
  const name = readName(bytes, start + 2, stop - 1)
  if (skipBlanks(bytes, end, stop - 1) !== stop - 1) throw notWellFormed('An end tag has attributes.')
  return name
}

function skipBlanks(bytes: Uint8Array, at: number, stop: number): number {
  while (at < stop && isBlank(bytes[at] ?? 0)) at++
  return at
}

/** Ends a name: white space, `=`, `/`, `>` and quotes. */
const ENDS_NAME = new Uint8Array(256)
for (const byte of [0x20, 0x09, 0x0a, 0x0d, 0x3d, 0x2f, 0x3e, 0x22, 0x27]) ENDS_NAME[byte] = 1

function readName(bytes: Uint8Array, start: number, stop: number): Name {
  let hash = 0
  let seen = 0
  let at = start
  for (; at < stop; at++) {
    const byte = bytes[at] ?? 0
    if (ENDS_NAME[byte] === 1) break
    seen |= CLASS[byte] ?? 0
    hash = (Math.imul(hash, 31) + byte) | 0
  }
  end = at
  const slot = (hash ^ (hash >>> 10)) & (SLOTS - 1)
  const known = knownNames[slot]
  if (known !== undefined && same(known.raw, bytes, start, at)) return known
  const raw = decode(bytes, start, at, seen)
  if (!QNAME.test(raw)) throw notWellFormed('A name is not a qualified XML name.')
  const colon = raw.indexOf(':')
  const name = { raw, prefix: colon < 0 ? '' : raw.slice(0, colon), local: raw.slice(colon + 1) }
  if (raw.length <= LONGEST && seen === 0) knownNames[slot] = name
  return name
}

function readValue(bytes: Uint8Array, start: number, stop: number, recurs: boolean): string {
  const quote = bytes[start]
  if (start >= stop || (quote !== 0x22 && quote !== 0x27)) throw notWellFormed('A value has no quotes.')
  let hash = 0
  let seen = 0
  let at = start + 1
  for (; at < stop; at++) {
    const byte = bytes[at] ?? 0
    if (byte === quote) break
    seen |= CLASS[byte] ?? 0
    hash = (Math.imul(hash, 31) + byte) | 0
  }
  if (at >= stop) throw notWellFormed('A value has no closing quote.')
  end = at + 1
  if (!recurs || (seen & ~SEEN.bracket) !== 0 || at - start > LONGEST) {
    return decodeValue(bytes, start + 1, at, seen)
  }
  const slot = (hash ^ (hash >>> 10)) & (SLOTS - 1)
  const known = knownValues[slot]
  if (known !== undefined && same(known, bytes, start + 1, at)) return known
  return (knownValues[slot] = decodeValue(bytes, start + 1, at, seen))
}

function same(text: string, bytes: Uint8Array, start: number, stop: number): boolean {
  if (text.length !== stop - start) return false
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) !== bytes[start + i]) return false
  return true
}
