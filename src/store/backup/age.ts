/**
 * The payload of an age file: pieces of 64 KiB, each encrypted and authenticated under its number and whether it is the
 * last (STREAM), so that none can be changed, left out, repeated or moved, and the end cannot be cut off.
 */
import { chacha20poly1305 } from '@noble/ciphers/chacha.js'
import { fstatSync, readSync, writeSync } from 'node:fs'
import { OutsideError } from '../../log.ts'
import { type Random, systemRandom } from '../clock.ts'
import { DAMAGED, LONGEST_HEADER, makeHeader, PAYLOAD_NONCE, payloadKey, readHeader } from './age-header.ts'

/** Bytes of a piece before encryption; all but the last have that many. */
const PIECE = 1 << 16
const TAG = 16

/** Writes what it is given, in order; nobody can read the file before `end`. */
export class AgeWriter {
  readonly #fd: number
  readonly #key: Uint8Array
  readonly #plain = Buffer.allocUnsafe(PIECE)
  readonly #sealed = Buffer.allocUnsafe(PIECE + TAG)
  #filled = 0
  #number = 0

  constructor(fd: number, passphrase: string, random: Random = systemRandom) {
    const { bytes, fileKey } = makeHeader(passphrase, random)
    const nonce = random.bytes(PAYLOAD_NONCE)
    writeAll(fd, Buffer.concat([bytes, nonce]))
    this.#fd = fd
    this.#key = payloadKey(fileKey, nonce)
  }

  write(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.byteLength;) {
      // A full piece is written once more comes: until then it may be the last.
      if (this.#filled === PIECE) this.#flush(false)
      const part = bytes.subarray(at, at + PIECE - this.#filled)
      this.#plain.set(part, this.#filled)
      this.#filled += part.byteLength
      at += part.byteLength
    }
  }

  end(): void {
    this.#flush(true)
  }

  #flush(last: boolean): void {
    const sealed = this.#sealed.subarray(0, this.#filled + TAG)
    chacha20poly1305(this.#key, nonceOf(this.#number++, last)).encrypt(
      this.#plain.subarray(0, this.#filled),
      sealed,
    )
    writeAll(this.#fd, sealed)
    this.#filled = 0
  }
}

/** Yields the pieces, each only once it is known to be right; a piece is overwritten by the next. @throws OutsideError */
export function* readAge(
  fd: number,
  passphrase: string,
  told: (bytes: number) => void,
): Generator<Uint8Array> {
  const start = Buffer.alloc(LONGEST_HEADER)
  const header = readHeader(start.subarray(0, readSync(fd, start, 0, LONGEST_HEADER, 0)), passphrase)
  const nonce = Buffer.alloc(PAYLOAD_NONCE)
  let at = header.bytes.byteLength
  if (readAll(fd, nonce, at) < PAYLOAD_NONCE) throw new OutsideError(DAMAGED)
  at += PAYLOAD_NONCE
  const key = payloadKey(header.fileKey, nonce)
  const { size } = fstatSync(fd)
  const sealed = Buffer.allocUnsafe(PIECE + TAG)
  const plain = Buffer.allocUnsafe(PIECE)
  for (let number = 0, last = false; !last; number++) {
    const length = readAll(fd, sealed, at)
    at += length
    last = at >= size
    const bytes = length - TAG
    // An end of nothing would be a second text for the same bytes.
    if (bytes < 0 || (bytes === 0 && number > 0)) throw new OutsideError(DAMAGED)
    try {
      chacha20poly1305(key, nonceOf(number, last)).decrypt(
        sealed.subarray(0, length),
        plain.subarray(0, bytes),
      )
    } catch (cause) {
      throw new OutsideError(DAMAGED, { cause })
    }
    told(length)
    yield plain.subarray(0, bytes)
  }
}

function nonceOf(number: number, last: boolean): Uint8Array {
  const nonce = Buffer.alloc(12)
  // The eleven bytes of the number end with these six; no file has more pieces.
  nonce.writeUIntBE(number, 5, 6)
  nonce[11] = last ? 1 : 0
  return nonce
}

function readAll(fd: number, buffer: Uint8Array, from: number): number {
  let filled = 0
  for (let read; filled < buffer.byteLength; filled += read) {
    read = readSync(fd, buffer, filled, buffer.byteLength - filled, from + filled)
    if (read === 0) break
  }
  return filled
}

function writeAll(fd: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.byteLength;) at += writeSync(fd, bytes, at)
}
