/**
 * Provider tokens (JWT, ES256): one per team and key, shared by all connections and kept across restarts. Apple wants
 * a token no older than 60 minutes and none signed within 20 minutes of the last; a fresh process that signs at every
 * start is enough to be throttled, hence the store.
 */
import { createPrivateKey, createPublicKey, type KeyObject, sign, verify } from 'node:crypto'
import { OutsideError } from '../../log.ts'
import type { Clock } from '../../store/clock.ts'
import { RESTING_MS } from './reasons.ts'

/** Renewed when older than this, well before Apple's 60 minutes. */
const OLDEST_MS = 55 * 60_000

export interface SavedToken {
  readonly jwt: string
  /** Milliseconds; the `iat` inside is the same in seconds. */
  readonly issuedAt: number
}

/** Store in which tokens outlive the process. `save` may finish later; a lost save costs one early signature. */
export interface TokenStore {
  load(teamId: string, keyId: string): SavedToken | undefined
  save(teamId: string, keyId: string, token: SavedToken): void
}

export interface SigningKey {
  readonly teamId: string
  readonly keyId: string
  readonly key: KeyObject
}

/**
 * The PEM text of a key as editors, environment variables and web forms leave it: a byte order mark, quotes,
 * indentation, "\\n" as two characters, all on one line, or the lines between BEGIN and END alone.
 */
function tidyPem(text: string): string {
  const plain = text
    .replace(/^\ufeff/, '')
    .replaceAll('\\r', '')
    .replaceAll('\\n', '\n')
    .trim()
    .replace(/^(["'])([\s\S]*)\1$/, '$2')
  const [, name = 'PRIVATE KEY', inner = plain] =
    /-----BEGIN ([A-Z ]*PRIVATE KEY)-----([\s\S]*?)-----END \1-----/.exec(plain) ?? []
  const base64 = inner.replace(/\s+/g, '')
  if (!/^[A-Za-z0-9+/]+=*$/.test(base64)) return plain
  const lines = base64.match(/.{1,64}/g) ?? []
  return [`-----BEGIN ${name}-----`, ...lines, `-----END ${name}-----`, ''].join('\n')
}

/** Reads a .p8 key; throws a sentence that names what is wrong. */
export function readSigningKey(pem: string): KeyObject {
  let key: KeyObject
  try {
    key = createPrivateKey(tidyPem(pem))
  } catch (cause) {
    throw new OutsideError(
      'it holds no private key in PEM form (a .p8 file from Apple starts with BEGIN PRIVATE KEY)',
      {
        cause,
      },
    )
  }
  if (key.asymmetricKeyType !== 'ec' || key.asymmetricKeyDetails?.namedCurve !== 'prime256v1')
    throw new OutsideError('it is not a P-256 key; Apple signs with ES256 only')
  return key
}

export class ProviderTokens {
  readonly #tokens = new Map<string, SavedToken>()
  constructor(
    private readonly store: TokenStore,
    private readonly clock: Clock,
  ) {}

  /** The token to use now. */
  current(by: SigningKey): string {
    const known = this.#known(by)
    if (known && this.#age(known) < OLDEST_MS) return known.jwt
    return this.#sign(by).jwt
  }

  /**
   * Apple called `jwt` expired. True when there is another one to try with; false when the last signature is
   * younger than Apple allows to replace (then the clock of this machine is the likely culprit).
   */
  expired(by: SigningKey, jwt: string): boolean {
    const known = this.#known(by)
    if (known && known.jwt !== jwt) return true
    if (known && this.#age(known) < RESTING_MS) return false
    this.#sign(by)
    return true
  }

  /** Milliseconds since the token was signed; undefined when there is none yet. */
  ageMs(by: SigningKey): number | undefined {
    const known = this.#known(by)
    return known && this.#age(known)
  }

  #known(by: SigningKey): SavedToken | undefined {
    const name = `${by.teamId}/${by.keyId}`
    let known = this.#tokens.get(name)
    if (!known) {
      known = this.store.load(by.teamId, by.keyId)
      // A token signed with another key under the same id (the file was replaced) would be refused for an hour.
      if (known && !isSignedBy(by.key, known.jwt)) known = undefined
      if (known) this.#tokens.set(name, known)
    }
    return known
  }

  // A token from the future means that the clock was set back: as good as expired.
  #age(token: SavedToken): number {
    const age = this.clock.now() - token.issuedAt
    return age < -60_000 ? Number.POSITIVE_INFINITY : age
  }

  #sign(by: SigningKey): SavedToken {
    const issuedAt = this.clock.now()
    const head = encode({ alg: 'ES256', kid: by.keyId })
    const claims = encode({ iss: by.teamId, iat: Math.floor(issuedAt / 1000) })
    // RFC 7518 §3.4: the raw r‖s form, not DER.
    const signature = sign('sha256', Buffer.from(`${head}.${claims}`), {
      key: by.key,
      dsaEncoding: 'ieee-p1363',
    })
    const token = { jwt: `${head}.${claims}.${signature.toString('base64url')}`, issuedAt }
    this.#tokens.set(`${by.teamId}/${by.keyId}`, token)
    this.store.save(by.teamId, by.keyId, token)
    return token
  }
}

function isSignedBy(key: KeyObject, jwt: string): boolean {
  const at = jwt.lastIndexOf('.')
  const signature = Buffer.from(jwt.slice(at + 1), 'base64url')
  const by = { key: createPublicKey(key), dsaEncoding: 'ieee-p1363' as const }
  return verify('sha256', Buffer.from(jwt.slice(0, at)), by, signature)
}

const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')
