/**
 * A stand-in for the push service of a browser and for the browser behind it: it gives out subscriptions, checks each
 * push as RFC 8030, 8291 and 8292 say, opens it, and can be told to fail. Nothing leaves this machine.
 */
import { createECDH, type ECDH } from 'node:crypto'
import http2 from 'node:http2'
import type { AddressInfo } from 'node:net'
import { createSelfSigned } from '../self-signed.ts'
import { type Clock, type Random, systemClock, systemRandom } from '../store/clock.ts'
import { parse } from './apns-sim-checks.ts'
import { openSealed, tokenFault } from './web-push-open.ts'

export interface WebPushStep {
  /** Number of pushes; 1 if left out. */
  readonly times?: number
  readonly status?: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
  readonly delayMs?: number
  /** Never answers. */
  readonly stall?: boolean
}

export interface WebPushReceived {
  readonly at: number
  readonly headers: Readonly<Record<string, string | undefined>>
  readonly path: string
  readonly bytes: number
  /** As it was opened; undefined where that failed. */
  readonly text: string | undefined
  /** The same as JSON, where it is. */
  readonly payload: Record<string, unknown>
  readonly status: number
}

export interface WebPushSimOptions {
  readonly clock?: Clock
  readonly random?: Random
  /** Key with which its subscriptions are made. */
  readonly key?: string | undefined
  /** Step that every push runs into. */
  readonly always?: WebPushStep
}

export interface Subscription {
  readonly endpoint: string
  readonly p256dh: string
  readonly auth: string
}

const MOST_BYTES = 4_096
const AUTH_BYTES = 16
const KEPT = 10_000
/** Clients that misbehave are what this is for. */
const PATIENCE = { maxSessionInvalidFrames: 2 ** 31 - 1, maxSessionRejectedStreams: 2 ** 31 - 1 }

export async function startWebPushSim(options: WebPushSimOptions = {}): Promise<WebPushSim> {
  const sim = new WebPushSim(options)
  await sim.listen()
  return sim
}

interface Browser {
  readonly app: ECDH
  readonly auth: Buffer
}

export class WebPushSim {
  readonly received: WebPushReceived[] = []
  /** PEM of the certificate that clients must trust. */
  readonly ca: string
  connections = 0
  /** Key with which the subscriptions were made; undefined takes any. */
  key: string | undefined
  readonly #options: WebPushSimOptions
  readonly #clock: Clock
  readonly #random: Random
  readonly #server: http2.Http2SecureServer
  readonly #sessions = new Set<http2.ServerHttp2Session>()
  readonly #browsers = new Map<string, Browser>()
  readonly #waiters = new Set<() => void>()
  #steps: { step: WebPushStep; left: number }[] = []

