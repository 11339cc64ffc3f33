/** Files in a bucket of a store that speaks S3. Clients never see it: they put and fetch here, and all passes through. */
import { readFileSync } from 'node:fs'
import type { Config } from '../config/config.ts'
import type { Clock } from '../store/clock.ts'
import { EMPTY_PAYLOAD, signed, type Signer, UNSIGNED_PAYLOAD } from './sigv4.ts'
import { type Content, type Incoming, type Part, type Storage, StorageError } from './storage.ts'

type S3Config = Config['upload']['s3']

/** Longest wait for an answer, and for the store to take a piece. */
const PATIENCE_MS = 60_000
/** Bytes of an answer up to which it is read before it is passed on. */
const IN_MEMORY = 1_048_576

interface Asked {
  readonly method: string
  readonly file?: string
  readonly query?: Readonly<Record<string, string>>
  readonly headers?: Readonly<Record<string, string>>
}

export class S3Storage implements Storage {
  readonly #base: string
  readonly #clock: Clock
  readonly #signer: Signer

  constructor(config: S3Config, clock: Clock) {
    const { endpoint, bucket, key_id, secret_file, region } = config
    if (!endpoint || !bucket || !key_id || !secret_file) throw new Error('[upload.s3] is not complete')
    this.#base = baseOf(endpoint, bucket, config.path_style)
    this.#clock = clock
    this.#signer = { keyId: key_id, secret: readFileSync(secret_file, 'utf8').trim(), region }
  }

  async create(file: string, size: number): Promise<Incoming> {
    const url = this.#url(file)
    const headers = { 'content-length': String(size), 'content-type': 'application/octet-stream' }
    const { authorization = '', ...rest } = signed(
      this.#signer,
      { method: 'PUT', url, payload: UNSIGNED_PAYLOAD },
      this.#clock.now(),
    )
    return new Sending(url, { ...headers, ...rest, authorization }, size, this.#clock, () =>
      this.remove(file),
    )
  }

  async has(file: string): Promise<boolean> {
    const { status } = await this.#ask({ method: 'HEAD', file }, [200, 404])
    return status === 200
  }

  /**
   * Content that is small comes as a piece of memory, so that the answer has a Content-Length: with a stream the runtime says
   * none, whatever the headers say (src/docs/runtime.md).
   */
  async read(file: string, part?: Part): Promise<Content | undefined> {
    const headers: Record<string, string> = part ? { range: `bytes=${part.start}-${part.end - 1}` } : {}
    const answer = await this.#ask({ method: 'GET', file, headers }, [part ? 206 : 200, 404])
    if (answer.status === 404) {
      await answer.body?.cancel()
      return undefined
    }
    const size = part ? part.end - part.start : Number(answer.headers.get('content-length') ?? Infinity)
    if (size <= IN_MEMORY) return new Blob([await reached(answer.arrayBuffer())])
    return answer.body ?? undefined
  }

  async remove(file: string): Promise<void> {
    await this.#ask({ method: 'DELETE', file }, [200, 204, 404])
  }

  /** There are none: an object appears when all of it has come. */
  removePart(): Promise<void> {
    return Promise.resolve()
  }

  async *names(): AsyncGenerator<string, undefined> {
    let token: string | undefined
    do {
      const more: Record<string, string> = token === undefined ? {} : { 'continuation-token': token }
      const answer = await this.#ask({ method: 'GET', query: { 'list-type': '2', ...more } }, [200])
      const text = await answer.text()
      for (const [, key = ''] of text.matchAll(/<Key>([^<]*)<\/Key>/g)) yield key
      token = /<NextContinuationToken>([^<]*)</.exec(text)?.[1]?.replaceAll('&amp;', '&')
    } while (token !== undefined)
  }

  free(): Promise<number> {
    return Promise.resolve(Infinity)
  }

  #url(file = ''): URL {
    return new URL(`${this.#base}/${file}`)
  }

  /** @throws StorageError for every other status. */
  async #ask(
    { method, file, query = {}, headers = {} }: Asked,
    expected: readonly number[],
  ): Promise<Response> {
    const url = this.#url(file)
    for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value)
    const all = signed(this.#signer, { method, url, headers, payload: EMPTY_PAYLOAD }, this.#clock.now())
    const abort = new AbortController()
    const cancel = this.#clock.after(PATIENCE_MS, () => abort.abort())
    try {
      const answer = await reached(
        fetch(url, { method, headers: all, signal: abort.signal, redirect: 'manual' }),
      )
      if (!expected.includes(answer.status)) throw await troubleOf(answer)
      return answer
    } finally {
      cancel()
    }
  }
}

