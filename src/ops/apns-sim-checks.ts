/** Checks of Apple on a push request, in an order close to Apple's, with Apple's statuses and reasons. */
import { createPublicKey, type KeyObject, verify } from 'node:crypto'
import { BoundedMap } from '../bounded-map.ts'

export interface Refusal {
  readonly status: number
  readonly reason: string
  readonly timestamp?: number
}

export type SimHeaders = Readonly<Record<string, string | undefined>>

export interface CheckOptions {
  /** PEM of the signing key's public half; without it the signature is not verified, only its form. */
  readonly publicKey?: string | undefined
  readonly teamId?: string | undefined
  readonly keyId?: string | undefined
  /** Only these bundle ids are known; without a list all are. */
  readonly topics?: readonly string[] | undefined
  /** Different provider tokens that a team may use within 20 minutes. */
  readonly tokenUpdates: number
}

const PUSH_TYPES = new Set([
  'alert',
  'background',
  'voip',
  'complication',
  'fileprovider',
  'mdm',
  'location',
  'liveactivity',
  'pushtotalk',
  'controls',
  'widgets',
])
const SUFFIX: Readonly<Record<string, string>> = {
  voip: '.voip',
  complication: '.complication',
  fileprovider: '.pushkit.fileprovider',
  location: '.location-query',
  liveactivity: '.push-type.liveactivity',
  pushtotalk: '.voip-ptt',
  widgets: '.push-type.widgets',
  controls: '.push-type.controls',
}
const HOUR = 3_600
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i
/** Apple's tokens are 32 bytes today and may grow; none is all ones. */
const TOKEN = /^(?!f+$)([0-9a-f]{2}){32,100}$/i

/** Tokens of which it is known what they are for. */
const TOKENS = 100_000

const refuse = (status: number, reason: string): Refusal => ({ status, reason })

export class Checks {
  readonly #options: CheckOptions
  readonly #key: KeyObject | undefined
  /** Topic that each token has proved to be for. */
  readonly #tokens = new BoundedMap<string, string>(TOKENS)
  readonly #seen = new Map<string, { jwt: string; at: number }[]>()

  constructor(options: CheckOptions) {
    this.#options = options
    this.#key = options.publicKey === undefined ? undefined : createPublicKey(options.publicKey)
  }

  /** Headers only; the payload has its own check, so that a huge body is refused without being parsed. */
  head(headers: SimHeaders, hasCertificate: boolean, now: number): Refusal | undefined {
    if (headers[':method'] !== 'POST') return refuse(405, 'MethodNotAllowed')
    const path = headers[':path'] ?? ''
    const token = /^\/3\/device\/([^/?]*)$/.exec(path)?.[1]
    if (token === undefined) return refuse(404, 'BadPath')
    if (token === '') return refuse(400, 'MissingDeviceToken')
    return (
      this.provider(headers.authorization, hasCertificate, now) ??
      (TOKEN.test(token) ? undefined : refuse(400, 'BadDeviceToken')) ??
      this.#apns(headers, hasCertificate) ??
      this.#tokenOf(token.toLowerCase(), headers['apns-topic'])
    )
  }

