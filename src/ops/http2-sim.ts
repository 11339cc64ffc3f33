/** An HTTP/2 server with TLS on loopback in the place of a push service: what stand-ins for any of them have in common. */
import http2 from 'node:http2'
import type { AddressInfo } from 'node:net'
import { createSelfSigned, type Pems } from '../self-signed.ts'

/** Clients that misbehave are what this is for. */
const PATIENCE = { maxSessionInvalidFrames: 2 ** 31 - 1, maxSessionRejectedStreams: 2 ** 31 - 1 }

export type SimHeaders = Readonly<Record<string, string | undefined>>
type Hears = (stream: http2.ServerHttp2Stream, headers: SimHeaders, body: Buffer) => void

export class Http2Sim {
  /** Connections accepted so far. */
  connections = 0
  readonly pems: Pems
  readonly #server: http2.Http2SecureServer
  readonly #sessions = new Set<http2.ServerHttp2Session>()

  constructor(now: number, hears: Hears) {
    this.pems = createSelfSigned(['localhost', '127.0.0.1'], now)
    this.#server = http2.createSecureServer({
      ...this.pems,
      ...PATIENCE,
      settings: { maxConcurrentStreams: 1000 },
    })
    this.#server.on('session', (session) => {
      this.connections++
      this.#sessions.add(session)
      session.on('error', () => undefined)
      session.on('close', () => this.#sessions.delete(session))
    })
    // The type is that of both sides; a server has only its own kind.
    this.#server.on('stream', (stream, headers) => hear(stream as http2.ServerHttp2Stream, headers, hears))
    this.#server.on('sessionError', () => undefined)
    this.#server.on('error', () => undefined)
  }

  get url(): string {
    const { port } = this.#server.address() as AddressInfo // a TCP listener has no other form
    return `https://localhost:${port}`
  }

  listen(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen(0, '127.0.0.1', () => resolve())
    })
  }

  async close(): Promise<void> {
    for (const session of this.#sessions) session.destroy()
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve())
    })
  }
}

function hear(stream: http2.ServerHttp2Stream, raw: http2.IncomingHttpHeaders, hears: Hears): void {
  stream.on('error', () => undefined)
  const headers: Record<string, string | undefined> = {}
  for (const [name, value] of Object.entries(raw))
    headers[name] = Array.isArray(value) ? value.join(', ') : value
  const chunks: Buffer[] = []
  stream.on('data', (chunk: Buffer) => chunks.push(chunk))
  stream.on('end', () => hears(stream, headers, Buffer.concat(chunks)))
}

/** Requests that a stand-in has received, and who waits for so much of it. */
export class Received<T> {
  readonly all: T[] = []
  readonly #most: number
  readonly #waiters = new Set<() => void>()

  constructor(most = Infinity) {
    this.#most = most
  }

  add(one: T): void {
    this.all.push(one)
    if (this.all.length > this.#most) this.all.shift()
    for (const look of [...this.#waiters]) look()
  }

  until(n: number): Promise<void> {
    return new Promise((resolve) => {
      const look = (): void => {
        if (this.all.length < n) return
        this.#waiters.delete(look)
        resolve()
      }
      this.#waiters.add(look)
      look()
    })
  }
}

/** Steps that a stand-in runs into, each as often as it says. */
export class Script<S extends { readonly times?: number }> {
  readonly #steps: { readonly step: S; left: number }[] = []

  add(steps: readonly S[]): void {
    for (const step of steps) this.#steps.push({ step, left: step.times ?? 1 })
  }

  take(): S | undefined {
    const [entry] = this.#steps
    if (entry && --entry.left <= 0) this.#steps.shift()
    return entry?.step
  }
}
