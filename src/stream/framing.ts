/**
 * Framing: how the elements of a stream are cut out of what a transport carries, and how they are written into it. On TCP all
 * is one XML document (RFC 6120 §4.2); elsewhere each element stands alone.
 */
import { NS } from '../xmpp/namespaces.ts'
import { Element, escapeXML } from '../xmpp/xml.ts'
import { Reader, type ReaderEvent, type ReaderLimits } from '../xml/reader.ts'

/** Source that a stream reads from; a `Reader` is one. */
export interface ElementSource {
  limits: ReaderLimits
  /** Only stores. */
  feed(bytes: Uint8Array): void
  /** The next event, null where more bytes are needed. Throws StreamError. */
  next(): ReaderEvent | null
  /** A new stream begins; what waits belongs to it already. */
  reset(): void
  /** Drops what waits; returns how many bytes of it were not white space. */
  discard(): number
}

export interface Framing {
  source(limits: ReaderLimits): ElementSource
  /** Text that opens our side of the stream; `attrs` are those of RFC 6120 §4.7 without the namespaces. */
  header(attrs: Readonly<Record<string, string>>): string
  element(el: Element): string
  /** Text that closes our side. */
  readonly footer: string
}

/** RFC 6120 §4: one document from header to footer. */
export const oneDocument: Framing = {
  source: (limits) => new Reader(limits),
  header: (attrs) =>
    `<?xml version='1.0'?><stream:stream${written({ ...attrs, xmlns: NS.client, 'xmlns:stream': NS.streams })}>`,
  element: (el) => el.toString(),
  footer: '</stream:stream>',
}

export function written(attrs: Readonly<Record<string, string>>): string {
  return Object.entries(attrs)
    .map(([name, value]) => ` ${name}='${escapeXML(value)}'`)
    .join('')
}

/** An element with every namespace that the header of a TCP stream would have declared for it. */
export function standalone(el: Element): string {
  const text = el.toString()
  const inherited = el.name.startsWith('stream:')
    ? ` xmlns:stream='${NS.streams}'`
    : el.attrs.xmlns === undefined
      ? ` xmlns='${NS.client}'`
      : ''
  // Every element begins with its name, a stored one too.
  return inherited === '' ? text : `<${el.name}${inherited}${text.slice(el.name.length + 1)}`
}

/** A stream header that came as an element of another name, as the reader tells of `<stream:stream>`. */
export function opening({ attrs }: Element): ReaderEvent {
  const element = new Element('stream')
  element.attrs = attrs
  return { kind: 'open', element, prefix: 'stream', xmlns: NS.streams, contentNamespace: NS.client }
}
