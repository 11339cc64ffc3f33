/** A browser's half of Web Push: it opens what was sealed for it (RFC 8291), and checks who says so (RFC 8292). */
import { createDecipheriv, createPublicKey, type ECDH, hkdfSync, verify } from 'node:crypto'
import { isRecord, parse } from './apns-sim-checks.ts'

const HEAD = 21
const TAG = 16
const POINT = 65
const DAY_S = 86_400

/** @throws where it was sealed for another, or was changed on its way */
export function openSealed(body: Buffer, app: ECDH, auth: Buffer): Buffer {
  const head = HEAD + (body[HEAD - 1] ?? 0)
  const [salt, point, sealed] = [body.subarray(0, 16), body.subarray(HEAD, head), body.subarray(head)]
  if (point.length !== POINT || sealed.length <= TAG) throw new Error('no record of aes128gcm')
  const about = Buffer.concat([Buffer.from('WebPush: info\0'), app.getPublicKey(), point])
  const input = Buffer.from(hkdfSync('sha256', app.computeSecret(point), auth, about, 32))
  const derive = (what: string, n: number) =>
    Buffer.from(hkdfSync('sha256', input, salt, `Content-Encoding: ${what}\0`, n))
  const open = createDecipheriv('aes-128-gcm', derive('aes128gcm', 16), derive('nonce', 12))
  open.setAuthTag(sealed.subarray(-TAG))
  const padded = Buffer.concat([open.update(sealed.subarray(0, -TAG)), open.final()])
  const end = padded.lastIndexOf(2)
  return padded.subarray(0, end)
}

/** Why a token is not believed, in Apple's words; undefined where it is. */
export function tokenFault(
  header: string | undefined,
  expected: { readonly origin: string; readonly key: string | undefined; readonly now: number },
): string | undefined {
  const [, head = '', body = '', signature = '', key = ''] =
    /^vapid t=([\w-]+)\.([\w-]+)\.([\w-]+), ?k=([\w-]+)$/.exec(header ?? '') ?? []
  if (key === '') return 'MissingToken'
  const claims = parse(Buffer.from(body, 'base64url').toString())
  const point = Buffer.from(key, 'base64url')
  if (!claims || point.length !== POINT) return 'BadJwtToken'
  const [x, y] = [point.subarray(1, 33).toString('base64url'), point.subarray(33).toString('base64url')]
  const by = {
    key: createPublicKey({ key: { kty: 'EC', crv: 'P-256', x, y }, format: 'jwk' }),
    dsaEncoding: 'ieee-p1363' as const,
  }
  const isSigned = verify('sha256', Buffer.from(`${head}.${body}`), by, Buffer.from(signature, 'base64url'))
  const { aud, exp, sub } = isRecord(claims) ? claims : {}
  const left = typeof exp === 'number' ? exp - expected.now / 1000 : 0
  if (!isSigned || aud !== expected.origin || left <= 0 || left > DAY_S) return 'BadJwtToken'
  if (typeof sub !== 'string' || !/^(mailto:|https:)/.test(sub)) return 'BadJwtToken'
  return expected.key !== undefined && key !== expected.key ? 'VapidPkHashMismatch' : undefined
}
