/** Patterns of XML for plays. */
import { Reader } from '../../src/xml/reader.ts'
import { type Element, elements } from '../../src/xmpp/xml.ts'

const WIDE = { bytes: 10_000_000, depth: 1000, elements: 100_000, attributes: 1000, namespaces: 1000 }
const ANY = '{any}'

/** One element in the namespace of a client stream. */
export function parse(text: string): Element {
  const reader = new Reader(WIDE)
  reader.feed(
    Buffer.from(
      `<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>${text.trim()}`,
    ),
  )
  reader.next()
  const event = reader.next()
  if (event?.kind !== 'element') throw new Error(`no element: ${text}`)
  return event.element
}

/**
 * Why `el` does not match, or undefined where it does. Attributes must be the same set, children the same sequence;
 * "{any}" matches any value or text, and as the only child text also any content at all.
 */
export function matches(el: Element, expected: Element, path = expected.name): string | undefined {
  if (el.name !== expected.name) return `${path}: <${el.name}> instead of <${expected.name}>`
  for (const [name, value] of Object.entries(expected.attrs)) {
    if (!(name in el.attrs)) return `${path}: no attribute ${name}`
    if (value !== ANY && el.attrs[name] !== value)
      return `${path}: ${name} is '${el.attrs[name]}', not '${value}'`
  }
  for (const name of Object.keys(el.attrs)) {
    if (!(name in expected.attrs)) return `${path}: unexpected attribute ${name}='${el.attrs[name]}'`
  }
  if (expected.getText().trim() === ANY) return undefined
  const theirs = elements(el)
  const ours = elements(expected)
  for (const [i, want] of ours.entries()) {
    const have = theirs[i]
    if (!have) return `${path}: <${want.name}> is missing`
    const problem = matches(have, want, `${path}/${want.name}`)
    if (problem) return problem
  }
  const extra = theirs[ours.length]
  if (extra) return `${path}: unexpected <${extra.name}>`
  if (ours.length === 0 && el.getText() !== expected.getText())
    return `${path}: text '${el.getText()}', not '${expected.getText()}'`
  return undefined
}
