/** A client's stream: TLS, SASL and resource binding in the order of RFC 6120, then stanzas for the router. */
import { getLogger } from '../log.ts'
import { limitsHit, stanzas } from '../metrics/metrics.ts'
import type { Feature, Guest, NonzaStream, StreamState } from '../routing/feature.ts'
import type { Inlines } from '../routing/inline.ts'
import { type Outlet, Session } from '../routing/session.ts'
import type { Trip } from '../routing/transit.ts'
import type { Account } from '../store/accounts.ts'
import type { UserAgent } from '../store/clients.ts'
import type { Clock } from '../store/clock.ts'
import { SaslError, StanzaError, StreamError } from '../xmpp/errors.ts'
import { Jid, JidError } from '../xmpp/jid.ts'
import { NS } from '../xmpp/namespaces.ts'
import { errorReply, isKind } from '../xmpp/stanza.ts'
import { child, type Element, withAttrs, xml } from '../xmpp/xml.ts'
import { Authentication, type LoginStream } from './sasl/authentication.ts'
import { establish } from './sasl/complete-sasl2.ts'
import type { Handshakes } from './handshakes.ts'
import { LoginClock } from './login-clock.ts'
import type { LoginContext } from './sasl/login.ts'
import { Rate } from '../limits/rate.ts'
import { offers } from './offers.ts'
import type { Authenticate } from './sasl/profile.ts'
import type { LoggedIn } from './sasl/sasl.ts'
import { boundLimits, preauthLimits } from './stream-limits.ts'
import { Stream, type StreamEvent } from './stream.ts'
import type { Identity, TlsFacts, Transport } from './transports/transport.ts'

/** Parts of the server that a client stream needs. */
export interface C2sContext extends LoginContext {
  readonly features: readonly Feature[]
  readonly inlines: Inlines
  readonly clock: Clock
  readonly handshakes: Handshakes
  identity(host: string): Identity
  closed(stream: ClientStream): void
}

const log = getLogger('c2s')

/** Facts of a stanza for the log: who and what kind, never what it says. */
const outlineOf = ({ jid }: Session, { name, attrs: { type, id, from, to } }: Element) => ({
  ...{ jid: jid.toString(), kind: name, type, id, from, to },
})

/** Streams that end by these leave their session to be resumed (XEP-0198 §5): it is not the client that ended it. */
const RESUMABLE: ReadonlySet<string> = new Set(['connection-timeout', 'system-shutdown'])

type Phase = 'header' | 'starttls' | 'sasl' | 'bind' | 'bound'

export class ClientStream extends Stream implements Outlet, NonzaStream, LoginStream {
  readonly #context: C2sContext
  readonly #stanzaRate: Rate
  readonly #byteRate: Rate
  readonly #loginClock: LoginClock
  #phase: Phase = 'header'
  #host = ''
  #peer: string | undefined
  readonly #auth: Authentication
  /** One per header, so that a guest's requests are counted together. */
  #guest: Guest | undefined
  #account: Account | undefined
  #jid: Jid | undefined
  /** The app that logged in, if it said so (XEP-0388 §2.2). */
  #agent: UserAgent | undefined
  session: Session | undefined
  /** Monotonic ms of the last question whether anybody is there. */
  lastAsked = Number.NEGATIVE_INFINITY

  constructor(transport: Transport, context: C2sContext) {
    const { config, store } = context.world
    super(transport, store.turn, context.clock, preauthLimits(config))
    this.#context = context
    const { limits } = config
    this.#stanzaRate = new Rate(context.clock, limits.stanzas_per_second, limits.stanza_burst)
    this.#byteRate = new Rate(context.clock, limits.bytes_per_second, limits.bytes_burst)
    this.#auth = new Authentication(context, this)
    this.#loginClock = new LoginClock(context.clock, limits, () => this.#tooSlow())
  }

  get account(): Account | undefined {
    return this.#account
  }

  get tls(): TlsFacts | undefined {
    return this.transport.tls
  }

  get ip(): string {
    return this.transport.ip
  }