function baseOf(endpoint: string, bucket: string, inPath: boolean): string {
  const url = new URL(endpoint)
  if (!inPath) url.host = `${bucket}.${url.host}`
  const base = url.href.replace(/\/+$/, '')
  return inPath ? `${base}/${bucket}` : base
}

/** A file on its way to the store. */
class Sending implements Incoming {
  readonly #clock: Clock
  readonly #remove: () => Promise<void>
  readonly #abort = new AbortController()
  readonly #answer: Promise<void>
  #body: ReadableStreamDefaultController<Uint8Array> | undefined
  /** Of whoever waits until the store has taken a piece. */
  #taken: (() => void) | undefined
  #failure: StorageError | undefined
  written = 0

  constructor(
    url: URL,
    headers: Record<string, string>,
    size: number,
    clock: Clock,
    remove: () => Promise<void>,
  ) {
    this.#clock = clock
    this.#remove = remove
    const body = new ReadableStream<Uint8Array>(
      { start: (controller) => void (this.#body = controller), pull: () => this.#taken?.() },
      { highWaterMark: 1 },
    )
    const init = { method: 'PUT', body, headers, signal: this.#abort.signal, redirect: 'manual' } as const
    this.#answer = this.#sent(reached(fetch(url, init)), size)
    // Whoever writes or keeps hears of it.
    this.#answer.catch(() => undefined)
  }

  async write(chunk: Uint8Array): Promise<void> {
    this.#check()
    this.written += chunk.byteLength
    const taken = new Promise<void>((resolve) => (this.#taken = resolve))
    this.#body?.enqueue(chunk)
    await this.#patiently(taken)
    this.#check()
  }

  async keep(): Promise<void> {
    this.#check()
    this.#body?.close()
    await this.#patiently(this.#answer)
  }

  async discard(): Promise<void> {
    this.#abort.abort()
    this.#taken?.()
    // Stores of some makers keep what came of it.
    await this.#remove()
  }

  /** @throws StorageError for every answer but that all of it is stored. */
  async #sent(answer: Promise<Response>, size: number): Promise<void> {
    try {
      const got = await answer
      if (got.status !== 200) throw await troubleOf(got)
      if (this.written < size) throw new StorageError('refused', 'the store has answered before the end')
    } catch (error) {
      this.#failure = asTrouble(error)
      this.#taken?.()
      throw this.#failure
    }
  }

  #check(): void {
    if (this.#failure) throw this.#failure
  }

  async #patiently(work: Promise<void>): Promise<void> {
    const cancel = this.#clock.after(PATIENCE_MS, () => this.#abort.abort())
    try {
      await work
    } finally {
      cancel()
    }
  }
}

/** @throws StorageError where nothing answers. */
async function reached<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer
  } catch (error) {
    throw asTrouble(error)
  }
}

const asTrouble = (error: unknown): StorageError =>
  error instanceof StorageError
    ? error
    : new StorageError('down', 'the store of files does not answer', { cause: error })

/** Codes of stores that have no room, beside the status 507: of the makers' own quotas as well. */
const FULL = /Quota\w*Exceeded|Storage\w*Full|Insufficient(Capacity|Storage)/i

/** A redirect is not followed: the bucket is elsewhere, the signature is for here, and a body that was streamed is gone. */
async function troubleOf(answer: Response): Promise<StorageError> {
  const text = await answer.text().catch(() => '')
  const tag = (name: string) => new RegExp(`<${name}>([^<]*)</${name}>`).exec(text)?.[1]
  const { status, headers } = answer
  const code = tag('Code') ?? ''
  const trouble = status === 507 || FULL.test(code) ? 'full' : status >= 500 ? 'down' : 'refused'
  const elsewhere = status >= 300 && status < 400 ? (tag('Endpoint') ?? headers.get('location')) : undefined
  const region = headers.get('x-amz-bucket-region') ?? tag('Region')
  const words = [
    `the store of files answered ${status}${code === '' ? '' : ` ${code}`}`,
    ...(elsewhere ? [`the bucket is at ${elsewhere}: set [upload.s3] endpoint`] : []),
    ...(region && trouble === 'refused' ? [`its region is ${region}`] : []),
  ]
  return new StorageError(trouble, words.join('; '))
}
