/** What we use of a package that has no types of its own. */
declare module '@xmpp/client' {
  import type { EventEmitter } from 'node:events'
  export interface Xml {
    readonly name: string
    readonly attrs: Record<string, string>
    is(name: string): boolean
    getChild(name: string, xmlns?: string): Xml | undefined
    getChildren(name: string): Xml[]
    getChildText(name: string): string | null
  }
  export interface Client extends EventEmitter {
    start(): Promise<unknown>
    stop(): Promise<unknown>
    send(el: Xml): Promise<void>
    readonly iqCaller: { request(iq: Xml): Promise<Xml> }
    readonly reconnect: { delay: number }
    readonly streamManagement: EventEmitter & { inbound: number }
  }
  export function client(options: {
    service: string
    domain: string
    username: string
    password: string
    resource?: string
  }): Client
  export function xml(name: string, attrs?: Record<string, string>, ...children: unknown[]): Xml
}
