/** Sockets for the HTTP application: the admin socket and the TCP listeners, plain and with TLS. */
import { chmodSync, existsSync, rmSync } from 'node:fs'
import type { ListenAddress } from '../config/values.ts'
import { getLogger } from '../log.ts'
import { bindError } from '../ops/bind-error.ts'
import type { Peer } from './context.ts'
import type { Door, WebSocketPeer } from './door.ts'

const log = getLogger('http')

export interface HttpListener {
  readonly name: 'http' | 'https' | 'admin socket'
  readonly host: string
  readonly port: number
  readonly ipv6Only?: boolean | undefined
  /** Closes at once. */
  stop(): Promise<void>
  /** Takes no new connection and lets those finish that are in the middle of a request. */
  finish(): Promise<void>
}

/** The application, which answers requests. */
export interface Handler {
  fetch(request: Request, env: { peer: Peer; door?: Door }): Response | Promise<Response>
}

/** The application, built by the first request: a server that nobody asks needs none of it. */
export function lazily(build: () => Promise<Handler>): Handler {
  let built: Promise<Handler> | undefined
  return {
    async fetch(request, env) {
      built ??= build()
      // A build that fails, as where no file could be opened, is no reason for the next request to fail.
      built.catch(() => (built = undefined))
      return (await built).fetch(request, env)
    },
  }
}

export interface TlsPair {
  readonly cert: string
  readonly key: string
  /** Terms that are agreed on: the types do not know the version. */
  readonly minVersion: number
  readonly ciphers: string
  /** Further names get their pair by SNI. */
  readonly serverName?: string
}

export interface ServeOptions {
  /** Infinity where files are taken, which have limits of their own: every route counts what it reads. */
  readonly maxBody: number
  /** Largest frame of a WebSocket, bytes; Infinity: as large as the runtime takes. */
  readonly maxFrame: number
  /** Milliseconds without a byte in either direction after which a connection is closed. */
  readonly idle: number
  /** Milliseconds without a frame, a pong included, after which a WebSocket is closed. */
  readonly webSocketIdle: number
}

/** A command waits for what it asked for, such as Apple's answer to a push. The types have it for TCP only. */
const FOR_EVER: object = { idleTimeout: 0 }

const FALLBACK: Bun.SocketAddress = { address: '0.0.0.0', port: 0, family: 'IPv4' }

/** @throws Error naming the address and the remedy when it cannot be bound. */
export function listenTcp(
  app: Handler,
  { host, port, ipv6Only }: ListenAddress & { readonly ipv6Only?: boolean | undefined },
  options: ServeOptions,
  tls?: readonly TlsPair[],
): HttpListener {
  const name = tls ? 'https' : 'http'
  let server: Bun.Server<WebSocketPeer>
  try {
    server = Bun.serve<WebSocketPeer>({
      hostname: host,
      port,
      ipv6Only: ipv6Only === true,
      idleTimeout: seconds(options.idle, 1, 255),
      ...bodyCap(options),
      ...(tls ? { tls: [...tls], reusePort: true } : {}),
      fetch(request, self) {
        // Nothing is known of a peer that has gone; it gets no rights from that.
        const { address } = self.requestIP(request) ?? FALLBACK
        const peer: Peer = { kind: 'tcp', address, tls: tls !== undefined }
        return app.fetch(request, { peer, door: doorOf(request, self) })
      },
      websocket: webSockets(options),
      error: failed,
    })
  } catch (error) {
    throw bindError(
      name,
      host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`,
      tls ? '[http] tls_listen' : '[http] listen',
      error,
    )
  }
  return {
    name,
    host,
    port: server.port ?? port,
    ipv6Only,
    stop: () => server.stop(true),
    finish: () => server.stop(),
  }
}

/** The Unix socket of the operator: whoever may open the file is the operator, so its mode is set before it answers. */
export async function listenSocket(app: Handler, path: string, options: ServeOptions): Promise<HttpListener> {
  // The data lock is ours, so a socket that is still there belongs to nobody.
  if (existsSync(path)) rmSync(path)
  const before = process.umask(0o117)
  let server: Bun.Server<undefined>
  try {
    server = Bun.serve({
      unix: path,
      ...FOR_EVER,
      ...bodyCap(options),
      fetch: (request) => app.fetch(request, { peer: { kind: 'socket' } satisfies Peer }),
      error: failed,
    })
  } catch (error) {
    throw bindError('the admin socket', path, 'data_dir', error)
  } finally {
    process.umask(before)
  }
  chmodSync(path, 0o660)
  return {
    name: 'admin socket',
    host: path,
    port: 0,
    async stop() {
      await server.stop(true)
      rmSync(path, { force: true })
    },
    finish: () => server.stop(),
  }
}

/** The runtime's value for it; 0 switches it off. */
const seconds = (ms: number, least: number, most: number): number =>
  Number.isFinite(ms) ? Math.min(Math.max(Math.ceil(ms / 1000), least), most) : 0

/** The runtime's own cap stands a little above ours, so that ours answers with a problem document; without one: 128 MB. */
const bodyCap = ({ maxBody }: ServeOptions) => ({
  maxRequestBodySize: Number.isFinite(maxBody) ? maxBody + 65_536 : Number.MAX_SAFE_INTEGER,
})

const doorOf = (request: Request, server: Bun.Server<WebSocketPeer>): Door => ({
  upgrade: (peer, protocol) =>
    server.upgrade(request, { data: peer, headers: { 'sec-websocket-protocol': protocol } }),
  // The runtime counts in one byte; 0 is for ever.
  patience: (seconds) => server.timeout(request, seconds > 255 ? 0 : seconds),
})

/** A socket whose frames only its far side understands. The runtime pings shortly before it gives up. */
function webSockets({ maxFrame, webSocketIdle }: ServeOptions): Bun.WebSocketHandler<WebSocketPeer> {
  return {
    ...(Number.isFinite(maxFrame) ? { maxPayloadLength: maxFrame } : {}),
    // The runtime takes 8 s to 16 min.
    idleTimeout: seconds(webSocketIdle, 8, 960),
    sendPings: true,
    perMessageDeflate: false,
    open: (socket) => socket.data.opened(socket),
    message: (socket, data) => socket.data.message(data),
    drain: (socket) => socket.data.flush(),
    close: (socket) => socket.data.gone(),
  }
}

function failed(error: Error): Response {
  log.error('a request failed outside the application', { error })
  return new Response('internal error\n', { status: 500 })
}
