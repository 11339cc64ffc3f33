/** The push service of the moment. A reload puts a new one in its place once the new keys have been read. */
import type { Config } from '../config/config.ts'
import { getLogger } from '../log.ts'
import {
  pushAlarms,
  pushCertificateExpiry,
  pushDead,
  pushKeyAge,
  pushOldest,
  pushPaused,
} from '../metrics/metrics.ts'
import type { ApnsSim } from '../ops/apns-sim.ts'
import { SimPhones } from '../ops/apns-sim-phones.ts'
import { fingerprint } from '../ops/watch-files.ts'
import { type Alarm, AlarmLog, alarmsOf } from '../push/diagnose/alarms.ts'
import type { AppState } from '../push/apns/apns.ts'
import type { ApnsChannels } from '../push/apns/channels.ts'
import { startCensus } from '../push/diagnose/device-metrics.ts'
import type { LaneState } from '../push/outbox/queue.ts'
import { type ProbeResult, withDetail } from '../push/apns/probe.ts'
import { probeAll } from '../push/diagnose/probe-others.ts'
import { rests } from '../push/diagnose/paused.ts'
import type { PushService, PushServiceOptions } from '../push/service.ts'
import { testPush, type TestResult } from '../push/diagnose/test-push.ts'
import type { Account } from '../store/accounts.ts'
import type { PushReports } from '../store/push-reports.ts'

const log = getLogger('push')

/** Pushes under way get this long at a stop; the rest is in the outbox and goes out at the next start. */
const DRAIN_MS = 5_000
/** Between two looks at what is wrong, for metrics and the log. */
const MEASURE_MS = 2_000

/** Pushes that the simulator remembers: nobody but its phones asks. */
const KEPT = 100

type Parts = Pick<
  PushServiceOptions,
  'push' | 'badges' | 'outdated' | 'removal' | 'run' | 'clock' | 'random' | 'vapid'
> & {
  readonly reports: PushReports
}

export class LivePush {
  readonly #parts: Parts
  #service: PushService | undefined
  #simulator: ApnsSim | undefined
  /** Phones that ring nowhere but in the simulator. */
  readonly phones = new SimPhones()
  /** Parts of which the service was made. */
  #made = ''
  #config: Config['push'] | undefined
  readonly #alarms = new AlarmLog()
  #stopCensus: () => void = () => undefined
  #stopMeasuring: () => void = () => undefined

  constructor(parts: Parts) {
    this.#parts = parts
    this.#stopCensus = startCensus(parts.reports, parts.clock)
    this.#measureLater()
  }