  constructor(options: WebPushSimOptions) {
    this.#options = options
    this.#clock = options.clock ?? systemClock
    this.#random = options.random ?? systemRandom
    this.key = options.key
    const { cert, key } = createSelfSigned(['localhost', '127.0.0.1'], this.#clock.now())
    this.ca = cert
    this.#server = http2.createSecureServer({
      cert,
      key,
      ...PATIENCE,
      settings: { maxConcurrentStreams: 1000 },
    })
    this.#server.on('session', (session) => {
      this.connections++
      this.#sessions.add(session)
      session.on('error', () => undefined)
      session.on('close', () => this.#sessions.delete(session))
    })
    // Typed as any HTTP/2 stream, but a server has only its own kind.
    this.#server.on('stream', (stream, headers) => this.#hear(stream as http2.ServerHttp2Stream, headers))
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

  /** A browser subscribes. */
  subscribe(): Subscription {
    const app = createECDH('prime256v1')
    app.generateKeys()
    const auth = this.#random.bytes(AUTH_BYTES)
    const path = `/push/${this.#random.bytes(AUTH_BYTES).toString('base64url')}`
    this.#browsers.set(path, { app, auth })
    const p256dh = app.getPublicKey().toString('base64url')
    return { endpoint: this.url + path, p256dh, auth: auth.toString('base64url') }
  }

  /** The browser gives it up: 410 from now on. */
  unsubscribe({ endpoint }: Subscription): void {
    this.#browsers.delete(new URL(endpoint).pathname)
  }

  script(...steps: WebPushStep[]): void {
    for (const step of steps) this.#steps.push({ step, left: step.times ?? 1 })
  }

  until(n: number): Promise<void> {
    return new Promise((resolve) => {
      const look = (): void => {
        if (this.received.length < n) return
        this.#waiters.delete(look)
        resolve()
      }
      this.#waiters.add(look)
      look()
    })
  }

  async close(): Promise<void> {
    for (const session of this.#sessions) session.destroy()
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve())
    })
  }

  #hear(stream: http2.ServerHttp2Stream, raw: http2.IncomingHttpHeaders): void {
    stream.on('error', () => undefined)
    const headers: Record<string, string | undefined> = {}
    for (const [name, value] of Object.entries(raw))
      headers[name] = Array.isArray(value) ? value.join(', ') : value
    const chunks: Buffer[] = []
    stream.on('data', (chunk: Buffer) => chunks.push(chunk))
    stream.on('end', () => this.#answer(stream, headers, Buffer.concat(chunks)))
  }

  #answer(stream: http2.ServerHttp2Stream, headers: WebPushReceived['headers'], body: Buffer): void {
    const browser = this.#browsers.get(headers[':path'] ?? '')
    const refused = this.#fault(headers, body, browser)
    const [entry] = refused ? [] : this.#steps
    if (entry && --entry.left <= 0) this.#steps.shift()
    const step: WebPushStep = refused ?? entry?.step ?? this.#options.always ?? {}
    const finish = (): void => {
      const status = step.stall ? 0 : (step.status ?? 201)
      if (!step.stall && !stream.destroyed) {
        stream.respond({
          ':status': status,
          date: new Date(this.#clock.now()).toUTCString(),
          ...step.headers,
        })
        stream.end(step.body ?? '')
      }
      this.#remember(headers, body, browser, status)
    }
    if (step.delayMs) this.#clock.after(step.delayMs, finish)
    else finish()
  }

  #fault(
    headers: WebPushReceived['headers'],
    body: Buffer,
    browser: Browser | undefined,
  ): WebPushStep | undefined {
    const say = (status: number, reason: string) => ({ status, body: JSON.stringify({ reason }) })
    if (!browser) return say(410, 'Unregistered')
    if (!/^\d+$/.test(headers.ttl ?? '')) return say(400, 'BadTtl')
    if (!/^(very-low|low|normal|high)$/.test(headers.urgency ?? 'normal')) return say(400, 'BadUrgency')
    if (!/^[\w-]{1,32}$/.test(headers.topic ?? 'none')) return say(400, 'BadWebPushTopic')
    if (body.length > MOST_BYTES) return say(413, 'PayloadTooLarge')
    if (headers['content-encoding'] !== 'aes128gcm') return say(400, 'BadEncoding')
    const fault = tokenFault(headers.authorization, {
      origin: this.url,
      key: this.key,
      now: this.#clock.now(),
    })
    return fault === undefined ? undefined : say(403, fault)
  }

  #remember(
    headers: WebPushReceived['headers'],
    body: Buffer,
    browser: Browser | undefined,
    status: number,
  ): void {
    let text: string | undefined
    try {
      text = browser && openSealed(body, browser.app, browser.auth).toString()
    } catch {
      text = undefined
    }
    const path = headers[':path'] ?? ''
    const payload = parse(text ?? '') ?? {}
    this.received.push({ at: this.#clock.now(), headers, path, bytes: body.length, text, payload, status })
    if (this.received.length > KEPT) this.received.shift()
    for (const look of [...this.#waiters]) look()
  }
}
