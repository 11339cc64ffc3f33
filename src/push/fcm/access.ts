/**
 * Access tokens of Google's (OAuth 2, RFC 7523): an assertion signed with the account's key is changed for a token of an
 * hour. It is kept, renewed before it ends, and asked for by one request at a time, however many wait for it.
 */
import { sign } from 'node:crypto'
import type { Clock } from '../../store/clock.ts'
import { readAnswer } from '../webpush/post.ts'
import type { ServiceAccount } from './account.ts'

export interface AccessOptions {
  readonly account: ServiceAccount
  readonly clock: Clock
  readonly ca?: string | undefined
  readonly proxy?: string | undefined
}

const SCOPE = 'https://www.googleapis.com/auth/firebase.messaging'
const GRANT = 'urn:ietf:params:oauth:grant-type:jwt-bearer'
const HOUR_S = 3_600
/** Renewed when no more than this is left. */
const EARLY_MS = 5 * 60_000
const ANSWER_MS = 10_000
/** A clock that is further off than this is why an assertion is refused. */
const SKEW_MS = 60_000

/** No token: `refused` where Google has said why, and only the operator can mend it. */
export class AccessError extends Error {
  constructor(
    readonly reason: string,
    readonly refused: boolean,
    readonly detail?: string,
    cause?: unknown,
  ) {
    super(reason, { cause })
    this.name = 'AccessError'
  }
}

export class AccessTokens {
  readonly #options: AccessOptions
  #token: { readonly text: string; readonly until: number } | undefined
  #asking: Promise<string> | undefined
  /** Lead of Google's clock over ours (ms), as its answers tell. */
  #lead: number | undefined
  #byLead = false

  constructor(options: AccessOptions) {
    this.#options = options
  }

  get clockOffsetMs(): number | undefined {
    return this.#lead
  }

  /** The token to use now, where it is here. */
  get present(): string | undefined {
    const token = this.#token
    return token && token.until - this.#options.clock.now() > EARLY_MS ? token.text : undefined
  }

  /** @throws AccessError */
  async current(): Promise<string> {
    const known = this.present
    if (known !== undefined) return known
    this.#asking ??= this.#ask().finally(() => {
      this.#asking = undefined
    })
    return this.#asking
  }

  /** Google called this one expired. */
  spent(text: string): void {
    if (this.#token?.text === text) this.#token = undefined
  }

  async #ask(): Promise<string> {
    try {
      return await this.#exchange()
    } catch (error) {
      const skewed = this.#lead !== undefined && Math.abs(this.#lead) > SKEW_MS
      if (!(error instanceof AccessError && error.refused) || !skewed || this.#byLead) throw error
      // Google refuses what was signed in its past or future: once more by its own clock.
      this.#byLead = true
      return this.#exchange()
    }
  }

  async #exchange(): Promise<string> {
    const { clock, account, ca, proxy } = this.#options
    const abort = new AbortController()
    const cancel = clock.after(ANSWER_MS, () => abort.abort())
    try {
      const response = await fetch(account.tokenUrl, {
        method: 'POST',
        headers: { 'content-type': 'application/x-www-form-urlencoded', 'accept-encoding': 'identity' },
        body: new URLSearchParams({ grant_type: GRANT, assertion: this.#assertion() }).toString(),
        redirect: 'manual',
        signal: abort.signal,
        ...(proxy === undefined ? {} : { proxy }),
        ...(ca === undefined ? {} : { tls: { ca } }),
      })
      const answer = await readAnswer(response)
      if (answer.date !== undefined) this.#lead = answer.date - clock.now()
      return this.#keep(answer)
    } catch (error) {
      if (error instanceof AccessError) throw error
      throw new AccessError('NoAccessToken', false, error instanceof Error ? error.message : undefined, error)
    } finally {
      cancel()
    }
  }

  #keep({ status, body }: { status: number; body: string }): string {
    const fields = recordOf(body)
    const { access_token: token, expires_in: seconds, error, error_description: detail } = fields
    if (status === 200 && typeof token === 'string' && /^[\x21-\x7e]+$/.test(token)) {
      const lasts = typeof seconds === 'number' && seconds > 0 ? Math.min(seconds, HOUR_S) : HOUR_S
      this.#token = { text: token, until: this.#options.clock.now() + lasts * 1000 }
      return token
    }
    const said = typeof error === 'string' && /^[a-z_]{1,60}$/.test(error) ? error : `status ${status}`
    const refused = status >= 400 && status < 500 && status !== 429 && status !== 408
    throw new AccessError(said, refused, typeof detail === 'string' ? detail.slice(0, 200) : undefined)
  }

  #assertion(): string {
    const { account, clock } = this.#options
    const iat = Math.floor((clock.now() + (this.#byLead ? (this.#lead ?? 0) : 0)) / 1000)
    const head = encode({ alg: 'RS256', typ: 'JWT', kid: account.keyId })
    const claims = { iss: account.email, scope: SCOPE, aud: account.tokenUrl, iat, exp: iat + HOUR_S }
    const text = `${head}.${encode(claims)}`
    return `${text}.${sign('sha256', Buffer.from(text), account.key).toString('base64url')}`
  }
}

const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')

export function recordOf(text: string): Record<string, unknown> {
  try {
    const parsed: unknown = JSON.parse(text)
    return typeof parsed === 'object' && parsed !== null ? { ...parsed } : {}
  } catch {
    return {}
  }
}
