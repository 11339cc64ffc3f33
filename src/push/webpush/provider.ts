/** Web Push as a provider, which is UnifiedPush too: an outbox row becomes a sealed request, and the answer a result. */
import { createHash } from 'node:crypto'
import { BoundedMap } from '../../bounded-map.ts'
import { getLogger } from '../../log.ts'
import type { Clock, Random } from '../../store/clock.ts'
import type { Device, DeviceOptions } from '../../store/devices.ts'
import type { DirectFacts, Job } from '../../store/push.ts'
import type { VapidKey } from '../../store/vapid-keys.ts'
import { directWeb } from '../direct/web.ts'
import { type Answer, TransportError, unanswered } from '../apns/link.ts'
import { Blame } from '../outbox/blame.ts'
import { RING_MS, rungOut, ttlOf } from '../outbox/life.ts'
import type { Leaves, Provider, Result } from '../outbox/provider.ts'
import { noticeOf, showsNothing } from '../rules/notice.ts'
import { ForbiddenAddress } from '../webhook/address.ts'
import { reasonOf, resultOf, rulingOf } from './answers.ts'
import { type Endpoint, isBrowsers, mostBytes, readEndpoint } from './endpoint.ts'
import { envelopeOf } from './envelope.ts'
import { linkOf, webPayload, type WebStyle } from './payload.ts'
import { type Post, Poster, type PosterOptions } from './post.ts'
import { chanceFrom, sealText } from './sealing.ts'
import { type VapidSigner, VapidTokens } from './tokens.ts'

const log = getLogger('push')

export interface WebPushOptions extends Pick<PosterOptions, 'resolve' | 'ca' | 'times' | 'log'> {
  /** mailto: or https:, whom a push service may write to. */
  readonly contact: string
  readonly allowPrivate: boolean
  readonly hosts: readonly string[]
  readonly style: WebStyle
  /** A key of ours, by its public half. */
  readonly vapid: (publicKey: string) => VapidKey | undefined
  /** Time for which a call rings (ms). */
  readonly ringMs?: number | undefined
  readonly clock: Clock
  readonly random: Random
}

const HOUR = 3_600_000
/** Longest that any service keeps a push. */
const TTL_S = 28 * 86_400
/** Requests under way at a time: in all, to one server that somebody has named, and to all of these. */
const IN_ALL = 1_000
const ONE_STRANGER = 8
const STRANGERS = 200
/** Wait for a place among them. */
const CROWDED_MS = 1_000
/** Refusals of one subscription as malformed after which it rests. */
const MALFORMED = 3
const SUBSCRIPTIONS = 10_000

type Subscription = NonNullable<DeviceOptions['web']>

export class WebPushProvider implements Provider {
  readonly name = 'webpush'
  readonly concurrency = IN_ALL
  readonly laneConcurrency = IN_ALL
  readonly ordered = false
  readonly lingers = true
  readonly replayable = false
  readonly #options: WebPushOptions
  readonly #poster: Poster
  readonly #tokens: VapidTokens
  readonly #blame = new Blame()
  /** Refusals in a row, by address. */
  readonly #malformed = new BoundedMap<string, number>(SUBSCRIPTIONS)
  #strangers = 0

  constructor(options: WebPushOptions) {
    this.#options = options
    this.#poster = new Poster(options)
    this.#tokens = new VapidTokens(options.contact, options.clock)
  }

  /** Server of the endpoint: what ails it ails all of its subscriptions. */
  lane(job: Job): string {
    const endpoint = this.#endpoint(job.device?.address ?? '')
    return `${this.name} ${typeof endpoint === 'string' ? 'nowhere' : endpoint.origin}`
  }

  bound(lane: string): number {
    return this.#isStranger(new URL(originOf(lane)).hostname) ? ONE_STRANGER : IN_ALL
  }

  trouble(lane: string): string | undefined {
    return this.#poster.trouble(originOf(lane))
  }

  stop(ms: number): Promise<void> {
    return this.#poster.stop(ms)
  }

