/** A client's stream: TLS, SASL and resource binding in the order of RFC 6120, then stanzas for the router. */
import type { Config } from '../config.ts'
import { limitsHit, stanzas } from '../metrics.ts'
import type { Feature, Guest, StreamState } from '../routing/feature.ts'
import type { Router } from '../routing/router.ts'
import { type Outlet, Session } from '../routing/session.ts'
import type { Account } from '../store/accounts.ts'
import type { Clock } from '../store/clock.ts'
import { SaslError, StanzaError, StreamError } from '../xmpp/errors.ts'
import { Jid, JidError } from '../xmpp/jid.ts'
import { NS } from '../xmpp/namespaces.ts'
import { errorReply } from '../xmpp/stanza.ts'
import { child, type Element, xml } from '../xmpp/xml.ts'
import { Login, type LoginContext } from './login.ts'
import { Rate } from './rate.ts'
import { channelBindings, mechanisms, type SaslStep } from './sasl.ts'
import { Stream, type StreamEvent, type StreamLimits } from './stream.ts'
import type { Identity, Transport } from './transport.ts'

/** What a client stream needs from the server. */
export interface C2sContext extends LoginContext {
  readonly router: Router
  readonly features: readonly Feature[]
  readonly clock: Clock
  identity(host: string): Identity
  closed(stream: ClientStream): void
}

type Phase = 'header' | 'starttls' | 'sasl' | 'bind' | 'bound'

