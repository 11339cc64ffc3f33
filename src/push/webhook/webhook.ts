/**
 * Tells a web server of each message to somebody who is away, and of what else it wants to hear ([webhook] events).
 * Same outbox and promises as for Apple: at least once, in order per account.
 *
 * `json`: POST with `Content-Type: application/json` and the headers
 *   Belfry-Event: the event's name, such as message.offline
 *   Belfry-Delivery: a UUID, the same at each try
 *   Belfry-Timestamp: seconds since the epoch, of this try
 *   Belfry-Signature: sha256=HEX, the HMAC-SHA-256 of `timestamp.body` under the shared secret
 * A receiver recomputes the signature over the raw body, compares in constant time, and refuses old timestamps.
 *
 * `form`: the POST that home-made offline modules for ejabberd send: `from`, `to`, `body` and `token` as
 * application/x-www-form-urlencoded, so that an existing web server keeps working.
 */
import { createHmac } from 'node:crypto'
import { type EventName, isEvent, isOfRoom } from '../../config/events.ts'
import type { Clock } from '../../store/clock.ts'
import type { Job } from '../../store/push.ts'
import type { Provider, Result } from '../outbox/provider.ts'
import { allowedAddress, ForbiddenAddress, type Resolve, systemResolve } from './address.ts'

export interface WebhookOptions {
  readonly url: string
  readonly format: 'json' | 'form'
  /** Key of the signature; json only. */
  readonly secret?: string | undefined
  /** The `token` field; form only. */
  readonly token?: string | undefined
  readonly allowPrivate: boolean
  readonly timeoutMs: number
  readonly clock: Clock
  readonly resolve?: Resolve
  /** PEM of a private certificate authority. */
  readonly ca?: string | undefined
}

/** Answers that are worth another try although they are the client's fault by number. */
const PASSING = new Set([401, 403, 408, 409, 421, 425, 429])
/** An answer's body is of no interest; this much is read so that the connection can be used again. */
const DRAIN = 65_536

export class Webhook implements Provider {
  readonly name = 'webhook'
  readonly concurrency = 16
  readonly laneConcurrency = 1
  readonly ordered = true
  readonly replayable = true
  readonly #options: WebhookOptions
  readonly #url: URL
  readonly #open = new Set<Promise<unknown>>()
  readonly #aborts = new Set<AbortController>()

  constructor(options: WebhookOptions) {
    this.#options = options
    this.#url = new URL(options.url)
  }

  lane(job: Job): string {
    return `${this.name} ${job.account}`
  }

  /** One address for all: where it may not be reached, that is tried and said once. */
  group(): string {
    return this.#url.host
  }

  async send(job: Job): Promise<Result> {
    const abort = new AbortController()
    const cancel = this.#options.clock.after(this.#options.timeoutMs, () => abort.abort())
    const exchange = this.#post(job, abort.signal)
    this.#open.add(exchange)
    this.#aborts.add(abort)
    try {
      return await exchange
    } catch (error) {
      if (error instanceof ForbiddenAddress)
        return { is: 'pause', reason: 'PrivateAddress', operator: true, shared: true }
      return { is: 'retry', reason: abort.signal.aborted ? 'NoAnswer' : 'NoConnection' }
    } finally {
      cancel()
      this.#open.delete(exchange)
      this.#aborts.delete(abort)
    }
  }

  async stop(ms: number): Promise<void> {
    const cancel = this.#options.clock.after(ms, () => {
      for (const abort of this.#aborts) abort.abort()
    })
    await Promise.allSettled(this.#open)
    cancel()
  }

  async #post(job: Job, signal: AbortSignal): Promise<Result> {
    const { allowPrivate, resolve, ca } = this.#options
    const address = await allowedAddress(this.#url.hostname, allowPrivate, resolve ?? systemResolve)
    // The connection goes to the address that was checked; the name stays in Host and in the certificate's check.
    const target = new URL(this.#url)
    target.hostname = address.includes(':') ? `[${address}]` : address
    target.username = ''
    target.password = ''
    const response = await fetch(target, {
      method: 'POST',
      headers: { ...this.#authorization(), ...this.#headers(job), host: this.#url.host },
      body: this.#body(job),
      redirect: 'manual',
      signal,
      tls: { serverName: this.#url.hostname, ...(ca === undefined ? {} : { ca }) },
    })
    await drain(response)
    const { status } = response
    if (status >= 200 && status < 300) return { is: 'sent' }
    const reason = `status ${status}`
    // A redirect is not followed: the new address was not the operator's word.
    if (status >= 500 || PASSING.has(status)) return { is: 'retry', reason, afterMs: retryAfter(response) }
    return { is: 'drop', reason }
  }

  #body(job: Job): string {
    if (this.#options.format === 'form') {
      const { token } = this.#options
      const fields = {
        from: job.sender,
        to: job.account,
        body: job.body ?? '',
        ...(token === undefined ? {} : { token }),
      }
      return new URLSearchParams(fields).toString()
    }
    const head = { event: eventOf(job), id: job.pushId, time: new Date(job.createdAt).toISOString() }
    if (isEvent(job.kind)) {
      const whose = isOfRoom(job.kind) ? { room: job.account } : { account: job.account }
      return JSON.stringify({ ...head, ...whose, ...dataOf(job) })
    }
    return JSON.stringify({
      ...head,
      from: job.sender,
      to: job.account,
      kind: job.kind,
      stanza_id: job.messageId,
      body: job.body,
      unread: job.badge,
    })
  }

  #headers(job: Job): Record<string, string> {
    const agent = { 'user-agent': 'Belfry' }
    if (this.#options.format === 'form')
      return { ...agent, 'content-type': 'application/x-www-form-urlencoded; charset=utf-8' }
    const timestamp = String(Math.floor(this.#options.clock.now() / 1000))
    return {
      ...agent,
      'content-type': 'application/json',
      'belfry-event': eventOf(job),
      'belfry-delivery': job.pushId,
      'belfry-timestamp': timestamp,
      ...(this.#options.secret === undefined
        ? {}
        : { 'belfry-signature': signature(this.#options.secret, timestamp, this.#body(job)) }),
    }
  }

  /** User and password in the configured address become HTTP Basic. */
  #authorization(): Record<string, string> {
    const { username, password } = this.#url
    if (username === '') return {}
    const pair = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`
    return { authorization: `Basic ${Buffer.from(pair).toString('base64')}` }
  }
}

const eventOf = ({ kind }: Job): EventName => (isEvent(kind) ? kind : 'message.offline')

/** As it was written by store/events.ts. */
function dataOf({ body }: Job): object {
  const data: unknown = JSON.parse(body ?? '{}')
  return typeof data === 'object' && data !== null ? data : {}
}

export function signature(secret: string, timestamp: string, body: string): string {
  return `sha256=${createHmac('sha256', secret).update(`${timestamp}.${body}`).digest('hex')}`
}

/** `Retry-After` in seconds, within reason. */
function retryAfter(response: Response): number | undefined {
  const seconds = Number(response.headers.get('retry-after') ?? Number.NaN)
  return Number.isFinite(seconds) && seconds > 0 ? Math.min(seconds, 3_600) * 1000 : undefined
}

async function drain(response: Response): Promise<void> {
  // Bun's types leave open what the stream carries; of a response it is bytes.
  const reader = (response.body as ReadableStream<Uint8Array> | null)?.getReader()
  for (let bytes = 0; reader && bytes <= DRAIN;) {
    const { done, value } = await reader.read()
    if (done) return
    bytes += value.byteLength
  }
  await reader?.cancel()
}
