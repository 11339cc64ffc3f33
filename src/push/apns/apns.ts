/**
 * Sends one push to Apple and says what became of it. One transport per credential, key and address; the provider
 * token is renewed here; every answer becomes exactly one outcome (apns-reasons.ts). When and whether to try again is
 * the dispatcher's business.
 */
import { createHash } from 'node:crypto'
import type { LookupFunction } from 'node:net'
import type { Clock, Random } from '../../store/clock.ts'
import { type ApnsRequest, Composer } from './composer.ts'
import type { ApnsApp, Environment } from './credentials.ts'
import { type Answer, type Headers, TransportError, unanswered } from './link.ts'
import { type Outcome, parseAnswer, RESTING_MS, ruleFor } from './reasons.ts'
import { ProviderTokens, type TokenStore } from './token.ts'
import { ApnsTransport, type TransportTimes } from './transport.ts'

export type { ApnsRequest } from './composer.ts'

export interface ApnsResult {
  readonly outcome: Outcome
  /** 0 where no answer came. */
  readonly status: number
  readonly reason?: string | undefined
  /** Milliseconds: since when Apple knows the token to be invalid (410). */
  readonly timestamp?: number | undefined
  readonly apnsId: string
  /** Apple's sandbox names the push so in its console. */
  readonly uniqueId?: string | undefined
  readonly retryAfterMs?: number | undefined
  /** We composed a request that Apple cannot take. */
  readonly bug?: boolean
  /** Surely not processed: does not count as an attempt. */
  readonly untouched?: boolean
  /** Obstacle where no answer came, such as the proxy's refusal. For people. */
  readonly detail?: string | undefined
}

/** A push that is made when it leaves. */
export interface Parcel extends Pick<ApnsRequest, 'topic' | 'environment' | 'apnsId'> {
  /** Undefined: it need not go any more. */
  make(): ApnsRequest | undefined
}

export interface Asked {
  readonly headers: Headers
  readonly body: string
  /** Address in place of that of pushes. */
  readonly origin?: string
  readonly longestAnswer?: number
}

export interface ApnsOptions {
  readonly apps: readonly ApnsApp[]
  /** Any topic without an app of its own goes through this one: for the simulator, which knows all. */
  readonly anyTopic?: ApnsApp | undefined
  readonly tokens: TokenStore
  /** [push] proxy */
  readonly proxy?: string | undefined
  /** In place of the system's resolver. */
  readonly lookup?: LookupFunction | undefined
  readonly clock: Clock
  readonly random: Random
  readonly times?: Partial<TransportTimes>
  readonly log?: (event: string, fields: Record<string, unknown>) => void
}

/** An app and its way to Apple, for people. Times in ms. */
export interface AppState {
  readonly topic: string
  readonly environment: Environment
  /** "key ABC123DEFG of team …" or the certificate's file. */
  readonly signIn: string
  readonly lane: string
  /** Of the provider token; undefined before the first push and for certificates. */
  readonly tokenAgeMs: number | undefined
  /** End of the certificate; undefined for keys and where it is not known. */
  readonly expires: number | undefined
  /** Not in the configuration, but reached by the same key. */
  readonly derived: boolean
}

interface Route {
  readonly app: ApnsApp
  readonly transport: ApnsTransport
  readonly lane: string
}

/** InternalServerError this often in a row: the connection is to blame. */
const BAD_IN_A_ROW = 3

const HOSTS: Readonly<Record<Environment, string>> = {
  production: 'https://api.push.apple.com',
  sandbox: 'https://api.sandbox.push.apple.com',
}

