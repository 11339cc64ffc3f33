/**
 * A stand-in for the push service of a browser and for the browser behind it: it gives out subscriptions, checks each
 * push as RFC 8030, 8291 and 8292 say, opens it, and can be told to fail. Nothing leaves this machine.
 */
import { createECDH, type ECDH } from 'node:crypto'
import type { ServerHttp2Stream } from 'node:http2'
import { parse } from './apns-sim-checks.ts'
import { type Clock, type Random, systemClock, systemRandom } from '../store/clock.ts'
import { Http2Sim, Received, Script, type SimHeaders } from './http2-sim.ts'
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
  readonly headers: SimHeaders
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
  /** Key with which the subscriptions were made; undefined takes any. */
  key: string | undefined
  readonly #options: WebPushSimOptions
  readonly #clock: Clock
  readonly #random: Random
  readonly #server: Http2Sim
  readonly #received = new Received<WebPushReceived>(KEPT)
  readonly #script = new Script<WebPushStep>()
  readonly #browsers = new Map<string, Browser>()

  constructor(options: WebPushSimOptions) {
    this.#options = options
    this.#clock = options.clock ?? systemClock
    this.#random = options.random ?? systemRandom
    this.key = options.key
    this.#server = new Http2Sim(this.#clock.now(), (...heard) => this.#answer(...heard))
  }

  get received(): readonly WebPushReceived[] {
    return this.#received.all
  }

  /** PEM of the certificate that clients must trust. */
  get ca(): string {
    return this.#server.pems.cert
  }

  get connections(): number {
    return this.#server.connections
  }

  get url(): string {
    return this.#server.url
  }

  listen(): Promise<void> {
    return this.#server.listen()
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
    this.#script.add(steps)
  }

  until(n: number): Promise<void> {
    return this.#received.until(n)
  }

  close(): Promise<void> {
    return this.#server.close()
  }

  #answer(stream: ServerHttp2Stream, headers: SimHeaders, body: Buffer): void {
    const browser = this.#browsers.get(headers[':path'] ?? '')
    const step = this.#fault(headers, body, browser) ?? this.#script.take() ?? this.#options.always ?? {}
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

  #fault(headers: SimHeaders, body: Buffer, browser: Browser | undefined): WebPushStep | undefined {
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

  #remember(headers: SimHeaders, body: Buffer, browser: Browser | undefined, status: number): void {
    let text: string | undefined
    try {
      text = browser && openSealed(body, browser.app, browser.auth).toString()
    } catch {
      text = undefined
    }
    const path = headers[':path'] ?? ''
    const payload = parse(text ?? '') ?? {}
    this.#received.add({ at: this.#clock.now(), headers, path, bytes: body.length, text, payload, status })
  }
}
