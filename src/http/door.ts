/** Requests that leave HTTP behind: what the sockets below and the streams above agree on. */

/** The far end of a WebSocket. */
export interface WebSocketPeer {
  /** The upgrade is done; `socket` is the runtime's. */
  opened(socket: object): void
  message(data: string | Uint8Array): void
  /** The kernel has taken what waited. */
  flush(): void
  /** The socket is gone, whoever closed it. */
  gone(): void
}

/** Rights of a request over the connection on which it came. */
export interface Door {
  /** Turns it into a WebSocket with that subprotocol; false where it asks for none. */
  upgrade(peer: WebSocketPeer, protocol: string): boolean
  /** The answer may take this many seconds. */
  patience(seconds: number): void
}

/** The client that opens a stream over HTTP. */
export interface WebClient {
  readonly ip: string
  /** TLS, loopback, or a trusted proxy that says https. */
  readonly encrypted: boolean
}

/** Origin of such streams. */
export interface WebStreams {
  /** One request to /http-bind; `gone` fires when nobody waits for its answer any more. */
  bosh(
    body: Uint8Array,
    client: WebClient,
    gone: AbortSignal,
  ): Promise<{ readonly type: string; readonly text: string }>
  webSocket(client: WebClient): WebSocketPeer
}
