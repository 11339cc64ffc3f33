/** Everything that listens: opened in one place, named where it cannot be, and given new certificates while it runs. */
import type { Server as TlsServer } from 'node:tls'
import type { Config } from '../config.ts'
import type { ListenAddress } from '../config/values.ts'
import { type Handler, type HttpListener, listenSocket, listenTcp as listenHttp } from '../http/serve.ts'
import { bindError } from '../ops/bind-error.ts'
import { adminSocket } from '../ops/data-dir.ts'
import { listenDirectTls } from '../stream/direct-tls.ts'
import type { ClientStreams } from '../stream/listener.ts'
import { listenTcp } from '../stream/tcp.ts'
import { nativeTls, nodeTls } from '../stream/tls.ts'
import type { Batch } from '../stream/transport.ts'
import type { Certificates } from './certificates.ts'

export interface Address {
  readonly name: string
  readonly host: string
  readonly port: number
}

export interface ListenerParts {
  readonly config: Config
  readonly certificates: Certificates
  readonly streams: ClientStreams
  readonly batch: Batch
  readonly http: Handler
}

export class Listeners {
  readonly addresses: Address[] = []
  readonly #parts: ListenerParts
  readonly #direct: TlsServer[] = []
  #https: HttpListener[] = []
  readonly #opened = new AsyncDisposableStack()

  constructor(parts: ListenerParts) {
    this.#parts = parts
  }

  /** Opens all of them, clients' ports last: whoever gets through there may count on everything else. */
  async open(): Promise<void> {
    const { config, http } = this.#parts
    const { listen, tls_listen } = config.http
    this.#keepHttp(await listenSocket(http, adminSocket(config.data_dir), this.#httpOptions))
    for (const address of listen) this.#keepHttp(listenHttp(http, address, this.#httpOptions))
    for (const address of tls_listen) this.#https.push(this.#listenHttps(address))
    this.#opened.defer(async () => void (await Promise.all(this.#https.map((listener) => listener.stop()))))
    this.addresses.push(...this.#https.map(({ name, host, port }) => ({ name, host, port })))
    for (const address of config.c2s.listen) this.#listenClients(address)
    for (const address of config.c2s.direct_tls_listen) await this.#listenDirect(address)
  }

  /** New connections get the certificates in force from here on; those that are open keep theirs. */
  async renewCertificates(): Promise<void> {
    const { certPem, keyPem } = this.#parts.certificates.identity()
    for (const server of this.#direct)
      server.setSecureContext({ cert: certPem, key: keyPem, ...nodeTls(this.#parts.config.tls.min) })
    const before = this.#https
    // Two listeners share the port for a moment, so that no connection is refused.
    this.#https = before.map(({ host, port }) => this.#listenHttps({ host, port }))
    await Promise.all(before.map((listener) => listener.finish()))
  }

  async close(): Promise<void> {
    await this.#opened.disposeAsync()
  }

  get #httpOptions() {
    const { http_body_bytes, http_idle_timeout, stanza_bytes, idle_ping } = this.#parts.config.limits
    // A stanza that is too large is answered by the stream; what is far larger never gets there.
    return {
      maxBody: Math.max(http_body_bytes, stanza_bytes),
      maxFrame: 2 * stanza_bytes,
      idle: http_idle_timeout,
      webSocketIdle: idle_ping,
    }
  }

  #keepHttp(listener: HttpListener): void {
    const { name, host, port } = listener
    this.addresses.push({ name, host, port })
    this.#opened.defer(() => listener.stop())
  }

  /** The pair of the first host for whoever names none, and every host's own by SNI. */
  #listenHttps(address: ListenAddress): HttpListener {
    const { config, certificates, http } = this.#parts
    const pair = (host?: string) => {
      const { certPem, keyPem } = certificates.identity(host)
      const pair = { cert: certPem, key: keyPem, ...nativeTls(config.tls.min) }
      return { ...pair, ...(host === undefined ? {} : { serverName: host }) }
    }
    const pairs = [pair(), ...config.hosts.filter((host) => /^[\w.-]+$/.test(host)).map(pair)]
    return listenHttp(http, address, this.#httpOptions, pairs)
  }

  #listenClients(address: ListenAddress): void {
    const { config, streams, batch } = this.#parts
    const accept = streams.accept.bind(streams)
    const listener = attempt('c2s', address, '[c2s] listen', () =>
      listenTcp(address, { minTls: config.tls.min, batch, accept }),
    )
    this.#opened.defer(() => listener.stop())
    this.addresses.push({ name: 'c2s', host: address.host, port: listener.port })
  }

  async #listenDirect(address: ListenAddress): Promise<void> {
    const { config, streams, batch, certificates } = this.#parts
    const server = await listenDirectTls(address, {
      minTls: config.tls.min,
      handshakeMs: config.limits.tls_handshake_timeout,
      batch,
      identity: certificates.identity,
      accept: streams.accept.bind(streams),
    }).catch((error: unknown) => {
      throw bindError('c2s-tls', shown(address), '[c2s] direct_tls_listen', error)
    })
    this.#opened.defer(() => void server.close())
    this.#direct.push(server)
    const bound = server.address()
    const port = typeof bound === 'object' && bound ? bound.port : 0
    this.addresses.push({ name: 'c2s-tls', host: address.host, port })
  }
}

function attempt<T>(what: string, address: ListenAddress, key: string, listen: () => T): T {
  try {
    return listen()
  } catch (error) {
    throw bindError(what, shown(address), key, error)
  }
}

const shown = ({ host, port }: ListenAddress): string =>
  host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
