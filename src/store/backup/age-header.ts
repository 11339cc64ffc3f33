/**
 * The header of an age file that is opened by a passphrase (https://age-encryption.org/v1, https://c2sp.org/age): scrypt
 * makes a key of the passphrase, which wraps the key of the file. Debian's `age -d` opens what is written here.
 */
import { chacha20poly1305 } from '@noble/ciphers/chacha.js'
import { createHmac, hkdfSync, scryptSync, timingSafeEqual } from 'node:crypto'
import { OutsideError } from '../../log.ts'
import { type Random, systemRandom } from '../clock.ts'

const VERSION = 'age-encryption.org/v1'
const LABEL = 'age-encryption.org/v1/scrypt'
/** log₂ of scrypt's N: 128 MB and 0.7 s, what OWASP asks for at least; age itself writes 18. */
const WORK = 17
/** A file that asks for more would take more than 1 GB of memory. */
const MOST_WORK = 20
const BLOCK = 8
const SALT = 16
const FILE_KEY = 16
const TAG = 16
/** Bytes behind the header that make the payload's key another one each time. */
export const PAYLOAD_NONCE = 16
/** Bytes; that of one passphrase is about 150. */
export const LONGEST_HEADER = 1024

export const DAMAGED = 'it is no age file, or was changed or cut off'

export interface Header {
  readonly bytes: Buffer
  readonly fileKey: Uint8Array
}

export function makeHeader(passphrase: string, random: Random = systemRandom): Header {
  const fileKey = random.bytes(FILE_KEY)
  const salt = random.bytes(SALT)
  const wrapped = chacha20poly1305(passphraseKey(passphrase, salt, WORK), NO_NONCE).encrypt(fileKey)
  const text = `${VERSION}\n-> scrypt ${base64(salt)} ${WORK}\n${base64(wrapped)}\n---`
  return { bytes: Buffer.from(`${text} ${base64(macOf(text, fileKey))}\n`, 'latin1'), fileKey }
}

/** From the beginning of a file. @throws OutsideError */
export function readHeader(start: Buffer, passphrase: string): Header {
  const text = start.toString('latin1')
  const version = /^age-encryption\.org\/(v\d+)\n/.exec(text)?.[1]
  if (version !== undefined && version !== 'v1')
    throw new OutsideError(`it is of a newer version of age (${version}), which this Belfry cannot open`)
  const found =
    /^(age-encryption\.org\/v1\n-> scrypt ([\w+/]{22}) ([1-9]\d?)\n([\w+/]{43})\n---) ([\w+/]{43})\n/.exec(
      text,
    )
  if (!found) {
    const other = /^age-encryption\.org\/v1\n-> (?!scrypt )/.test(text)
    throw new OutsideError(
      other ? 'it is encrypted for a key, not by a passphrase: open it with age' : DAMAGED,
    )
  }
  const [whole = '', covered = '', salt = '', work = '', wrapped = '', mac = ''] = found
  if (Number(work) > MOST_WORK)
    throw new OutsideError(`its work factor ${work} is beyond ${MOST_WORK}: open it with age`)
  const fileKey = unwrap(exact(wrapped), passphraseKey(passphrase, exact(salt), Number(work)))
  if (!timingSafeEqual(macOf(covered, fileKey), exact(mac))) throw new OutsideError(DAMAGED)
  return { bytes: Buffer.from(whole, 'latin1'), fileKey }
}

export const payloadKey = (fileKey: Uint8Array, nonce: Uint8Array): Uint8Array =>
  new Uint8Array(hkdfSync('sha256', fileKey, nonce, 'payload', 32))

/** Each key is used once, so the nonce may be the same. */
const NO_NONCE = new Uint8Array(12)

function unwrap(wrapped: Uint8Array, key: Uint8Array): Uint8Array {
  try {
    if (wrapped.byteLength === FILE_KEY + TAG) return chacha20poly1305(key, NO_NONCE).decrypt(wrapped)
  } catch {
    // A wrong key is told by the tag alone.
  }
  throw new OutsideError('the passphrase is not the one that it was encrypted by')
}

const passphraseKey = (passphrase: string, salt: Uint8Array, work: number): Uint8Array =>
  scryptSync(passphrase, Buffer.concat([Buffer.from(LABEL), salt]), 32, {
    ...{ N: 2 ** work, r: BLOCK, p: 1, maxmem: 2 ** work * BLOCK * 128 + (1 << 20) },
  })

const macOf = (text: string, fileKey: Uint8Array): Buffer =>
  createHmac('sha256', new Uint8Array(hkdfSync('sha256', fileKey, '', 'header', 32)))
    .update(text, 'latin1')
    .digest()

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64').replace(/=+$/, '')

/** Two texts must not stand for the same bytes: the last character has bits that are not used. */
function exact(text: string): Buffer {
  const bytes = Buffer.from(text, 'base64')
  if (base64(bytes) !== text) throw new OutsideError(DAMAGED)
  return bytes
}
