import {
  createDecipheriv,
  createECDH,
  createPrivateKey,
  createPublicKey,
  hkdfSync,
  verify,
} from 'node:crypto'
import { describe, expect, test } from 'bun:test'
import { isPoint, OVERHEAD, sealText, TEXT_BYTES, chanceFrom } from '../../../src/push/webpush/sealing.ts'
import { VapidTokens } from '../../../src/push/webpush/tokens.ts'
import { pointOf, vapidPair } from '../../../src/store/vapid-keys.ts'
import { systemRandom } from '../../../src/store/clock.ts'
import { FakeClock } from '../../support/clock.ts'

const from = (text: string): Buffer => Buffer.from(text, 'base64url')
const random = (n: number) => systemRandom.bytes(n)

describe('RFC 8291', () => {
  test('§5: the example of the document, byte by byte', () => {
    const sealed = sealText(
      Buffer.from('When I grow up, I want to be a watermelon'),
      {
        p256dh: from(
          'BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4',
        ),
        auth: from('BTBZMqHH6r4Tts7J_aSIgg'),
      },
      {
        salt: from('DGv6ra1nlYgDCS1FRnbzlw'),
        privateKey: from('yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw'),
      },
    )
    expect(sealed.toString('base64url')).toBe(
      'DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN',
    )
  })

  test('a text that fills a body of 4,096 bytes, and not one byte more', () => {
    const app = createECDH('prime256v1')
    const keys = { p256dh: app.generateKeys(), auth: random(16) }
    const sealed = sealText(Buffer.alloc(TEXT_BYTES, 'x'), keys, chanceFrom(random))
    expect([TEXT_BYTES, sealed.length, OVERHEAD]).toEqual([3993, 4096, 103])
    expect(() => sealText(Buffer.alloc(TEXT_BYTES + 1), keys, chanceFrom(random))).toThrow(/does not fit/)
  })

  test('each message has its own salt and key', () => {
    const app = createECDH('prime256v1')
    const keys = { p256dh: app.generateKeys(), auth: random(16) }
    const heads = Array.from({ length: 20 }, () =>
      sealText(Buffer.from('x'), keys, chanceFrom(random)).subarray(0, 86).toString('hex'),
    )
    expect(new Set(heads).size).toBe(20)
  })

  test('keys that are no points of the curve are known before', () => {
    const point = createECDH('prime256v1').generateKeys()
    expect(isPoint(point)).toBe(true)
    const off = Buffer.from(point)
    off[64] = (off[64] ?? 0) ^ 1
    for (const bad of [
      off,
      point.subarray(1),
      Buffer.alloc(65, 4),
      Buffer.alloc(0),
      Buffer.concat([point, point]),
    ])
      expect(isPoint(bad)).toBe(false)
  })
})

describe('RFC 8292', () => {
  const pair = vapidPair(random)
  const clock = new FakeClock()
  const tokens = new VapidTokens('mailto:admin@bix.org', clock)
  const parts = (header: string) => {
    const [, jwt = '', k = ''] = /^vapid t=([^,]+), k=(.+)$/.exec(header) ?? []
    const [head = '', body = '', signature = ''] = jwt.split('.')
    return {
      jwt,
      k,
      head,
      body,
      signature,
      claims: JSON.parse(from(body).toString()) as Record<string, unknown>,
    }
  }

  test('a token names the origin, the contact and an end within a day, and is signed raw', () => {
    const { k, head, body, signature, claims } = parts(tokens.header('https://push.example', pair))
    expect(claims).toEqual({
      sub: 'mailto:admin@bix.org',
      aud: 'https://push.example',
      exp: Math.floor(clock.now() / 1000) + 12 * 3600,
    })
    expect(k).toBe(pair.publicKey)
    const [x, y] = [from(k).subarray(1, 33), from(k).subarray(33)]
    const jwk = { kty: 'EC', crv: 'P-256', x: x.toString('base64url'), y: y.toString('base64url') }
    const key = createPublicKey({ key: jwk, format: 'jwk' })
    const by = { key, dsaEncoding: 'ieee-p1363' as const }
    expect(verify('sha256', Buffer.from(`${head}.${body}`), by, from(signature))).toBe(true)
  })

  test('one token an hour for each origin and key', () => {
    const first = tokens.header('https://a.example', pair)
    clock.advance(3_599_000)
    expect(tokens.header('https://a.example', pair)).toBe(first)
    expect(tokens.header('https://b.example', pair)).not.toBe(first)
    expect(tokens.header('https://a.example', vapidPair(random))).not.toBe(first)
    clock.advance(1_000)
    expect(tokens.header('https://a.example', pair)).not.toBe(first)
  })

  test('where the clocks differ by hours and a token was refused, the next is made by the other clock, once', () => {
    const lead = -20 * 3_600_000
    const before = parts(tokens.header('https://skew.example', pair)).claims.exp as number
    expect(tokens.refused('https://skew.example', pair, 60_000)).toBe(false)
    expect(tokens.refused('https://skew.example', pair, lead)).toBe(true)
    expect(parts(tokens.header('https://skew.example', pair)).claims.exp).toBe(before + lead / 1000)
    expect(tokens.refused('https://skew.example', pair, lead + 1_000)).toBe(false)
  })

  test('a private key that was made here is read by others, and its point found again', () => {
    expect(pointOf(pair.privateKey)).toBe(pair.publicKey)
    const key = createPrivateKey({
      key: Buffer.from(pair.privateKey, 'base64'),
      format: 'der',
      type: 'pkcs8',
    })
    expect(key.asymmetricKeyDetails?.namedCurve).toBe('prime256v1')
    expect(pointOf('bm90IGEga2V5')).toBeUndefined()
  })
})

test('what was sealed is opened by other code than ours: HKDF of the platform', () => {
  const app = createECDH('prime256v1')
  const p256dh = app.generateKeys()
  const auth = random(16)
  const sealed = sealText(Buffer.from('wherefore art thou'), { p256dh, auth }, chanceFrom(random))
  const [salt, point, rest] = [sealed.subarray(0, 16), sealed.subarray(21, 86), sealed.subarray(86)]
  const about = Buffer.concat([Buffer.from('WebPush: info\0'), p256dh, point])
  const input = Buffer.from(hkdfSync('sha256', app.computeSecret(point), auth, about, 32))
  const derive = (what: string, n: number) =>
    Buffer.from(hkdfSync('sha256', input, salt, `Content-Encoding: ${what}\0`, n))
  const open = createDecipheriv('aes-128-gcm', derive('aes128gcm', 16), derive('nonce', 12))
  open.setAuthTag(rest.subarray(-16))
  const text = Buffer.concat([open.update(rest.subarray(0, -16)), open.final()])
  expect(text.toString()).toBe('wherefore art thou\x02')
})
