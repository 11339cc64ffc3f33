/** Direct TLS with ALPN (XEP-0368) on node:tls, which unlike Bun's own listener can choose a certificate by SNI. */
import { createSecureContext, createServer, type SecureContext, type Server, type TLSSocket } from 'node:tls'
import type { ListenAddress as Listen } from '../config/values.ts'
import { nodeTls } from './tls.ts'
import type { Batch, Identity, TlsFacts, Transport, TransportEvents } from './transport.ts'

export interface DirectTlsOptions {
  readonly minTls: '1.2' | '1.3'
  readonly handshakeMs: number
  readonly batch: Batch
  /** The certificate for a name from SNI; undefined or unknown names get the default. */
  identity(name: string | undefined): Identity
  accept(transport: Transport): TransportEvents | undefined
}

/** Resolves once the port is bound. */
export function listenDirectTls(listen: Listen, options: DirectTlsOptions): Promise<Server> {
  const contexts = new WeakMap<Identity, SecureContext>()
  const contextOf = (identity: Identity): SecureContext => {
    let context = contexts.get(identity)
    if (!context) {
      context = createSecureContext({
        cert: identity.certPem,
        key: identity.keyPem,
        ...nodeTls(options.minTls),
      })
      contexts.set(identity, context)
    }
    return context
  }
  const fallback = options.identity(undefined)
  const server = createServer(
    {
      cert: fallback.certPem,
      key: fallback.keyPem,
      ...nodeTls(options.minTls),
      // XEP-0368 §3: only our own protocol is spoken here, so that no other can be confused with it.
      ALPNProtocols: ['xmpp-client'],
      handshakeTimeout: options.handshakeMs,
      SNICallback: (name, done) => done(null, contextOf(options.identity(name))),
    },
    (socket) => {
      // The name that SNI asked for tells which certificate this connection was given, also after a reload.
      const name = typeof socket.servername === 'string' ? socket.servername : undefined
      const transport = new DirectTlsTransport(socket, options.batch, options.identity(name))
      const events = options.accept(transport)
      if (!events) return transport.destroy()
      transport.events = events
      events.secured()
    },
  )
  // A failed handshake is the client's affair; the socket must be destroyed here, the timeout alone keeps it open.
  server.on('tlsClientError', (_error, socket) => socket.destroy())
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host: listen.host, port: listen.port }, () => {
      server.off('error', reject)
      resolve(server)
    })
  })
}

class DirectTlsTransport implements Transport {
  readonly kind = 'tls'
  readonly ip: string
  readonly tls: TlsFacts
  events: TransportEvents = { data() {}, secured() {}, closed() {} }
  readonly #socket: TLSSocket
  readonly #batch: Batch
  #text: string[] = []
  #closed = false

  constructor(socket: TLSSocket, batch: Batch, identity: Identity) {
    this.#socket = socket
    this.#batch = batch
    this.ip = socket.remoteAddress ?? ''
    this.tls = {
      version: socket.getProtocol() ?? '',
      endPointHash: identity.endPointHash,
      exporter: () => socket.exportKeyingMaterial(32, 'EXPORTER-Channel-Binding', Buffer.alloc(0)),
    }
    socket.setNoDelay(true)
    socket.on('data', (bytes: Uint8Array) => this.events.data(bytes))
    socket.on('error', () => this.destroy())
    socket.on('close', () => this.#gone())
  }

  get buffered(): number {
    return this.#socket.writableLength
  }

  write(text: string): void {
    if (this.#closed) return
    this.#text.push(text)
    this.#batch.mark(this)
  }

  flush(): void {
    if (this.#closed || this.#text.length === 0) return
    const text = this.#text.join('')
    this.#text = []
    this.#socket.write(text)
  }

  pause(): void {
    this.#socket.pause()
  }

  resume(): void {
    this.#socket.resume()
  }

  end(): void {
    this.flush()
    this.#socket.end()
  }

  destroy(): void {
    this.#socket.destroy()
    this.#gone()
  }

  #gone(): void {
    if (this.#closed) return
    this.#closed = true
    this.events.closed()
  }
}
