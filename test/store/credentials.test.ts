import { describe, expect, test } from 'bun:test'
import { availableParallelism } from 'node:os'
import { createHash, createHmac } from 'node:crypto'
import {
  deriveCredentials,
  digestName,
  type HashName,
  keysOfNobody,
  preparePassword,
  verifyPassword,
} from '../../src/store/credentials.ts'
import { StanzaError } from '../../src/xmpp/errors.ts'

interface Vector {
  readonly hash: HashName
  readonly salt: string
  readonly nonce: string
  readonly client: string
  readonly proof: string
  readonly signature: string
}

/** The examples of RFC 5802 §5 and RFC 7677 §3: user "user", password "pencil", 4096 iterations. */
const VECTORS: readonly Vector[] = [
  {
    hash: 'SHA-1',
    salt: 'QSXCR+Q6sek8bf92',
    client: 'fyko+d2lbbFgONRv9qkxdawL',
    nonce: 'fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j',
    proof: 'v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=',
    signature: 'rmF9pqV8S7suAoZWja4dJRkFsKQ=',
  },
  {
    hash: 'SHA-256',
    salt: 'W22ZaJ0SNY7soEsUEjb6gQ==',
    client: 'rOprNGfwEbeRWgbNEkqO',
    nonce: 'rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0',
    proof: 'dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=',
    signature: '6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=',
  },
]

const hmac = (hash: HashName, key: Buffer, text: string) =>
  createHmac(digestName[hash], key).update(text).digest()

test.each([...VECTORS])('$hash keys take the proof of the RFC and give its signature', async (vector) => {
  const { hash, salt, client, nonce, proof, signature } = vector
  const keys = (await deriveCredentials('pencil', 4096, () => Buffer.from(salt, 'base64')))[hash]
  const authMessage = `n=user,r=${client},r=${nonce},s=${salt},i=4096,c=biws,r=${nonce}`
  const clientSignature = hmac(hash, keys.storedKey, authMessage)
  const clientKey = Buffer.from(proof, 'base64').map((byte, i) => byte ^ (clientSignature[i] ?? 0))
  const storedKey = createHash(digestName[hash]).update(clientKey).digest('hex')
  expect(storedKey).toBe(keys.storedKey.toString('hex'))
  expect(hmac(hash, keys.serverKey, authMessage).toString('base64')).toBe(signature)
})

describe('a password', () => {
  test('is verified against its keys, and only it', async () => {
    const made = await deriveCredentials('secret', 16, () => Buffer.alloc(16, 3))
    for (const hash of ['SHA-1', 'SHA-256'] as const) {
      expect(await verifyPassword('secret', hash, made[hash])).toBe(true)
      expect(await verifyPassword('Secret', hash, made[hash])).toBe(false)
      expect(await verifyPassword('', hash, made[hash])).toBe(false)
      expect(await verifyPassword('\u0007', hash, made[hash])).toBe(false)
    }
  })

  test('is prepared: two spellings of the same letters are one password (RFC 4013)', async () => {
    const made = await deriveCredentials('I\u00ADX \u00AA', 16, () => Buffer.alloc(16))
    expect(await verifyPassword('IX a', 'SHA-256', made['SHA-256'])).toBe(true)
  })

  test.each([
    ['empty', ''],
    ['nothing but what SASLprep removes', '\u00AD'],
    ['a control character', 'a\u0000b'],
    ['too long', 'x'.repeat(1025)],
  ])('%s is not acceptable', async (_name, password) => {
    const refused: unknown = await preparePassword(password).catch((error: unknown) => error)
    expect(refused).toBeInstanceOf(StanzaError)
    expect(refused).toMatchObject({ condition: 'not-acceptable' })
  })

  test('each hash has a salt of its own', async () => {
    let n = 0
    const made = await deriveCredentials('secret', 16, () => Buffer.alloc(16, ++n))
    expect(made['SHA-1'].salt).not.toEqual(made['SHA-256'].salt)
  })
})

describe('the pool', () => {
  const salt = () => Buffer.alloc(16)

  test('takes all threads but one and 256 waiting; the next is refused, and the others are served', async () => {
    const { 'SHA-1': keys } = await deriveCredentials('secret', 16, salt)
    const room = Math.max(1, availableParallelism() - 1) + 256
    const checks = Array.from({ length: room + 1 }, () => verifyPassword('secret', 'SHA-1', keys))
    const settled = await Promise.allSettled(checks)
    expect(settled.filter((one) => one.status === 'fulfilled' && one.value).length).toBe(room)
    const last = settled.at(-1)
    expect(last?.status === 'rejected' && last.reason).toMatchObject({ condition: 'resource-constraint' })
    expect(await verifyPassword('secret', 'SHA-1', keys)).toBe(true)
  })

  test('does not lose a place to parameters that cannot be', async () => {
    const { 'SHA-1': keys } = await deriveCredentials('secret', 16, salt)
    const bad = { ...keys, iterations: 0 }
    const results = await Promise.allSettled(
      Array.from({ length: 40 }, (_, i) => verifyPassword('secret', 'SHA-1', i % 2 === 0 ? bad : keys)),
    )
    expect(results.filter(({ status }) => status === 'rejected').length).toBe(20)
    expect(await verifyPassword('secret', 'SHA-1', keys)).toBe(true)
  })
})

describe('the keys of nobody', () => {
  const secret = Buffer.alloc(32, 5)

  test('are the same at every try and differ by name, hash and server', () => {
    const of = (jid: string, hash: HashName = 'SHA-256', of: Buffer = secret) =>
      keysOfNobody(jid, hash, 10_000, of)
    expect(of('a@bix.org')).toEqual(of('a@bix.org'))
    const salts = [
      of('a@bix.org'),
      of('b@bix.org'),
      of('a@bix.org', 'SHA-1'),
      of('a@bix.org', 'SHA-256', Buffer.alloc(32)),
    ]
    expect(new Set(salts.map((keys) => keys.salt.toString('hex'))).size).toBe(4)
  })

  test('look like real ones and open to no password', async () => {
    for (const [hash, length] of [
      ['SHA-1', 20],
      ['SHA-256', 32],
    ] as const) {
      const keys = keysOfNobody('a@bix.org', hash, 16, secret)
      expect([keys.salt.length, keys.iterations, keys.storedKey.length, keys.serverKey.length]).toEqual([
        16,
        16,
        length,
        length,
      ])
      expect(await verifyPassword('secret', hash, keys)).toBe(false)
    }
  })
})
