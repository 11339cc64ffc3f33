/** Apple as a provider: an outbox row becomes a request, and Apple's answer a result. */
import { BoundedMap } from '../../bounded-map.ts'
import { getLogger } from '../../log.ts'
import type { Clock } from '../../store/clock.ts'
import type { Device } from '../../store/devices.ts'
import type { DirectFacts, Job, PushType } from '../../store/push.ts'
import type { ApnsRequest, ApnsSender, ApnsResult } from './apns.ts'
import { topicFor } from './composer.ts'
import { type Environment, environmentOf } from './credentials.ts'
import { goesToPushKit, type RequestOptions, requestFor } from './request.ts'
import type { AppStyle } from './payload.ts'
import { RING_MS, rungOut } from '../outbox/life.ts'
import type { Leaves, Provider, Result } from '../outbox/provider.ts'

const log = getLogger('push')

export interface ApnsProviderOptions {
  readonly sender: Pick<ApnsSender, 'sendComposed' | 'reaches' | 'lane' | 'stop' | 'trouble'>
  /** Look of an app's payloads. */
  readonly style: (topic: string, environment: Environment) => AppStyle
  readonly bytes: (n: number) => Buffer
  /** Time for which a call rings. */
  readonly ringMs?: number | undefined
  readonly clock: Clock
  /** 'simulator' where that is the target, so that no figure is mistaken for Apple's. */
  readonly name?: 'apns' | 'simulator'
  readonly concurrency?: number
}

/** DeviceTokenNotForTopic from this many devices, and more than this part of a topic's answers, is a wrong bundle id. */
const WRONG_TOPIC_LEAST = 5
const WRONG_TOPIC_PART = 0.2
/** Faults of one topic; every other is one of the key or certificate, and of all that it signs. */
const OF_TOPIC = new Set(['AppNotConfigured', 'BadTopic', 'MissingTopic', 'TopicDisallowed'])
/** Answers per topic after which the tally is halved, so that it follows the present. */
const TALLY = 1_000

/** Topics that are remembered, the simulator takes any: with the oldest forgotten. */
const TOPICS = 1_000

export class ApnsProvider implements Provider {
  readonly name: string
  readonly concurrency: number
  readonly laneConcurrency: number
  readonly ordered = false
  readonly lingers = true
  readonly replayable = false
  readonly #options: ApnsProviderOptions
  /** Topics whose calls Apple refuses. */
  readonly #withoutCalls = new BoundedMap<string, true>(TOPICS)
  readonly #tally = new BoundedMap<string, { all: number; wrongTopic: number }>(TOPICS)
  /** Topics of lanes; the least recently used is forgotten. */
  readonly #lanes = new BoundedMap<string, Way>(TOPICS)

  constructor(options: ApnsProviderOptions) {
    this.#options = options
    this.name = options.name ?? 'apns'
    this.concurrency = options.concurrency ?? 1_000
    this.laneConcurrency = this.concurrency
  }

