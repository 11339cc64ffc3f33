/** As much of an XMPP client as the self-test needs: direct TLS, PLAIN, one request after the other. */
import { connect, type TLSSocket } from 'node:tls'
import { Reader } from '../xml/reader.ts'
import { NS } from '../xmpp/namespaces.ts'
import { type Element, xml } from '../xmpp/xml.ts'

/** Stanzas of the server in the self-test are small. */
const LIMITS = { bytes: 65_536, depth: 32, elements: 1_000, attributes: 64, namespaces: 64 }

const open = (host: string): string =>
  `<?xml version='1.0'?><stream:stream to='${host}' version='1.0' xmlns='${NS.client}' xmlns:stream='${NS.streams}'>`

export class SmallClient {
  readonly #socket: TLSSocket
  readonly #reader = new Reader(LIMITS)
  readonly #withinMs: number
  #wake: () => void = () => undefined
  #ended = false

  private constructor(socket: TLSSocket, withinMs: number) {
    this.#socket = socket
    this.#withinMs = withinMs
    socket.on('data', (bytes: Uint8Array) => {
      this.#reader.feed(bytes)
      this.#wake()
    })
    for (const end of ['error', 'close']) socket.on(end, () => this.#end())
  }

  /** Connects to 127.0.0.1 and binds a resource. The certificate is the server's own, made a moment ago. */
  static async login(
    port: number,
    host: string,
    name: string,
    password: string,
    withinMs: number,
  ): Promise<SmallClient> {
    const socket = connect({
      port,
      host: '127.0.0.1',
      servername: host,
      rejectUnauthorized: false,
      ALPNProtocols: ['xmpp-client'],
    })
    const client = new SmallClient(socket, withinMs)
    await client.#opens(host)
    const plain = Buffer.from(`\0${name}\0${password}`).toString('base64')
    await client.#says(xml('auth', { xmlns: NS.sasl, mechanism: 'PLAIN' }, plain).toString(), 'success')
    await client.#opens(host)
    await client.ask('set', xml('bind', { xmlns: NS.bind }, xml('resource', {}, 'selftest')))
    return client
  }

  /** One request to the server; what else comes before its answer is passed over. */
  async ask(type: 'get' | 'set', payload: Element): Promise<void> {
    await this.#says(xml('iq', { type, id: 'ask' }, payload).toString(), 'iq')
  }

  send(el: Element): void {
    this.#socket.write(el.toString())
  }

  async close(): Promise<void> {
    if (this.#socket.destroyed) return
    const closed = new Promise((resolve) => this.#socket.once('close', resolve))
    this.#socket.end('</stream:stream>')
    await closed
  }

  async #opens(host: string): Promise<void> {
    this.#reader.reset()
    await this.#says(open(host), 'features')
  }

  /** Writes and waits for an element of this name. Throws what came instead. */
  async #says(text: string, wanted: string): Promise<void> {
    this.#socket.write(text)
    const deadline = setTimeout(() => this.#end(), this.#withinMs)
    try {
      for (;;) {
        const event = this.#reader.next()
        if (event?.kind === 'element') {
          const { element } = event
          if (['error', 'failure'].includes(element.name) || element.attrs.type === 'error')
            throw new Error(`the server said ${element.toString()}`)
          if (element.name === wanted) return
        } else if (event?.kind === 'close' || (event === null && this.#ended)) {
          throw new Error(`the server did not answer with ${wanted}`)
        } else if (event === null) {
          await new Promise<void>((resolve) => {
            this.#wake = resolve
          })
        }
      }
    } finally {
      clearTimeout(deadline)
    }
  }

  #end(): void {
    this.#ended = true
    this.#wake()
  }
}
