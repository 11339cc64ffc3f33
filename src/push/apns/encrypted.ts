/**
 * Content that only the device can read (tigase:push:encrypt:0): JSON, AES-128-GCM with the key that the app gave at
 * registration, the 16 bytes of the tag behind the ciphertext, both base64. Apple sees that there is something.
 */
import { createCipheriv } from 'node:crypto'
import type { DeviceOptions } from '../../store/devices.ts'
import { encodedSize, fitted } from '../rules/text.ts'

export interface Sealed {
  readonly encrypted: string
  readonly iv: string
}

export interface Content {
  readonly unread: number
  readonly sender: string
  /** Any other word ends the app's extension. */
  readonly type?: 'chat' | 'groupchat' | 'call'
  readonly nickname?: string
  readonly message?: string
  readonly sid?: string
  readonly media?: readonly string[]
}

export const IV_BYTES = 12
const TAG_BYTES = 16
/** The least that is left of `max-size`: who calls, and the call's id. */
const LEAST = 300

/**
 * `room` is what the rest of the payload leaves, in bytes; the message is cut to what fits, then the nickname goes.
 * Undefined where not even the names have room.
 */
export function seal(
  content: Content,
  encryption: NonNullable<DeviceOptions['encryption']>,
  iv: Buffer,
  room: number,
): Sealed | undefined {
  // Base64 makes 4 bytes of 3, the tag is 16.
  const fits = Math.floor(room / 4) * 3 - TAG_BYTES
  const limit = Math.min(Math.max(encryption.maxSize ?? fits, LEAST), fits)
  const small = smaller(content, limit)
  if (!small) return undefined
  const cipher = createCipheriv('aes-128-gcm', Buffer.from(encryption.key, 'base64'), iv)
  const sealed = [cipher.update(JSON.stringify(small), 'utf8'), cipher.final(), cipher.getAuthTag()]
  return { encrypted: Buffer.concat(sealed).toString('base64'), iv: iv.toString('base64') }
}

function smaller(content: Content, limit: number): Content | undefined {
  const { message, ...rest } = content
  const whole = message === undefined ? rest : fitted(message, limit, (text) => ({ ...rest, message: text }))
  const { nickname: _, ...least } = rest
  return [whole, rest, least].find((part) => part !== undefined && encodedSize(part) <= limit)
}
