// @xmpp/xml ships no types; this is the part of it that Belfry and its benchmarks use.
declare module '@xmpp/xml' {
  export type Node = Element | string
  export class Element {
    constructor(name: string, attrs?: Record<string, string | undefined>)
    name: string
    parent: Element | null
    children: Node[]
    attrs: Record<string, string>
    append(...nodes: Node[]): void
    prepend(...nodes: Node[]): void
    getText(): string
    toString(): string
    write(writer: (text: string) => void): void
  }
  export class Parser {
    on(event: 'start' | 'element', listener: (element: Element) => void): void
    write(text: string): void
  }
}
