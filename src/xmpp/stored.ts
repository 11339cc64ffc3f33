/**
 * Reads back what `Element.toString()` wrote into the store. Nothing else may come here: there are no comments, no
 * CDATA, no declarations and no references beside those below, and what arrives from outside is the strict reader's
 * affair. White space that stands as it is stays so: older versions wrote it without references. The strict reader would
 * make spaces of it in attributes, refuse more, and be no faster.
 */
import { Element, StoredElement } from './xml.ts'

/** A start or end tag: slash, name, attributes, slash. */
const TAG = /<(\/?)([^\s<>/="]+)((?: [^\s<>/="]+="[^"<]*")*)(\/?)>/y
const ATTRIBUTE = / ([^\s<>/="]+)="([^"<]*)"/g
const ENTITIES: Readonly<Record<string, string>> = {
  '&amp;': '&',
  '&lt;': '<',
  '&gt;': '>',
  '&quot;': '"',
  '&apos;': "'",
  '&#9;': '\t',
  '&#10;': '\n',
  '&#13;': '\r',
}

/** Throws Error for text that is not one whole element: the row is damaged. */
export function parseStored(text: string): Element {
  const root = new Element('')
  let top = root
  for (let at = 0; at < text.length;) {
    if (text.charAt(at) !== '<') {
      const end = text.indexOf('<', at)
      top.children.push(unescape(text.slice(at, end < 0 ? text.length : end)))
      at = end < 0 ? text.length : end
      continue
    }
    TAG.lastIndex = at
    const [tag, closing, name = '', attributes = '', empty] = TAG.exec(text) ?? []
    if (tag === undefined) throw damaged()
    at += tag.length
    if (closing) {
      if (top.name !== name || !top.parent) throw damaged()
      top = top.parent
      continue
    }
    const el = new Element(name)
    for (const [, key = '', value = ''] of attributes.matchAll(ATTRIBUTE)) el.attrs[key] = unescape(value)
    el.parent = top
    top.children.push(el)
    if (!empty) top = el
  }
  const [el, second] = root.children
  if (top !== root || el === undefined || typeof el === 'string' || second !== undefined) throw damaged()
  el.parent = null
  return el
}

/** Payload of a published item; undefined where there is none, or it was published without anything. */
export function payloadOf(item: { readonly xml: string } | undefined): Element | undefined {
  return item === undefined || item.xml === '' ? undefined : parseStored(item.xml)
}

function damaged(): Error {
  return new Error('stored XML is not one whole element')
}

function unescape(text: string): string {
  return text.includes('&')
    ? text.replace(/&(?:amp|lt|gt|quot|apos|#9|#10|#13);/g, (name) => ENTITIES[name] ?? name)
    : text
}

/** The same for what must go on even so: a damaged row goes out as it was stored, and nothing is read in it. */
export function readStored(name: string, text: string): Element {
  try {
    return parseStored(text)
  } catch {
    return new StoredElement(name, text)
  }
}