export class ApnsSender {
  readonly #options: ApnsOptions
  readonly #composer = new Composer()
  readonly #tokens: ProviderTokens
  readonly #transports = new Map<string, ApnsTransport>()
  readonly #routes: Readonly<Record<Environment, Map<string, Route>>> = {
    production: new Map(),
    sandbox: new Map(),
  }
  /** Answers 500 in a row. */
  readonly #bad = new Map<ApnsTransport, number>()
  #clockOffset: number | undefined

  constructor(options: ApnsOptions) {
    this.#options = options
    this.#tokens = new ProviderTokens(options.tokens, options.clock)
    for (const app of options.apps) this.#add(app, app.environment)
    if (options.anyTopic) this.#add(options.anyTopic, options.anyTopic.environment)
    // A .p8 key of Apple's works in both environments unless it is bound to one, so that a token whose environment
    // nobody told can be tried in the other. A certificate or an address of the operator's own names its own.
    for (const app of options.apps) {
      const other = app.environment === 'production' ? 'sandbox' : 'production'
      const derivable = app.credential.kind === 'key' && app.endpoint === undefined
      if (derivable && !this.reaches(app.topic, other)) this.#add(app, other)
    }
  }

  /** Whether pushes for this topic can be sent to this environment at all. */
  reaches(topic: string, environment: Environment): boolean {
    return this.#route(topic, environment) !== undefined
  }

  /** Why there is no connection for this topic, while none can be made. */
  trouble(topic: string, environment: Environment): string | undefined {
    return this.#route(topic, environment)?.transport.trouble
  }

  /** Names what shares one connection and credential: a configuration fault pauses it as a whole. */
  lane(topic: string, environment: Environment): string {
    return this.#route(topic, environment)?.lane ?? `${environment} ${topic}`
  }

  /** `impatient`: a person waits, and the first failure to connect is the answer. */
  send(request: ApnsRequest, impatient = false): Promise<ApnsResult> {
    return this.sendComposed({ ...request, make: () => request }, impatient)
  }

  /** Requests are made when they leave: a connection may have to be waited for. */
  async sendComposed(parcel: Parcel, impatient = false): Promise<ApnsResult> {
    const { apnsId } = parcel
    const route = this.#route(parcel.topic, parcel.environment)
    if (!route) return { outcome: 'config', status: 0, reason: 'AppNotConfigured', apnsId }
    const { transport, app } = route
    const signing = app.credential.kind === 'key' ? app.credential.signing : undefined
    // The token that went with it: while it waited for a connection there may have come another.
    let jwt: string | undefined
    const exchange = async (): Promise<ApnsResult> => {
      const answer = await transport.request(() => {
        const request = parcel.make()
        if (!request) return undefined
        jwt = signing && this.#tokens.current(signing)
        return this.#composer.compose(request, jwt)
      }, impatient)
      if (!answer) return { outcome: 'kept', status: 0, apnsId }
      return this.#judge(transport, apnsId, answer)
    }
    try {
      const first = await exchange()
      if (first.reason !== 'ExpiredProviderToken' || !signing || jwt === undefined) return first
      // The connection is wedged after this answer; all others of the burst find the new token already there.
      if (!this.#tokens.expired(signing, jwt))
        return { ...first, reason: 'ExpiredProviderToken', retryAfterMs: RESTING_MS }
      return await exchange()
    } catch (error) {
      if (!(error instanceof TransportError)) throw error
      const { reason, untouched } = unanswered(error)
      return {
        outcome: 'retry',
        status: 0,
        reason,
        apnsId,
        untouched,
        detail: error.cause instanceof Error ? error.cause.message : undefined,
      }
    }
  }

  /**
   * A request that is no push to a device, for which a person or a program waits. What goes to another address than pushes
   * has a connection for itself alone. @throws TransportError
   */
  async ask(topic: string, environment: Environment, asked: Asked): Promise<Answer | undefined> {
    const route = this.#route(topic, environment)
    if (!route) return undefined
    const { app } = route
    const transport =
      asked.origin === undefined
        ? route.transport
        : this.#transport(app, app.endpoint ?? asked.origin, asked.longestAnswer)
    const signing = app.credential.kind === 'key' ? app.credential.signing : undefined
    let jwt: string | undefined
    const exchange = () =>
      transport.request(() => {
        jwt = signing && this.#tokens.current(signing)
        const signed =
          jwt === undefined ? asked.headers : { ...asked.headers, authorization: `bearer ${jwt}` }
        return { headers: signed, body: asked.body }
      }, true)
    try {
      const first = await exchange()
      const expired = first && parseAnswer(first.body).reason === 'ExpiredProviderToken'
      return expired && signing && jwt !== undefined && this.#tokens.expired(signing, jwt)
        ? await exchange()
        : first
    } finally {
      if (transport !== route.transport) await transport.stop(0)
    }
  }

  /** Lead of the other side's clock over ours (ms), as far as its last answer told. */
  get clockOffsetMs(): number | undefined {
    return this.#clockOffset
  }

  apps(): AppState[] {
    return (['production', 'sandbox'] as const).flatMap((environment) => this.#appsIn(environment))
  }

  #appsIn(environment: Environment): AppState[] {
    return [...this.#routes[environment].values()].map(({ app, lane }) => {
      const { credential, topic } = app
      const key = credential.kind === 'key' ? credential.signing : undefined
      return {
        topic,
        environment,
        signIn:
          credential.kind === 'key'
            ? `key ${credential.signing.keyId} of team ${credential.signing.teamId}`
            : `certificate ${credential.name}`,
        lane,
        tokenAgeMs: key && this.#tokens.ageMs(key),
        expires: credential.kind === 'certificate' ? credential.expires : undefined,
        derived: environment !== app.environment,
      }
    })
  }

  /** Lets what is on the wire finish for up to `ms`. */
  async stop(ms: number): Promise<void> {
    await Promise.all([...this.#transports.values()].map((transport) => transport.stop(ms)))
  }

  #route(topic: string, environment: Environment): Route | undefined {
    const any = this.#options.anyTopic
    return this.#routes[environment].get(topic) ?? (any && this.#routes[any.environment].get(any.topic))
  }

  #judge(transport: ApnsTransport, sentId: string, answer: Answer): ApnsResult {
    const apnsId = answer.apnsId ?? sentId
    if (answer.date !== undefined) this.#clockOffset = answer.date - this.#options.clock.now()
    if (answer.status === 200) {
      this.#bad.delete(transport)
      return { outcome: 'accepted', status: 200, apnsId, uniqueId: answer.uniqueId }
    }
    const { reason, timestamp } = parseAnswer(answer.body)
    const rule = ruleFor(answer.status, reason)
    const bad = answer.status === 500 ? (this.#bad.get(transport) ?? 0) + 1 : 0
    this.#bad.set(transport, bad % BAD_IN_A_ROW)
    if (rule.reconnect || bad === BAD_IN_A_ROW) transport.reconnect(answer, reason ?? String(answer.status))
    if (rule.bug)
      this.#options.log?.('Apple refused a request as malformed', { reason, status: answer.status })
    return {
      outcome: rule.outcome,
      status: answer.status,
      reason,
      timestamp,
      apnsId,
      uniqueId: answer.uniqueId,
      retryAfterMs: rule.afterMs,
      bug: rule.bug ?? false,
    }
  }

  #add(app: ApnsApp, environment: Environment): void {
    const origin = app.endpoint ?? HOSTS[environment]
    const { credential } = app
    const who =
      credential.kind === 'key' ? `${credential.signing.teamId}/${credential.signing.keyId}` : credential.name
    const name = `${who} ${environment} ${origin} ${app.ca ? createHash('sha256').update(app.ca).digest('hex') : ''}`
    let transport = this.#transports.get(name)
    if (!transport) {
      transport = this.#transport(app, origin)
      this.#transports.set(name, transport)
    }
    this.#routes[environment].set(app.topic, { app, transport, lane: name })
  }

  #transport({ credential, ca }: ApnsApp, origin: string, longestAnswer?: number): ApnsTransport {
    const { clock, random, times, log, proxy, lookup } = this.#options
    const tls = {
      ...(credential.kind === 'certificate' ? credential.tls : {}),
      ...(ca ? { ca } : {}),
    }
    return new ApnsTransport({
      origin,
      tls,
      firstAlone: credential.kind === 'key',
      longestAnswer,
      proxy,
      lookup,
      clock,
      random,
      times: times ?? {},
      ...(log ? { log } : {}),
    })
  }
}
