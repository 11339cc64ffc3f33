/**
 * VAPID (RFC 8292): a push service learns who we are by a token, signed with the key under which the app has
 * subscribed. One token for each origin and key serves an hour: Apple refuses servers that sign more often.
 */
import { createPrivateKey, type KeyObject, sign } from 'node:crypto'
import { BoundedMap } from '../../bounded-map.ts'
import type { Clock } from '../../store/clock.ts'

const HOUR = 3_600_000
/** RFC 8292 §2: at most 24 h; half of that stands a clock that is wrong by hours either way. */
const LASTS_MS = 12 * HOUR
/** Origins and keys that are remembered. */
const KEPT = 1_000

/** Key that a subscription is bound to. */
export interface VapidSigner {
  /** Uncompressed point, base64url: the `k` of the header, and the name under which it is found. */
  readonly publicKey: string
  /** PKCS #8, base64. */
  readonly privateKey: string
  /** Claims that an app has asked for; `aud` and `exp` are ours. */
  readonly claims?: Readonly<Record<string, string>> | undefined
}

interface Made {
  readonly header: string
  readonly at: number
}

export class VapidTokens {
  readonly #made = new BoundedMap<string, Made>(KEPT)
  readonly #keys = new BoundedMap<string, KeyObject>(KEPT)
  /** Lead of an origin's clock over ours (ms), where that is why it refused a token. */
  readonly #leads = new BoundedMap<string, number>(KEPT)

  constructor(
    private readonly contact: string,
    private readonly clock: Clock,
  ) {}

  /** Value of `Authorization` for an origin. */
  header(origin: string, signer: VapidSigner): string {
    const name = nameOf(origin, signer)
    const now = this.clock.now()
    const known = this.#made.use(name)
    // A token from the future means that the clock was set back.
    if (known && now - known.at < HOUR && now >= known.at) return known.header
    const header = this.#sign(origin, signer, now)
    this.#made.set(name, { header, at: now })
    return header
  }

  /**
   * The origin has refused a token while its clock was off from ours by `lead`. True where another one, by that clock,
   * is worth a try: only once for each hour's token.
   */
  refused(origin: string, signer: VapidSigner, lead: number): boolean {
    if (Math.abs(lead) < HOUR || Math.abs(lead - (this.#leads.get(origin) ?? 0)) < HOUR) return false
    this.#leads.set(origin, lead)
    this.#made.delete(nameOf(origin, signer))
    return true
  }

  #sign(origin: string, { publicKey, privateKey, claims }: VapidSigner, now: number): string {
    const exp = Math.floor((now + (this.#leads.get(origin) ?? 0) + LASTS_MS) / 1000)
    const head = encode({ typ: 'JWT', alg: 'ES256' })
    const body = encode({ sub: this.contact, ...claims, aud: origin, exp })
    const key = this.#keys.getOr(publicKey, () =>
      createPrivateKey({ key: Buffer.from(privateKey, 'base64'), format: 'der', type: 'pkcs8' }),
    )
    // RFC 7518 §3.4: the raw r‖s form, not DER.
    const signature = sign('sha256', Buffer.from(`${head}.${body}`), { key, dsaEncoding: 'ieee-p1363' })
    return `vapid t=${head}.${body}.${signature.toString('base64url')}, k=${publicKey}`
  }
}

const nameOf = (origin: string, { publicKey }: VapidSigner): string => `${publicKey} ${origin}`
const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')