  get kind(): string {
    return this.transport.kind
  }

  override received(bytes: Uint8Array): void {
    this.#debt = this.#byteRate.take(bytes.length)
    super.received(bytes)
  }
  #debt = 0

  /** The TLS handshake that `<proceed/>` started is over. */
  secured(): void {
    this.#cancelHandshake()
    this.resumeReading()
  }
  /** Ends the clock of the handshake. */
  #cancelHandshake: () => void = () => {}
  /** Takes it out of the queue. The queue may begin it before it returns this, so the two are kept apart. */
  #leaveHandshakes: () => void = () => {}

  protected override opened({ element, xmlns, contentNamespace }: StreamEvent): void {
    const { attrs } = element
    // RFC 6120 §4.8.1, §4.8.2, §4.7.5
    if (xmlns !== NS.streams || element.name !== 'stream') throw new StreamError('invalid-namespace')
    if (contentNamespace !== NS.client) throw new StreamError('invalid-namespace')
    this.#peer = attrs.from
    this.#chooseHost(attrs.to)
    // §4.7.5: to what is newer than 1.0 the answer is ours, and whoever asked judges whether that will do.
    if (!/^0*[1-9]\d*\.\d+$/.test(attrs.version ?? '')) throw new StreamError('unsupported-version')
    this.#phase = this.#jid ? 'bind' : this.#mustSecure ? 'starttls' : 'sasl'
    this.#guest = undefined
    this.turn.after(() => this.sendHeader())
    this.#offer()
  }

