/** Stanza Forwarding (XEP-0297) and the delay stamp (XEP-0203) that goes with it. */
import { NS } from './namespaces.ts'
import { type Element, StoredElement, withAttrs, xml } from './xml.ts'

export function delay(ms: number, from?: string): Element {
  return xml('delay', { xmlns: NS.delay, from, stamp: new Date(ms).toISOString() })
}

/** A stanza of jabber:client inside <forwarded/>; `at` (ms) adds when it was sent. */
export function forwarded(stanza: Element, at?: number): Element {
  const inner = withAttrs(stanza, { xmlns: NS.client })
  return xml('forwarded', { xmlns: NS.forward }, at === undefined ? undefined : delay(at), inner)
}

/** The same for a message that was stored as text, which begins with "<message" and has no namespace of its own. */
export function forwardedText(text: string, at: number): Element {
  const inner = new StoredElement('message', text.replace('<message', `<message xmlns="${NS.client}"`))
  return xml('forwarded', { xmlns: NS.forward }, delay(at), inner)
}
