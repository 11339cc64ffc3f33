/** Google's FCM as a provider: an outbox row becomes a message, and Google's answer a result. */
import { getLogger } from '../../log.ts'
import type { Clock, Random } from '../../store/clock.ts'
import type { Job } from '../../store/push.ts'
import { type Answer, TransportError, unanswered } from '../apns/link.ts'
import { ApnsTransport as Transport, type TransportTimes } from '../apns/transport.ts'
import { Blame } from '../outbox/blame.ts'
import { RING_MS, rungOut } from '../outbox/life.ts'
import type { Leaves, Provider, Result } from '../outbox/provider.ts'
import { AccessError, AccessTokens } from './access.ts'
import type { ServiceAccount } from './account.ts'
import { type FcmVerdict, verdictOf } from './answers.ts'
import { type FcmMessage, type FcmStyle, messageOf } from './message.ts'

const log = getLogger('push')

export interface FcmApp extends FcmStyle {
  readonly topic: string
  readonly account: ServiceAccount
  /** In Google's place. */
  readonly endpoint?: string | undefined
  readonly ca?: string | undefined
}

export interface FcmOptions {
  readonly apps: readonly FcmApp[]
  readonly proxy?: string | undefined
  readonly ringMs?: number | undefined
  readonly clock: Clock
  readonly random: Random
  readonly times?: Partial<TransportTimes> | undefined
  readonly log?: (event: string, fields: Record<string, unknown>) => void
}

const GOOGLE = 'https://fcm.googleapis.com'
const IN_ALL = 1_000
const REFUSED_MS = 15 * 60_000

interface Way {
  readonly app: FcmApp
  readonly tokens: AccessTokens
  readonly transport: Transport
}

/** Result of a message, and Google's own status. */
export interface Tried {
  readonly result: Result
  readonly status: number | null
  readonly detail?: string | undefined
}

export class FcmProvider implements Provider {
  readonly name = 'fcm'
  readonly concurrency = IN_ALL
  readonly laneConcurrency = IN_ALL
  readonly ordered = false
  readonly lingers = true
  readonly replayable = false
  readonly #options: FcmOptions
  readonly #ways = new Map<string, Way>()
  readonly #blame = new Blame()

