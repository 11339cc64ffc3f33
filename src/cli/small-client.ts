/** As much of an XMPP client as the self-test needs: direct TLS, PLAIN, one request after the other. */
import { connect, type TLSSocket } from 'node:tls'

const OPEN = (host: string): string =>
  `<?xml version='1.0'?><stream:stream to='${host}' version='1.0' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>`

export class SmallClient {
  readonly #socket: TLSSocket
  #text = ''
  #wake: () => void = () => undefined
  #ended = false

  private constructor(
    socket: TLSSocket,
    private readonly withinMs: number,
  ) {
    this.#socket = socket
    socket.setEncoding('utf8')
    socket.on('data', (text: string) => {
      this.#text += text
      this.#wake()
    })
    const end = (): void => {
      this.#ended = true
      this.#wake()
    }
    socket.on('error', end)
    socket.on('close', end)
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
    await client.ask(OPEN(host), /<\/stream:features>/)
    const plain = Buffer.from(`\0${name}\0${password}`).toString('base64')
    await client.ask(
      `<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>${plain}</auth>`,
      /<success/,
    )
    await client.ask(OPEN(host), /<\/stream:features>/)
    const bind = `<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>selftest</resource></bind>`
    await client.ask(`<iq type='set' id='bind'>${bind}</iq>`, /<iq[^>]*type=["']result["']/)
    return client
  }

  /** Sends and waits for `wanted`; what came before is forgotten. Throws what came instead. */
  async ask(xml: string, wanted: RegExp): Promise<void> {
    this.#text = ''
    this.#socket.write(xml)
    const deadline = setTimeout(() => {
      this.#ended = true
      this.#wake()
    }, this.withinMs)
    try {
      while (!wanted.test(this.#text)) {
        if (this.#ended || /type=["']error["']|<failure|<stream:error/.test(this.#text))
          throw new Error(this.#text === '' ? 'the server said nothing' : `the server said ${this.#text}`)
        await new Promise<void>((resolve) => {
          this.#wake = resolve
        })
      }
    } finally {
      clearTimeout(deadline)
    }
  }

  async close(): Promise<void> {
    if (this.#socket.destroyed) return
    const closed = new Promise((resolve) => this.#socket.once('close', resolve))
    this.#socket.end('</stream:stream>')
    await closed
  }
}
