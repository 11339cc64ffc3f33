/** SASL for client streams (RFC 6120 §6): which mechanisms a stream offers, and one exchange from start to end. */
import { admit } from '../../accounts/login.ts'
import { keysOfNobody, type HashName, type ScramKeys } from '../../store/credentials.ts'
import type { Account } from '../../store/accounts.ts'
import type { FastToken } from '../../store/clients.ts'
import type { Config } from '../../config/config.ts'
import type { Router } from '../../routing/router.ts'
import type { World } from '../../routing/transit.ts'
import { SaslError } from '../../xmpp/errors.ts'
import { Jid, jidOr } from '../../xmpp/jid.ts'
import { htAnswer, htMechanisms, type HtMechanism, htProves, isHt, readHt } from './ht.ts'
import type { Authenticate } from './profile.ts'
import { type ChannelBindings, offerText, Scram } from './scram.ts'
import type { TlsFacts } from '../transports/transport.ts'

/** A message of at most this many bytes; the stanza cap alone would let a flood of large ones be decoded. */
const MESSAGE_BYTES = 4096

export interface SaslContext {
  readonly world: World
  readonly router: Pick<Router, 'run'>
  readonly host: string
  readonly tls: TlsFacts | undefined
  /** Wishes of the client along with it; undefined in RFC 6120's own profile. */
  readonly request: Authenticate | undefined
  /** Secret behind the keys of unknown users. */
  readonly nobody: Buffer
  /** Hears whose credentials are about to be tried; throws where they may not be. */
  claims(account: string): void
  /** Whether its password is checked behind those of others. */
  readonly isSuspect: (account: string) => boolean
}

export type SaslStep =
  | { readonly kind: 'challenge'; readonly data: string }
  | {
      readonly kind: 'success'
      readonly account: Account
      readonly jid: Jid
      readonly data: string | undefined
      /** The token that proved it (XEP-0484). */
      readonly token?: FastToken
    }

export type LoggedIn = Extract<SaslStep, { kind: 'success' }>

/** Channel bindings that TLS 1.3 and 1.2 allow. RFC 9266 §4.2: the exporter of TLS 1.2 is safe only with extended master secret,
 * which cannot be seen here. XEP-0440 §4: the server must do `tls-server-end-point`. */
export function channelBindings(tls: TlsFacts | undefined, auth: Config['auth']): ChannelBindings {
  const bindings = new Map<string, () => Uint8Array>()
  if (!tls || !auth.channel_binding) return bindings
  const { endPointHash } = tls
  const exported = tls.exporter?.bind(tls)
  if (tls.version === 'TLSv1.3' && exported) bindings.set('tls-exporter', exported)
  if (endPointHash) bindings.set('tls-server-end-point', () => endPointHash)
  return bindings
}

/** Mechanisms in order of strength. PLAIN only inside TLS and only if the operator wants it. */
export function mechanisms(
  tls: TlsFacts | undefined,
  { config, auth: backend, store }: World,
  host: string,
): string[] {
  const { auth } = config
  const scram = backend.scramKeys ? store.hostHashes.of(host).map((hash) => `SCRAM-${hash}`) : []
  const plus = channelBindings(tls, auth).size > 0 ? scram.map((name) => `${name}-PLUS`) : []
  return [...plus, ...scram, ...(tls && auth.plain ? ['PLAIN'] : [])]
}

/** Mechanisms for tokens (XEP-0484 §3.1); none where tokens are switched off. */
export function fastMechanisms(tls: TlsFacts | undefined, auth: Config['auth']): string[] {
  return auth.token_lifetime > 0 ? htMechanisms(channelBindings(tls, auth)) : []
}

export class SaslExchange {
  readonly #context: SaslContext
  readonly #mechanism: string
  #scram: Scram | undefined
  #jid: Jid | undefined
  #finished = false

