// @xmpp/xml ships no types; this is the part of its Element that Belfry uses.
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
}
