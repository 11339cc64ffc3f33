/** The logins of one client stream: the exchange under way, how often it failed, and what that costs. */
import { failureEvent, getLogger } from '../../log.ts'
import { authentications } from '../../metrics/metrics.ts'
import type { AuthLimiter } from '../../limits/auth-limiter.ts'
import type { World } from '../../routing/transit.ts'
import { SaslError, StanzaError } from '../../xmpp/errors.ts'
import { SaslExchange, type SaslStep } from './sasl.ts'
import type { SaslCommand } from './profile.ts'
import type { TlsFacts } from '../transports/transport.ts'

const log = getLogger('c2s')

export interface LoginContext {
  readonly world: World
  readonly auth: AuthLimiter
  /** Secret behind the keys of unknown users. */
  readonly nobody: Buffer
}

export interface Failure {
  readonly error: SaslError
  /** Milliseconds for which the answer is held back. */
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
    const { world, nobody } = this.#context
    this.#checkBan()
    if (command.kind === 'begin') {
      if (this.#exchange) throw new SaslError('malformed-request')
      this.#mechanism = command.mechanism
      this.#exchange = new SaslExchange(this.#mechanism, {
        world,
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
    if (this.#context.auth.isBanned(this.#ip, account))
      throw new SaslError('temporary-auth-failure', 'Too many failed logins.')
  }

  get isUnderWay(): boolean {
    return this.#exchange !== undefined
  }

  succeeded(jid: string): void {
    this.#exchange = undefined
    this.#context.auth.succeeded(this.#ip, jid)
    authentications.inc({ mechanism: this.#mechanism, result: 'success' })
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
    authentications.inc({ mechanism, result: condition })
    log.info('a login failed', { ip: this.#ip, mechanism, reason: condition })
    return {
      error: failed,
      delay: guess ? auth.delay(this.#ip, claimed) : 0,
      last: ++this.#tries >= world.config.limits.auth_tries || auth.isBanned(this.#ip, claimed),
    }
  }

  /** What began before TLS means nothing inside it. */
  forget(): void {
    this.#exchange = undefined
  }
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
