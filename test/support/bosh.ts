/** A BOSH client of plays: it counts its requests and keeps each answer apart. */
import { BoshSessions } from '../../src/stream/transports/bosh/sessions.ts'
import { preauthLimits } from '../../src/stream/stream-limits.ts'
import { type Element, elements } from '../../src/xmpp/xml.ts'
import { PASSWORD } from './actor.ts'
import type { Play } from './world.ts'
import { parse } from './xml.ts'

export const BIND = 'http://jabber.org/protocol/httpbind'
const XBOSH = `xmlns:xmpp='urn:xmpp:xbosh'`
const SASL = 'urn:ietf:params:xml:ns:xmpp-sasl'

export interface Sent {
  /** The answer's body; pending until there is one. */
  readonly answer: Promise<Element>
  /** Its Content-Type. */
  readonly type: Promise<string>
  /** The connection breaks. */
  breaks(): void
}

export function bosh(p: Play): BoshSessions {
  const { clock, random, batch } = p
  return new BoshSessions({
    config: p.config,
    hosts: p.world.domains.hosts,
    clock,
    random,
    batch,
    after: (f) => p.store.turn.after(f),
    accept: (transport) => p.streams.accept(transport),
    limits: preauthLimits(p.config).reader,
  })
}

export class BoshActor {
  sid = ''
  rid = 1_573_741_820
  /** Attributes of the answer that made the session. */
  terms: Record<string, string> = {}
  constructor(
    readonly door: BoshSessions,
    readonly client = { ip: '192.0.2.1', encrypted: true },
  ) {}

  /** Sends bytes as they are. */
  posts(text: string): Sent {
    const connection = new AbortController()
    const served = this.door.serve(Buffer.from(text), this.client, connection.signal)
    return {
      answer: served.then((answer) => parse(answer.text)),
      type: served.then(({ type }) => type),
      breaks: () => connection.abort(),
    }
  }

  /** The text of a request; a rid of its own does not count. */
  body(payload = '', attrs = '', rid = this.rid++): string {
    return `<body xmlns='${BIND}' ${XBOSH} sid='${this.sid}' rid='${rid}' ${attrs}>${payload}</body>`
  }

  sends(payload = '', attrs = ''): Sent {
    return this.posts(this.body(payload, attrs))
  }

  /** Makes the session; returns the first answer. */
  async opens(attrs = `wait='60' hold='1'`, to = 'bix.org'): Promise<Element> {
    const { answer } = this.posts(
      `<body xmlns='${BIND}' ${XBOSH} rid='${this.rid++}' to='${to}' ver='1.6' xmpp:version='1.0' ${attrs}/>`,
    )
    const el = await answer
    this.terms = { ...el.attrs }
    this.sid = el.attrs.sid ?? ''
    return el
  }

  /** The answer to a request, or the first after it that is not empty; who polls lets time pass in between. */
  async asks(p: Play, payload = '', attrs = ''): Promise<Element> {
    let el = await this.sends(payload, attrs).answer
    while (el.children.length === 0 && el.attrs.type === undefined) {
      p.clock.advance(Number(this.terms.polling) * 1000)
      el = await this.sends().answer
    }
    return el
  }

  /** PLAIN, restart and bind on a session that was made. */
  async logsIn(p: Play, name: string, resource = 'web'): Promise<void> {
    const plain = Buffer.from(`\0${name}\0${PASSWORD}`).toString('base64')
    const end = await this.asks(p, `<auth xmlns='${SASL}' mechanism='PLAIN'>${plain}</auth>`)
    if (elements(end)[0]?.name !== 'success') throw new Error(end.toString())
    await this.asks(p, '', `xmpp:restart='true' to='bix.org'`)
    const bind = `<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>${resource}</resource></bind>`
    await this.asks(p, `<iq xmlns='jabber:client' type='set' id='bind'>${bind}</iq>`)
  }

  /** An account's session, bound; the account must exist. */
  static async bound(p: Play, name: string, attrs?: string): Promise<BoshActor> {
    const actor = new BoshActor(bosh(p))
    await actor.opens(attrs)
    await actor.logsIn(p, name)
    return actor
  }
}

/** Whether something is settled without waiting for it. */
export async function isOpen(promise: Promise<unknown>): Promise<boolean> {
  for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve))
  return (await Promise.race([promise, Promise.resolve(WAITS)])) === WAITS
}
const WAITS = Symbol('waits')
