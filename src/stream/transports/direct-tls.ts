/** Direct TLS with ALPN (XEP-0368) on node:tls, which unlike Bun's own listener can choose a certificate by SNI. */
import { createSecureContext, createServer, type SecureContext, type Server, type TLSSocket } from 'node:tls'
import { createServer as createTcpServer, type Server as TcpServer, type Socket } from 'node:net'
import type { ListenAddress as Listen } from '../../config/values.ts'
import { getLogger } from '../../log.ts'
import type { Admission, Admitted } from '../admission.ts'
import { ProxyGreeting, type ProxyOptions } from './proxied.ts'
import { nodeTls, type TlsRules } from '../tls.ts'
import type { Batch, Identity, TlsFacts, Transport, TransportEvents } from './transport.ts'

export interface DirectTlsOptions {
  readonly rules: TlsRules
  readonly handshakeMs: number
  readonly batch: Batch
  /** The certificate for a name from SNI; undefined or unknown names get the default. */
  identity(name: string | undefined): Identity
  /** Counts connections from the moment they are there: a handshake that never ends is a connection too. */
  readonly admission: Admission
  /** Whether an address is refused: it may not log in, so its handshake would be for nothing. */
  isBanned(ip: string): boolean
  /** Present where each connection begins with the PROXY protocol. */
  readonly proxies?: ProxyOptions | undefined
  accept(transport: Transport, counted: Admitted): TransportEvents | undefined
}

const log = getLogger('c2s')

interface Peer {
  /** The client, as the proxy names it where there is one. */
  readonly ip: string
  readonly admitted: Admitted
}

export interface DirectTlsListener {
  /** Makes the handshakes. */
  readonly tls: Server
  /** Has the port; the same where no proxy speaks first. */
  readonly tcp: TcpServer
}

/** Resolves once the port is bound. */
export function listenDirectTls(
  listen: Listen & { readonly ipv6Only?: boolean },
  options: DirectTlsOptions,
): Promise<DirectTlsListener> {
  /** Connections by the peer's address and port: the socket with TLS is another object where a proxy spoke first. */
  const peers = new Map<string, Peer>()
  const contextOf = contextsOf(options)
  const fallback = options.identity(undefined)
  const server = createServer(
    {
      cert: fallback.certPem,
      key: fallback.keyPem,
      ...nodeTls(options.rules),
      // XEP-0368 §3: only our own protocol is spoken here, so that no other can be confused with it.
      ALPNProtocols: ['xmpp-client'],
      handshakeTimeout: options.handshakeMs,
      SNICallback: (name, done) => done(null, contextOf(options.identity(name))),
    },
    (socket) => {
      // The name that SNI asked for tells which certificate this connection was given, also after a reload.
      const name = typeof socket.servername === 'string' ? socket.servername : undefined
      const peer = peers.get(keyOf(socket))
      // The socket may have gone already.
      if (!peer) return void socket.destroy()
      const transport = new DirectTlsTransport(socket, peer.ip, options.batch, options.identity(name))
      const events = options.accept(transport, peer.admitted)
      if (!events) return transport.destroy()
      transport.events = events
      events.secured()
    },
  )
  // A failed handshake is the client's affair; the socket must be destroyed here, the timeout alone keeps it open.
  server.on('tlsClientError', (_error, socket) => socket.destroy())
  const tcp = counted(server, peers, options)
  return new Promise((resolve, reject) => {
    tcp.once('error', reject)
    tcp.listen({ host: listen.host, port: listen.port, ipv6Only: listen.ipv6Only === true }, () => {
      tcp.off('error', reject)
      resolve({ tls: server, tcp })
    })
  })
}

/** Counts what `server` accepts, and puts before it, where a proxy speaks first, a server that listens to that. */
function counted(server: Server, peers: Map<string, Peer>, options: DirectTlsOptions): TcpServer {
  const keep = (socket: Socket, peer: Peer): void => {
    const key = keyOf(socket)
    peers.set(key, peer)
    socket.once('close', () => {
      peers.delete(key)
      peer.admitted.leave()
    })
  }
  // Said when a connection is accepted, long before its handshake is over.
  server.on('connection', (socket: Socket) => {
    if (peers.has(keyOf(socket))) return
    const ip = socket.remoteAddress ?? ''
    const admitted = options.isBanned(ip) ? undefined : options.admission.enter(ip, 'tls')
    if (admitted) keep(socket, { ip, admitted })
    else socket.destroy()
  })
  const { proxies } = options
  return proxies
    ? createTcpServer((socket) =>
        greet(socket, options.admission, proxies, (peer, rest) => {
          if (options.isBanned(peer.ip)) return void socket.destroy()
          keep(socket, peer)
          socket.pause()
          if (rest.length > 0) socket.unshift(rest)
          server.emit('connection', socket)
        }),
      )
    : server
}

function contextsOf(options: DirectTlsOptions): (identity: Identity) => SecureContext {
  const contexts = new WeakMap<Identity, SecureContext>()
  return (identity) => {
    let context = contexts.get(identity)
    if (!context) {
      context = createSecureContext({
        cert: identity.certPem,
        key: identity.keyPem,
        ...nodeTls(options.rules),
      })
      contexts.set(identity, context)
    }
    return context
  }
}

const keyOf = (socket: Socket): string => `${socket.remoteAddress ?? ''} ${socket.remotePort ?? 0}`

/** A proxy's connections are those of many: they count for their clients, once these are known. */
function greet(
  socket: Socket,
  admission: Admission,
  proxies: ProxyOptions,
  then: (peer: Peer, rest: Buffer) => void,
): void {
  const ip = socket.remoteAddress ?? ''
  const admitted = proxies.from.covers(ip) ? admission.enter(undefined, 'tls') : undefined
  if (!admitted) {
    log.debug('a connection without a trusted proxy is refused', { ip })
    return void socket.destroy()
  }
  const failed = (why: string): void => {
    log.debug('a connection without a PROXY header is closed', { ip, why })
    socket.destroy()
  }
  const read = (bytes: Buffer): void => greeting.feed(bytes)
  const greeting = new ProxyGreeting(
    proxies,
    (client, rest) => {
      socket.off('data', read)
      if (client !== undefined && !admitted.moveTo(client)) return failed('too many of this client')
      then({ ip: client ?? ip, admitted }, rest)
    },
    failed,
  )
  socket.on('error', () => socket.destroy())
  socket.once('close', () => {
    greeting.cancel()
    admitted.leave()
  })
  socket.on('data', read)
}

class DirectTlsTransport implements Transport {
  readonly kind = 'tls'
  readonly tls: TlsFacts
  events: TransportEvents = { data() {}, secured() {}, closed() {} }
  readonly #socket: TLSSocket
  readonly #batch: Batch
  #text: string[] = []
  #closed = false

  constructor(
    socket: TLSSocket,
    readonly ip: string,
    batch: Batch,
    identity: Identity,
  ) {
    this.#socket = socket
    this.#batch = batch
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
