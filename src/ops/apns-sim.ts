/**
 * A stand-in for Apple: an HTTP/2 server with TLS that checks each push as Apple documents, prints what a phone would
 * show, and can be told to fail in every way that Apple and networks do. Nothing leaves this machine.
 */
import http2 from 'node:http2'
import type { AddressInfo } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { BoundedMap } from '../bounded-map.ts'
import { type Clock, type Random, systemClock, systemRandom } from '../store/clock.ts'
import { Checks, isRecord, parse, type Refusal } from './apns-sim-checks.ts'
import { isOfChannels, SimChannels } from './apns-sim-channels.ts'
import { type SimStep, toStep } from './apns-sim-script.ts'
import { phoneScreen } from './apns-sim-screen.ts'
import { createSelfSigned, type Pems } from '../self-signed.ts'

export interface SimReceived {
  readonly at: number
  readonly connection: number
  readonly headers: Readonly<Record<string, string | undefined>>
  readonly token: string
  readonly topic: string
  readonly apnsId: string
  readonly collapseId: string | undefined
  readonly payload: Record<string, unknown>
  readonly bytes: number
  /** Status that was answered; 0 where no answer was given. */
  readonly status: number
  readonly reason: string | undefined
}

export interface ApnsSimOptions {
  readonly host?: string
  readonly port?: number
  readonly print?: (block: string) => void
  /** Is told of each push, once it is answered. */
  readonly heard?: (push: SimReceived) => void
  readonly clock?: Clock
  readonly random?: Random
  /** Use this pair instead of a fresh one. */
  readonly tls?: Pems
  readonly publicKey?: string | undefined
  readonly teamId?: string | undefined
  readonly keyId?: string | undefined
  readonly topics?: readonly string[] | undefined
  readonly tokenUpdates?: number
  /** Streams after the first valid push; before it the limit is 1, as at Apple. */
  readonly streams?: number
  /** Number of received pushes that are kept; older ones are forgotten. */
  readonly keep?: number
  /** Answers under `/sim`: GET /sim/received, POST /sim/script with a list of steps. */
  readonly control?: boolean
  /** Steps that every push runs into, e.g. { delayMs: 50 }. */
  readonly always?: SimStep
}

/** Collapse-ids remembered per simulator, for "updates the earlier one". */
const COLLAPSES = 10_000
const LARGEST_BODY = 65_536
/** Clients that misbehave are what this is for; Bun would end their session after 1,000 odd frames or 100 refusals. */
const PATIENCE = { maxSessionInvalidFrames: 2 ** 31 - 1, maxSessionRejectedStreams: 2 ** 31 - 1 }

export type { SimStep } from './apns-sim-script.ts'

export async function startApnsSim(options: ApnsSimOptions = {}): Promise<ApnsSim> {
  const clock = options.clock ?? systemClock
  const host = options.host ?? '127.0.0.1'
  const tls = options.tls ?? createSelfSigned(['localhost', host], clock.now())
  const sim = new ApnsSim(options, clock, tls)
  await sim.listen(host, options.port ?? 0)
  return sim
}

interface Exchange {
  readonly stream: http2.ServerHttp2Stream
  readonly session: http2.ServerHttp2Session
  readonly connection: number
  readonly headers: Record<string, string | undefined>
  readonly body: Buffer
}

export class ApnsSim {
  readonly received: SimReceived[] = []
  /** PEM of the certificate that clients must trust. */
  readonly ca: string
  readonly #options: ApnsSimOptions
  readonly #clock: Clock
  readonly #random: Random
  readonly #checks: Checks
  readonly #server: http2.Http2SecureServer
  readonly #sessions = new Map<http2.ServerHttp2Session, number>()
  /** The highest stream that each connection was answered on, and the last that its GOAWAY promised to answer. */
  readonly #served = new WeakMap<http2.ServerHttp2Session, number>()
  readonly #promised = new WeakMap<http2.ServerHttp2Session, number>()
  readonly #proven = new WeakSet<http2.ServerHttp2Session>()
  readonly #collapsed = new BoundedMap<string, true>(COLLAPSES)
  readonly #waiters = new Set<() => void>()
  readonly #channels: SimChannels
  #steps: { step: SimStep; left: number }[] = []
  /** Connections accepted so far. */
  connections = 0

