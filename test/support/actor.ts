/** A player: says XML, hears XML, and knows what it expected to hear. */
import { Reader } from '../../src/xml/reader.ts'
import { child, type Element } from '../../src/xmpp/xml.ts'
import { matches, parse } from './xml.ts'
import type { MemoryTransport } from './memory-transport.ts'

/** The password of every account in a play. */
export const PASSWORD = 'wherefore art thou'

const WIDE = { bytes: 10_000_000, depth: 1000, elements: 100_000, attributes: 1000, namespaces: 1000 }
/** Real time after which a player gives up: only ever reached by a failing play. */
const PATIENCE_MS = 3_000

export class Actor {
  /** Elements that were heard and not yet asked for. */
  heard: Element[] = []
  /** Attributes of the server's last stream header. */
  header: Record<string, string> = {}
  /** The server closed its stream. */
  ended = false
  /** Full JID after binding. */
  jid = ''
  /** Answers the server's pings by itself, as every client does; they are not heard then. */
  pongs = false
  readonly #reader = new Reader(WIDE)
  #wake: (() => void)[] = []
  #fences = 0

  constructor(readonly transport: MemoryTransport) {
    transport.listen(
      (text) => this.#hears(text),
      () => this.#stir(),
    )
  }

  /** Sends bytes exactly as they are. */
  sends(text: string | Uint8Array): void {
    this.transport.events.data(typeof text === 'string' ? Buffer.from(text) : text)
  }

  /** Opens a stream and returns the features. */
  async opens(to = 'bix.org'): Promise<Element> {
    this.sends(
      `<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' ` +
        `to='${to}' version='1.0'>`,
    )
    return this.next()
  }

  /** PLAIN on an open stream; the next thing to say is a new header. */
  async authenticates(name: string, password = PASSWORD): Promise<void> {
    const plain = Buffer.from(`\0${name}\0${password}`).toString('base64')
    this.sends(`<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>${plain}</auth>`)
    await this.receives(`<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>`)
  }

  async logsIn(bare: string, password: string, resource: string): Promise<void> {
    const at = bare.indexOf('@')
    const host = bare.slice(at + 1)
    await this.opens(host)
    await this.authenticates(bare.slice(0, at), password)
    await this.opens(host)
    this.sends(
      `<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>${resource}</resource></bind></iq>`,
    )
    await this.receives(
      `<iq type='result' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><jid>${bare}/${resource}</jid></bind></iq>`,
    )
    this.jid = `${bare}/${resource}`
  }

  /** The TLS handshake after <proceed/> is over. */
  async isSecured(): Promise<void> {
    while (!this.transport.tls) await new Promise(setImmediate)
    await Promise.resolve()
  }

  /** The next element, which must look like this; "{any}" stands for any attribute value or text. */
  async receives(pattern: string): Promise<Element> {
    const expected = parse(pattern)
    const el = await this.next()
    const problem = matches(el, expected)
    if (problem) throw new Error(`${problem}\n  expected ${expected.toString()}\n  received ${el.toString()}`)
    return el
  }

  /** The next elements in any order. */
  async receivesAll(...patterns: string[]): Promise<void> {
    const open = patterns.map((pattern) => parse(pattern))
    for (const _ of patterns) {
      const el = await this.next()
      const found = open.findIndex((expected) => matches(el, expected) === undefined)
      if (found < 0) {
        throw new Error(`unexpected ${el.toString()}\n  expected one of ${open.map(String).join('\n    ')}`)
      }
      open.splice(found, 1)
    }
  }

  /** The answer to a request, whatever else comes before it (which stays heard). */
  async answer(id: string): Promise<Element> {
    for (;;) {
      const found = this.heard.findIndex((el) => el.attrs.id === id && el.name === 'iq')
      if (found >= 0) return this.heard.splice(found, 1)[0] as Element // just found
      await this.#more(`an answer to ${id}`)
    }
  }

  /** Sends an IQ and returns its answer. */
  async asks(type: 'get' | 'set', payload: string, to?: string): Promise<Element> {
    const id = `ask-${++this.#fences}`
    this.sends(`<iq type='${type}' id='${id}'${to === undefined ? '' : ` to='${to}'`}>${payload}</iq>`)
    return this.answer(id)
  }

