/** Transport of a stream: a socket that can be paused, batched and, once, turned into TLS. */
import type { Framing } from '../framing.ts'

/** Facts of a finished TLS handshake that channel binding needs. Where TLS is another's, there is nothing to bind to. */
export interface TlsFacts {
  /** 'TLSv1.2' | 'TLSv1.3' | 'elsewhere' */
  readonly version: string
  /** RFC 9266 `tls-exporter`; 32 bytes. */
  exporter?(): Buffer
  /** RFC 5929 §4 `tls-server-end-point`: the hash of the certificate that this connection was given. */
  readonly endPointHash?: Uint8Array
}

/** The way is safe for passwords, but its TLS ends in a proxy or in the HTTP server, or it never leaves the machine. */
export const TLS_ELSEWHERE: TlsFacts = { version: 'elsewhere' }

export interface TransportEvents {
  data(bytes: Uint8Array): void
  /** The TLS handshake is over. */
  secured(): void
  /** The socket is gone, whoever closed it. Called once. */
  closed(): void
}

/** A certificate as a handshake needs it. */
export interface Identity {
  readonly certPem: string
  readonly keyPem: string
  readonly endPointHash: Uint8Array
}

export interface Transport {
  readonly ip: string
  /** 'starttls' | 'tls' | 'websocket' | … for logs and metrics. */
  readonly kind: string
  readonly tls: TlsFacts | undefined
  /** Framing of elements; absent: one XML document. */
  readonly framing?: Framing
  /** Bytes not yet taken by the kernel. */
  readonly buffered: number
  events: TransportEvents
  /** Adds to the batch that the next flush sends. */
  write(text: string): void
  /** One write to the socket for all that was batched. */
  flush(): void
  /** Starts the server's side of a handshake; `secured` tells its end. Absent: no STARTTLS here. */
  startTls?(identity: Identity): void
  pause(): void
  resume(): void
  /** Flushes, then closes. */
  end(): void
  /** Closes at once. */
  destroy(): void
  /** Writes what says nothing, for proxies that cut off a connection on which nothing comes. */
  keepAlive?(): void
}

/** Collects the transports that have something to send, so that each writes once per turn. */
export class Batch {
  readonly #dirty = new Set<{ flush(): void }>()

  mark(transport: { flush(): void }): void {
    this.#dirty.add(transport)
  }

  flush(): void {
    for (const transport of this.#dirty) transport.flush()
    this.#dirty.clear()
  }
}

/** Text waiting for a flush and bytes waiting for the kernel, for transports whose socket says how much it took. */
export class SendBuffer {
  #text: string[] = []
  #rest: Buffer | undefined
  #size = 0

  get bytes(): number {
    return this.#size + (this.#rest?.length ?? 0)
  }

  get empty(): boolean {
    return this.#text.length === 0 && this.#rest === undefined
  }

  push(text: string): void {
    this.#text.push(text)
    // UTF-16 units: never more than the bytes by a factor of three, good enough for a cap.
    this.#size += text.length
  }

  /** Hands everything to `write`, which returns how many bytes it took; keeps the rest. */
  drainTo(write: (chunk: Buffer | string) => number): void {
    if (this.#rest) {
      const taken = write(this.#rest)
      this.#rest = taken < this.#rest.length ? this.#rest.subarray(Math.max(taken, 0)) : undefined
      if (this.#rest) return
    }
    if (this.#text.length === 0) return
    const text = this.#text.length === 1 ? (this.#text[0] ?? '') : this.#text.join('')
    this.#text = []
    this.#size = 0
    const length = Buffer.byteLength(text)
    const taken = write(text)
    if (taken < length) this.#rest = Buffer.from(text).subarray(Math.max(taken, 0))
  }
}
