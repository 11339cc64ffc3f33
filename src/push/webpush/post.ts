/**
 * POST to whatever server an endpoint names: over one HTTP/2 connection for each origin, or over HTTP/1.1 to those that
 * know nothing newer. Redirects are not followed, answers read to 4 KB, and what is slow is given up.
 */
import { codeOf } from '../../log.ts'
import type { Clock, Random } from '../../store/clock.ts'
import { type Answer, type Headers, TransportError } from '../apns/link.ts'
import { ApnsTransport as Transport, type TransportTimes } from '../apns/transport.ts'
import { ForbiddenAddress, systemResolve, type Resolve } from '../webhook/address.ts'
import type { Endpoint } from './endpoint.ts'
import { Reach } from './reach.ts'

export interface PosterOptions {
  readonly allowPrivate: boolean
  readonly clock: Clock
  readonly random: Random
  readonly resolve?: Resolve | undefined
  readonly ca?: string | undefined
  readonly times?: Partial<TransportTimes> | undefined
  readonly log?: (event: string, fields: Record<string, unknown>) => void
}

export interface Post {
  readonly headers: Headers
  readonly body: Uint8Array
}

/** Deadlines of a user's server: a push that waits for it holds one of few places. */
const TIMES = { connectMs: 5_000, queueMs: 10_000, answerMs: 10_000 }
/** Bytes of an answer that are read. */
const ANSWER_BYTES = 4_096
/** Connections that are kept, and for how long without a push. */
const ORIGINS = 200
const IDLE_MS = 120_000

interface Line {
  readonly transport: Transport
  used: number
}

export class Poster {
  readonly #options: PosterOptions
  readonly #reach: Reach
  readonly #lines = new Map<string, Line>()
  readonly #aborts = new Set<AbortController>()
  readonly #times: TransportTimes | Partial<TransportTimes>
  #cancelSweep: (() => void) | undefined
  #stopped = false

  constructor(options: PosterOptions) {
    this.#options = options
    this.#times = { ...TIMES, ...options.times }
    const { allowPrivate, resolve = systemResolve, ca, clock } = options
    const connectMs = options.times?.connectMs ?? TIMES.connectMs
    this.#reach = new Reach({ allowPrivate, resolve, ca, clock, connectMs })
  }

