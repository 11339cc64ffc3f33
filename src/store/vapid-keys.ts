/**
 * Keys by which push services know this server (RFC 8292), kept with the data so that a backup has them: whoever loses
 * a key loses every subscription that was made with it. The newest is given to apps; the older ones go on serving those
 * that subscribed with them, for ever.
 */
import { createECDH, createPrivateKey, createPublicKey } from 'node:crypto'
import type { Random } from './clock.ts'
import type { Settings } from './settings.ts'

export interface VapidKey {
  /** Uncompressed point, base64url. */
  readonly publicKey: string
  /** PKCS #8, base64. */
  readonly privateKey: string
  /** Milliseconds. */
  readonly createdAt: number
}

const NAME = 'vapid-keys'
/** Keys that are kept; each costs a few hundred bytes, and nobody needs more. */
export const MOST_VAPID_KEYS = 50
/** SEC 1 and PKCS #8 around a private key of P-256 and its point. */
const PKCS8_HEAD = Buffer.from(
  '308187020100301306072a8648ce3d020106082a8648ce3d030107046d306b0201010420',
  'hex',
)
const PKCS8_POINT = Buffer.from('a144034200', 'hex')

export class VapidKeys {
  readonly #settings: Settings
  readonly #random: Random

  constructor(settings: Settings, random: Random) {
    this.#settings = settings
    this.#random = random
  }

  /** The oldest first. */
  all(): readonly VapidKey[] {
    const kept = this.#settings.get(NAME)
    // JSON of our own making.
    return kept ? (JSON.parse(kept.toString()) as VapidKey[]) : []
  }

  find(publicKey: string): VapidKey | undefined {
    return this.all().find((key) => key.publicKey === publicKey)
  }

  /** The key with which apps subscribe, made at first use. */
  current(now: number): VapidKey {
    return this.all().at(-1) ?? this.rotate(now)
  }

  /** A new key for the subscriptions from now on. Undone with its trip. */
  rotate(now: number): VapidKey {
    const made = { ...vapidPair((n) => this.#random.bytes(n)), createdAt: now }
    const keys = [...this.all(), made].slice(-MOST_VAPID_KEYS)
    this.#settings.set(NAME, Buffer.from(JSON.stringify(keys)))
    return made
  }
}

/** A pair of P-256. */
export function vapidPair(bytes: (n: number) => Buffer): Pick<VapidKey, 'publicKey' | 'privateKey'> {
  const secret = bytes(32)
  const curve = createECDH('prime256v1')
  curve.setPrivateKey(secret)
  const point = curve.getPublicKey()
  return {
    publicKey: point.toString('base64url'),
    privateKey: Buffer.concat([PKCS8_HEAD, secret, PKCS8_POINT, point]).toString('base64'),
  }
}

/** Point of a private key that an app has given (PKCS #8, base64), base64url. Undefined where it is none of P-256. */
export function pointOf(privateKey: string): string | undefined {
  try {
    const key = createPrivateKey({ key: Buffer.from(privateKey, 'base64'), format: 'der', type: 'pkcs8' })
    if (key.asymmetricKeyDetails?.namedCurve !== 'prime256v1') return undefined
    const { x, y } = createPublicKey(key).export({ format: 'jwk' })
    return Buffer.concat([Buffer.from([4]), from64(x), from64(y)]).toString('base64url')
  } catch {
    return undefined
  }
}

const from64 = (text: string | undefined): Buffer => Buffer.from(text ?? '', 'base64url')
