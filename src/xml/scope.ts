/** Namespaces in scope (Namespaces in XML 1.0): the default one travels with its element, prefixes live here. */
import { notWellFormed } from './text.ts'

export const XML = 'http://www.w3.org/XML/1998/namespace'
const XMLNS = 'http://www.w3.org/2000/xmlns/'

interface Binding {
  readonly prefix: string
  readonly xmlns: string
  readonly shadowed: number | undefined
}

/** A stack of bindings with an index by prefix: looking up stays O(1) however many are declared. */
export class Scope {
  private readonly bindings: Binding[] = []
  private readonly latest = new Map<string, number>()

  get size(): number {
    return this.bindings.length
  }

  /** Declares a prefix on the element whose declarations begin at `mark`. */
  bind(prefix: string, xmlns: string, mark: number): void {
    const shadowed = this.latest.get(prefix)
    if (shadowed !== undefined && shadowed >= mark) throw notWellFormed('A prefix is declared twice.')
    if (prefix === 'xmlns') throw notWellFormed('The prefix "xmlns" cannot be declared.')
    if ((prefix === 'xml') !== (xmlns === XML)) throw notWellFormed('The prefix "xml" has a fixed meaning.')
    if (xmlns === XMLNS) throw notWellFormed('The namespace of declarations cannot be bound.')
    if (xmlns === '') throw notWellFormed('A prefix cannot be bound to no namespace.')
    this.latest.set(prefix, this.bindings.length)
    this.bindings.push({ prefix, xmlns, shadowed })
  }

  resolve(prefix: string): string {
    if (prefix === 'xml') return XML
    const binding = this.bindings[this.latest.get(prefix) ?? -1]
    // RFC 6120 §11.3: what is not namespace-well-formed closes the stream.
    if (!binding) throw notWellFormed('A prefix is not declared.')
    return binding.xmlns
  }

  /** Forgets the bindings declared since `mark`. */
  release(mark: number): void {
    while (this.bindings.length > mark) {
      const binding = this.bindings.pop()
      if (!binding) return
      if (binding.shadowed === undefined) this.latest.delete(binding.prefix)
      else this.latest.set(binding.prefix, binding.shadowed)
    }
  }
}

/** Namespaces in XML §3: these two can never be the default namespace. */
export function checkDefault(xmlns: string): string {
  if (xmlns === XML || xmlns === XMLNS) throw notWellFormed('This cannot be the default namespace.')
  return xmlns
}