  /** Apple gives out each token for one app and use of it: here it is for what it was first pushed to. */
  #tokenOf(token: string, topic: string | undefined): Refusal | undefined {
    const known = this.#tokens.use(token)
    if (topic === undefined || known === topic) return undefined
    if (known !== undefined) return refuse(400, 'DeviceTokenNotForTopic')
    this.#tokens.set(token, topic)
    return undefined
  }

  payload(body: Buffer, pushType: string | undefined): Refusal | undefined {
    if (body.length === 0) return refuse(400, 'PayloadEmpty')
    if (body.length > (pushType === 'voip' ? 5120 : 4096)) return refuse(413, 'PayloadTooLarge')
    const payload = parse(body.toString())
    // Apple has no reason of its own for a body that is no JSON object.
    return payload === undefined ? refuse(400, 'PayloadEmpty') : undefined
  }

  provider(authorization: string | undefined, hasCertificate: boolean, now: number): Refusal | undefined {
    if (authorization === undefined) return hasCertificate ? undefined : refuse(403, 'MissingProviderToken')
    const bad = refuse(403, 'InvalidProviderToken')
    const [, head, claims, signature] = /^bearer ([\w-]+)\.([\w-]+)\.([\w-]+)$/i.exec(authorization) ?? []
    if (!head || !claims || !signature) return bad
    const { alg, kid } = parse(Buffer.from(head, 'base64url').toString()) ?? {}
    const { iss, iat } = parse(Buffer.from(claims, 'base64url').toString()) ?? {}
    if (alg !== 'ES256' || typeof kid !== 'string' || typeof iss !== 'string' || typeof iat !== 'number')
      return bad
    const { teamId, keyId, tokenUpdates } = this.#options
    if ((teamId !== undefined && iss !== teamId) || (keyId !== undefined && kid !== keyId)) return bad
    const raw = Buffer.from(signature, 'base64url')
    if (raw.length !== 64) return bad
    const signed = Buffer.from(`${head}.${claims}`)
    if (this.#key && !verify('sha256', signed, { key: this.#key, dsaEncoding: 'ieee-p1363' }, raw)) return bad
    const age = now / 1000 - iat
    if (age < -60) return bad
    if (age > HOUR) return refuse(403, 'ExpiredProviderToken')
    return this.#fresh(iss, authorization, now) > tokenUpdates
      ? refuse(429, 'TooManyProviderTokenUpdates')
      : undefined
  }

  /** Number of different tokens that this team used within 20 minutes. */
  #fresh(team: string, jwt: string, now: number): number {
    const seen = (this.#seen.get(team) ?? []).filter((entry) => now - entry.at < 20 * 60_000)
    if (!seen.some((entry) => entry.jwt === jwt)) seen.push({ jwt, at: now })
    // Beyond the limit it is refused whatever it is, so there is nothing to remember.
    if (seen.length <= this.#options.tokenUpdates + 1) this.#seen.set(team, seen)
    return seen.length
  }

  #apns(headers: SimHeaders, hasCertificate: boolean): Refusal | undefined {
    const id = headers['apns-id']
    if (id !== undefined && !UUID.test(id)) return refuse(400, 'BadMessageId')
    const expiration = headers['apns-expiration']
    if (expiration !== undefined && !/^\d{1,12}$/.test(expiration)) return refuse(400, 'BadExpirationDate')
    const type = headers['apns-push-type']
    if (type !== undefined && !PUSH_TYPES.has(type)) return refuse(400, 'InvalidPushType')
    const priority = headers['apns-priority'] ?? '10'
    if (!['1', '5', '10'].includes(priority)) return refuse(400, 'BadPriority')
    if (type === 'background' && priority === '10') return refuse(400, 'BadPriority')
    if (Buffer.byteLength(headers['apns-collapse-id'] ?? '') > 64) return refuse(400, 'BadCollapseId')
    return this.#topic(headers['apns-topic'], type ?? 'alert', hasCertificate)
  }

  #topic(topic: string | undefined, type: string, hasCertificate: boolean): Refusal | undefined {
    if (!topic) return hasCertificate ? undefined : refuse(400, 'MissingTopic')
    const suffix = SUFFIX[type] ?? ''
    if (!topic.endsWith(suffix) || topic.length > 255) return refuse(400, 'BadTopic')
    const bundle = topic.slice(0, topic.length - suffix.length)
    const { topics } = this.#options
    return topics && !topics.includes(bundle) ? refuse(400, 'TopicDisallowed') : undefined
  }
}

/** A JSON object, or undefined. */
export function parse(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return isRecord(value) ? value : undefined
  } catch {
    return undefined
  }
}

export const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
