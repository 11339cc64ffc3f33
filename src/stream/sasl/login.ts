/** The logins of one client stream: the exchange under way, how often it failed, and what that costs. */
import { failureEvent, getLogger } from '../../log.ts'
import { countLogin, type LoginResult } from '../../metrics/metrics.ts'
import type { AuthLimiter } from '../../limits/auth-limiter.ts'
import type { Router } from '../../routing/router.ts'
import type { World } from '../../routing/transit.ts'
import { BusyError, SaslError, StanzaError } from '../../xmpp/errors.ts'
import { SaslExchange, type SaslStep } from './sasl.ts'
import type { SaslCommand } from './profile.ts'
import type { TlsFacts } from '../transports/transport.ts'

const log = getLogger('c2s')

export interface LoginContext {
  readonly world: World
  readonly router: Router
  readonly auth: AuthLimiter
  /** Secret behind the keys of unknown users. */
  readonly nobody: Buffer
}

export interface Failure {
  readonly error: SaslError
  /** Milliseconds for which the answer is delayed. */
  readonly delay: number
  /** The stream has had its tries (RFC 6120 §6.4.5). */
  readonly last: boolean
}

export class Login {
  readonly #context: LoginContext
  readonly #ip: string
  #exchange: SaslExchange | undefined
  #mechanism = ''
  #tries = 0

  constructor(context: LoginContext, ip: string) {
    this.#context = context
    this.#ip = ip
  }

  /** One word of the client. Throws SaslError. */
  step(command: SaslCommand, host: string, tls: TlsFacts | undefined): SaslStep | Promise<SaslStep> {
    const { world, router, nobody } = this.#context
    const begins = command.kind === 'begin' && !this.#exchange
    if (begins) this.#mechanism = command.mechanism
    this.#checkBan()
    if (command.kind === 'begin') {
      if (!begins) throw new SaslError('malformed-request')
      this.#exchange = new SaslExchange(this.#mechanism, {
        world,
        router,
        host,
        tls,
        nobody,
        request: command.request,
        claims: (account) => this.#checkBan(account),
        isSuspect: (account) => this.#context.auth.isSuspect(this.#ip, account),
      })
      return this.#exchange.next(command.initial)
    }
    if (command.kind === 'abort') throw new SaslError('aborted')
    if (!this.#exchange) throw new SaslError('malformed-request')
    return this.#exchange.next(command.data)
  }

  /** Before anything is derived from a password: who is banned costs nothing. */
  #checkBan(account?: string): void {
    if (this.#context.auth.isBanned(this.#ip, account)) throw new Limited()
  }

  get isUnderWay(): boolean {
    return this.#exchange !== undefined
  }

  succeeded(jid: string): void {
    this.#exchange = undefined
    this.#context.auth.succeeded(this.#ip, jid)
    countLogin(this.#mechanism, 'ok')
  }

  failed(error: unknown): Failure {
    const failed = toSaslError(error)
    const { condition } = failed
    const { auth, world } = this.#context
    const claimed = this.#exchange?.claimed ?? ''
    this.#exchange = undefined
    const mechanism = known(this.#mechanism)
    const guess = condition === 'not-authorized'
    if (guess) auth.failed(this.#ip, claimed)
    countLogin(mechanism, resultOf(error))
    log.info('a login failed', { ip: this.#ip, mechanism, reason: condition })
    return {
      error: failed,
      delay: guess ? auth.delay(this.#ip, claimed) : 0,
      last: ++this.#tries >= world.config.limits.auth_tries || auth.isBanned(this.#ip, claimed),
    }
  }

  /** State that began before TLS means nothing inside it. */
  forget(): void {
    this.#exchange = undefined
  }
}

/** Too many logins failed before. */
class Limited extends SaslError {
  constructor() {
    super('temporary-auth-failure', 'Too many failed logins.')
  }
}

/** Label under which a failure is counted; what is no answer of SASL's own is a fault of ours. */
function resultOf(error: unknown): LoginResult {
  if (error instanceof Limited) return 'limited'
  if (error instanceof BusyError) return 'busy'
  return error instanceof SaslError ? RESULTS[error.condition] : 'error'
}

const RESULTS: Readonly<Record<SaslError['condition'], LoginResult>> = {
  aborted: 'aborted',
  'account-disabled': 'disabled',
  'credentials-expired': 'expired',
  'encryption-required': 'invalid',
  'incorrect-encoding': 'invalid',
  'invalid-authzid': 'invalid',
  'invalid-mechanism': 'invalid',
  'malformed-request': 'invalid',
  'mechanism-too-weak': 'invalid',
  'not-authorized': 'failed',
  'temporary-auth-failure': 'error',
}

function toSaslError(error: unknown): SaslError {
  if (error instanceof SaslError) return error
  if (!(error instanceof StanzaError)) log.error(failureEvent('a login', error), { error })
  return new SaslError('temporary-auth-failure')
}

/** A mechanism name for logs and labels: what a client made up must not become one. */
function known(mechanism: string): string {
  return /^(SCRAM-SHA-(1|256)(-PLUS)?|PLAIN|HT-SHA-256-(NONE|ENDP|EXPR))$/.test(mechanism)
    ? mechanism
    : 'other'
}