  constructor(mechanism: string, context: SaslContext) {
    const { auth } = context.world.config
    const offered = mechanisms(context.tls, context.world, context.host)
    // XEP-0484 §3.4: a token is announced as one, and nothing else is.
    const fast = context.request?.fast ? fastMechanisms(context.tls, auth) : undefined
    if (!(fast ?? offered).includes(mechanism)) throw new SaslError('invalid-mechanism')
    this.#mechanism = mechanism
    this.#context = context
    if (mechanism === 'PLAIN' || fast) return
    const bindings = channelBindings(context.tls, auth)
    this.#scram = new Scram({
      hash: mechanism.startsWith('SCRAM-SHA-256') ? 'SHA-256' : 'SHA-1',
      plus: mechanism.endsWith('-PLUS'),
      plusOffered: offered.some((name) => name.endsWith('-PLUS')),
      bindings,
      offer: offerText(offered, bindings.keys()),
      nonce: context.world.random.bytes(18).toString('base64'),
      keysFor: (username, authzid) => this.#keysFor(username, authzid),
    })
  }

  /** Name that the client claims, once it has said one: for limits, not to be shown to anyone. */
  get claimed(): string | undefined {
    return this.#jid?.bare
  }

  /** One message from the client; `undefined` is an absent initial response (RFC 6120 §6.4.2). */
  next(base64: string | undefined): SaslStep | Promise<SaslStep> {
    if (base64 === undefined) return { kind: 'challenge', data: '' }
    if (isHt(this.#mechanism)) return this.#ht(this.#mechanism, decodeBytes(base64))
    const message = decode(base64)
    if (!this.#scram) return this.#plain(message)
    if (!this.#jid) return { kind: 'challenge', data: encode(this.#scram.first(message)) }
    if (this.#finished) throw new SaslError('malformed-request')
    this.#finished = true
    return this.#success(this.#jid, encode(this.#scram.final(message)))
  }

  #keysFor(username: string, authzid: string): ScramKeys {
    const { world, nobody } = this.#context
    const jid = this.#identify(username, authzid)
    const hash: HashName = this.#mechanism.startsWith('SCRAM-SHA-256') ? 'SHA-256' : 'SHA-1'
    const keys = world.auth.scramKeys?.(jid, hash)
    return keys ?? keysOfNobody(jid.bare, hash, world.config.auth.scram_iterations, nobody)
  }

  /** XEP-0484 §3.4. Someone who does not exist has no tokens either. */
  #ht(mechanism: HtMechanism, bytes: Buffer): SaslStep {
    const message = readHt(bytes)
    if (!message) throw new SaslError('malformed-request')
    const jid = this.#identify(message.username, '')
    const { world, tls, request } = this.#context
    const { clients } = world.store
    const bindings = channelBindings(tls, world.config.auth)
    const account = world.store.accounts.find(jid.bare)
    const client = account && request?.agent ? clients.find(account.id, request.agent.id) : undefined
    const tokens = client ? clients.tokens(client) : []
    const token = tokens.find(
      (one) => one.mechanism === mechanism && htProves(message.proof, one.token, mechanism, bindings),
    )
    if (!token) throw new SaslError('not-authorized')
    if (token.expiresAt <= world.now()) throw new SaslError('credentials-expired')
    return { ...entered(account, jid, htAnswer(token.token, mechanism, bindings).toString('base64')), token }
  }

  /** RFC 4616 §2: authzid NUL authcid NUL password. */
  async #plain(message: string): Promise<SaslStep> {
    const parts = message.split('\0')
    const [authzid = '', username = '', password = ''] = parts
    if (parts.length !== 3 || password === '') throw new SaslError('malformed-request')
    const jid = this.#identify(username, authzid)
    const { world, isSuspect } = this.#context
    const right = await world.auth.verify(jid, password, isSuspect(jid.bare))
    if (!right) throw new SaslError('not-authorized')
    return this.#success(jid, undefined)
  }

  /** RFC 6120 §6.3.8: nobody may act as somebody else, so an authzid can only repeat the account. */
  #identify(username: string, authzid: string): Jid {
    if (username === '') throw new SaslError('malformed-request')
    const jid = jidOr(
      () => Jid.of(username, this.#context.host),
      () => {
        throw new SaslError('malformed-request')
      },
    )
    this.#jid = jid
    if (authzid !== '' && !this.#isOwn(authzid)) throw new SaslError('invalid-authzid')
    this.#context.claims(jid.bare)
    return jid
  }

  #isOwn(authzid: string): boolean {
    const jid = Jid.tryParse(authzid)
    return jid !== undefined && jid.isBare && jid.bare === this.#jid?.bare
  }

  #success(jid: Jid, data: string | undefined): SaslStep | Promise<SaslStep> {
    const { world, router } = this.#context
    const account = admit(world, router, jid)
    return account instanceof Promise
      ? account.then((found) => entered(found, jid, data))
      : entered(account, jid, data)
  }
}

/** The account may have gone while the exchange went on, and a disabled one is told so only with its password. */
function entered(account: Account | undefined, jid: Jid, data: string | undefined): LoggedIn {
  if (!account) throw new SaslError('not-authorized')
  if (account.disabled) throw new SaslError('account-disabled')
  return { kind: 'success', account, jid, data }
}

/** RFC 6120 §6.4.2: "=" is an empty message; anything that is not base64 is `incorrect-encoding`. */
function decodeBytes(base64: string): Buffer {
  if (base64 === '=') return Buffer.alloc(0)
  if (base64.length > MESSAGE_BYTES) throw new SaslError('malformed-request')
  if (!/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(base64)) {
    throw new SaslError('incorrect-encoding')
  }
  return Buffer.from(base64, 'base64')
}

function decode(base64: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(decodeBytes(base64))
  } catch (error) {
    if (error instanceof SaslError) throw error
    throw new SaslError('malformed-request')
  }
}

function encode(text: string): string {
  return Buffer.from(text).toString('base64')
}
