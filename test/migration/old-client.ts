/** An old client over real sockets: STARTTLS with TLS 1.2, SCRAM-SHA-1 or PLAIN, `<session/>`, nothing newer. */
import { randomBytes } from 'node:crypto'
import { type Element, escapeXML } from '../../src/xmpp/xml.ts'
import { auth, clientFinal, decode, encode, response } from '../stream/scram-client.ts'
import { WireClient } from '../wire/support.ts'

export const HOST = 'localhost'
export const ROOMS = 'conference.localhost'

export interface Person {
  readonly user: string
  readonly password: string
}

export type Mechanism = 'PLAIN' | 'SCRAM-SHA-1'

export class OldClient {
  /** Stanzas that were no answer to what was asked. */
  readonly seen: Element[] = []
  readonly #wire: WireClient
  #asked = 0

  private constructor(wire: WireClient) {
    this.#wire = wire
  }

  /** In-band registration of XEP-0077, on a connection of its own. */
  static async register(port: number, { user, password }: Person): Promise<void> {
    const client = await OldClient.#secured(port)
    const fields = `<username>${user}</username><password>${escapeXML(password)}</password>`
    await client.asks('set', `<query xmlns='jabber:iq:register'>${fields}</query>`)
    client.#wire.close()
  }

  static async login(
    port: number,
    person: Person,
    mechanism: Mechanism,
    resource = 'old',
  ): Promise<OldClient> {
    const client = await OldClient.#secured(port)
    const end = await client.#authenticates(person, mechanism)
    if (end.name !== 'success') throw new Error(`${person.user} with ${mechanism}: ${end.toString()}`)
    await client.#wire.opens(HOST)
    const bind = `<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>${resource}</resource></bind>`
    await client.asks('set', bind)
    await client.asks('set', "<session xmlns='urn:ietf:params:xml:ns:xmpp-session'/>")
    return client
  }

  static async #secured(port: number): Promise<OldClient> {
    const wire = await WireClient.tcp(port)
    await wire.opens(HOST)
    await wire.startTls({ maxVersion: 'TLSv1.2' })
    await wire.opens(HOST)
    return new OldClient(wire)
  }

  sends(text: string): void {
    this.#wire.send(text)
  }

  /** Sends an IQ and returns its answer, which must not be an error. */
  async asks(type: 'get' | 'set', payload: string, to?: string): Promise<Element> {
    const id = `q${++this.#asked}`
    this.sends(`<iq type='${type}' id='${id}'${to === undefined ? '' : ` to='${to}'`}>${payload}</iq>`)
    const answer = await this.until((el) => el.name === 'iq' && el.attrs.id === id)
    if (answer.attrs.type === 'result') return answer
    throw new Error(`${payload}\n  was answered with ${answer.toString()}`)
  }

  /** The first stanza for which this holds, of those that were seen and those to come. */
  async until(holds: (el: Element) => boolean): Promise<Element> {
    const known = this.seen.findIndex(holds)
    if (known >= 0) return this.seen.splice(known, 1)[0] as Element // just found
    for (;;) {
      const el = await this.#wire.next()
      if (holds(el)) return el
      this.seen.push(el)
    }
  }

  /** An orderly goodbye. */
  async leaves(): Promise<void> {
    this.sends('</stream:stream>')
    await this.#wire.end()
    this.#wire.close()
  }

  async #authenticates({ user, password }: Person, mechanism: Mechanism): Promise<Element> {
    if (mechanism === 'PLAIN') {
      this.sends(auth('PLAIN', encode(`\0${user}\0${password}`)))
      return this.#wire.next()
    }
    const bare = `n=${user},r=${randomBytes(12).toString('hex')}`
    this.sends(auth(mechanism, encode(`n,,${bare}`)))
    const challenge = await this.#wire.next()
    if (challenge.name !== 'challenge') return challenge
    const wish = { mechanism, name: user, password }
    this.sends(response(encode(clientFinal(wish, bare, decode(challenge.getText())))))
    return this.#wire.next()
  }
}