  /**
   * Undefined where `make`, which is asked when the request leaves, said that it need not go.
   * @throws TransportError, ForbiddenAddress
   */
  async post(to: Endpoint, make: () => Post | undefined): Promise<Answer | undefined> {
    const speech = await this.#spoken(to.origin)
    if (this.#stopped) throw new TransportError('no', 'stopping')
    try {
      return speech === 'h2' ? await this.#byLine(to, make) : await this.#byFetch(to, make)
    } catch (error) {
      if (error instanceof TransportError && error.processed === 'no') this.#reach.forget(to.origin)
      throw error
    }
  }

  /** Why no connection to an origin can be made. */
  trouble(origin: string): string | undefined {
    return this.#lines.get(origin)?.transport.trouble
  }

  async stop(ms: number): Promise<void> {
    this.#stopped = true
    this.#cancelSweep?.()
    const cancel = this.#options.clock.after(ms, () => {
      for (const abort of this.#aborts) abort.abort()
    })
    await Promise.all([...this.#lines.values()].map(({ transport }) => transport.stop(ms)))
    cancel()
  }

  async #spoken(origin: string) {
    try {
      return await this.#reach.speech(origin)
    } catch (error) {
      // A forbidden address says so; all else is that nobody is there.
      if (error instanceof ForbiddenAddress) throw error
      throw new TransportError('no', 'no connection', error)
    }
  }

  #byLine({ href, origin }: Endpoint, make: () => Post | undefined): Promise<Answer | undefined> {
    const path = href.slice(origin.length)
    return this.#line(origin).request(() => {
      const post = make()
      return post && { headers: { ...post.headers, ':path': path }, body: post.body }
    })
  }

  #line(origin: string): Transport {
    const { clock, random, ca, log } = this.#options
    let line = this.#lines.get(origin)
    if (!line) {
      if (this.#lines.size >= ORIGINS) this.#close(this.#oldest())
      const transport = new Transport({
        origin,
        tls: ca === undefined ? {} : { ca },
        lookup: this.#reach.lookup,
        firstAlone: false,
        clock,
        random,
        times: this.#times,
        ...(log ? { log } : {}),
      })
      line = { transport, used: 0 }
      this.#lines.set(origin, line)
      this.#sweepLater()
    }
    line.used = clock.now()
    return line.transport
  }

  #oldest(): string | undefined {
    let found: { origin: string; used: number } | undefined
    for (const [origin, { used }] of this.#lines) if (!found || used < found.used) found = { origin, used }
    return found?.origin
  }

  /** Requests under way on it still finish. */
  #close(origin: string | undefined): void {
    if (origin === undefined) return
    void this.#lines.get(origin)?.transport.stop(TIMES.answerMs)
    this.#lines.delete(origin)
  }

  #sweepLater(): void {
    this.#cancelSweep ??= this.#options.clock.after(IDLE_MS, () => {
      this.#cancelSweep = undefined
      const before = this.#options.clock.now() - IDLE_MS
      for (const [origin, { used }] of this.#lines) if (used <= before) this.#close(origin)
      if (this.#lines.size > 0) this.#sweepLater()
    })
  }

  async #byFetch({ href, host }: Endpoint, make: () => Post | undefined): Promise<Answer | undefined> {
    const { clock, ca } = this.#options
    const url = new URL(href)
    const name = url.host
    const address = await this.#reach.address(host)
    const post = make()
    if (!post) return undefined
    url.hostname = address.includes(':') ? `[${address}]` : address
    const abort = new AbortController()
    const cancel = clock.after(this.#times.answerMs ?? TIMES.answerMs, () => abort.abort())
    this.#aborts.add(abort)
    try {
      const response = await fetch(url, {
        method: 'POST',
        headers: { ...post.headers, host: name },
        body: post.body,
        redirect: 'manual',
        // A small answer may unfold to gigabytes.
        decompress: false,
        signal: abort.signal,
        tls: { serverName: host, ...(ca === undefined ? {} : { ca }) },
      })
      return await readAnswer(response)
    } catch (error) {
      const refused = codeOf(error) === 'ConnectionRefused' || codeOf(error) === 'ECONNREFUSED'
      throw new TransportError(refused ? 'no' : 'unknown', refused ? 'no connection' : 'no answer', error)
    } finally {
      cancel()
      this.#aborts.delete(abort)
    }
  }
}

/** The beginning of the answer's body: a server that sends on and on is cut off. */
export async function readAnswer(response: Response): Promise<Answer> {
  // Bun's types leave open what the stream carries; of a response it is bytes.
  const reader = (response.body as ReadableStream<Uint8Array> | null)?.getReader()
  const parts: Uint8Array[] = []
  for (let bytes = 0; reader && bytes < ANSWER_BYTES;) {
    const { done, value } = await reader.read()
    if (done) break
    bytes += value.byteLength
    parts.push(value)
  }
  await reader?.cancel()
  const told = Date.parse(response.headers.get('date') ?? '')
  return {
    status: response.status,
    apnsId: undefined,
    uniqueId: undefined,
    body: Buffer.concat(parts).subarray(0, ANSWER_BYTES).toString(),
    ...(Number.isFinite(told) ? { date: told } : {}),
    retryAfter: response.headers.get('retry-after') ?? undefined,
  }
}

/** For people: the obstacle behind a failure. */
export const causeOf = (error: unknown): string | undefined => {
  const cause = error instanceof Error ? error.cause : undefined
  return cause instanceof Error ? cause.message : undefined
}
