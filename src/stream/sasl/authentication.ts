/** A stream's logins: reads what the client says in either profile of SASL, waits where it must, and answers. */
import { failureEvent, getLogger } from '../../log.ts'
import type { Clock } from '../../store/clock.ts'
import type { Turn } from '../../store/turn.ts'
import { StreamError } from '../../xmpp/errors.ts'
import { NS } from '../../xmpp/namespaces.ts'
import type { Element } from '../../xmpp/xml.ts'
import { Login, type LoginContext } from './login.ts'
import type { LoggedIn, SaslStep } from './sasl.ts'
import { type Authenticate, challenge, failure, type Profile, readCommand } from './profile.ts'
import type { TlsFacts } from '../transports/transport.ts'

const log = getLogger('c2s')

/** Parts of its stream that it needs. */
export interface LoginStream {
  readonly ip: string
  readonly tls: TlsFacts | undefined
  readonly isClosed: boolean
  readonly clock: Clock
  say(el: Element): void
  close(error: StreamError): void
  /** Reads nothing until `go`. */
  pauseReading(): void
  resumeReading(): void
  /** `request` where the client said it by XEP-0388. */
  loggedIn(step: LoggedIn, request: Authenticate | undefined): void
}

export class Authentication {
  readonly #stream: LoginStream
  readonly #login: Login
  readonly #turn: Turn
  #profile: Profile = 'sasl'
  #request: Authenticate | undefined

  constructor(context: LoginContext, stream: LoginStream) {
    this.#stream = stream
    this.#login = new Login(context, stream.ip)
    this.#turn = context.world.store.turn
  }

  /** One element of the namespace of either profile. */
  receive(el: Element, host: string): void {
    const profile: Profile = el.attrs.xmlns === NS.sasl2 ? 'sasl2' : 'sasl'
    if (this.#login.isUnderWay && profile !== this.#profile) throw new StreamError('policy-violation')
    this.#profile = profile
    let step: SaslStep | Promise<SaslStep>
    try {
      const command = readCommand(el, profile)
      if (command.kind === 'begin') this.#request = command.request
      step = this.#login.step(command, host, this.#stream.tls)
    } catch (error) {
      return void this.failed(error)
    }
    this.#attend(step)
  }

  /** XEP-0388 §2.3: in the midst of it nothing else may be said. */
  checkQuiet(): void {
    if (this.#profile === 'sasl2' && this.#login.isUnderWay)
      throw new StreamError('policy-violation', 'Something else in the midst of a login.')
  }

  /** State that began before TLS means nothing inside it. */
  forget(): void {
    this.#login.forget()
  }

  /** Answers with what went wrong; true where that, and with it all that follows, is delayed. */
  failed(error: unknown): boolean {
    const stream = this.#stream
    const { error: reason, delay, last } = this.#login.failed(error)
    const finish = () => {
      if (stream.isClosed) return
      stream.say(failure(this.#profile, reason))
      if (last) stream.close(new StreamError('policy-violation', 'Too many failed logins.'))
    }
    if (delay === 0) {
      finish()
      return false
    }
    stream.pauseReading()
    stream.clock.after(delay, () => {
      finish()
      stream.resumeReading()
    })
    return true
  }

  #attend(step: SaslStep | Promise<SaslStep>): void {
    if (!(step instanceof Promise)) return void this.#answer(step)
    const stream = this.#stream
    stream.pauseReading()
    step.then(
      (done) => {
        if (stream.isClosed || !this.#answer(done)) stream.resumeReading()
      },
      (error: unknown) => {
        if (stream.isClosed || !this.failed(error)) stream.resumeReading()
      },
    )
  }

  /** True where the answer, and with it all that follows, waits for the write lock of the database. */
  #answer(step: SaslStep): boolean {
    const stream = this.#stream
    if (step.kind === 'challenge') {
      stream.say(challenge(this.#profile, step.data))
      return false
    }
    // A login by XEP-0388 is several trips, none of which may be put off by itself.
    if (this.#request && !this.#turn.isWritable()) {
      stream.pauseReading()
      this.#turn.lock.whenFree(() => {
        if (stream.isClosed || !this.#answer(step)) stream.resumeReading()
      })
      return true
    }
    this.#login.succeeded(step.jid.bare)
    try {
      stream.loggedIn(step, this.#request)
    } catch (error) {
      if (!(error instanceof StreamError)) log.error(failureEvent('a login', error), { error })
      stream.close(error instanceof StreamError ? error : new StreamError('internal-server-error'))
    }
    return false
  }
}
