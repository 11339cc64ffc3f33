/** Answers of stores that speak S3, in the words of several makers: what becomes of an upload, a download and a sweep. */
import { afterAll, expect, test } from 'bun:test'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { signed } from '../../src/uploads/sigv4.ts'
import { storageOf } from '../../src/uploads/storage-of.ts'
import { StorageError } from '../../src/uploads/storage.ts'
import { type Files, files } from '../support/uploads.ts'

const SIGNER = { keyId: 'AKIDEXAMPLE', secret: 'a secret', region: 'eu-central-1' }
const BUCKET = 'belfry-files'
const dir = mkdtempSync(join(tmpdir(), 'belfry-s3-'))
const secretFile = join(dir, 's3.secret')
writeFileSync(secretFile, `${SIGNER.secret}\n`)
afterAll(() => rmSync(dir, { recursive: true }))

interface Seen {
  readonly method: string
  readonly host: string
  readonly path: string
  readonly body: string
}
type Answer = (request: Request, body: string) => Response | undefined

/** A bucket in memory; `answer` says something else instead. A request whose signature is not for it is refused. */
class Counterpart {
  readonly seen: Seen[] = []
  readonly objects = new Map<string, string>()
  readonly #server
  answer: Answer = () => undefined

  constructor(readonly inPath: boolean) {
    this.#server = Bun.serve({ port: 0, hostname: '127.0.0.1', fetch: (request) => this.#take(request) })
  }

  /** The keys of [upload]; names below localhost are this machine. */
  get toml(): string {
    return `[upload]\nstorage = "s3"\n[upload.s3]\nendpoint = "http://localhost:${this.#server.port}"\nbucket = "${BUCKET}"
region = "${SIGNER.region}"\nkey_id = "${SIGNER.keyId}"\nsecret_file = "${secretFile}"\npath_style = ${this.inPath}\n`
  }

  async #take(request: Request): Promise<Response> {
    const url = new URL(request.url)
    const host = request.headers.get('host') ?? ''
    const body = await request.text()
    this.seen.push({ method: request.method, host, path: url.pathname, body })
    const said = this.answer(request, body)
    if (said) return said
    if (!isSigned(request, host)) return error(403, 'SignatureDoesNotMatch')
    const prefix = this.inPath ? `/${BUCKET}/` : '/'
    if (!url.pathname.startsWith(prefix)) return error(404, 'NoSuchBucket')
    return this.#object(request.method, url, url.pathname.slice(prefix.length), body)
  }

  #object(method: string, url: URL, key: string, body: string): Response {
    if (url.searchParams.has('list-type')) return list([...this.objects.keys()])
    if (method === 'PUT') {
      this.objects.set(key, body)
      return new Response(null, { headers: { etag: '"x"' } })
    }
    const found = this.objects.get(key)
    if (method === 'DELETE') {
      this.objects.delete(key)
      return new Response(null, { status: 204 })
    }
    return found === undefined ? error(404, 'NoSuchKey') : new Response(method === 'HEAD' ? null : found)
  }

  stop(): Promise<void> {
    return this.#server.stop(true)
  }
}

function isSigned({ method, headers, url }: Request, host: string): boolean {
  const date = headers.get('x-amz-date') ?? ''
  const [, y, mo, d, h, mi, s] = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(date) ?? []
  const at = Date.UTC(Number(y), Number(mo) - 1, Number(d), Number(h), Number(mi), Number(s))
  const names = /SignedHeaders=([^,]+)/.exec(headers.get('authorization') ?? '')?.[1]?.split(';') ?? []
  const own = names.filter((name) => name !== 'host' && !name.startsWith('x-amz-'))
  const payload = headers.get('x-amz-content-sha256') ?? ''
  const { pathname, search } = new URL(url)
  const all = Object.fromEntries(own.map((name) => [name, headers.get(name) ?? '']))
  const request = { method, url: new URL(`http://${host}${pathname}${search}`), headers: all, payload }
  return signed(SIGNER, request, at).authorization === headers.get('authorization')
}

const error = (status: number, code: string, inner = '', headers: Record<string, string> = {}): Response =>
  new Response(
    `<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>${code}</Code><Message>words</Message>${inner}</Error>`,
    { status, headers: { 'content-type': 'application/xml', ...headers } },
  )
const list = (keys: readonly string[], next?: string): Response => {
  const contents = keys.map((key) => `<Contents>\n  <Key>${key}</Key>\n  <Size>5</Size>\n</Contents>`)
  const more = next === undefined ? '' : `<NextContinuationToken>${next}</NextContinuationToken>`
  return new Response(
    `<?xml version="1.0"?>\n<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${contents.join('\n')}${more}</ListBucketResult>`,
  )
}

async function withStore(
  inPath: boolean,
  f: (store: Counterpart, all: Files) => Promise<void>,
): Promise<void> {
  const store = new Counterpart(inPath)
  try {
    await using all = await files(store.toml)
    await f(store, all)
  } finally {
    await store.stop()
  }
}

const put = async (url: string): Promise<[number, string]> => {
  const answer = await fetch(url, { method: 'PUT', body: 'hello' })
  const text = await answer.text()
  return [answer.status, text === '' ? '' : ((JSON.parse(text) as { code?: string }).code ?? '')]
}

