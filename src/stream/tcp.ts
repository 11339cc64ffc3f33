/**
 * TCP listeners on Bun's own sockets: STARTTLS by `upgradeTLS`, whose server side (`isServer`) is not in the type
 * definitions. After the upgrade the raw twin still gets ciphertext events; it is told apart by its `data`.
 */
import type { Socket, SocketHandler, TCPSocketListener } from 'bun'
import type { ListenAddress as Listen } from '../config/values.ts'
import { nativeTls } from './tls.ts'
import {
  type Batch,
  type Identity,
  SendBuffer,
  type TlsFacts,
  type Transport,
  type TransportEvents,
} from './transport.ts'

interface Slot {
  transport: TcpTransport | undefined
}

export interface TcpOptions {
  readonly minTls: '1.2' | '1.3'
  readonly batch: Batch
  /** A connection came in; returning undefined refuses it. */
  accept(transport: Transport): TransportEvents | undefined
}

/** Listens in the clear; streams upgrade themselves. */
export function listenTcp(listen: Listen, options: TcpOptions): TCPSocketListener<Slot> {
  return Bun.listen<Slot>({
    hostname: listen.host,
    port: listen.port,
    data: { transport: undefined },
    socket: {
      open(socket) {
        const transport = new TcpTransport(socket, options)
        socket.data = { transport }
        const events = options.accept(transport)
        if (events) transport.events = events
        else transport.destroy()
      },
      data: (socket, bytes) => socket.data.transport?.received(bytes),
      drain: (socket) => socket.data.transport?.flush(),
      close: (socket) => socket.data.transport?.gone(),
      error: (socket) => socket.data.transport?.destroy(),
    },
  })
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
  readonly ip: string
  tls: TlsFacts | undefined
  events: TransportEvents = { data() {}, secured() {}, closed() {} }
  #socket: Socket<Slot>
  readonly #options: TcpOptions
  readonly #out = new SendBuffer()
  #ending = false
  #closed = false

  constructor(socket: Socket<Slot>, options: TcpOptions) {
    this.#socket = socket
    this.#options = options
    this.ip = socket.remoteAddress
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

  received(bytes: Uint8Array): void {
    if (!this.#closed) this.events.data(bytes)
  }

  startTls(identity: Identity): void {
    const raw = this.#socket
    const handlers: SocketHandler<Slot> = {
      handshake: (socket, success, error) => this.#handshake(socket, success, error, identity),
      data: (_socket, bytes) => this.received(bytes),
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
      tls: { cert: identity.certPem, key: identity.keyPem, ...nativeTls(this.#options.minTls) },
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
