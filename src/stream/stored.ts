/** Reads stanzas that were stored as text, with the reader that read them first. */
import { StreamError } from '../xmpp/errors.ts'
import type { Element } from '../xmpp/xml.ts'
import { Reader } from './reader.ts'

/** What was stored was within its caps when it came; later copies of it have a stamp more. */
const LIMITS = {
  bytes: Infinity,
  depth: Infinity,
  elements: Infinity,
  attributes: Infinity,
  namespaces: Infinity,
}
const HEADER = Buffer.from(
  "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>",
)

/** Undefined where the text is no element: never seen, and no reason to fail a start. */
export function parseStored(text: string): Element | undefined {
  const reader = new Reader(LIMITS)
  reader.feed(HEADER)
  reader.feed(Buffer.from(text))
  try {
    reader.next()
    const event = reader.next()
    return event?.kind === 'element' ? event.element : undefined
  } catch (error) {
    if (error instanceof StreamError) return undefined
    throw error
  }
}