for (const [dialect, inPath] of [
  ['the bucket before the host, as Amazon has it', false],
  ['the bucket in the path, as MinIO has it', true],
] as const)
  test(`${dialect}: a file is put, fetched, listed and removed, each request signed for where it goes`, () =>
    withStore(inPath, async (store, all) => {
      const get = await all.stored('hello')
      expect(await (await fetch(get)).text()).toBe('hello')
      expect(await storageOf(all.p.world).has('ab'.repeat(16))).toBe(false)
      const names: string[] = []
      for await (const name of storageOf(all.p.world).names()) names.push(name)
      expect(names).toEqual([...store.objects.keys()])
      await storageOf(all.p.world).remove(names[0] ?? '')
      expect(store.objects.size).toBe(0)
      const hosts = new Set(store.seen.map(({ host }) => host.replace(/:\d+$/, '')))
      expect([...hosts]).toEqual([inPath ? 'localhost' : `${BUCKET}.localhost`])
      expect(store.seen.every(({ path }) => path.startsWith(inPath ? `/${BUCKET}/` : '/'))).toBe(true)
    }))

/** What a store says of a PUT; status and code for the client, a piece of what the operator reads. */
const REFUSALS: readonly [what: string, answer: () => Response, client: [number, string], told: RegExp][] = [
  ['507 without a word', () => new Response(null, { status: 507 }), [507, 'no-room'], /507/],
  ['a full MinIO', () => error(507, 'XMinioStorageFull'), [507, 'no-room'], /XMinioStorageFull/],
  [
    'the quota of a bucket of MinIO',
    () => error(400, 'XMinioAdminBucketQuotaExceeded'),
    [507, 'no-room'],
    /BucketQuotaExceeded/,
  ],
  ['the quota of Ceph', () => error(403, 'QuotaExceeded'), [507, 'no-room'], /QuotaExceeded/],
  ['no capacity', () => error(503, 'InsufficientCapacity'), [507, 'no-room'], /InsufficientCapacity/],
  [
    'a bucket of another region (301)',
    () =>
      error(301, 'PermanentRedirect', `<Endpoint>${BUCKET}.s3.us-west-2.amazonaws.com</Endpoint>`, {
        'x-amz-bucket-region': 'us-west-2',
      }),
    [502, 'storage-refused'],
    /301 PermanentRedirect; the bucket is at belfry-files\.s3\.us-west-2\.amazonaws\.com: set .* endpoint; its region is us-west-2/,
  ],
  [
    'a new bucket of another region (307)',
    () => error(307, 'TemporaryRedirect', '', { location: 'http://127.0.0.1:1/elsewhere' }),
    [502, 'storage-refused'],
    /307 TemporaryRedirect; the bucket is at http:\/\/127\.0\.0\.1:1\/elsewhere/,
  ],
  [
    'a region that is not the bucket’s',
    () => error(400, 'AuthorizationHeaderMalformed', '<Region>us-west-2</Region>'),
    [502, 'storage-refused'],
    /its region is us-west-2/,
  ],
  [
    'a clock that is off',
    () => error(403, 'RequestTimeTooSkewed'),
    [502, 'storage-refused'],
    /TimeTooSkewed/,
  ],
  ['no bucket', () => error(404, 'NoSuchBucket'), [502, 'storage-refused'], /404 NoSuchBucket/],
  ['too many requests', () => error(503, 'SlowDown'), [503, 'storage-down'], /503 SlowDown/],
  ['a proxy without its store', () => new Response('<html>', { status: 504 }), [503, 'storage-down'], /504/],
]
for (const [what, answer, client, told] of REFUSALS)
  test(`an upload that the store refuses, ${what}: the client hears why, the operator how to mend it, the slot is as good as before`, () =>
    withStore(true, async (store, all) => {
      const slot = await all.slot({ size: 5 })
      store.answer = ({ method }) => (method === 'PUT' ? answer() : undefined)
      expect([what, await put(slot.put)]).toEqual([what, client])
      const sending = storageOf(all.p.world).create('ef'.repeat(16), 0)
      const failure = await sending.then((one) => one.keep()).catch((error: unknown) => error)
      expect(failure).toBeInstanceOf(StorageError)
      expect((failure as StorageError).message).toMatch(told)
      // Nothing was followed to another place.
      expect(new Set(store.seen.map(({ path }) => path.split('/')[1]))).toEqual(new Set([BUCKET]))
      expect([all.p.store.uploads.total(), store.objects.size]).toEqual([0, 0])
      store.answer = () => undefined
      expect(await put(slot.put)).toEqual([201, ''])
      expect(await (await fetch(slot.get)).text()).toBe('hello')
    }))

test('a download from a store that redirects, is down or answers the whole for a part: said so, and no other bytes', () =>
  withStore(true, async (store, all) => {
    const get = await all.stored('hello')
    const asks = async (headers: Record<string, string> = {}) => (await fetch(get, { headers })).status
    for (const [answer, status, headers] of [
      [() => error(307, 'TemporaryRedirect', '', { location: get }), 502, {}],
      [() => error(503, 'SlowDown'), 503, {}],
      [() => new Response('hello'), 502, { range: 'bytes=1-2' }],
      [() => error(404, 'NoSuchKey'), 404, {}],
    ] as const) {
      store.answer = ({ method }) => (method === 'GET' ? answer() : undefined)
      expect(await asks(headers)).toBe(status)
    }
    store.answer = () => undefined
    expect(await asks()).toBe(200)
  }))

test('a list in pages is read to its end, whatever its cursors hold', () =>
  withStore(true, async (store, all) => {
    const tokens: (string | null)[] = []
    store.answer = ({ method, url }) => {
      if (method !== 'GET') return undefined
      const token = new URL(url).searchParams.get('continuation-token')
      tokens.push(token)
      return tokens.length < 3 ? list([`k${tokens.length}`], 'a+b/c=&amp;d e') : list(['last'])
    }
    const names: string[] = []
    for await (const name of storageOf(all.p.world).names()) names.push(name)
    expect(names).toEqual(['k1', 'k2', 'last'])
    expect(tokens).toEqual([null, 'a+b/c=&d e', 'a+b/c=&d e'])
  }))
