/**
 * Elements: the tree that every part of Belfry speaks. They are the Elements of `@xmpp/xml`, under one
 * convention that the reader establishes and every builder keeps: names carry no prefix, and `attrs.xmlns` is
 * present exactly where the namespace differs from the parent's. A stanza without `xmlns` is in `jabber:client`.
 */
import { Element, escapeXML, type Node } from '@xmpp/xml'

export { Element, escapeXML, type Node }

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

  static #like(el: Element, children: Element['children'], text: string): StoredElement {
    const stored = new StoredElement(el.name, text)
    stored.attrs = el.attrs
    stored.children = children
    return stored
  }

  write(writer: (text: string) => void): void {
    writer(this.#text)
  }

  override toString(): string {
    return this.#text
  }
}
