/** Signatures of requests to S3 (AWS Signature Version 4, in the header Authorization). Pure. */
import { createHash, createHmac } from 'node:crypto'
import { encoded } from './address.ts'

export interface Signer {
  readonly keyId: string
  readonly secret: string
  readonly region: string
}

export interface ToSign {
  readonly method: string
  readonly url: URL
  /** Those that are signed, beside `host` and what is added. */
  readonly headers?: Readonly<Record<string, string>>
  /** SHA-256 of the body in hexadecimal, or UNSIGNED_PAYLOAD. */
  readonly payload: string
}

/** Stands for the hash of a body that is streamed, which nobody knows before its end; TLS guards it on its way. */
export const UNSIGNED_PAYLOAD = 'UNSIGNED-PAYLOAD'
export const EMPTY_PAYLOAD = createHash('sha256').digest('hex')

const hmac = (key: string | Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest()
const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')

/** All headers to send but `host`, which every client sets itself; `now` in ms since the epoch. */
export function signed(
  { keyId, secret, region }: Signer,
  request: ToSign,
  now: number,
): Record<string, string> {
  const { method, url, payload } = request
  const time = `${new Date(now).toISOString().slice(0, 19).replace(/[-:]/g, '')}Z`
  const sent = { ...request.headers, 'x-amz-content-sha256': payload, 'x-amz-date': time }
  const lines = Object.entries({ ...sent, host: url.host })
    .map(([name, value]) => [name.toLowerCase(), value.trim().replace(/ +/g, ' ')] as const)
    .sort(([a], [b]) => (a < b ? -1 : 1))
  const names = lines.map(([name]) => name).join(';')
  const canonical = [
    method,
    // The path stands in the address as it is signed: S3 alone does not encode it again.
    url.pathname,
    queryOf(url),
    ...lines.map(([name, value]) => `${name}:${value}`),
    '',
    names,
    payload,
  ].join('\n')
  const day = time.slice(0, 8)
  const scope = `${day}/${region}/s3/aws4_request`
  const key = ['s3', 'aws4_request'].reduce<Buffer>(hmac, hmac(hmac(`AWS4${secret}`, day), region))
  const signature = hmac(key, ['AWS4-HMAC-SHA256', time, scope, sha256(canonical)].join('\n')).toString('hex')
  const authorization = `AWS4-HMAC-SHA256 Credential=${keyId}/${scope},SignedHeaders=${names},Signature=${signature}`
  return { ...sent, authorization }
}

const queryOf = ({ searchParams }: URL): string =>
  [...searchParams]
    .map(([name, value]) => `${encoded(name)}=${encoded(value)}`)
    .sort()
    .join('&')