  constructor(options: FcmOptions) {
    this.#options = options
    const { clock, random, proxy, times = {}, log: note } = options
    for (const app of options.apps) {
      const { account, ca, endpoint } = app
      this.#ways.set(app.topic, {
        app,
        tokens: new AccessTokens({ account, clock, ca, proxy: endpoint === undefined ? proxy : undefined }),
        transport: new Transport({
          origin: endpoint ?? GOOGLE,
          tls: ca === undefined ? {} : { ca },
          proxy: endpoint === undefined ? proxy : undefined,
          firstAlone: false,
          clock,
          random,
          times,
          ...(note ? { log: note } : {}),
        }),
      })
    }
  }

  lane(job: Job): string {
    return `${this.name} ${job.device?.topic ?? ''}`
  }

  trouble(lane: string): string | undefined {
    return this.#ways.get(lane.slice(this.name.length + 1))?.transport.trouble
  }

  async stop(ms: number): Promise<void> {
    await Promise.all([...this.#ways.values()].map(({ transport }) => transport.stop(ms)))
  }

  apps(): readonly { readonly app: FcmApp; readonly clockOffsetMs: number | undefined }[] {
    return [...this.#ways.values()].map(({ app, tokens }) => ({ app, clockOffsetMs: tokens.clockOffsetMs }))
  }

  async send(job: Job, leaves: Leaves): Promise<Result> {
    const { device } = job
    if (!device) return { is: 'drop', reason: 'DeviceGone', unsent: true }
    const way = this.#ways.get(device.topic)
    if (!way) return { is: 'drop', reason: 'AppNotConfigured', unsent: true }
    const { clock, ringMs = RING_MS } = this.#options
    let stays: Result | undefined
    let sentAt = clock.now()
    const make = (): FcmMessage | undefined => {
      stays = rungOut(job, clock.now(), ringMs) ?? leaves()
      if (stays) return undefined
      sentAt = clock.now()
      return messageOf(job, { style: way.app, now: sentAt, ringMs })
    }
    const tried = await this.#try(way, make, { validateOnly: false, impatient: false })
    if (!('verdict' in tried)) return stays ?? tried.result
    return this.#result(way, { account: device.accountId, sentAt }, tried.verdict)
  }

  /** A person waits: rings a device now, outside of the outbox; `validateOnly` rings nobody. */
  async try(
    topic: string,
    message: FcmMessage,
    validateOnly: boolean,
  ): Promise<Tried & { verdict?: FcmVerdict }> {
    const way = this.#ways.get(topic)
    if (!way) return { result: { is: 'drop', reason: 'AppNotConfigured' }, status: null }
    const tried = await this.#try(way, () => message, { validateOnly, impatient: true })
    if (!('verdict' in tried)) return { ...tried, status: null }
    const { verdict, status } = tried
    const result: Result =
      verdict.ruling === 'accepted' ? { is: 'sent' } : { is: 'drop', reason: verdict.reason }
    return { result, status, verdict }
  }

  async #try(
    way: Way,
    make: () => FcmMessage | undefined,
    how: { readonly validateOnly: boolean; readonly impatient: boolean },
  ): Promise<{ verdict: FcmVerdict; status: number } | { result: Result; detail?: string | undefined }> {
    for (let again = false; ; again = true) {
      let token: string
      let answer: Answer | undefined
      try {
        token = way.tokens.present ?? (await way.tokens.current())
        answer = await way.transport.request(() => {
          const message = make()
          return message && requestOf(way.app.account, token, message, how.validateOnly)
        }, how.impatient)
      } catch (error) {
        return failureOf(error)
      }
      if (!answer) return { result: { is: 'drop', reason: 'Withdrawn', unsent: true } }
      const verdict = verdictOf(answer, this.#options.clock.now())
      if (verdict.ruling !== 'expired' || again) return { verdict, status: answer.status }
      way.tokens.spent(token)
    }
  }

  #result(
    { app }: Way,
    { account, sentAt }: { account: number; sentAt: number },
    { ruling, reason, afterMs }: FcmVerdict,
  ): Result {
    switch (ruling) {
      case 'accepted':
        this.#blame.took(app.topic, account)
        return { is: 'sent' }
      case 'gone':
        return { is: 'forget', reason, since: sentAt }
      case 'misfit':
        // The file of another project is the cause where so many are refused, or the first of all.
        if (this.#blame.refused(app.topic, account)) return { is: 'pause', reason, operator: true }
        return this.#blame.works(app.topic)
          ? { is: 'forget', reason, since: sentAt }
          : { is: 'retry', reason, afterMs: REFUSED_MS, whole: true }
      case 'expired':
      case 'config':
        return { is: 'pause', reason, operator: true }
      case 'later':
        return { is: 'retry', reason, afterMs, whole: true }
      case 'retry':
        return { is: 'retry', reason, afterMs }
      case 'malformed':
        log.error('Google refused a message as malformed', { topic: app.topic, reason })
        return { is: 'drop', reason }
    }
  }
}

function requestOf({ projectId }: ServiceAccount, token: string, message: FcmMessage, validateOnly: boolean) {
  return {
    headers: {
      ':path': `/v1/projects/${projectId}/messages:send`,
      authorization: `Bearer ${token}`,
      'content-type': 'application/json',
    },
    body: JSON.stringify({ ...(validateOnly ? { validate_only: true } : {}), message }),
  }
}

function failureOf(error: unknown): { result: Result; detail?: string | undefined } {
  if (error instanceof AccessError) {
    const { reason, refused, detail } = error
    return {
      result: refused
        ? { is: 'pause', reason, operator: true }
        : { is: 'retry', reason: 'NoAccessToken', untouched: true },
      detail,
    }
  }
  if (!(error instanceof TransportError)) throw error
  return {
    result: unanswered(error),
    detail: error.cause instanceof Error ? error.cause.message : undefined,
  }
}
