/**
 * Elements: the tree that every part of Belfry speaks. They are the Elements of `@xmpp/xml`, under one
 * convention that the reader establishes and every builder keeps: names carry no prefix, and `attrs.xmlns` is
 * present exactly where the namespace differs from the parent's. A stanza without `xmlns` is in `jabber:client`.
 */
import { Element as BaseElement, type Node } from '@xmpp/xml'

export { type Node }

/** References for what would be read as another character, or as the end of the text, if it stood as it is. */
const REFERENCES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&apos;',
  '\t': '&#9;',
  '\n': '&#10;',
  '\r': '&#13;',
}
const reference = (character: string): string => REFERENCES[character] ?? character

/** For attribute values: a reader makes each tab and line end that stands as it is a space (XML 1.0 §3.3.3). */
export function escapeXML(text: string): string {
  return text.replace(/["&'<>\t\n\r]/g, reference)
}

/** For text: a reader makes each carriage return that stands as it is a line feed (XML 1.0 §2.11). */
function escapeText(text: string): string {
  return text.replace(/[&<>\r]/g, reference)
}

/** The library's Element, but that what it writes is read back as it was, to the last white space. */
export class Element extends BaseElement {
  override write(writer: (text: string) => void): void {
    let tag = `<${this.name}`
    for (const key in this.attrs) {
      const value = this.attrs[key]
      if (value !== undefined) tag += ` ${key}="${escapeXML(value)}"`
    }
    if (this.children.length === 0) return writer(`${tag}/>`)
    writer(`${tag}>`)
    for (const node of this.children) {
      if (typeof node === 'string') writer(escapeText(node))
      else node.write(writer)
    }
    writer(`</${this.name}>`)
  }
}

export type Attrs = Record<string, string | undefined>

/** Builds an element; attributes and children that are undefined are left out. */
export function xml(name: string, attrs?: Attrs, ...children: (Node | undefined)[]): Element {
  const el = new Element(name)
  if (attrs) {
    for (const key in attrs) {
      const value = attrs[key]
      if (value !== undefined) el.attrs[key] = value
    }
  }
  for (const child of children) {
    if (child === undefined) continue
    el.children.push(child)
    if (typeof child !== 'string') child.parent = el
  }
  return el
}

/** The first child element of that name and namespace; no namespace means the parent's own. */
export function child(el: Element, name: string, xmlns?: string): Element | undefined {
  for (const node of el.children) {
    if (typeof node !== 'string' && node.name === name && node.attrs.xmlns === xmlns) return node
  }
  return undefined
}

/** All child elements, text left out. */
export function elements(el: Element): Element[] {
  return el.children.filter((node) => typeof node !== 'string')
}

/** All child elements of that name and namespace; no namespace means the parent's own. */
export function children(el: Element, name: string, xmlns?: string): Element[] {
  return elements(el).filter((node) => node.name === name && node.attrs.xmlns === xmlns)
}

export function firstElement(el: Element): Element | undefined {
  for (const node of el.children) if (typeof node !== 'string') return node
  return undefined
}

/** The text of a named child, or undefined where there is no such child. */
export function childText(el: Element, name: string, xmlns?: string): string | undefined {
  return child(el, name, xmlns)?.getText()
}

/** A deep copy without a parent, so that one tree can go to several places and be changed in one. */
export function clone(el: Element): Element {
  const copy = new Element(el.name)
  copy.attrs = { ...el.attrs }
  for (const node of el.children) {
    if (typeof node === 'string') copy.children.push(node)
    else {
      const inner = clone(node)
      inner.parent = copy
      copy.children.push(inner)
    }
  }
  return copy
}

/** A copy that shares its children with the original: for another `to` or `id` on the same payload. */
export function withAttrs(el: Element, attrs: Attrs): Element {
  const copy = new Element(el.name)
  copy.attrs = { ...el.attrs }
  for (const key in attrs) {
    const value = attrs[key]
    if (value === undefined) delete copy.attrs[key]
    else copy.attrs[key] = value
  }
  copy.children = el.children
  return copy
}

/** A copy without those of its child elements; it shares the others with the original. */
export function without(el: Element, isUnwanted: (node: Element) => boolean): Element {
  const copy = withAttrs(el, {})
  copy.children = el.children.filter((node) => typeof node === 'string' || !isUnwanted(node))
  return copy
}

/** An element that goes out as the text in which it was stored, without being read again. */
export class StoredElement extends Element {
  readonly #text: string

  constructor(name: string, text: string) {
    super(name)
    this.#text = text
  }

  /** An element that is written more than once and changes no more: its text is made here, for all of them. */
  static of(el: Element): StoredElement {
    return StoredElement.#like(el, el.children, el.toString())
  }

  /** The same with one more child at the end. */
  static extended(el: StoredElement, child: Element): StoredElement {
    const end = `</${el.name}>`
    const text = el.#text.endsWith(end)
      ? el.#text.slice(0, -end.length) + child.toString() + end
      : `${el.#text.slice(0, -'/>'.length)}>${child.toString()}${end}`
    return StoredElement.#like(el, [...el.children, child], text)
  }

  /** The same to one of many recipients: the text is shared, but for this attribute. */
  static addressed(el: StoredElement, to: string): StoredElement {
    const rest = el.#text.slice(el.name.length + 1)
    const stored = new StoredElement(el.name, `<${el.name} to="${escapeXML(to)}"${rest}`)
    stored.attrs = { ...el.attrs, to }
    stored.children = el.children
    return stored
  }

  static #like(el: Element, children: Element['children'], text: string): StoredElement {
    const stored = new StoredElement(el.name, text)
    stored.attrs = el.attrs
    stored.children = children
    return stored
  }

  override write(writer: (text: string) => void): void {
    writer(this.#text)
  }

  override toString(): string {
    return this.#text
  }
}
