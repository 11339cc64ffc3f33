/** What the tests of the reader share: reading whole or in pieces, and a comparison through `saxes`. */
import { SaxesParser } from 'saxes'
import { Reader, type ReaderEvent, type ReaderLimits } from '../../src/xml/reader.ts'
import { StreamError } from '../../src/xmpp/errors.ts'
import type { Element } from '../../src/xmpp/xml.ts'

export const LIMITS: ReaderLimits = {
  bytes: 262_144,
  depth: 64,
  elements: 2000,
  attributes: 64,
  namespaces: 32,
}

export const HEADER =
  "<?xml version='1.0'?><stream:stream xmlns='jabber:client' " +
  "xmlns:stream='http://etherx.jabber.org/streams' to='bix.org' version='1.0'>"

export const bytes = (input: string | Uint8Array | number[]): Uint8Array =>
  typeof input === 'string' ? Buffer.from(input) : Uint8Array.from(input)

/** The plain shape of an event, so that trees compare without their parents. */
export function plain(event: ReaderEvent): unknown {
  return event.kind === 'close' ? event : { ...event, element: shape(event.element) }
}

export function shape(element: Element): unknown {
  const children = element.children.map((node) => (typeof node === 'string' ? node : shape(node)))
  return [element.name, Object.entries(element.attrs).sort(([a], [b]) => (a < b ? -1 : 1)), children]
}

/** Feeds the pieces one by one and returns what came out: events and, last, the condition of the error. */
export function readAll(
  pieces: Iterable<Uint8Array>,
  framing: 'stream' | 'documents' = 'stream',
  limits = LIMITS,
): unknown[] {
  const reader = new Reader(limits, framing)
  const seen: unknown[] = []
  try {
    for (const piece of pieces) {
      reader.feed(piece)
      for (let event = reader.next(); event; event = reader.next()) seen.push(plain(event))
    }
  } catch (error) {
    if (!(error instanceof StreamError)) throw error
    seen.push(error.condition)
  }
  return seen
}

export function* cut(input: Uint8Array, size: number): Generator<Uint8Array> {
  for (let at = 0; at < input.length; at += size) yield input.slice(at, at + size)
}

export const read = (input: string | Uint8Array | number[], framing?: 'stream' | 'documents'): unknown[] =>
  readAll([bytes(input)], framing)

/** One whole document as a tree, or the condition of its error; 'incomplete' where it ends too early. */
export function document(input: string | Uint8Array): unknown {
  const reader = new Reader({ ...LIMITS, bytes: 1e6, depth: 1e3, attributes: 1e3 }, 'documents')
  try {
    reader.feed(bytes(input))
    const event = reader.next()
    if (event?.kind !== 'element') return 'incomplete'
    const tree = shape(event.element)
    const more = reader.next()
    return more !== null || !reader.idle ? 'trailing' : tree
  } catch (error) {
    if (error instanceof StreamError) return error.condition
    throw error
  }
}

type Shape = [string, [string, string][], (Shape | string)[]]

/** Characters that stand in names and do not begin them (XML 1.0 §2.3). */
const NO_START = /^[-.\d\u00b7\u0300-\u036f\u203f\u2040]/

/** The same tree by `saxes`; null where it refuses, 'restricted' where it saw what XMPP forbids. */
export function bySaxes(text: string): unknown {
  const parser = new SaxesParser({ xmlns: true })
  let failed = false
  let restricted = false
  let root: Shape | undefined
  const stack: { node: Shape; uri: string }[] = []
  const add = (text: string): void => {
    const children = stack[stack.length - 1]?.node[2]
    if (!children || text === '') return
    const last = children[children.length - 1]
    if (typeof last === 'string') children[children.length - 1] = last + text
    else children.push(text)
  }
  parser.on('error', () => (failed = true))
  parser.on('doctype', () => (restricted = true))
  parser.on('comment', () => (restricted = true))
  parser.on('processinginstruction', () => (restricted = true))
  parser.on('text', add)
  parser.on('cdata', add)
  parser.on('opentag', (tag) => {
    // saxes lets the part behind the colon begin with anything; Namespaces in XML §4 wants a name of its own.
    for (const { local } of [tag, ...Object.values(tag.attributes)]) if (NO_START.test(local)) failed = true
    const attrs: Record<string, string> = Object.create(null) as Record<string, string>
    const parent = stack[stack.length - 1]
    if (tag.uri !== (parent?.uri ?? 'jabber:client')) attrs.xmlns = tag.uri
    for (const attribute of Object.values(tag.attributes)) {
      if (attribute.prefix === 'xmlns' || attribute.name === 'xmlns') continue
      attrs[attribute.name] = attribute.value
      if (attribute.prefix && attribute.prefix !== 'xml') attrs[`xmlns:${attribute.prefix}`] = attribute.uri
    }
    const node: Shape = [tag.local, Object.entries(attrs).sort(([a], [b]) => (a < b ? -1 : 1)), []]
    if (parent) parent.node[2].push(node)
    else root ??= node
    stack.push({ node, uri: tag.uri })
  })
  parser.on('closetag', () => stack.pop())
  try {
    parser.write(text).close()
  } catch {
    failed = true
  }
  if (restricted) return 'restricted'
  return failed ? null : root
}

/** The condition that a stanza ends the stream with; undefined where it is accepted. */
export function refusal(stanza: string | Uint8Array | number[]): unknown {
  const result = readAll([bytes(HEADER), bytes(stanza)])
  const last = result[result.length - 1]
  return typeof last === 'string' ? last : undefined
}

/** The tree of one stanza inside an ordinary client stream. */
export function stanza(text: string): unknown {
  const reader = new Reader(LIMITS)
  reader.feed(bytes(HEADER + text))
  reader.next()
  const event = reader.next()
  return event?.kind === 'element' ? shape(event.element) : event
}
