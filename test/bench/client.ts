/** A client that costs little: STARTTLS and PLAIN on Bun's own sockets, stanzas found by their closing tag. */
import type { Socket } from 'bun'
import { PASSWORD } from './server.ts'

/** A server that does not answer at all would hold a benchmark for ever. */
const ANSWER_MS = 60_000

export class BenchClient {
  /** Called with each chunk of text after login. */
  onText: (text: string) => void = () => {}
  #socket: Socket | undefined
  #wait: ((text: string) => void) | undefined
  #gone: ((error: Error) => void) | undefined
  #text = ''

  static async login(port: number, user: string, resource = 'bench'): Promise<BenchClient> {
    const client = await BenchClient.secured(port)
    const plain = Buffer.from(`\0${user}\0${PASSWORD}`).toString('base64')
    client.send(`<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>${plain}</auth>`)
    await client.#until('<success')
    await client.open('</stream:features>')
    client.send(
      `<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>${resource}</resource></bind></iq>`,
    )
    await client.#until('</iq>')
    return client
  }

  /**
   * Inside TLS, with the features heard and nobody logged in; `source` is the address to come from, `over` hears of each
   * part as it ends.
   */
  static async secured(
    port: number,
    source?: string,
    over: (part: string) => void = () => {},
  ): Promise<BenchClient> {
    const client = new BenchClient()
    await client.#connect(port, source)
    over('connect')
    await client.open('</stream:features>')
    over('features')
    client.send("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
    await client.#until('<proceed')
    over('proceed')
    await client.#secure()
    over('handshake')
    await client.open('</stream:features>')
    over('features in TLS')
    return client
  }

  send(text: string): void {
    if (this.#rest.length > 0) this.#rest = Buffer.concat([this.#rest, Buffer.from(text)])
    else this.#write(Buffer.from(text))
  }
  /** Bytes that the socket did not take. */
  #rest = Buffer.alloc(0)

  #write(bytes: Buffer): void {
    const taken = Math.max(0, this.#socket?.write(bytes) ?? bytes.length)
    this.#rest = Buffer.from(bytes.subarray(taken))
  }

  /** Sends and waits until `mark` has come back. */
  async ask(text: string, mark: string): Promise<string> {
    const answer = this.#until(mark)
    this.send(text)
    return answer
  }

  close(): void {
    this.#socket?.end()
  }

  /** No goodbye. */
  cut(): void {
    this.#socket?.terminate()
  }

  async #connect(port: number, source?: string): Promise<void> {
    // After the upgrade the raw twin still gets the ciphertext.
    const data = (_socket: Socket, bytes: Uint8Array) => {
      if (!this.#secured) this.#received(bytes)
    }
    const from = source === undefined ? {} : { localAddress: source }
    this.#socket = await Bun.connect({
      hostname: '127.0.0.1',
      port,
      ...from,
      socket: { data, drain: () => this.#write(this.#rest), close: () => this.#closed() },
    })
  }
  #secured = false

  #secure(): Promise<void> {
    this.#secured = true
    return new Promise((resolve, reject) => {
      const pair = this.#socket?.upgradeTLS({
        data: undefined,
        tls: { rejectUnauthorized: false },
        socket: {
          handshake: () => resolve(),
          data: (_socket, bytes) => this.#received(bytes),
          drain: () => this.#write(this.#rest),
          error: (_socket, error) => reject(error),
          close: () => {
            reject(new Error('the server has closed the connection'))
            this.#closed()
          },
        },
      })
      this.#socket = pair?.[1]
    })
  }

  /** Begins a stream and waits for its features, or for another mark. */
  async open(mark = '</stream:features>'): Promise<void> {
    await this.ask(
      "<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='localhost' version='1.0'>",
      mark,
    )
  }

  #until(mark: string): Promise<string> {
    if (this.#isClosed) return Promise.reject(new Error('the server has closed the connection'))
    this.#text = ''
    return new Promise((resolve, reject) => {
      const late = () => reject(new Error(`no ${mark} within ${ANSWER_MS} ms; came: ${this.#text}`))
      const timer = setTimeout(late, ANSWER_MS)
      this.#gone = (error) => {
        clearTimeout(timer)
        reject(error)
      }
      this.#wait = (text) => {
        this.#text += text
        if (!this.#text.includes(mark)) return
        clearTimeout(timer)
        this.#wait = undefined
        resolve(this.#text)
      }
    })
  }

  #isClosed = false

  /** Whoever waits for an answer need wait no longer; nobody else minds. */
  #closed(): void {
    this.#isClosed = true
    if (this.#wait) this.#gone?.(new Error('the server has closed the connection'))
  }

  /** Answers the server's ping, as every client does: one that shows nothing is taken for gone. */
  #pong(text: string): void {
    for (const [iq] of text.matchAll(/<iq [^>]*type=["']get["'][^>]*>/g)) {
      const id = /\bid=["']([^"']+)["']/.exec(iq)?.[1]
      if (id) this.send(`<iq type='result' id='${id}'/>`)
    }
  }

  #received(bytes: Uint8Array): void {
    const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1')
    if (text.includes('urn:xmpp:ping')) this.#pong(text)
    if (this.#wait) this.#wait(text)
    else this.onText(text)
  }
}

/** How often `mark` stands in a stream of chunks, whatever their borders. */
export function counter(mark: string, hit: (n: number) => void): (text: string) => void {
  let tail = ''
  return (chunk) => {
    const text = tail + chunk
    let n = 0
    let at = -1
    let end = 0
    while ((at = text.indexOf(mark, end)) >= 0) {
      n++
      end = at + mark.length
    }
    tail = text.slice(Math.max(end, text.length - mark.length + 1))
    if (n > 0) hit(n)
  }
}
