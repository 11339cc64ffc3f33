/** Fetches certificates where there are none and renews them at two thirds of their life, patient with the authority. */
import type { Config } from '../../config/config.ts'
import { getLogger, OutsideError } from '../../log.ts'
import { acmeNext, acmeOrders } from '../../metrics/metrics.ts'
import type { Clock, Random } from '../../store/clock.ts'
import { issue } from './authority.ts'
import { Challenges } from './challenges.ts'
import { AcmeFiles, type Failure } from './kept.ts'
import { isOn, type Order, ordersOf } from './orders.ts'
import { OrderFailed } from './trouble.ts'

const log = getLogger('acme')

const MINUTE = 60_000
const DAY = 86_400_000
/** Milliseconds between two looks at the clock, which may have been set. */
const LOOK = 60 * MINUTE
/** First wait after a failure, doubled each time; authorities allow about five failed orders an hour. */
const FIRST_WAIT = 15 * MINUTE
const LONGEST_WAIT = 12 * 60 * MINUTE
/** Age before which no certificate is renewed by the clock. */
const LEAST_AGE = 60 * MINUTE
/** Longest that an authority's own word is believed: a wrong one must not end in an old certificate. */
const LONGEST_WISH = 7 * DAY

export interface RenewalParts {
  /** Read anew at each use: a reload may change [acme]. */
  readonly config: Config
  readonly clock: Clock
  readonly random: Random
  /** Puts what was fetched in force. */
  readonly renewed: (order: Order, facts: IssuedFacts) => Promise<void>
}

export interface IssuedFacts {
  readonly names: readonly string[]
  readonly serial: string
  readonly not_after: string
}

export interface OrderState {
  readonly host: string
  readonly names: readonly string[]
  /** Time at which it is renewed, or tried again; milliseconds since the epoch. */
  readonly next: number
  readonly failure: Failure | undefined
  /** Whether there is a certificate of the authority. */
  readonly fetched: boolean
}

/** The authority wants to be left alone until then. */
export class TooEarly extends OutsideError {
  constructor(readonly until: number) {
    super(`the authority asked to be left alone until ${new Date(until).toISOString()}`)
  }
}

/** The certificate is no authority's. */
export class NotFetched extends OutsideError {}

export class Renewal {
  readonly challenges = new Challenges()
  readonly files: AcmeFiles
  readonly #parts: RenewalParts
  readonly #failures: Map<string, Failure>
  /** Part of the spread that a certificate has drawn, by its serial: many servers must not come at one moment. */
  readonly #drawn = new Map<string, number>()
  /** Time of the last, by the clock of now: one that is set wrong must not make every certificate an old one at once. */
  readonly #fetched = new Map<string, number>()
  readonly #stop = new AbortController()
  #cancel = (): void => {}
  #running: Promise<void> | undefined

  constructor(parts: RenewalParts) {
    this.#parts = parts
    this.files = new AcmeFiles(parts.config.data_dir)
    this.#failures = this.files.failures()
  }

  get isOn(): boolean {
    return isOn(this.#parts.config)
  }

  states(): OrderState[] {
    return ordersOf(this.#parts.config).map((order) => {
      const failure = this.#failures.get(order.host)
      const due = this.#due(order)
      return { ...order, failure, fetched: due.fetched, next: Math.max(due.at, failure?.next ?? 0) }
    })
  }

  /** Looks by the clock from now on; returns what ends that, and an order that is under way with it. */
  start(): () => Promise<void> {
    this.look()
    return async () => {
      this.#cancel()
      this.#stop.abort()
      await this.#running?.catch(() => undefined)
    }
  }

  /** Orders what is due, and sets the clock for the rest. Also after [acme] has changed. */
  look(): void {
    this.#cancel()
    if (this.#stop.signal.aborted) return
    const now = this.#parts.clock.now()
    const states = this.states()
    const next = Math.min(...states.map((state) => state.next))
    acmeNext.set(Number.isFinite(next) ? next / 1000 : 0)
    const due = states.filter((state) => state.next <= now)
    if (due.length > 0)
      void this.#run(due).then(
        () => this.look(),
        () => undefined,
      )
    else this.#cancel = this.#parts.clock.after(Math.min(Math.max(next - now, 1000), LOOK), () => this.look())
  }

