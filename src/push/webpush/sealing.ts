/**
 * Message encryption for Web Push: RFC 8291 (whose key it is) in one record of RFC 8188 (how it is written). Only the
 * browser or app can open it; the push service sees nothing but its length. Pure but for the bytes that are given.
 */
import { createCipheriv, createECDH, createHmac } from 'node:crypto'

/** Keys of a subscription, as its app has told them. */
export interface SealingKeys {
  /** Public key of the app: an uncompressed point of P-256. */
  readonly p256dh: Buffer
  readonly auth: Buffer
}

/** Random bytes of one message; given by hand for RFC 8291's example alone. */
export interface SealingChance {
  readonly salt: Buffer
  readonly privateKey: Buffer
}

export const POINT_BYTES = 65
export const AUTH_BYTES = 16
const SALT_BYTES = 16
const KEY_BYTES = 32
/** Head (salt, record size, key), the delimiter of the last record and the tag: what sealing adds to a text. */
export const OVERHEAD = SALT_BYTES + 4 + 1 + POINT_BYTES + 1 + 16
/** RFC 8030 §7.2: a push service takes this much at least, and most take no more. */
export const BODY_BYTES = 4096
/** Bytes of text in a body that every service takes. */
export const TEXT_BYTES = BODY_BYTES - OVERHEAD
const RECORD_BYTES = 4096
/** RFC 8188 §2: the last record ends with it. */
const LAST = Buffer.from([2])

const hmac = (key: Buffer, ...parts: readonly Buffer[]): Buffer => {
  const mac = createHmac('sha256', key)
  for (const part of parts) mac.update(part)
  return mac.digest()
}
/** RFC 5869 with one block: all that is needed is 32 bytes at most. */
const expand = (key: Buffer, info: Buffer, bytes: number): Buffer =>
  hmac(key, info, Buffer.from([1])).subarray(0, bytes)
const info = (text: string): Buffer => Buffer.from(`${text}\0`, 'latin1')
const KEY_INFO = info('WebPush: info')
const CIPHER_INFO = info('Content-Encoding: aes128gcm')
const NONCE_INFO = info('Content-Encoding: nonce')

/** @throws where the subscription's key is no point of the curve, or the text is too long for one record. */
export function sealText(text: Buffer, keys: SealingKeys, chance: SealingChance): Buffer {
  if (text.length > TEXT_BYTES) throw new Error(`a text of ${text.length} bytes does not fit one push`)
  const own = createECDH('prime256v1')
  own.setPrivateKey(chance.privateKey)
  const point = own.getPublicKey()
  const shared = own.computeSecret(keys.p256dh)
  const input = expand(hmac(keys.auth, shared), Buffer.concat([KEY_INFO, keys.p256dh, point]), 32)
  const derived = hmac(chance.salt, input)
  const cipher = createCipheriv(
    'aes-128-gcm',
    expand(derived, CIPHER_INFO, 16),
    expand(derived, NONCE_INFO, 12),
  )
  const head = Buffer.alloc(5)
  head.writeUInt32BE(RECORD_BYTES)
  head.writeUInt8(POINT_BYTES, 4)
  return Buffer.concat([
    chance.salt,
    head,
    point,
    cipher.update(text),
    cipher.update(LAST),
    cipher.final(),
    cipher.getAuthTag(),
  ])
}

/** Fresh bytes for one message. */
export const chanceFrom = (bytes: (n: number) => Buffer): SealingChance => ({
  salt: bytes(SALT_BYTES),
  privateKey: bytes(KEY_BYTES),
})

/** Whether a key can be sealed with at all: 65 bytes, uncompressed, on the curve. */
export function isPoint(key: Buffer): boolean {
  if (key.length !== POINT_BYTES || key[0] !== 4) return false
  const probe = createECDH('prime256v1')
  probe.setPrivateKey(Buffer.alloc(KEY_BYTES, 1))
  try {
    probe.computeSecret(key)
    return true
  } catch {
    return false
  }
}