  async send(job: Job, leaves: Leaves): Promise<Result> {
    const { device, kind } = job
    if (!device) return { is: 'drop', reason: 'DeviceGone', unsent: true }
    const endpoint = this.#endpoint(device.address)
    if (typeof endpoint === 'string') return { is: 'drop', reason: 'EndpointRefused', unsent: true }
    if (showsNothing(kind) && isBrowsers(endpoint.host)) return { is: 'withdrawn', rule: 'shows-nothing' }
    if (!this.#isStranger(endpoint.host)) return this.#deliver(job, device, endpoint, leaves)
    if (this.#strangers >= STRANGERS)
      return { is: 'retry', reason: 'Crowded', afterMs: CROWDED_MS, untouched: true, whole: true }
    this.#strangers++
    try {
      return await this.#deliver(job, device, endpoint, leaves)
    } finally {
      this.#strangers--
    }
  }

  /** Rings a device now, outside of the outbox: what a person is told of it. */
  async try(
    job: Job,
  ): Promise<{ readonly result: Result; readonly status: number | null; readonly detail?: string }> {
    const { device } = job
    const endpoint = this.#endpoint(device?.address ?? '')
    if (!device || typeof endpoint === 'string')
      return {
        result: { is: 'drop', reason: 'EndpointRefused' },
        status: null,
        detail: typeof endpoint === 'string' ? endpoint : 'it is gone',
      }
    let status: number | null = null
    const result = await this.#deliver(
      job,
      device,
      endpoint,
      () => undefined,
      (answer) => (status = answer.status),
    )
    const detail = this.#poster.trouble(endpoint.origin)
    return { result, status, ...(detail === undefined ? {} : { detail }) }
  }

  /** Sends; a text that is too long goes once more in short, and a token that was refused for the time by the right time. */
  async #deliver(
    job: Job,
    device: Device,
    endpoint: Endpoint,
    leaves: Leaves,
    heard?: (answer: Answer) => void,
  ): Promise<Result> {
    const { clock, ringMs = RING_MS } = this.#options
    const { web } = device.options
    const signer = web && this.#signerOf(web)
    if (!web) return { is: 'drop', reason: 'NoKeys', unsent: true }
    if (!signer) return { is: 'drop', reason: 'VapidKeyLost', unsent: true }
    let short = false
    let again = false
    for (;;) {
      let sentAt = clock.now()
      let stays: Result | undefined
      let answer: Answer | undefined
      try {
        answer = await this.#poster.post(endpoint, () => {
          stays = rungOut(job, clock.now(), ringMs) ?? leaves()
          if (stays) return undefined
          sentAt = clock.now()
          return this.#request(job, endpoint, { web, signer, short })
        })
      } catch (error) {
        return failureOf(error)
      }
      if (!answer) return stays ?? { is: 'drop', reason: 'Withdrawn', unsent: true }
      heard?.(answer)
      const ruling = rulingOf(answer.status)
      if (ruling === 'too-large' && !short) short = true
      else if (ruling === 'refused' && !again && this.#bySkew(endpoint, signer, answer)) again = true
      else return this.#result(device, endpoint, answer, sentAt)
    }
  }

  #bySkew({ origin }: Endpoint, signer: VapidSigner, { date }: Answer): boolean {
    return date !== undefined && this.#tokens.refused(origin, signer, date - this.#options.clock.now())
  }

  #result(device: Device, { origin }: Endpoint, answer: Answer, sentAt: number): Result {
    const ruling = rulingOf(answer.status)
    const result = resultOf(answer, this.#options.clock.now(), sentAt)
    if (ruling === 'accepted') this.#blame.took(origin, device.accountId)
    if (ruling === 'refused' && this.#blame.refused(origin, device.accountId))
      return { is: 'pause', reason: reasonOf(answer), operator: true }
    if (ruling !== 'malformed') {
      this.#malformed.delete(device.address)
      return result
    }
    log.error('a push service refused a request as malformed', { origin, reason: reasonOf(answer) })
    const times = (this.#malformed.use(device.address) ?? 0) + 1
    this.#malformed.set(device.address, times)
    return times < MALFORMED ? result : { is: 'retry', reason: reasonOf(answer), afterMs: HOUR, whole: true }
  }

  #request(
    job: Job,
    { origin, host }: Endpoint,
    { web, signer, short }: { web: Subscription; signer: VapidSigner; short: boolean },
  ): Post {
    const { style, random, clock, ringMs = RING_MS } = this.#options
    const options = job.device?.options ?? {}
    const limit = mostBytes(host)
    const notice = noticeOf(job, style, options)
    const sce = web.format === 'sce'
    const words = () =>
      job.direct
        ? directWeb(job, job.direct, linkOf(job, style, false))
        : webPayload(job, notice, { style, options, limit, short })
    const text = sce ? envelopeOf(job, notice, limit, short) : Buffer.from(JSON.stringify(words()))
    const keys = { p256dh: Buffer.from(web.p256dh, 'base64url'), auth: Buffer.from(web.auth, 'base64url') }
    const body = sealText(
      text,
      keys,
      chanceFrom((n) => random.bytes(n)),
    )
    return {
      headers: {
        authorization: this.#tokens.header(origin, signer),
        'content-type': sce ? 'application/octet-stream' : 'application/notification+json',
        'content-encoding': 'aes128gcm',
        'content-length': String(body.length),
        ttl: String(ttlOf(job, clock.now(), ringMs, TTL_S)),
        urgency: showsNothing(job.kind) ? 'low' : job.direct ? urgencyOf(job.direct) : notice.urgency,
        topic: topicOf(job),
      },
      body,
    }
  }

  #signerOf({ vapid, own }: Subscription): VapidSigner | undefined {
    return own ? { publicKey: vapid, ...own } : this.#options.vapid(vapid)
  }

  #endpoint(address: string): Endpoint | string {
    return readEndpoint(address, this.#options)
  }

  /** Neither a browser's service nor one that the operator has named. */
  #isStranger(host: string): boolean {
    return !isBrowsers(host) && this.#options.hosts.length === 0
  }
}

const urgencyOf = ({ priority }: DirectFacts) =>
  priority === 10 ? 'high' : priority === 5 ? 'normal' : 'low'

const originOf = (lane: string): string => {
  const origin = lane.slice(lane.indexOf(' ') + 1)
  return URL.canParse(origin) ? origin : 'https://nowhere.invalid'
}

/** RFC 8030 §5.4: at most 32 characters of base64url; the service sees it, so that nothing can be read from it. */
function topicOf({ collapseId, call, accountId, messageId }: Job): string {
  const name = `${accountId} ${call ? call.sid : collapseId || messageId}`
  return createHash('sha256').update(name).digest('base64url').slice(0, 32)
}

function failureOf(error: unknown): Result {
  if (error instanceof ForbiddenAddress) return { is: 'drop', reason: 'PrivateAddress', unsent: true }
  if (!(error instanceof TransportError)) throw error
  if (error.cause instanceof ForbiddenAddress) return { is: 'drop', reason: 'PrivateAddress', unsent: true }
  return unanswered(error)
}
