/** Everything that listens: opened in one place, named where it cannot be, and given new certificates while it runs. */
import type { Server as TlsServer } from 'node:tls'
import type { Config } from '../config/config.ts'
import type { ListenAddress } from '../config/values.ts'
import { HttpCrowd } from '../http/crowd.ts'
import { type Handler, type HttpListener, listenSocket, listenTcp as listenHttp } from '../http/serve.ts'
import { Networks } from '../net/address.ts'
import { fileLimit, openSockets } from '../net/sockets.ts'
import { bindError } from '../ops/bind-error.ts'
import { asciiName } from '../ops/acme/orders.ts'
import { adminSocket } from '../ops/data-dir.ts'
import { each, type Place, shownPlace } from '../ops/families.ts'
import { listenDirectTls } from '../stream/transports/direct-tls.ts'
import type { ClientStreams } from '../stream/listener.ts'
import type { ProxyOptions } from '../stream/transports/proxied.ts'
import { listenTcp } from '../stream/transports/tcp.ts'
import { nativeTls, nodeTls } from '../stream/tls.ts'
import type { Batch } from '../stream/transports/transport.ts'
import type { Clock } from '../store/clock.ts'
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
  readonly clock: Clock
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
    await each(listen, (address) => this.#keepHttp(listenHttp(http, address, this.#httpOptions)))
    await each(tls_listen, (address) => void this.#https.push(this.#listenHttps(address)))
    this.#opened.defer(async () => void (await Promise.all(this.#https.map((listener) => listener.stop()))))
    this.addresses.push(...this.#https.map(({ name, host, port }) => ({ name, host, port })))
    const ports = this.addresses.map(({ port }) => port)
    await each(config.c2s.listen, (address) => this.#listenClients(address))
    await each(config.c2s.direct_tls_listen, (address) => this.#listenDirect(address))
    // Watching is loaded behind the listeners: they need not wait for the libraries that it uses.
    await this.#watchHttp(ports.filter((port) => port > 0))
  }

  /** New connections get the certificates in force from here on; those that are open keep theirs. */
  async renewCertificates(): Promise<void> {
    const { certPem, keyPem } = this.#parts.certificates.identity()
    for (const server of this.#direct)
      server.setSecureContext({ cert: certPem, key: keyPem, ...nodeTls(this.#parts.config.tls) })
    const before = this.#https
    // Two listeners share the port for a moment, so that no connection is refused.
    this.#https = before.map(({ host, port, ipv6Only }) => this.#listenHttps({ host, port, ipv6Only }))
    await Promise.all(before.map((listener) => listener.finish()))
  }

  async close(): Promise<void> {
    await this.#opened.disposeAsync()
  }

  get #httpOptions() {
    const { limits, upload } = this.#parts.config
    const { http_body_bytes, http_idle_timeout, stanza_bytes, idle_ping } = limits
    // A stanza that is too large is answered by the stream; what is far larger never gets there.
    return {
      maxBody: upload.enabled ? Infinity : Math.max(http_body_bytes, stanza_bytes),
      maxFrame: 2 * stanza_bytes,
      idle: http_idle_timeout,
      webSocketIdle: idle_ping,
    }
  }

  #proxies(address: ListenAddress): ProxyOptions | undefined {
    const { config, clock } = this.#parts
    if (!(address.proxy ?? config.c2s.proxy_protocol)) return undefined
    const from = new Networks(config.c2s.trusted_proxies)
    return { from, clock, within: config.limits.tls_handshake_timeout }
  }

  #keepHttp(listener: HttpListener): void {
    const { name, host, port } = listener
    this.addresses.push({ name, host, port })
    this.#opened.defer(() => listener.stop())
  }

  /** The pair of the first host for whoever names none, and by SNI that of every host and service. */
  #listenHttps(address: Place): HttpListener {
    const { config, certificates, http } = this.#parts
    const pair = (host?: string) => {
      const { certPem, keyPem } = certificates.identity(host)
      const pair = { cert: certPem, key: keyPem, ...nativeTls(config.tls) }
      return { ...pair, ...(host === undefined ? {} : { serverName: host }) }
    }
    const names = certificates.list().flatMap(({ material }) => material.names)
    const known = [...new Set([...config.hosts.map(asciiName), ...names])]
    const pairs = [pair(), ...known.filter((name) => /^[\w.-]+$/.test(name)).map(pair)]
    return listenHttp(http, address, this.#httpOptions, pairs)
  }

  /** Those of HTTP count nowhere else. */
  async #watchHttp(ports: readonly number[]): Promise<void> {
    const sockets = ports.length > 0 ? await openSockets() : undefined
    if (!sockets) return
    const { config, clock } = this.#parts
    const crowd = new HttpCrowd(sockets, ports, clock, {
      perAddress: config.limits.connections_per_ip,
      files: fileLimit(),
      exempt: new Networks(config.http.trusted_proxies),
    })
    this.#opened.defer(() => crowd.stop())
  }

  #listenClients(address: Place): void {
    const { config, streams, batch } = this.#parts
    const accept = streams.accept.bind(streams)
    const { admission } = streams
    const proxies = this.#proxies(address)
    const listener = attempt('c2s', address, '[c2s] listen', () =>
      listenTcp(address, { rules: config.tls, batch, accept, admission, proxies }),
    )
    this.#opened.defer(() => listener.stop())
    this.addresses.push({ name: 'c2s', host: address.host, port: listener.port })
  }

  async #listenDirect(address: Place): Promise<void> {
    const { config, streams, batch, certificates } = this.#parts
    const { tls, tcp } = await listenDirectTls(address, {
      rules: config.tls,
      handshakeMs: config.limits.tls_handshake_timeout,
      batch,
      identity: certificates.identity,
      accept: streams.accept.bind(streams),
      admission: streams.admission,
      isBanned: streams.isBanned.bind(streams),
      proxies: this.#proxies(address),
    }).catch((error: unknown) => {
      throw bindError('c2s-tls', shownPlace(address), '[c2s] direct_tls_listen', error)
    })
    this.#opened.defer(() => void tcp.close())
    this.#direct.push(tls)
    const bound = tcp.address()
    const port = typeof bound === 'object' && bound ? bound.port : 0
    this.addresses.push({ name: 'c2s-tls', host: address.host, port })
  }
}

function attempt<T>(what: string, address: ListenAddress, key: string, listen: () => T): T {
  try {
    return listen()
  } catch (error) {
    throw bindError(what, shownPlace(address), key, error)
  }
}
