/** AES-128-GCM opened step by step (NIST SP 800-38D §6, §7), for what must not be judged by the code that made it. */
import { createCipheriv } from 'node:crypto'

const POLYNOMIAL = 0xe1n << 120n

/** One block of the bare cipher: all that is borrowed. */
function block(key: Buffer, input: Buffer): Buffer {
  const cipher = createCipheriv('aes-128-ecb', key, null)
  cipher.setAutoPadding(false)
  return Buffer.concat([cipher.update(input), cipher.final()])
}

const toNumber = (bytes: Buffer): bigint => BigInt(`0x${bytes.toString('hex')}`)
const toBytes = (n: bigint): Buffer => Buffer.from(n.toString(16).padStart(32, '0'), 'hex')

/** §6.3: a product in GF(2^128), whose bits stand the other way round. */
function times(x: bigint, y: bigint): bigint {
  let [z, v] = [0n, y]
  for (let bit = 127n; bit >= 0n; bit--) {
    if ((x >> bit) & 1n) z ^= v
    v = v & 1n ? (v >> 1n) ^ POLYNOMIAL : v >> 1n
  }
  return z
}

/** §6.4 over the ciphertext and its length; there is nothing else to authenticate. */
function ghash(h: bigint, ciphertext: Buffer): bigint {
  let y = 0n
  for (let at = 0; at < ciphertext.length; at += 16) {
    const part = Buffer.alloc(16)
    ciphertext.copy(part, 0, at, at + 16)
    y = times(y ^ toNumber(part), h)
  }
  return times(y ^ BigInt(ciphertext.length * 8), h)
}

const counter = (iv: Buffer, n: number): Buffer => {
  const last = Buffer.alloc(4)
  last.writeUInt32BE(n)
  return Buffer.concat([iv, last])
}

/** `sealed` ends in the 16 bytes of the tag, the IV has 12. Throws where the tag is wrong. */
export function openAesGcm(key: Buffer, iv: Buffer, sealed: Buffer): Buffer {
  const [ciphertext, tag] = [sealed.subarray(0, -16), sealed.subarray(-16)]
  const h = toNumber(block(key, Buffer.alloc(16)))
  const expected = toBytes(ghash(h, ciphertext) ^ toNumber(block(key, counter(iv, 1))))
  if (!expected.equals(tag)) throw new Error('the tag is wrong')
  const plain = Buffer.alloc(ciphertext.length)
  for (let at = 0; at < plain.length; at += 16) {
    const mask = block(key, counter(iv, 2 + at / 16))
    for (let i = at; i < Math.min(at + 16, plain.length); i++)
      plain.writeUInt8(ciphertext.readUInt8(i) ^ mask.readUInt8(i - at), i)
  }
  return plain
}