  protected override headerAttrs(): Record<string, string> {
    const id = this.#context.world.random.bytes(12).toString('base64url')
    const from = this.#host || (this.#context.world.config.hosts[0] ?? 'localhost')
    // RFC 6120 §4.7.2: `to` echoes the client's `from`, which is only safe to send back as a valid address.
    return { from, id, ...(this.#isPlausible(this.#peer) ? { to: this.#peer } : {}) }
  }

  protected override element(el: Element): void {
    const { xmlns } = el.attrs
    if (this.session) {
      if (xmlns !== undefined && this.#context.router.nonza('bound', this, el)) return
      // Of other names there are as many as clients think of.
      stanzas.inc({ kind: isKind(el.name) ? el.name : 'other', direction: 'in' })
      if (log.enabled('debug')) log.debug('a stanza comes in', outlineOf(this.session, el))
      return this.#context.router.submit(this.session, el)
    }
    if (xmlns === NS.tls) return this.#startTls(el)
    if (xmlns === NS.sasl || xmlns === NS.sasl2) return this.#authenticate(el)
    this.#auth.checkQuiet()
    if (xmlns !== undefined && this.#context.router.nonza(this.#jid ? 'authenticated' : 'open', this, el))
      return
    if (xmlns !== undefined) throw new StreamError('unsupported-stanza-type')
    if (el.name !== 'iq' || this.#phase === 'starttls') throw new StreamError('not-authorized')
    if (this.#phase === 'bind') return this.#bind(el)
    const { host, ip, secure } = this.#state
    this.#guest ??= { host, ip, secure, fillsForm: () => this.#loginClock.extend() }
    // The guest is known by its host's name here, which is not its own.
    const answer = (reply: Element) => this.send(withAttrs(reply, { to: undefined }))
    this.#context.router.submitGuest(this.#guest, el, answer)
  }

  protected override owes(el: Element | undefined): number {
    const bytes = this.#debt
    this.#debt = 0
    const wait = Math.max(bytes, el && this.session ? this.#stanzaRate.take(1) : 0)
    if (wait > 0) limitsHit.inc({ limit: bytes > 0 ? 'bytes_per_second' : 'stanzas_per_second' })
    return wait
  }

  protected override gone(): void {
    this.#loginClock.stop()
    this.#leaveHandshakes()
    this.#cancelHandshake()
    if (this.session) this.#context.router.detach(this.session, this)
    this.#context.closed(this)
  }

  protected override goodbye(): void {
    if (this.session) this.session.orderly = true
    super.goodbye()
  }

  override close(error?: StreamError): void {
    super.close(error)
    const { session } = this
    if (session?.outlet !== this) return
    // The session ends now, or lives on without this stream: nothing from here on may count as delivered to it.
    if (error && RESUMABLE.has(error.condition)) this.#context.router.detach(session, this)
    else this.#context.router.close(session)
  }

  /**
   * XEP-0198 §5: the session goes on where its last stream ended. What the client sent behind its wish is read then, and
   * not where the turn fails: who asked tries again or ends the stream.
   */
  adopt(t: Trip, session: Session, then: () => void): void {
    this.wait()
    // What the client still says there would not be counted in the answer that leaves with this turn.
    const last = session.outlet
    last.pauseReading?.()
    t.undo(() => last.resumeReading?.())
    t.after(() => {
      if (this.isClosed) return last.resumeReading?.()
      if (session.closed) return this.close(new StreamError('reset', 'The session has ended meanwhile.'))
      const { outlet } = session
      session.outlet = this
      session.hibernating = false
      this.session = session
      this.#bound()
      outlet.close(new StreamError('conflict', 'Resumed on another stream.'))
      then()
      this.#context.world.resumed(session)
      this.resumeReading()
    })
  }

  override send(el: Element): void {
    if (this.session) {
      stanzas.inc({ kind: el.name, direction: 'out' })
      if (log.enabled('debug')) log.debug('a stanza goes out', outlineOf(this.session, el))
    }
    super.send(el)
  }

  get #state(): StreamState {
    const authenticated = this.#jid !== undefined
    const { session, ip } = this
    return { host: this.#host, secure: this.tls !== undefined, authenticated, session, ip }
  }

  get #mustSecure(): boolean {
    return this.transport.tls === undefined && this.#context.world.config.c2s.require_tls
  }

  #chooseHost(to: string | undefined): void {
    const { hosts } = this.#context.world.domains
    const host = Jid.tryParse(to ?? '')?.toString()
    if (host === undefined || !hosts.has(host)) throw new StreamError('host-unknown')
    // A restart must not move a login to another host (CVE-2018-10847).
    if (this.#jid && this.#jid.domain !== host) throw new StreamError('not-authorized')
    this.#host = host
  }

  /**
   * Identity that the client claims: before login whoever it may be, then its account. COMPAT(XML::Stream of Perl): it names
   * its machine. The login has proved who it is, so what else is said here changes nothing.
   */
  #isPlausible(from: string | undefined): from is string {
    const jid = from === undefined ? undefined : Jid.tryParse(from)
    return jid !== undefined && (!this.#jid || jid.bare === this.#jid.bare)
  }

  #offer(): void {
    const { world, features, inlines } = this.#context
    const canStartTls = this.transport.startTls !== undefined
    const mustSecure = this.#mustSecure
    this.say(offers({ world, features, inlines, state: this.#state, tls: this.tls, mustSecure, canStartTls }))
  }

  #startTls(el: Element): void {
    if (el.name !== 'starttls' || !this.transport.startTls || this.transport.tls || this.#jid)
      throw new StreamError('unsupported-stanza-type')
    // What followed in the clear was not protected by what comes now (CVE-2011-0411 and its kin).
    if (this.reader.discard() > 0) throw new StreamError('policy-violation', 'Data after starttls.')
    this.#auth.forget()
    this.wait()
    this.turn.after(() => {
      if (this.isClosed) return
      const { auth, handshakes } = this.#context
      this.#leaveHandshakes = handshakes.add(this.ip, auth.isSlowed(this.ip), () => this.#proceed())
    })
  }

  #proceed(): void {
    if (this.isClosed) return
    // What came meanwhile was not protected either; it must never be read as if it had come inside.
    if (this.reader.discard() > 0) return this.transport.destroy()
    this.sendRaw(`<proceed xmlns='${NS.tls}'/>`)
    this.transport.flush()
    this.restart(this.limits)
    this.transport.startTls?.(this.#context.identity(this.#host))
    const { tls_handshake_timeout } = this.#context.world.config.limits
    this.#cancelHandshake = this.clock.after(tls_handshake_timeout, () => this.transport.destroy())
  }

  #authenticate(el: Element): void {
    if (this.#jid || this.#phase === 'bind') throw new StreamError('not-authorized')
    if (this.#phase === 'starttls') return void this.#auth.failed(new SaslError('encryption-required'))
    if (el.attrs.xmlns === NS.sasl2 && !this.#state.secure) throw new StreamError('unsupported-stanza-type')
    this.#auth.receive(el, this.#host)
  }

  loggedIn(step: LoggedIn, request: Authenticate | undefined): void {
    this.#account = step.account
    this.#jid = step.jid
    const limits = boundLimits(this.#context.world.config)
    if (!request) {
      this.#phase = 'header'
      this.say(xml('success', { xmlns: NS.sasl }, step.data))
      return this.restart(limits)
    }
    this.#phase = 'bind'
    this.#agent = request.agent
    this.relax(limits)
    const { world, router, inlines, nobody: secret } = this.#context
    const open = (jid: Jid) => this.#openSession(jid, step.account, request.agent)
    const offer = () => this.#offer()
    establish({ world, router, inlines, tls: this.tls, secret, stream: this, open, offer }, step, request)
  }

  /** RFC 6120 §7: only a bind request is heard here. */
  #bind(el: Element): void {
    const jid = this.#jid
    const account = this.#account
    const request = child(el, 'bind', NS.bind)
    if (!jid || !account || el.attrs.type !== 'set' || !el.attrs.id || !request)
      throw new StreamError('not-authorized')
    try {
      const asked = child(request, 'resource', undefined)?.getText() ?? ''
      const full = jid.withResource(
        asked === '' ? this.#context.world.random.bytes(9).toString('base64url') : asked,
      )
      this.#openSession(full, account).agent = this.#agent
      const bound = xml('bind', { xmlns: NS.bind }, xml('jid', {}, full.toString()))
      this.say(xml('iq', { type: 'result', id: el.attrs.id }, bound))
    } catch (error) {
      const failure = error instanceof JidError ? new StanzaError('bad-request', error.message) : error
      if (!(failure instanceof StanzaError)) throw error
      this.say(errorReply(el, undefined, jid.bare, failure))
    }
  }

  #openSession(full: Jid, account: Account, agent?: UserAgent): Session {
    const { world, router, clock } = this.#context
    // The account may have gone or been disabled since the login.
    const current = world.store.accounts.find(full.bare)
    if (current?.id !== account.id || current.disabled) throw new StreamError('not-authorized')
    const existing = world.sessions.find(full)
    if (!existing) this.#makeRoom(full.bare)
    if (!existing && world.sessions.countOf(full.bare) >= world.config.limits.sessions_per_user) {
      limitsHit.inc({ limit: 'sessions_per_user' })
      throw new StanzaError('resource-constraint', 'Too many sessions of this account.')
    }
    // RFC 6120 §7.7.2.2: the new one wins; a phone that lost its network must not be locked out by its own ghost.
    existing?.outlet.close(new StreamError('conflict', 'Replaced by a new connection.'))
    // XEP-0386 §4.2: the same app cannot be there twice.
    if (agent) {
      for (const other of [...world.sessions.of(full.bare)])
        if (other.agent?.id === agent.id) other.outlet.close(new StreamError('conflict'))
    }
    const session = new Session(full, current, this, clock.now())
    session.agent = agent
    router.open(session)
    this.session = session
    this.#bound()
    return session
  }

  /** A session that waits for its client's return gives way to one that is there. */
  #makeRoom(bare: string): void {
    const { sessions, config } = this.#context.world
    if (sessions.countOf(bare) < config.limits.sessions_per_user) return
    for (const session of sessions.of(bare)) if (session.hibernating) return session.outlet.close()
  }

  #bound(): void {
    this.#phase = 'bound'
    this.#loginClock.stop()
  }

  #tooSlow(): void {
    if (this.transport.tls || this.#phase !== 'header') this.close(new StreamError('connection-timeout'))
    else this.transport.destroy()
  }
}
