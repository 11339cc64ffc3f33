/** Content of a message, apart from how it was written down and from what was noted on it: for telling repeats. */
import { isDelay } from './delay.ts'
import { NS } from './namespaces.ts'
import type { Element } from './xml.ts'

type Written = string | [xmlns: string, name: string, attrs: [string, string][], children: Written[]]

/**
 * A text that two messages share exactly where their type and their payloads are the same. Addresses and ids of the
 * message itself do not count, nor ids of XEP-0359 and delays in it; the order of attributes, prefixes and the place of
 * namespace declarations never do, and neither does white space between the payloads.
 */
export function contentOf(message: Element): string {
  const payloads = message.children.filter((node) =>
    typeof node === 'string' ? node.trim() !== '' : !isNote(node),
  )
  // RFC 6121 §5.2.2: without a type it is a normal one.
  return JSON.stringify([
    message.attrs.type || 'normal',
    ...payloads.map((node) => writtenOf(node, message.attrs.xmlns ?? NS.client)),
  ])
}

function isNote(el: Element): boolean {
  if (el.name === 'origin-id' || el.name === 'stanza-id') return el.attrs.xmlns === NS.stanzaId
  return isDelay(el)
}

function writtenOf(node: Element | string, inherited: string): Written {
  if (typeof node === 'string') return node
  const xmlns = node.attrs.xmlns ?? inherited
  const attrs: [string, string][] = []
  for (const key in node.attrs) {
    const value = node.attrs[key]
    if (value !== undefined && key !== 'xmlns' && !key.startsWith('xmlns:'))
      attrs.push([expanded(node, key), value])
  }
  attrs.sort(([a], [b]) => (a < b ? -1 : 1))
  return [xmlns, node.name, attrs, node.children.map((inner) => writtenOf(inner, xmlns))]
}

/** An attribute's name with its namespace for its prefix; `xml:` is bound by XML itself. */
function expanded({ attrs }: Element, key: string): string {
  const colon = key.indexOf(':')
  const prefix = key.slice(0, Math.max(colon, 0))
  return prefix === '' || prefix === 'xml'
    ? key
    : `{${attrs[`xmlns:${prefix}`] ?? ''}}${key.slice(colon + 1)}`
}