  /** A configuration fault is one of (team or certificate, environment) and topic. */
  lane(job: Job): string {
    const { topic, environment } = wayOf(job)
    const lane = `${this.name} ${this.#options.sender.lane(topic, environment)} ${topic}`
    if (!this.#lanes.use(lane)) this.#lanes.set(lane, { topic, environment })
    return lane
  }

  group(job: Job): string {
    const { topic, environment } = wayOf(job)
    return this.#options.sender.lane(topic, environment)
  }

  trouble(name: string): string | undefined {
    const lane = this.#lanes.get(name)
    return lane && this.#options.sender.trouble(lane.topic, lane.environment)
  }

  async send(job: Job, leaves: Leaves): Promise<Result> {
    const { device } = job
    if (!device) return { is: 'drop', reason: 'DeviceGone', unsent: true }
    const { clock, ringMs = RING_MS } = this.#options
    const asks = (): Result | undefined => rungOut(job, clock.now(), ringMs) ?? leaves()
    if (job.direct) return directResult(job.direct, await this.#deliver(job, device, job.direct.type, asks))
    if (!goesToPushKit(job, this.#options.style(device.topic, environmentOf(device))))
      return this.#deliver(job, device, 'alert', asks)
    const result = await this.#deliver(job, device, 'voip', asks)
    const ofTopic = result.is === 'pause' && !result.shared
    const misfit = result.is === 'drop' && result.reason === 'DeviceTokenNotForTopic'
    if (result.is !== 'forget' && !ofTopic && !misfit) return result
    if (ofTopic || misfit) this.#refused(device.topic, result.reason)
    // Only the token or the topic for calls is at fault: the phone hears of the call as an alert.
    const alert = await this.#deliver(job, device, 'alert', asks)
    const gone = result.is === 'forget' && device.refreshedAt <= result.since
    return alert.is === 'sent' && gone ? { ...alert, callsGone: true } : alert
  }

  /** The operator is told once; alerts go on. */
  #refused(topic: string, reason: string): void {
    if (this.#withoutCalls.has(topic)) return
    this.#withoutCalls.set(topic, true)
    log.error('Apple refuses calls: they ring as alerts', { topic: `${topic}.voip`, reason })
  }

  stop(ms: number): Promise<void> {
    return this.#options.sender.stop(ms)
  }

  async #deliver(job: Job, device: Device, type: PushType, asks: Leaves): Promise<Result> {
    let sentAt = this.#options.clock.now()
    let stays: Result | undefined
    // PushKit's topic is another, and so on: what is wrong with it says nothing of the app's own.
    const topic = topicFor(device.topic, type)
    const attempt = (environment: Environment, short = false) =>
      this.#options.sender.sendComposed({
        topic: device.topic,
        environment,
        apnsId: job.pushId,
        make: () => {
          stays = asks()
          if (stays) return undefined
          sentAt = this.#options.clock.now()
          // What was looked up anew may say other things of the device.
          return this.#request(job, job.device ?? device, { environment, short, voip: type === 'voip' })
        },
      })
    const own = environmentOf(device)
    let answer = await attempt(own)
    if (answer.outcome === 'shorten') answer = await attempt(own, true)
    if (answer.outcome === 'environment' && !device.environmentPinned) {
      const other: Environment = own === 'production' ? 'sandbox' : 'production'
      if (this.#options.sender.reaches(device.topic, other)) {
        const second = await attempt(other)
        if (second.outcome === 'accepted') return { ...sent(second), environment: other }
        // Unless the other side says clearly that it does not know the token either, nothing is known.
        if (!['environment', 'delete', 'config'].includes(second.outcome))
          return stays ?? this.#result(topic, second, sentAt)
      }
    }
    return stays ?? this.#result(topic, answer, sentAt)
  }

  #request(
    job: Job,
    { topic }: Device,
    how: Pick<RequestOptions, 'environment' | 'short' | 'voip'>,
  ): ApnsRequest {
    const { style, ringMs = RING_MS, bytes } = this.#options
    return requestFor(job, { ...how, style: style(topic, how.environment), ringMs, bytes })
  }

  #result(topic: string, answer: ApnsResult, sentAt: number): Result {
    const reason = answer.reason ?? `status ${answer.status}`
    const afterMs = answer.retryAfterMs
    const ids = answer.uniqueId === undefined ? {} : { uniqueId: answer.uniqueId }
    this.#count(topic, reason)
    switch (answer.outcome) {
      case 'accepted':
        return sent(answer)
      case 'retry':
        return { is: 'retry', reason, afterMs, untouched: answer.untouched ?? false }
      case 'later':
        return { is: 'retry', reason, afterMs, whole: true }
      case 'pause':
        return { is: 'pause', reason, afterMs, operator: reason === 'ExpiredProviderToken', shared: true }
      case 'config':
        return { is: 'pause', reason, operator: true, shared: !OF_TOPIC.has(reason) }
      case 'misfit':
        // So many cannot all be wrong: what waits for this topic is kept until the operator has mended it.
        return this.#wrongTopic(topic)
          ? { is: 'pause', reason, operator: true }
          : { is: 'drop', reason, ...ids }
      case 'delete':
        // Without Apple's own word since when, only a registration older than this very try is meant.
        return { is: 'forget', reason, since: answer.timestamp ?? sentAt, ...ids }
      case 'environment':
        return { is: 'forget', reason, since: sentAt, ...ids }
      case 'shorten':
      case 'drop':
      case 'kept':
        return { is: 'drop', reason, ...ids }
    }
  }

  #count(topic: string, reason: string): void {
    const tally = this.#tally.get(topic) ?? { all: 0, wrongTopic: 0 }
    this.#tally.set(topic, tally)
    tally.all++
    if (reason === 'DeviceTokenNotForTopic') tally.wrongTopic++
    if (tally.all < TALLY) return
    tally.all /= 2
    tally.wrongTopic /= 2
  }

  /** So many devices cannot all have the wrong app: then it is ours that is wrong. */
  #wrongTopic(topic: string): boolean {
    const tally = this.#tally.get(topic)
    return !!tally && tally.wrongTopic >= WRONG_TOPIC_LEAST && tally.wrongTopic > tally.all * WRONG_TOPIC_PART
  }
}

interface Way {
  readonly topic: string
  readonly environment: Environment
}

const wayOf = ({ device }: Job): Way =>
  device
    ? { topic: device.topic, environment: environmentOf(device) }
    : { topic: '', environment: 'production' }

/** Topics of their own have faults of their own, and messages to the phone do not wait for them. */
function directResult({ type }: DirectFacts, result: Result): Result {
  const ofTopic = result.is === 'pause' && !result.shared && topicFor('', type) !== ''
  return ofTopic ? { is: 'drop', reason: result.reason } : result
}

const sent = ({ uniqueId }: ApnsResult): Result & { is: 'sent' } =>
  uniqueId === undefined ? { is: 'sent' } : { is: 'sent', uniqueId }
