/** The whole server from source on loopback ports, and a client of our own that does not trust but records. */
import { createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as tls from 'node:tls'
import { type Config, loadConfig } from '../../src/config/config.ts'
import { createSelfSigned } from '../../src/self-signed.ts'
import { type Server, startServer } from '../../src/server/server.ts'
import type { Clock } from '../../src/store/clock.ts'
import { Reader } from '../../src/xml/reader.ts'
import { childText, type Element } from '../../src/xmpp/xml.ts'

export const PASSWORD = 'wherefore art thou'
const WIDE = { bytes: 10_000_000, depth: 1000, elements: 100_000, attributes: 1000, namespaces: 1000 }
/** Real time after which a wait has failed; no test that passes gets near it. */
const PATIENCE_MS = 20_000

export interface Wire extends AsyncDisposable {
  readonly server: Server
  readonly config: Config
  readonly directory: string
  port(name: 'c2s' | 'c2s-tls' | 'http' | 'https'): number
  /** Asks the admin socket. */
  ask(method: string, path: string, body?: unknown): Promise<Response>
  account(jid: string): Promise<void>
  /** The account's credentials for HTTP. */
  basic(jid: string): string
  /** An orderly stop, and a start on the same data and ports. */
  restart(): Promise<void>
  /** Writes a new pair for a host over the old one; returns its certificate. */
  renew(host: string): string
}

export interface WireOptions {
  /** Further lines under [limits]. */
  readonly limits?: string
  /** The same under [auth]. */
  readonly auth?: string
  /** The same under [tls]. */
  readonly tls?: string
  readonly toml?: string
  /** Whether limits per time and address hold. */
  readonly rates?: boolean
  /** In place of one listener of each kind. */
  readonly c2s?: string
  readonly clock?: Clock
  /** Writes further files before the configuration is read. */
  readonly prepare?: (directory: string) => void
}

/** Two hosts, each with a certificate of its own, on ports that are free. */
export async function wire({
  limits = '',
  auth = '',
  tls = '',
  toml = '',
  rates = false,
  c2s = 'listen = ["127.0.0.1:0"]\ndirect_tls_listen = ["127.0.0.1:0"]',
  clock,
  prepare,
}: WireOptions = {}): Promise<Wire> {
  const directory = mkdtempSync(join(tmpdir(), 'belfry-wire-'))
  using failed = new DisposableStack()
  failed.defer(() => rmSync(directory, { recursive: true }))
  const renew = (host: string): string => {
    const pair = createSelfSigned([host], Date.now())
    writeFileSync(join(directory, `${host}.key`), pair.key, { mode: 0o600 })
    writeFileSync(join(directory, `${host}.crt`), pair.cert)
    return pair.cert
  }
  for (const host of ['bix.org', 'other.example']) renew(host)
  prepare?.(directory)
  const file = join(directory, 'belfry.toml')
  writeFileSync(
    file,
    `hosts = ["bix.org", "other.example"]
[tls]
cert = "bix.org.crt"
key = "bix.org.key"
${tls}
[[tls.hosts]]
name = "other.example"
cert = "other.example.crt"
key = "other.example.key"
[c2s]
${c2s}
[http]
listen = ["127.0.0.1:0"]
tls_listen = ["127.0.0.1:0"]
[auth]
scram_iterations = 4096
${auth}
[limits]
rates = ${rates}
${limits}
${toml}`,
  )
  const config = loadConfig({ file, checkFiles: true })
  let server = await startServer(config, clock)
  const ask = (method: string, path: string, body?: unknown) =>
    fetch(`http://localhost${path}`, {
      unix: join(config.data_dir, 'admin.sock'),
      method,
      ...(body === undefined
        ? {}
        : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
    })
  // From here on it goes with the server.
  failed.move()
  return {
    get server() {
      return server
    },
    config,
    directory,
    renew,
    ask,
    port(name) {
      const found = server.addresses.find((address) => address.name === name)
      if (!found) throw new Error(`nothing listens as ${name}`)
      return found.port
    },
    async restart() {
      const at = (name: string) =>
        server.addresses.filter((address) => address.name === name).map(({ host, port }) => ({ host, port }))
      const { c2s, http } = config
      for (const [table, key, name] of [
        [c2s, 'listen', 'c2s'],
        [c2s, 'direct_tls_listen', 'c2s-tls'],
        [http, 'listen', 'http'],
        [http, 'tls_listen', 'https'],
      ] as const)
        Object.assign(table, { [key]: at(name) })
      await server.stop()
      server = await startServer(config, clock)
    },
    basic: (jid) => `Basic ${Buffer.from(`${jid}:${PASSWORD}`).toString('base64')}`,
    async account(jid) {
      const made = await ask('POST', '/v1/users', { jid, password: PASSWORD })
      if (!made.ok) throw new Error(await made.text())
    },
    async [Symbol.asyncDispose]() {
      try {
        await server.stop()
      } finally {
        rmSync(directory, { recursive: true })
      }
    },
  }
}

export class WireClient {
  socket: Socket | tls.TLSSocket
  /** Everything that was read, as text. */
  text = ''
  closed = false
  #heard: Element[] = []
  #reader = new Reader(WIDE)
  #wake: (() => void)[] = []

  constructor(socket: Socket | tls.TLSSocket) {
    this.socket = socket
    this.#listen(socket)
  }

  static async tcp(port: number): Promise<WireClient> {
    const socket = connect(port, '127.0.0.1')
    const client = new WireClient(socket)
    await new Promise((resolve) => socket.once('connect', resolve))
    return client
  }

  /** Direct TLS. Rejects when the handshake fails. */
  static async direct(port: number, options: tls.ConnectionOptions = {}): Promise<WireClient> {
    const client = new WireClient(await secure({ host: '127.0.0.1', port, ...options }))
    return client
  }

  send(text: string | Uint8Array): void {
    this.socket.write(text)
  }

  /** Opens a stream; returns the features. */
  async opens(to: string): Promise<Element> {
    this.#reader.reset()
    this.send(
      `<?xml version='1.0'?><stream:stream xmlns='jabber:client' ` +
        `xmlns:stream='http://etherx.jabber.org/streams' to='${to}' version='1.0'>`,
    )
    return this.next()
  }

  async startTls(options: tls.ConnectionOptions = {}): Promise<void> {
    this.send(`<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>`)
    const answer = await this.next()
    if (answer.name !== 'proceed') throw new Error(`no proceed: ${answer.toString()}`)
    this.socket.removeAllListeners('data')
    this.socket.removeAllListeners('close')
    this.socket = await secure({ socket: this.socket, ...options })
    this.#listen(this.socket)
  }

  /** The certificate that the server showed. */
  get certificate(): Buffer {
    if (!(this.socket instanceof tls.TLSSocket)) throw new Error('not encrypted')
    return this.socket.getPeerCertificate(true).raw
  }

  /** What both ends of this connection know: RFC 9266 and RFC 5929 §4. */
  binding(type: 'tls-exporter' | 'tls-server-end-point'): Buffer {
    if (type === 'tls-server-end-point') return createHash('sha256').update(this.certificate).digest()
    if (!(this.socket instanceof tls.TLSSocket)) throw new Error('not encrypted')
    return this.socket.exportKeyingMaterial(32, 'EXPORTER-Channel-Binding', Buffer.alloc(0))
  }

  /** SCRAM-SHA-256, with channel binding if there are bytes for it (RFC 5802); returns the server's last word. */
  async scram(user: string, bound?: { type: string; data: Buffer }): Promise<Element> {
    const gs2 = bound ? `p=${bound.type},,` : 'n,,'
    const first = `n=${user},r=${randomBytes(12).toString('hex')}`
    const mechanism = `SCRAM-SHA-256${bound ? '-PLUS' : ''}`
    const base64 = (text: string | Buffer): string => Buffer.from(text).toString('base64')
    this.send(`<auth xmlns='${SASL}' mechanism='${mechanism}'>${base64(gs2 + first)}</auth>`)
    const challenge = await this.next()
    if (challenge.name !== 'challenge') return challenge
    const server = Buffer.from(challenge.getText(), 'base64').toString()
    const {
      r = '',
      s = '',
      i = '',
    } = Object.fromEntries(server.split(',').map((part) => [part.slice(0, 1), part.slice(2)]))
    const c = base64(Buffer.concat([Buffer.from(gs2), bound?.data ?? Buffer.alloc(0)]))
    const salted = pbkdf2Sync(PASSWORD, Buffer.from(s, 'base64'), Number(i), 32, 'sha256')
    const hmac = (key: Buffer, text: string) => createHmac('sha256', key).update(text).digest()
    const clientKey = hmac(salted, 'Client Key')
    const all = `${first},${server},c=${c},r=${r}`
    const signature = hmac(createHash('sha256').update(clientKey).digest(), all)
    const proof = base64(Buffer.from(clientKey.map((byte, at) => byte ^ (signature[at] ?? 0))))
    this.send(`<response xmlns='${SASL}'>${base64(`c=${c},r=${r},p=${proof}`)}</response>`)
    const end = await this.next()
    if (end.name !== 'success') return end
    const proven = Buffer.from(end.getText(), 'base64').toString()
    if (proven !== `v=${base64(hmac(hmac(salted, 'Server Key'), all))}`) {
      throw new Error(`the server does not know the password: ${proven}`)
    }
    return end
  }

  /** Logs in and binds. */
  async logsIn(jid: string, resource = 'wire'): Promise<void> {
    const [user = '', host = ''] = jid.split('@')
    await this.opens(host)
    const end = await this.scram(user)
    if (end.name !== 'success') throw new Error(end.toString())
    await this.opens(host)
    const bind = `<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>${resource}</resource></bind>`
    this.send(`<iq type='set' id='bind'>${bind}</iq>`)
    await this.next()
  }

  /** A round trip: what was under way has arrived. */
  async ping(): Promise<void> {
    const id = randomBytes(6).toString('hex')
    this.send(`<iq type='get' id='${id}'><ping xmlns='urn:xmpp:ping'/></iq>`)
    await this.until((el) => el.attrs.id === id)
  }

  async next(): Promise<Element> {
    for (;;) {
      const el = this.#heard.shift()
      if (el) return el
      await this.#more('an element')
    }
  }

  /** The next element for which this holds; what comes before it is let go. */
  async until(holds: (el: Element) => boolean): Promise<Element> {
    for (;;) {
      const el = await this.next()
      if (holds(el)) return el
    }
  }

  /** The next message's body. */
  async body(): Promise<string> {
    return childText(await this.until((el) => el.name === 'message'), 'body') ?? ''
  }

  /** Settles when the server has closed the connection. */
  async end(): Promise<void> {
    while (!this.closed) await this.#more('the end of the connection', true)
  }

  close(): void {
    this.socket.destroy()
  }

  #listen(socket: Socket): void {
    socket.on('data', (bytes: Buffer) => this.#hears(bytes))
    socket.on('error', () => undefined)
    socket.on('close', () => {
      this.closed = true
      this.#stir()
    })
  }

  #hears(bytes: Buffer): void {
    this.text += bytes.toString('latin1')
    this.#reader.feed(bytes)
    for (let event = this.#reader.next(); event; event = this.#reader.next()) {
      if (event.kind === 'element') this.#heard.push(event.element)
    }
    this.#stir()
  }

  #stir(): void {
    const wake = this.#wake
    this.#wake = []
    for (const go of wake) go()
  }

  #more(what: string, evenClosed = false): Promise<void> {
    if (this.closed && !evenClosed) return Promise.reject(new Error(`closed before ${what}: ${this.text}`))
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`waited in vain for ${what}`)), PATIENCE_MS)
      this.#wake.push(() => {
        clearTimeout(timer)
        resolve()
      })
    })
  }
}

const SASL = 'urn:ietf:params:xml:ns:xmpp-sasl'

/** A handshake that trusts whatever it is shown: the tests look at the certificate themselves. */
export function secure(options: tls.ConnectionOptions): Promise<tls.TLSSocket> {
  return new Promise((resolve, reject) => {
    const socket = tls.connect({ rejectUnauthorized: false, ...options }, () => resolve(socket))
    socket.once('error', reject)
    socket.once('close', () => reject(new Error('closed in the handshake')))
  })
}