  /** Everything that was under way has arrived: a round trip of one ping behind it. */
  async settles(): Promise<void> {
    const id = `fence-${++this.#fences}`
    this.sends(`<iq type='get' id='${id}'><ping xmlns='urn:xmpp:ping'/></iq>`)
    await this.answer(id)
  }

  /** Nothing comes that was not asked for. */
  async hearsNothing(): Promise<void> {
    await this.settles()
    if (this.heard.length > 0) throw new Error(`did not expect ${this.heard.map(String).join('\n  ')}`)
  }

  /** The stream error with which the server ends the stream. */
  async isCutOff(condition: string): Promise<Element> {
    const error = await this.next()
    const xmlns = 'urn:ietf:params:xml:ns:xmpp-streams'
    if (error.name !== 'error' || !child(error, condition, xmlns)) {
      throw new Error(`expected the stream error ${condition}, received ${error.toString()}`)
    }
    while (!this.ended) await this.#more('the end of the stream')
    return error
  }

  /** The same, whatever else was heard before. */
  async cutOffAmong(condition: string): Promise<void> {
    while (!this.ended) await this.#more('the end of the stream')
    const error = this.heard.find(({ name }) => name === 'error')
    if (!error || !child(error, condition, 'urn:ietf:params:xml:ns:xmpp-streams')) {
      throw new Error(`expected the stream error ${condition}, heard ${this.heard.map(String).join('\n  ')}`)
    }
  }

  /** An IQ that fails with this condition; returns the whole answer. */
  async isRefused(condition: string, type: 'get' | 'set', payload: string, to?: string): Promise<Element> {
    const answer = await this.asks(type, payload, to)
    const error = child(answer, 'error')
    if (!error || !child(error, condition, 'urn:ietf:params:xml:ns:xmpp-stanzas')) {
      throw new Error(`expected ${condition}, received ${answer.toString()}`)
    }
    return answer
  }

  /** The next element is an error of this condition. */
  async hearsError(condition: string): Promise<Element> {
    const el = await this.next()
    const error = child(el, 'error')
    if (!error || !child(error, condition, 'urn:ietf:params:xml:ns:xmpp-stanzas')) {
      throw new Error(`expected ${condition}, received ${el.toString()}`)
    }
    return el
  }

  forget(): void {
    this.heard = []
  }

  async next(): Promise<Element> {
    for (;;) {
      const el = this.heard.shift()
      if (el) return el
      await this.#more('an element')
    }
  }

  #hears(text: string): void {
    this.#reader.feed(Buffer.from(text))
    for (let event = this.#reader.next(); event; event = this.#reader.next()) {
      // RFC 6120 §5.4.3.3, §6.4.6: behind these words a new stream begins.
      if (event.kind === 'element' && restarts(event.element)) this.#reader.reset()
      if (event.kind === 'open') this.header = { ...event.element.attrs }
      else if (event.kind === 'close') this.ended = true
      else if (!this.pongs || !this.#pong(event.element)) this.heard.push(event.element)
    }
    this.#stir()
  }

  #pong(el: Element): boolean {
    if (el.attrs.type !== 'get' || !child(el, 'ping', 'urn:xmpp:ping')) return false
    const answer = `<iq type='result' id='${el.attrs.id}' to='${el.attrs.from}'/>`
    queueMicrotask(() => this.sends(answer))
    return true
  }

  #stir(): void {
    const wake = this.#wake
    this.#wake = []
    for (const go of wake) go()
  }

  #more(what: string): Promise<void> {
    if (this.transport.closed && this.ended)
      return Promise.reject(new Error(`the stream ended before ${what}`))
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`waited in vain for ${what}`)), PATIENCE_MS)
      this.#wake.push(() => {
        clearTimeout(timer)
        resolve()
      })
    })
  }
}

/** Whether a new stream begins behind it; XEP-0388 goes on with the old one. */
function restarts({ name, attrs }: Element): boolean {
  return /^(success|proceed)$/.test(name) && attrs.xmlns !== 'urn:xmpp:sasl:2'
}