  /** Orders now what the operator asks for; all where no host is named. @throws OrderFailed, TooEarly, OutsideError */
  async renew(host?: string): Promise<void> {
    const wanted = this.states().filter((state) => host === undefined || state.host === host)
    if (wanted.length === 0)
      throw new NotFetched(
        host === undefined
          ? 'no certificate is fetched from an authority: set [acme] email and agree'
          : `no certificate of ${host} is fetched from an authority`,
      )
    const asked = wanted.map(({ failure }) => (failure?.asked === true ? failure.next : 0))
    const until = Math.max(...asked)
    if (until > this.#parts.clock.now()) throw new TooEarly(until)
    try {
      await this.#run(wanted)
    } finally {
      this.look()
    }
    const failed = wanted.flatMap(({ host: name }) => this.#failures.get(name) ?? [])[0]
    if (failed) throw new OutsideError(failed.error)
  }

  /** Runs do not overlap: a caller that comes meanwhile waits and then has its own. */
  async #run(orders: readonly Order[]): Promise<void> {
    while (this.#running) await this.#running
    this.#running = this.#each(orders)
    try {
      await this.#running
    } finally {
      this.#running = undefined
    }
  }

  async #each(orders: readonly Order[]): Promise<void> {
    for (const order of orders) {
      if (this.#stop.signal.aborted) return
      await this.#order(order)
    }
  }

  async #order(order: Order): Promise<void> {
    const { config, clock, renewed } = this.#parts
    const { host, names } = order
    const { acme } = config
    log.info('a certificate is ordered', {
      host,
      names,
      directory: acme.directory,
      by: acme.challenge,
    })
    try {
      const { signal } = this.#stop
      const accountKey = this.files.accountKey()
      const { chain, key, certificate } = await this.challenges.during(acme, () =>
        issue({ acme, names, accountKey, challenges: this.challenges, clock, signal }),
      )
      this.files.keep(host, chain, key)
      this.#fetched.set(host, clock.now())
      this.#forget(host)
      acmeOrders.inc({ result: 'issued' })
      const facts = {
        ...{ names, serial: certificate.serialNumber.toLowerCase() },
        not_after: new Date(certificate.validTo).toISOString(),
      }
      log.info('a certificate was fetched', { host, ...facts })
      await renewed(order, facts).catch((error: unknown) =>
        log.error('the fetched certificate is not in force', { host, error }),
      )
    } catch (error) {
      // A stop is nobody's failure.
      if (!this.#stop.signal.aborted) this.#failed(order, error)
    }
  }

  #forget(host: string): void {
    if (this.#failures.delete(host)) this.files.keepFailures(this.#failures)
  }

  #failed({ host }: Order, error: unknown): void {
    const { clock, random } = this.#parts
    const kind = error instanceof OrderFailed ? error.kind : 'failed'
    const wish = error instanceof OrderFailed ? error.retryAfter : undefined
    const failures = (this.#failures.get(host)?.failures ?? 0) + 1
    const wait = Math.min(FIRST_WAIT * 2 ** Math.min(failures - 1, 10), LONGEST_WAIT)
    const spread = wait * (1 + fraction(random) / 4)
    const next = clock.now() + Math.round(Math.max(spread, Math.min(wish ?? 0, LONGEST_WISH)))
    const text = error instanceof Error ? error.message : String(error)
    const failure = { failures, at: clock.now(), error: text, next, kind, asked: wish !== undefined }
    this.#failures.set(host, failure)
    acmeOrders.inc({ result: kind })
    log.error('no certificate was fetched', { host, error, failures, next: new Date(next).toISOString() })
    try {
      this.files.keepFailures(this.#failures)
    } catch (cause) {
      log.error('the failure cannot be written down', { host, error: cause })
    }
  }

  /** At once where there is none or it lacks a name, else at two thirds of its life and a little later. */
  #due({ host, names }: Order): { readonly at: number; readonly fetched: boolean } {
    const certificate = this.files.certificate(host)
    if (!certificate) return { at: 0, fetched: false }
    const covered = (certificate.subjectAltName ?? '').toLowerCase().split(', ')
    if (names.some((name) => !covered.includes(`dns:${name}`))) return { at: 0, fetched: true }
    const earliest = (this.#fetched.get(host) ?? Number.NEGATIVE_INFINITY) + LEAST_AGE
    const start = Date.parse(certificate.validFrom)
    const life = Date.parse(certificate.validTo) - start
    const at = start + (life * 2) / 3 + this.#drawnBy(certificate.serialNumber) * Math.min(life / 30, DAY)
    return { at: Math.max(Math.round(at), earliest), fetched: true }
  }

  #drawnBy(serial: string): number {
    const drawn = this.#drawn.get(serial) ?? fraction(this.#parts.random)
    this.#drawn.set(serial, drawn)
    return drawn
  }
}

const fraction = (random: Random): number => random.bytes(4).readUInt32BE() / 2 ** 32
