/**
 * TCP listeners on Bun's own sockets: STARTTLS by `upgradeTLS`, whose server side (`isServer`) is not in the type
 * definitions. After the upgrade the raw twin still gets ciphertext events; it is told apart by its `data`.
 */
import type { Socket, SocketHandler, TCPSocketListener } from 'bun'
import type { ListenAddress as Listen } from '../../config/values.ts'
import { getLogger } from '../../log.ts'
import type { Admission, Admitted } from '../admission.ts'
import { ProxyGreeting, type ProxyOptions } from './proxied.ts'
import { nativeTls, type TlsRules } from '../tls.ts'
import {
  type Batch,
  type Identity,
  SendBuffer,
  type TlsFacts,
  type Transport,
  type TransportEvents,
} from './transport.ts'

const log = getLogger('c2s')

interface Slot {
  transport: TcpTransport | undefined
  /** A connection on which the PROXY protocol is expected, until it has named the client. */
  greeting?: ProxyGreeting
  admitted?: Admitted
}

export interface TcpOptions {
  readonly rules: TlsRules
  readonly batch: Batch
  /** Counts connections from the moment they are there. */
  readonly admission: Admission
  /** Present where each connection begins with the PROXY protocol. */
  readonly proxies?: ProxyOptions | undefined
  /** A connection came in; returning undefined refuses it. */
  accept(transport: Transport, counted: Admitted): TransportEvents | undefined
}

/** Listens in the clear; streams upgrade themselves. */
export function listenTcp(
  listen: Listen & { readonly ipv6Only?: boolean },
  options: TcpOptions,
): TCPSocketListener<Slot> {
  // Bun 1.4.5 knows `ipv6Only` here too; its types do not.
  const family: object = { ipv6Only: listen.ipv6Only === true }
  return Bun.listen<Slot>({
    hostname: listen.host,
    port: listen.port,
    ...family,
    data: { transport: undefined },
    socket: {
      open(socket) {
        if (options.proxies) return greet(socket, options, options.proxies)
        const admitted = options.admission.enter(socket.remoteAddress, 'starttls')
        if (admitted) begin(socket, socket.remoteAddress, admitted, options)
        else refuse(socket)
      },
      data: (socket, bytes) => (socket.data.transport ?? socket.data.greeting)?.feed(bytes),
      drain: (socket) => socket.data.transport?.flush(),
      close: (socket) => lost(socket.data),
      error: (socket) => (socket.data.transport ? socket.data.transport.destroy() : refuse(socket)),
    },
  })
}

function begin(socket: Socket<Slot>, ip: string, admitted: Admitted, options: TcpOptions): void {
  const transport = new TcpTransport(socket, ip, options)
  socket.data = { transport, admitted }
  const events = options.accept(transport, admitted)
  if (events) transport.events = events
  else transport.destroy()
}

/** A proxy's connections are those of many: they count for their clients, once these are known. */
function greet(socket: Socket<Slot>, options: TcpOptions, proxies: ProxyOptions): void {
  const peer = socket.remoteAddress
  const admitted = proxies.from.covers(peer) ? options.admission.enter(undefined, 'starttls') : undefined
  if (!admitted) {
    log.debug('a connection without a trusted proxy is refused', { ip: peer })
    return refuse(socket)
  }
  const failed = (why: string): void => {
    log.debug('a connection without a PROXY header is closed', { ip: peer, why })
    admitted.leave()
    refuse(socket)
  }
  const greeting = new ProxyGreeting(
    proxies,
    (client, rest) => {
      if (client !== undefined && !admitted.moveTo(client)) return failed('too many of this client')
      begin(socket, client ?? peer, admitted, options)
      if (rest.length > 0) socket.data.transport?.feed(rest)
    },
    failed,
  )
  socket.data = { transport: undefined, greeting, admitted }
}

function refuse(socket: Socket<Slot>): void {
  lost(socket.data)
  socket.terminate()
}

function lost({ transport, greeting, admitted }: Slot): void {
  transport?.gone()
  greeting?.cancel()
  admitted?.leave()
}

interface UpgradableSocket {
  upgradeTLS(options: {
    isServer: true
    data: Slot
    tls: { cert: string; key: string; minVersion: number; ciphers: string }
    socket: SocketHandler<Slot>
  }): [raw: Socket<Slot>, tls: Socket<Slot>]
}

interface SecureSocket {
  getTLSVersion(): string
  exportKeyingMaterial(length: number, label: string, context: Buffer): Buffer
}

class TcpTransport implements Transport {
  readonly kind = 'starttls'
  tls: TlsFacts | undefined
  events: TransportEvents = { data() {}, secured() {}, closed() {} }
  #socket: Socket<Slot>
  readonly #options: TcpOptions
  readonly #out = new SendBuffer()
  #ending = false
  #closed = false

  constructor(
    socket: Socket<Slot>,
    readonly ip: string,
    options: TcpOptions,
  ) {
    this.#socket = socket
    this.#options = options
  }

  get buffered(): number {
    return this.#out.bytes
  }

  write(text: string): void {
    if (this.#closed || this.#ending) return
    this.#out.push(text)
    this.#options.batch.mark(this)
  }

  flush(): void {
    if (this.#closed) return
    this.#out.drainTo((chunk) => this.#socket.write(chunk))
    if (this.#ending && this.#out.empty) this.#socket.end()
  }

  feed(bytes: Uint8Array): void {
    if (!this.#closed) this.events.data(bytes)
  }

  startTls(identity: Identity): void {
    const raw = this.#socket
    const handlers: SocketHandler<Slot> = {
      handshake: (socket, success, error) => this.#handshake(socket, success, error, identity),
      data: (_socket, bytes) => this.feed(bytes),
      drain: () => this.flush(),
      close: () => this.gone(),
      error: () => this.destroy(),
    }
    // The raw twin keeps calling the listener's handlers with ciphertext: an empty slot makes them do nothing.
    raw.data = { transport: undefined }
    // Bun 1.4.5: `isServer` is accepted but not typed.
    const upgradable = raw as unknown as UpgradableSocket
    const [, tls] = upgradable.upgradeTLS({
      isServer: true,
      data: { transport: this },
      tls: { cert: identity.certPem, key: identity.keyPem, ...nativeTls(this.#options.rules) },
      socket: handlers,
    })
    this.#socket = tls
  }

  pause(): void {
    if (!this.#closed) this.#socket.pause()
  }

  resume(): void {
    if (!this.#closed) this.#socket.resume()
  }

  end(): void {
    if (this.#closed) return
    this.#ending = true
    this.flush()
  }

  destroy(): void {
    if (this.#closed) return
    this.#socket.terminate()
    this.gone()
  }

  gone(): void {
    if (this.#closed) return
    this.#closed = true
    this.events.closed()
  }

  // A server that asks for no client certificate reports UNABLE_TO_GET_ISSUER_CERT on success: `success` decides.
  #handshake(socket: Socket<Slot>, success: boolean, _error: Error | null, identity: Identity): void {
    if (!success) return this.destroy()
    const secure = socket as unknown as SecureSocket
    this.tls = {
      version: secure.getTLSVersion(),
      endPointHash: identity.endPointHash,
      exporter: () => secure.exportKeyingMaterial(32, 'EXPORTER-Channel-Binding', Buffer.alloc(0)),
    }
    this.events.secured()
  }
}
