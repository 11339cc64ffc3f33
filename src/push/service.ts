/** Puts the push parts together: what server.ts starts, tells and stops. */
import { generateKeyPairSync } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { SIMULATOR_TOPIC } from '../config/app.ts'
import { getLogger } from '../log.ts'
import type { Clock, Random } from '../store/clock.ts'
import type { ReadPush, RunTrip } from '../store/tx.ts'
import { ApnsSender } from './apns/apns.ts'
import { ApnsChannels } from './apns/channels.ts'
import { type ApnsApp, type AppFiles, CredentialError, loadApp } from './apns/credentials.ts'
import { ApnsProvider, type ApnsProviderOptions } from './apns/provider.ts'
import type { TokenStore } from './apns/token.ts'
import type { TransportTimes } from './apns/transport.ts'
import { countConnection } from './apns/connections.ts'
import { Dispatcher, type DispatcherOptions } from './outbox/dispatcher.ts'
import type { AppStyle } from './apns/payload.ts'
import { fcmOf, type OtherParts, webPushOf } from './others.ts'
import type { FcmProvider } from './fcm/provider.ts'
import type { WebPushProvider } from './webpush/provider.ts'
import { Webhook } from './webhook/webhook.ts'

const log = getLogger('push')

export interface PushServiceOptions extends Pick<OtherParts, 'webpush' | 'fcm' | 'vapid'> {
  readonly push: ReadPush
  readonly badges: DispatcherOptions['badges']
  readonly outdated?: DispatcherOptions['outdated']
  readonly removal?: DispatcherOptions['removal']
  readonly run: RunTrip
  readonly clock: Clock
  readonly random: Random
  readonly apps: readonly (AppFiles & AppStyle)[]
  /** push.ring_time (ms) */
  readonly ringMs?: number | undefined
  /** Address of the simulator, if it is the target instead of Apple. */
  readonly simulator?: { readonly url: string; readonly ca: string } | undefined
  readonly webhook: {
    readonly url?: string | undefined
    readonly secret_file?: string | undefined
    readonly format: 'json' | 'form'
    readonly token_file?: string | undefined
    readonly allow_private: boolean
    readonly timeout?: number | undefined
  }
  /** [push] proxy; never used for the simulator. */
  readonly proxy?: string | undefined
  /** limits.push_queue */
  readonly capacity?: number
  readonly times?: Partial<TransportTimes>
  /** push.keep_verdicts (ms): verdicts, and rows that the webhook refused. */
  readonly keepMs?: number | undefined
}

const HOUR = 3_600_000
const KEEP = 14 * 24 * HOUR
const PURGE = 500

export class PushService {
  readonly dispatcher: Dispatcher
  /** Undefined: no app is configured, pushes to phones are off. */
  readonly apns: ApnsSender | undefined
  readonly channels: ApnsChannels | undefined
  readonly webpush: WebPushProvider | undefined
  readonly fcm: FcmProvider | undefined
  readonly #options: PushServiceOptions
  #cancel: (() => void) | undefined

  /** Throws CredentialError with a sentence for the operator. */
  constructor(options: PushServiceOptions) {
    this.#options = options
    const { push, run, clock, random, apps, simulator, capacity } = options
    const transport = {
      tokens: storedTokens(push, run),
      clock,
      random,
      times: options.times ?? {},
      log: (event: string, fields: Record<string, unknown>) =>
        note(event, simulator ? { target: 'simulator', ...fields } : fields),
    }
    const simulated = simulator && simulatorApp(simulator)
    if (simulated) this.apns = new ApnsSender({ ...transport, apps: [], anyTopic: simulated })
    else if (apps.length > 0)
      this.apns = new ApnsSender({ ...transport, proxy: options.proxy, apps: apps.map(loadApp) })
    this.channels = this.apns && new ApnsChannels(this.apns)
    // Of a service that has no table of its own, that of the other holds: one key serves both.
    const style: ApnsProviderOptions['style'] = (topic, environment) => {
      const own = apps.filter((app) => app.topic === topic)
      return own.find((app) => app.environment === environment) ?? own[0] ?? { body: 'sender' }
    }
    const name = simulated ? 'simulator' : 'apns'
    const apns =
      this.apns &&
      new ApnsProvider({
        sender: this.apns,
        style,
        clock,
        name,
        ringMs: options.ringMs,
        bytes: (n) => random.bytes(n),
      })
    this.webpush = webPushOf({ ...options, log: note })
    this.fcm = fcmOf({ ...options, log: note })
    const webhook = makeWebhook(options)
    this.dispatcher = new Dispatcher({
      push,
      badges: options.badges,
      outdated: options.outdated,
      removal: options.removal,
      run,
      providers: { apns, webpush: this.webpush, fcm: this.fcm },
      webhook,
      clock,
      random,
      ...(capacity ? { capacity } : {}),
    })
  }

  start(): void {
    this.dispatcher.start()
    this.#sweepLater(60_000)
  }

  async stop(drainMs: number): Promise<void> {
    this.#cancel?.()
    await this.dispatcher.stop(drainMs)
  }

  #sweepLater(ms: number): void {
    this.#cancel = this.#options.clock.after(ms, () => {
      const { run, clock, keepMs } = this.#options
      const before = clock.now() - (keepMs ?? KEEP)
      // In batches, so that no trip holds the loop: a full one means that there is more.
      run(({ store: { push } }) =>
        Math.max(push.purgeVerdicts(before, PURGE), push.purgeDead(before, PURGE)),
      ).then(
        (deleted) => this.#sweepLater(deleted === PURGE ? 100 : HOUR),
        (error: unknown) => {
          log.warn('old push verdicts could not be deleted', { error })
          this.#sweepLater(HOUR)
        },
      )
    })
  }
}

function note(event: string, fields: Record<string, unknown>): void {
  countConnection(event, fields.cause)
  if (event === 'cannot connect') log.warn(event, fields)
  else log.info(event, fields)
}

/** Provider tokens outlive the process in the store; a token that could not be saved costs one early signature. */
function storedTokens(push: ReadPush, run: RunTrip): TokenStore {
  return {
    load: (teamId, keyId) => push.tokens.get(teamId, keyId),
    save: (teamId, keyId, token) => {
      run(({ store }) => store.push.tokens.set(teamId, keyId, token)).catch((error: unknown) =>
        log.warn('a provider token could not be saved', { error }),
      )
    },
  }
}

/** The simulator takes any topic, signed with a key that exists only in this process. */
function simulatorApp({ url, ca }: { url: string; ca: string }): ApnsApp {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const signing = { teamId: 'SIMULATOR0', keyId: 'SIMULATOR0', key: privateKey }
  return {
    topic: SIMULATOR_TOPIC,
    environment: 'production',
    endpoint: url,
    ca,
    credential: { kind: 'key', signing },
  }
}

function makeWebhook({ webhook, clock }: PushServiceOptions): Webhook | undefined {
  if (webhook.url === undefined) return undefined
  return new Webhook({
    url: webhook.url,
    format: webhook.format,
    secret: secretOf(webhook.secret_file),
    token: secretOf(webhook.token_file ?? webhook.secret_file),
    allowPrivate: webhook.allow_private,
    timeoutMs: webhook.timeout ?? 10_000,
    clock,
  })
}

function secretOf(name: string | undefined): string | undefined {
  if (name === undefined) return undefined
  let secret: string
  try {
    secret = readFileSync(name, 'utf8').trim()
  } catch (cause) {
    throw new CredentialError(`webhook: ${name} cannot be read`, { cause })
  }
  if (secret === '') throw new CredentialError(`webhook: ${name} is empty`)
  return secret
}