  constructor(options: ApnsSimOptions, clock: Clock, tls: Pems) {
    this.#options = options
    this.#clock = clock
    this.#random = options.random ?? systemRandom
    this.#channels = new SimChannels(this.#random)
    this.#checks = new Checks({ ...options, tokenUpdates: options.tokenUpdates ?? 20 })
    this.ca = tls.cert
    this.#server = http2.createSecureServer({
      cert: tls.cert,
      key: tls.key,
      minVersion: 'TLSv1.2',
      ...PATIENCE,
      // Certificate mode: any client certificate counts; who issued it is not our concern here.
      requestCert: true,
      rejectUnauthorized: false,
      settings: { maxConcurrentStreams: 1, maxHeaderListSize: 8000 },
    })
    this.#server.on('session', (session) => this.#accept(session))
    // The type is that of both sides; a server has only its own kind.
    this.#server.on('stream', (stream, headers) => this.#hear(stream as http2.ServerHttp2Stream, headers))
    this.#server.on('sessionError', () => undefined)
    this.#server.on('error', () => undefined)
  }

  get url(): string {
    const { address, port } = this.#server.address() as AddressInfo // a TCP listener has no other form
    return `https://${address.includes(':') ? `[${address}]` : address}:${port}`
  }

  listen(host: string, port: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen(port, host, () => resolve())
    })
  }

  /** Adds steps; each is used up by the pushes it matches, in order. */
  script(...steps: SimStep[]): void {
    for (const step of steps) this.#steps.push({ step, left: step.times ?? 1 })
  }

  /** Says GOAWAY on every connection and lets it finish. */
  goaway(reason?: string): void {
    for (const session of this.#sessions.keys()) this.#goaway(session, reason)
  }

  /** Cuts every connection. */
  cut(): void {
    for (const session of this.#sessions.keys()) session.destroy()
  }

  /** Settles once `n` pushes were received in all. */
  async until(n: number): Promise<void> {
    await this.when(() => this.received.length >= n)
  }

  /** Settles once the condition holds; looked at after each push. */
  when(condition: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const look = (): void => {
        if (!condition()) return
        this.#waiters.delete(look)
        resolve()
      }
      this.#waiters.add(look)
      look()
    })
  }

  async close(): Promise<void> {
    this.cut()
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve())
    })
  }

  #goaway(session: http2.ServerHttp2Session, reason: string | undefined): void {
    if (session.destroyed || this.#promised.has(session)) return
    const last = this.#served.get(session) ?? 0
    this.#promised.set(session, last)
    session.goaway(0, last, reason === undefined ? undefined : Buffer.from(JSON.stringify({ reason })))
  }

  #accept(session: http2.ServerHttp2Session): void {
    this.#sessions.set(session, ++this.connections)
    session.on('error', () => undefined)
    session.on('close', () => this.#sessions.delete(session))
  }

  #hear(stream: http2.ServerHttp2Stream, raw: http2.IncomingHttpHeaders): void {
    stream.on('error', () => undefined)
    // Likewise: a server's stream belongs to a server's session.
    const session = stream.session as http2.ServerHttp2Session | undefined
    if (!session) return
    const headers: Record<string, string | undefined> = {}
    for (const [name, value] of Object.entries(raw))
      headers[name] = Array.isArray(value) ? value.join(', ') : value
    const chunks: Buffer[] = []
    let bytes = 0
    stream.on('data', (chunk: Buffer) => {
      bytes += chunk.length
      if (bytes <= LARGEST_BODY) chunks.push(chunk)
    })
    stream.on('end', () => {
      const connection = this.#sessions.get(session) ?? 0
      const body = bytes <= LARGEST_BODY ? Buffer.concat(chunks) : Buffer.alloc(LARGEST_BODY)
      const exchange = { stream, session, connection, headers, body }
      if (this.#options.control && headers[':path']?.startsWith('/sim/')) this.#control(exchange)
      else this.#answer(exchange)
    })
  }

  #answer(exchange: Exchange): void {
    const { headers, body, session, stream } = exchange
    const id = stream.id ?? 0
    // RFC 9113 §6.8: what comes after the last promised stream is not looked at; Bun's server would.
    if (id > (this.#promised.get(session) ?? Number.POSITIVE_INFINITY)) return
    this.#served.set(session, Math.max(id, this.#served.get(session) ?? 0))
    if (isOfChannels(headers[':path'])) return this.#ofChannels(exchange)
    const refused =
      this.#checks.head(headers, hasCertificate(session), this.#clock.now()) ??
      this.#checks.payload(body, headers['apns-push-type'])
    if (refused) return this.#finish(exchange, { ...refused }, refused)
    const step = this.#take(tokenOf(headers)) ?? this.#options.always ?? {}
    if (step.delayMs) this.#clock.after(step.delayMs, () => this.#perform(exchange, step))
    else this.#perform(exchange, step)
  }

  #ofChannels(exchange: Exchange): void {
    const { stream, session, headers, body } = exchange
    const refused = this.#checks.provider(headers.authorization, hasCertificate(session), this.#clock.now())
    const answer = refused
      ? { status: refused.status, body: { reason: refused.reason } }
      : this.#channels.answer(headers, body)
    stream.respond({ ':status': answer.status, ...answer.headers })
    stream.end(answer.body === undefined ? '' : JSON.stringify(answer.body))
    this.#limit(session, {}, answer.status)
    if (headers[':path']?.startsWith('/4/')) this.#remember(exchange, answer.status, undefined)
  }

  #take(token: string): SimStep | undefined {
    const at = this.#steps.findIndex(({ step }) => step.token === undefined || step.token === token)
    const entry = this.#steps[at]
    if (!entry) return undefined
    if (--entry.left <= 0) this.#steps.splice(at, 1)
    return entry.step
  }

  #perform(exchange: Exchange, step: SimStep): void {
    const { stream, session } = exchange
    if (step.goaway) this.#goaway(session, step.goaway.reason)
    const mute = step.stall === true || step.reset !== undefined || step.cut === true
    if (mute) {
      this.#remember(exchange, 0, undefined)
      if (step.cut) session.destroy()
      else if (step.reset !== undefined) stream.close(step.reset)
      return
    }
    const status = step.status ?? (step.reason === undefined ? 200 : 400)
    const refusal = {
      status,
      reason: step.reason ?? '',
      ...(step.timestamp ? { timestamp: step.timestamp } : {}),
    }
    this.#finish(exchange, step, status === 200 ? undefined : refusal)
  }

  #finish(exchange: Exchange, step: SimStep, refusal: Refusal | undefined): void {
    const { stream, session, headers } = exchange
    if (stream.destroyed) return this.#remember(exchange, 0, undefined)
    const apnsId = headers['apns-id'] ?? this.#random.uuid().toUpperCase()
    const status = refusal?.status ?? 200
    // Apple's sandbox adds an id under which its Push Console shows the request.
    stream.respond({ ':status': status, 'apns-id': apnsId, 'apns-unique-id': this.#random.uuid() })
    const answer = refusal && {
      reason: refusal.reason,
      ...(refusal.timestamp ? { timestamp: refusal.timestamp } : {}),
    }
    stream.end(step.rawBody ?? (answer ? JSON.stringify(answer) : ''))
    this.#limit(session, step, status)
    this.#remember(exchange, status, refusal?.reason)
  }

  #limit(session: http2.ServerHttp2Session, step: SimStep, status: number): void {
    if (session.destroyed || session.closed) return
    if (step.streams !== undefined) session.settings({ maxConcurrentStreams: step.streams })
    else if (!this.#proven.has(session) && status !== 403) {
      this.#proven.add(session)
      session.settings({ maxConcurrentStreams: this.#options.streams ?? 1000 })
    }
  }

  #remember(exchange: Exchange, status: number, reason: string | undefined): void {
    const { headers, body, connection } = exchange
    const at = this.#clock.now()
    const payload = parse(body.toString()) ?? {}
    const token = tokenOf(headers)
    const topic = headers['apns-topic'] ?? ''
    const collapseId = headers['apns-collapse-id']
    const apnsId = headers['apns-id'] ?? ''
    const push: SimReceived = {
      at,
      connection,
      headers,
      token,
      topic,
      apnsId,
      collapseId,
      payload,
      bytes: body.length,
      status,
      reason,
    }
    this.received.push(push)
    this.#options.heard?.(push)
    const keep = this.#options.keep ?? 100_000
    if (this.received.length > keep) this.received.splice(0, this.received.length - keep)
    if (this.#options.print) {
      if (status === 200) this.#print(exchange, at, token, topic, collapseId, payload)
      else
        this.#options.print(
          `── refused: ${status || 'no answer'} ${reason ?? ''} (token ${token.slice(0, 8)}…)\n`,
        )
    }
    for (const look of [...this.#waiters]) look()
  }

  #print(
    { headers }: Exchange,
    at: number,
    token: string,
    topic: string,
    collapseId: string | undefined,
    payload: Record<string, unknown>,
  ): void {
    const key = `${token} ${topic} ${collapseId}`
    const replaces = collapseId !== undefined && this.#collapsed.has(key)
    if (collapseId !== undefined) {
      this.#collapsed.set(key, true)
    }
    const pushType = headers['apns-push-type'] ?? 'alert'
    const priority = headers['apns-priority'] ?? '10'
    this.#options.print?.(
      phoneScreen({ at, token, topic, pushType, priority, collapseId, payload, replaces }),
    )
  }

  #control({ stream, headers, body }: Exchange): void {
    const say = (status: number, value: unknown): void => {
      stream.respond({ ':status': status, 'content-type': 'application/json' })
      stream.end(JSON.stringify(value) + '\n')
    }
    const request = `${headers[':method']} ${headers[':path']}`
    if (request === 'GET /sim/received') return say(200, this.received)
    if (request !== 'POST /sim/script') return say(404, { problem: 'GET /sim/received or POST /sim/script' })
    const parsed = parse(`{"steps":${body.toString() || '[]'}}`)?.steps
    const steps = Array.isArray(parsed) ? parsed.filter(isRecord) : []
    this.script(...steps.map(toStep))
    say(200, { steps: this.#steps.length })
  }
}

const tokenOf = (headers: Readonly<Record<string, string | undefined>>): string =>
  (headers[':path'] ?? '').split('/')[3] ?? ''

function hasCertificate(session: http2.ServerHttp2Session): boolean {
  // Over TLS it is a TLSSocket behind a proxy that hides its members from `in`.
  const socket = session.socket as Partial<TLSSocket>
  const certificate: unknown = socket.getPeerCertificate?.()
  return isRecord(certificate) && 'subject' in certificate
}
