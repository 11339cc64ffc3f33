/** A WebSocket client of our own: frame by frame, and no kinder than it must be. */
import { connect, type Socket } from 'node:net'
import { Reader } from '../../src/xml/reader.ts'
import { child, childText, type Element } from '../../src/xmpp/xml.ts'
import { PASSWORD } from './support.ts'

const WIDE = { bytes: 10_000_000, depth: 1000, elements: 100_000, attributes: 1000, namespaces: 1000 }
const PATIENCE_MS = 10_000
export const FRAMING = 'urn:ietf:params:xml:ns:xmpp-framing'
const SASL = 'urn:ietf:params:xml:ns:xmpp-sasl'

export interface WebOptions {
  readonly headers?: Record<string, string>
  readonly protocols?: string[]
  readonly scheme?: 'ws' | 'wss'
}

export class WebClient {
  /** Every frame as it came. */
  readonly frames: string[] = []
  /** The code with which the socket was closed. */
  code = 0
  readonly #socket: WebSocket
  #read = 0
  #wake: (() => void)[] = []

  private constructor(socket: WebSocket) {
    this.#socket = socket
    socket.addEventListener('message', ({ data }) => {
      this.frames.push(String(data))
      this.#stir()
    })
    socket.addEventListener('close', ({ code }) => {
      this.code = code
      this.#stir()
    })
  }

  /** Rejects where the server does not upgrade. */
  static connect(port: number, { headers = {}, protocols = ['xmpp'], scheme = 'ws' }: WebOptions = {}) {
    const socket = new WebSocket(`${scheme}://127.0.0.1:${port}/xmpp-websocket`, {
      protocols,
      headers,
      tls: { rejectUnauthorized: false },
    })
    const client = new WebClient(socket)
    return new Promise<WebClient>((resolve, reject) => {
      socket.addEventListener('open', () => resolve(client))
      socket.addEventListener('error', () => reject(new Error('not upgraded')))
    })
  }

  get protocol(): string {
    return this.#socket.protocol
  }

  send(frame: string | Uint8Array<ArrayBuffer>): void {
    this.#socket.send(frame)
  }

  /** Opens a stream; returns the features. */
  async opens(to = 'bix.org'): Promise<Element> {
    this.send(`<open xmlns='${FRAMING}' to='${to}' version='1.0'/>`)
    const open = await this.next()
    if (open.name !== 'open') throw new Error(`no <open/>: ${open.toString()}`)
    return this.next()
  }

  async logsIn(user: string, resource = 'web', password = PASSWORD): Promise<void> {
    await this.opens()
    const plain = Buffer.from(`\0${user}\0${password}`).toString('base64')
    this.send(`<auth xmlns='${SASL}' mechanism='PLAIN'>${plain}</auth>`)
    const end = await this.next()
    if (end.name !== 'success') throw new Error(end.toString())
    await this.opens()
    const bind = `<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>${resource}</resource></bind>`
    this.send(`<iq xmlns='jabber:client' type='set' id='bind'>${bind}</iq>`)
    await this.next()
  }

  /** A round trip: what was under way has arrived and stays to be read. */
  async settles(): Promise<void> {
    const id = `fence-${this.frames.length}-${this.#read}`
    this.send(`<iq xmlns='jabber:client' type='get' id='${id}'><ping xmlns='urn:xmpp:ping'/></iq>`)
    while (!this.frames.some((frame) => frame.includes(id))) await this.#more('a ping')
  }

  async nextText(): Promise<string> {
    for (;;) {
      const frame = this.frames[this.#read]
      if (frame !== undefined) {
        this.#read++
        return frame
      }
      if (this.code) throw new Error(`closed with ${this.code} after ${this.frames.join('\n')}`)
      await this.#more('a frame')
    }
  }

  /** The next frame, which must be one document on its own. */
  async next(): Promise<Element> {
    const text = await this.nextText()
    const reader = new Reader(WIDE, 'documents')
    reader.feed(Buffer.from(text))
    const event = reader.next()
    if (event?.kind !== 'element' || !reader.idle) throw new Error(`not one element: ${text}`)
    return event.element
  }

  async until(holds: (el: Element) => boolean): Promise<Element> {
    for (;;) {
      const el = await this.next()
      if (holds(el)) return el
    }
  }

  async body(): Promise<string> {
    return childText(await this.until((el) => el.name === 'message'), 'body') ?? ''
  }

  /** A stream error of this condition, <close/>, and then the end, once we have said <close/> too. */
  async isCutOff(condition: string): Promise<void> {
    const error = await this.until((el) => el.name === 'error')
    if (!child(error, condition, 'urn:ietf:params:xml:ns:xmpp-streams')) throw new Error(error.toString())
    const close = await this.next()
    if (close.name !== 'close') throw new Error(`no <close/>: ${close.toString()}`)
    this.send(`<close xmlns='${FRAMING}'/>`)
    await this.end()
  }

  /** Settles when the socket is closed. */
  async end(): Promise<number> {
    while (!this.code) await this.#more('the end')
    return this.code
  }

  close(): void {
    this.#socket.terminate()
  }

  #stir(): void {
    const wake = this.#wake
    this.#wake = []
    for (const go of wake) go()
  }

  #more(what: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`waited in vain for ${what}`)), PATIENCE_MS)
      this.#wake.push(() => {
        clearTimeout(timer)
        resolve()
      })
    })
  }
}

/** A WebSocket by hand, for frames that no library makes. Its mask is zero, so that they are written as they are. */
export class RawWeb {
  closed = false
  #text = ''
  #wake: () => void = () => {}

  private constructor(readonly socket: Socket) {
    socket.on('data', (bytes: Buffer) => {
      this.#text += bytes.toString('latin1')
      this.#wake()
    })
    socket.on('error', () => undefined)
    socket.on('close', () => {
      this.closed = true
      this.#wake()
    })
  }

  /** Settles when the server has upgraded the connection. */
  static async connect(port: number): Promise<RawWeb> {
    const raw = new RawWeb(connect(port, '127.0.0.1'))
    raw.socket.write(
      'GET /xmpp-websocket HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
        'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n' +
        'Sec-WebSocket-Protocol: xmpp\r\n\r\n',
    )
    await raw.hears('\r\n\r\n')
    return raw
  }

  /** One frame; `first` is its first byte: FIN and opcode (RFC 6455 §5.2). */
  frame(payload: string | Uint8Array, first = 0x81, masked = true): void {
    const bytes = typeof payload === 'string' ? Buffer.from(payload) : payload
    const bit = masked ? 0x80 : 0
    const size = bytes.length
    const length = size < 126 ? [bit | size] : [bit | 126, size >> 8, size & 255]
    this.socket.write(
      Buffer.concat([Buffer.from([first, ...length, ...(masked ? [0, 0, 0, 0] : [])]), bytes]),
    )
  }

  /** Settles with what has come since it last did, once this is part of it. */
  async hears(part: string): Promise<string> {
    while (!this.#text.includes(part)) {
      if (this.closed) throw new Error(`closed before ${part}: ${this.#text}`)
      await new Promise<void>((resolve) => (this.#wake = resolve))
    }
    const text = this.#text
    this.#text = ''
    return text
  }

  /** Settles when the server has closed the connection. */
  async end(): Promise<void> {
    while (!this.closed) await new Promise<void>((resolve) => (this.#wake = resolve))
  }
}