  /**
   * Starts, or changes over to new apps and keys. What is queued in between waits in its table.
   * Throws CredentialError with a sentence for the operator; what ran before runs on.
   */
  async use(config: Config): Promise<void> {
    const { push, webhook } = config
    const making = JSON.stringify([
      push.simulator,
      push.apps,
      push.fcm,
      push.webpush,
      push.ring_time,
      push.keep_verdicts,
      push.proxy,
      webhook,
      fingerprint(keyFiles(config)),
    ])
    this.#config = push
    if (this.#service && making === this.#made) return this.#service.dispatcher.resume()
    if (push.simulator) this.#simulator ??= await startSimulator(this.phones)
    const sim = this.#simulator
    // Loaded behind the listeners: nothing that listens needs it.
    const { PushService } = await import('../push/service.ts')
    const fresh = new PushService({
      ...this.#parts,
      apps: push.apps,
      fcm: push.fcm,
      webpush: push.webpush,
      ringMs: push.ring_time,
      keepMs: push.keep_verdicts,
      simulator: sim && { url: sim.url, ca: sim.ca },
      webhook,
      proxy: push.proxy,
      capacity: config.limits.push_queue,
    })
    if (this.#service) log.info('push changes over to new settings')
    await this.#service?.stop(DRAIN_MS)
    this.#service = fresh
    this.#made = making
    fresh.start()
  }

  async stop(): Promise<void> {
    this.#stopCensus()
    this.#stopMeasuring()
    await this.#service?.stop(DRAIN_MS)
    await this.#simulator?.close()
  }

  /** Rings every device of an account now and tells what came back. */
  test(account: Account): Promise<TestResult[]> {
    return testPush(this.#service, this.#parts.push.devices.of(account.id), {
      ...this.#parts,
      account: account.jid,
    })
  }

  /** Asks Apple about every app's key or certificate. */
  check(): Promise<ProbeResult[]> {
    return probeAll(this.#service, this.#parts)
  }

  lanes(): LaneState[] {
    return this.#service?.dispatcher.lanes() ?? []
  }

  apps(): AppState[] {
    return this.#service?.apns?.apps() ?? []
  }

  get channels(): ApnsChannels | undefined {
    return this.#service?.channels
  }

  alarms(): Alarm[] {
    const { clock, reports } = this.#parts
    if (!this.#service || !this.#config) return []
    const { dispatcher, apns } = this.#service
    return alarmsOf({
      now: clock.now(),
      oldest: dispatcher.oldest(),
      lanes: dispatcher.lanes(),
      apps: this.apps(),
      clockOffset: apns?.clockOffsetMs,
      dead: reports.deadCount(),
      misfits: reports.misfits(),
      alarmAfter: this.#config.alarm_after,
      certificateAlarm: this.#config.certificate_alarm,
    })
  }

  /** Figures for the metrics, and alarms for the log. */
  measure(): void {
    const { clock, reports } = this.#parts
    const oldest = this.#service?.dispatcher.oldest()
    pushOldest.set(oldest === undefined ? 0 : Math.max(0, clock.now() - oldest) / 1000)
    pushDead.set(reports.deadCount())
    pushPaused.set(this.lanes().filter(({ paused }) => paused !== null).length)
    for (const { topic, environment, tokenAgeMs, expires } of this.apps()) {
      if (tokenAgeMs !== undefined) pushKeyAge.set({ topic, environment }, tokenAgeMs / 1000)
      if (expires !== undefined) pushCertificateExpiry.set({ topic, environment }, expires / 1000)
    }
    const alarms = this.alarms()
    pushAlarms.set(alarms.length)
    this.#alarms.update(alarms)
  }

  /** Metrics and alarms are measured anew every MEASURE_MS, so that they never show an old state. */
  #measureLater(): void {
    this.#stopMeasuring = this.#parts.clock.after(MEASURE_MS, () => {
      this.measure()
      this.#measureLater()
    })
  }

  /** Whether something keeps pushes from leaving now. */
  get degraded(): boolean {
    return rests(this.lanes()).some(({ reason }) => reason !== 'retry')
  }

  /** Target of pushes and how it goes there, in one line for people. */
  describe({ push }: Config): string {
    const dispatcher = this.#service?.dispatcher
    const waiting = dispatcher && dispatcher.size > 0 ? [`${dispatcher.size} waiting`] : []
    const paused = rests(this.lanes()).map(
      ({ lane, reason, detail }) => `${lane} paused: ${withDetail(reason, detail)}`,
    )
    return [targetOf(push), ...waiting, ...paused].join('; ')
  }
}

function targetOf(push: Config['push']): string {
  if (push.simulator) return 'simulator: no phone rings'
  const apps = [
    ...push.apps.map((app) => `${app.topic} (${app.environment})`),
    ...push.fcm.map((app) => `${app.topic} (FCM)`),
    ...(push.webpush.contact === undefined ? [] : ['Web Push']),
  ]
  return apps.join(', ') || 'off: no [[push.apps]] is configured'
}

function keyFiles({ push, webhook }: Config): string[] {
  const files = push.apps.flatMap((app) => [
    app.key_file,
    app.cert_file,
    app.cert_key_file,
    app.p12_file,
    app.p12_password_file,
    app.ca_file,
  ])
  const others = [...push.fcm.flatMap((app) => [app.service_account_file, app.ca_file]), push.webpush.ca_file]
  return [...files, ...others, webhook.secret_file, webhook.token_file].filter((file) => file !== undefined)
}

/** The simulator of Apple, printing what a phone would show. */
async function startSimulator(phones: SimPhones): Promise<ApnsSim> {
  const { startApnsSim } = await import('../ops/apns-sim.ts')
  return startApnsSim({
    print: (block) => process.stdout.write(`${block}\n`),
    heard: (push) => phones.take(push),
    keep: KEPT,
  })
}