export class ClientStream extends Stream implements Outlet {
  readonly #context: C2sContext
  readonly #stanzaRate: Rate
  readonly #byteRate: Rate
  readonly #cancelTimeout: () => void
  #phase: Phase = 'header'
  #host = ''
  #peer: string | undefined
  readonly #login: Login
  /** One per header, so that a guest's requests are counted together. */
  #guest: Guest | undefined
  #account: Account | undefined
  #jid: Jid | undefined
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
    this.#login = new Login(context, transport.ip)
    this.#cancelTimeout = context.clock.after(limits.preauth_timeout, () => this.#tooSlow())
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
    this.go()
  }
  #cancelHandshake: () => void = () => {}

  protected override opened({ element, xmlns, contentNamespace }: StreamEvent): void {
    const { attrs } = element
    // RFC 6120 §4.8.1, §4.8.2, §4.7.5
    if (xmlns !== NS.streams || element.name !== 'stream') throw new StreamError('invalid-namespace')
    if (contentNamespace !== NS.client) throw new StreamError('invalid-namespace')
    this.#peer = attrs.from
    this.#chooseHost(attrs.to)
    this.#checkFrom()
    if (!/^1\.\d+$/.test(attrs.version ?? '')) throw new StreamError('unsupported-version')
    this.#phase = this.#jid ? 'bind' : this.#mustSecure ? 'starttls' : 'sasl'
    this.#guest = undefined
    this.turn.after(() => this.sendHeader())
    this.say(this.#streamFeatures())
  }

  protected override headerAttrs(): Record<string, string> {
    const id = this.#context.world.random.bytes(12).toString('base64url')
    const from = this.#host || (this.#context.world.config.hosts[0] ?? 'localhost')
    // RFC 6120 §4.7.2: `to` echoes the client's `from`, which is only safe to send back as a valid address.
    return { from, id, ...(isJid(this.#peer) ? { to: this.#peer } : {}) }
  }

  protected override element(el: Element): void {
    if (this.session) {
      stanzas.inc({ kind: el.name, direction: 'in' })
      return this.#context.router.submit(this.session, el)
    }
    const { xmlns } = el.attrs
    if (xmlns === NS.tls) return this.#startTls(el)
    if (xmlns === NS.sasl) return this.#authenticate(el)
    if (xmlns !== undefined) throw new StreamError('unsupported-stanza-type')
    if (el.name !== 'iq' || this.#phase === 'starttls') throw new StreamError('not-authorized')
    if (this.#phase === 'bind') return this.#bind(el)
    const { host, ip, secure } = this.#state
    this.#guest ??= { host, ip, secure }
    this.#context.router.submitGuest(this.#guest, el, (reply) => this.send(reply))
  }

  protected override owes(el: Element | undefined): number {
    const bytes = this.#debt
    this.#debt = 0
    const wait = Math.max(bytes, el && this.session ? this.#stanzaRate.take(1) : 0)
    if (wait > 0) limitsHit.inc({ limit: bytes > 0 ? 'bytes_per_second' : 'stanzas_per_second' })
    return wait
  }

  protected override gone(): void {
    this.#cancelTimeout()
    this.#cancelHandshake()
    if (this.session) this.#context.router.close(this.session)
    this.#context.closed(this)
  }

  protected override goodbye(): void {
    if (this.session) this.session.orderly = true
    super.goodbye()
  }

  override close(error?: StreamError): void {
    super.close(error)
    // The session ends now: nothing that comes from here on may count as delivered to it.
    if (this.session) this.#context.router.close(this.session)
  }

  override send(el: Element): void {
    if (this.session) stanzas.inc({ kind: el.name, direction: 'out' })
    super.send(el)
  }

  get #state(): StreamState {
    const authenticated = this.#jid !== undefined
    return { host: this.#host, secure: this.transport.tls !== undefined, authenticated, ip: this.ip }
  }

  get #mustSecure(): boolean {
    return this.transport.tls === undefined && this.#context.world.config.c2s.require_tls
  }

  #chooseHost(to: string | undefined): void {
    const { hosts } = this.#context.world
    let host = ''
    try {
      host = to === undefined ? '' : Jid.parse(to).toString()
    } catch (error) {
      if (!(error instanceof JidError)) throw error
    }
    if (!hosts.has(host)) throw new StreamError('host-unknown')
    // A restart must not move a login to another host (CVE-2018-10847).
    if (this.#jid && this.#jid.domain !== host) throw new StreamError('not-authorized')
    this.#host = host
  }

  /** RFC 6120 §4.7.1: who has logged in cannot become somebody else with a new header. */
  #checkFrom(): void {
    if (this.#jid && isJid(this.#peer) && Jid.parse(this.#peer).bare !== this.#jid.bare) {
      throw new StreamError('invalid-from')
    }
  }

  #streamFeatures(): Element {
    const { world, features } = this.#context
    const state = this.#state
    const list: Element[] = []
    if (this.#jid) list.push(xml('bind', { xmlns: NS.bind }))
    if (!state.secure && this.transport.startTls) {
      const required = world.config.c2s.require_tls ? xml('required') : undefined
      list.push(xml('starttls', { xmlns: NS.tls }, required))
    }
    if (this.#phase === 'sasl') list.push(...this.#saslFeatures())
    if (this.#phase !== 'starttls') {
      for (const feature of features) list.push(...(feature.streamFeatures?.(state, world) ?? []))
    }
    return xml('stream:features', {}, ...list)
  }

  #saslFeatures(): Element[] {
    const { tls } = this.transport
    const { auth } = this.#context.world.config
    const offered = mechanisms(tls, auth)
    const list = xml('mechanisms', { xmlns: NS.sasl }, ...offered.map((name) => xml('mechanism', {}, name)))
    const types = [...channelBindings(tls, auth).keys()]
    if (types.length === 0) return [list]
    // XEP-0440 §3
    const bindings = types.map((type) => xml('channel-binding', { type }))
    return [list, xml('sasl-channel-binding', { xmlns: 'urn:xmpp:sasl-cb:0' }, ...bindings)]
  }

  #startTls(el: Element): void {
    if (el.name !== 'starttls' || !this.transport.startTls || this.transport.tls || this.#jid)
      throw new StreamError('unsupported-stanza-type')
    // What followed in the clear was not protected by what comes now (CVE-2011-0411 and its kin).
    if (this.reader.discard() > 0) throw new StreamError('policy-violation', 'Data after starttls.')
    this.#login.forget()
    this.wait()
    this.turn.after(() => {
      if (this.isClosed) return
      // So did what came until now; it must never be read as if it had come inside.
      if (this.reader.discard() > 0) return this.transport.destroy()
      this.sendRaw(`<proceed xmlns='${NS.tls}'/>`)
      this.transport.flush()
      this.restart(this.limits)
      this.transport.startTls?.(this.#context.identity(this.#host))
      const { tls_handshake_timeout } = this.#context.world.config.limits
      this.#cancelHandshake = this.clock.after(tls_handshake_timeout, () => this.transport.destroy())
    })
  }

  #authenticate(el: Element): void {
    if (this.#jid || this.#phase === 'bind') throw new StreamError('not-authorized')
    try {
      if (this.#phase === 'starttls') throw new SaslError('encryption-required')
      this.#attend(this.#login.step(el, this.#host, this.transport.tls))
    } catch (error) {
      this.#saslFailed(error)
    }
  }

  #attend(step: SaslStep | Promise<SaslStep>): void {
    if (!(step instanceof Promise)) return this.#saslAnswer(step)
    this.hold()
    step.then(
      (done) => {
        if (!this.isClosed) this.#saslAnswer(done)
        this.go()
      },
      (error: unknown) => {
        if (this.isClosed || !this.#saslFailed(error)) this.go()
      },
    )
  }

  #saslAnswer(step: SaslStep): void {
    if (step.kind === 'challenge') {
      return this.say(xml('challenge', { xmlns: NS.sasl }, step.data === '' ? undefined : step.data))
    }
    this.#login.succeeded(step.jid.bare)
    this.#account = step.account
    this.#jid = step.jid
    this.#phase = 'header'
    this.say(xml('success', { xmlns: NS.sasl }, step.data))
    this.restart(boundLimits(this.#context.world.config))
  }

  /** Whether the answer, and with it all that follows, is held back for a while. */
  #saslFailed(error: unknown): boolean {
    const { answer, delay, last } = this.#login.failed(error)
    const finish = () => {
      if (this.isClosed) return
      this.say(answer)
      if (last) this.close(new StreamError('policy-violation', 'Too many failed logins.'))
    }
    if (delay === 0) {
      finish()
      return false
    }
    this.hold()
    this.clock.after(delay, () => {
      finish()
      this.go()
    })
    return true
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
      this.#openSession(full, account)
      const bound = xml('bind', { xmlns: NS.bind }, xml('jid', {}, full.toString()))
      this.say(xml('iq', { type: 'result', id: el.attrs.id }, bound))
    } catch (error) {
      const failure = error instanceof JidError ? new StanzaError('bad-request', error.message) : error
      if (!(failure instanceof StanzaError)) throw error
      this.say(errorReply(el, undefined, jid.bare, failure))
    }
  }

  #openSession(full: Jid, account: Account): void {
    const { world, router, clock } = this.#context
    // The account may have gone or been disabled since the login.
    const current = world.store.accounts.find(full.bare)
    if (current?.id !== account.id || current.disabled) throw new StreamError('not-authorized')
    const existing = world.sessions.find(full)
    if (!existing && world.sessions.countOf(full.bare) >= world.config.limits.sessions_per_user) {
      limitsHit.inc({ limit: 'sessions_per_user' })
      throw new StanzaError('resource-constraint', 'Too many sessions of this account.')
    }
    // RFC 6120 §7.7.2.2: the new one wins; a phone that lost its network must not be locked out by its own ghost.
    existing?.outlet.close(new StreamError('conflict', 'Replaced by a new connection.'))
    const session = new Session(full, current, this, clock.now())
    router.open(session)
    this.session = session
    this.#phase = 'bound'
    this.#cancelTimeout()
  }

  #tooSlow(): void {
    limitsHit.inc({ limit: 'preauth_timeout' })
    if (this.transport.tls || this.#phase !== 'header') this.close(new StreamError('connection-timeout'))
    else this.transport.destroy()
  }
}

export function preauthLimits({ limits }: Config): StreamLimits {
  const { depth, attributes, namespaces } = limits
  const reader = {
    bytes: limits.preauth_stanza_bytes,
    elements: limits.preauth_elements,
    depth,
    attributes,
    namespaces,
  }
  return { reader, sendBuffer: limits.send_buffer_bytes }
}

function boundLimits({ limits }: Config): StreamLimits {
  const { depth, attributes, namespaces, elements } = limits
  return {
    reader: { bytes: limits.stanza_bytes, elements, depth, attributes, namespaces },
    sendBuffer: limits.send_buffer_bytes,
  }
}

function isJid(text: string | undefined): text is string {
  if (text === undefined) return false
  try {
    Jid.parse(text)
    return true
  } catch {
    return false
  }
}
