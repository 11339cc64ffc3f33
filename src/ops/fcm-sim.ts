/**
 * A stand-in for Google, written from its documentation: it changes assertions for access tokens, and takes messages as
 * FCM's HTTP v1 does. It can be told to fail. Nothing leaves this machine.
 */
import { generateKeyPairSync, type KeyObject, verify } from 'node:crypto'
import http2 from 'node:http2'
import type { AddressInfo } from 'node:net'
import { createSelfSigned } from '../self-signed.ts'
import { type Clock, type Random, systemClock, systemRandom } from '../store/clock.ts'
import { isRecord, parse } from './apns-sim-checks.ts'

export interface FcmStep {
  readonly times?: number
  readonly status: number
  /** errorCode in the details; none: an error without a word of FCM's. */
  readonly code?: string
  /** Fields that a BadRequest names. */
  readonly fields?: readonly string[]
  readonly headers?: Readonly<Record<string, string>>
}

export interface FcmReceived {
  readonly message: Record<string, unknown>
  readonly data: Record<string, unknown>
  readonly android: Record<string, unknown>
  readonly validateOnly: boolean
  readonly status: number
}

export interface FcmSimOptions {
  readonly clock?: Clock
  readonly random?: Random
  /** Project whose tokens these are. */
  readonly project?: string
}

const FCM_ERROR = 'type.googleapis.com/google.firebase.fcm.v1.FcmError'
const BAD_REQUEST = 'type.googleapis.com/google.rpc.BadRequest'
const PATIENCE = { maxSessionInvalidFrames: 2 ** 31 - 1, maxSessionRejectedStreams: 2 ** 31 - 1 }
const RSA_BITS = 2048
const MOST_BYTES = 4_096

export async function startFcmSim(options: FcmSimOptions = {}): Promise<FcmSim> {
  const sim = new FcmSim(options)
  await sim.listen()
  return sim
}

export class FcmSim {
  readonly received: FcmReceived[] = []
  readonly ca: string
  readonly project: string
  /** Access tokens given out so far. */
  tokens = 0
  readonly #clock: Clock
  readonly #random: Random
  readonly #server: http2.Http2SecureServer
  readonly #oauth: { readonly port: number; stop(): void }
  readonly #sessions = new Set<http2.ServerHttp2Session>()
  readonly #valid = new Set<string>()
  readonly #account: { readonly publicKey: KeyObject; readonly pem: string }
  #steps: { step: FcmStep; left: number }[] = []
  #refusal: { status: number; error: string } | undefined
  readonly #waiters = new Set<() => void>()

  constructor({ clock = systemClock, random = systemRandom, project = 'belfry-sim' }: FcmSimOptions) {
    this.#clock = clock
    this.#random = random
    this.project = project
    const pair = generateKeyPairSync('rsa', { modulusLength: RSA_BITS })
    this.#account = {
      publicKey: pair.publicKey,
      pem: pair.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    }
    const { cert, key } = createSelfSigned(['localhost', '127.0.0.1'], clock.now())
    this.ca = cert
    this.#server = http2.createSecureServer({
      cert,
      key,
      ...PATIENCE,
      settings: { maxConcurrentStreams: 1000 },
    })
    this.#server.on('session', (session) => {
      this.#sessions.add(session)
      session.on('error', () => undefined)
      session.on('close', () => this.#sessions.delete(session))
    })
    // Typed as any HTTP/2 stream, but a server has only its own kind.
    this.#server.on('stream', (stream, headers) => this.#hear(stream as http2.ServerHttp2Stream, headers))
    this.#server.on('sessionError', () => undefined)
    this.#server.on('error', () => undefined)
    const oauth = Bun.serve({
      port: 0,
      hostname: '127.0.0.1',
      tls: { cert, key },
      fetch: async (request) => this.#grant(new URLSearchParams(await request.text())),
    })
    this.#oauth = { port: oauth.port ?? 0, stop: () => void oauth.stop(true) }
  }

  get url(): string {
    const { port } = this.#server.address() as AddressInfo // a TCP listener has no other form
    return `https://localhost:${port}`
  }

  get tokenUrl(): string {
    return `https://localhost:${this.#oauth.port}/token`
  }

  /** The file of a service account, as Google's console gives it out. */
  accountFile(more: Readonly<Record<string, string>> = {}): string {
    return JSON.stringify({
      type: 'service_account',
      project_id: this.project,
      private_key_id: 'sim-key-1',
      private_key: this.#account.pem,
      client_email: `belfry@${this.project}.iam.gserviceaccount.com`,
      token_uri: 'https://oauth2.googleapis.com/token',
      ...more,
    })
  }

  listen(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen(0, '127.0.0.1', () => resolve())
    })
  }

  script(...steps: FcmStep[]): void {
    for (const step of steps) this.#steps.push({ step, left: step.times ?? 1 })
  }

  /** Access tokens are given out no more; undefined: again. */
  refuseTokens(refusal: { status: number; error: string } | undefined): void {
    this.#refusal = refusal
  }

  /** All access tokens so far have ended. */
  expire(): void {
    this.#valid.clear()
  }

  until(n: number): Promise<void> {
    return new Promise((resolve) => {
      const look = (): void => {
        if (this.received.length < n) return
        this.#waiters.delete(look)
        resolve()
      }
      this.#waiters.add(look)
      look()
    })
  }

  async close(): Promise<void> {
    for (const session of this.#sessions) session.destroy()
    this.#oauth.stop()
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve())
    })
  }

  #grant(form: URLSearchParams): Response {
    const headers = { date: new Date(this.#clock.now()).toUTCString() }
    const refuse = (status: number, error: string) => Response.json({ error }, { status, headers })
    if (this.#refusal) return refuse(this.#refusal.status, this.#refusal.error)
    const [head = '', body = '', signature = ''] = (form.get('assertion') ?? '').split('.')
    const isSigned = verify(
      'sha256',
      Buffer.from(`${head}.${body}`),
      this.#account.publicKey,
      Buffer.from(signature, 'base64url'),
    )
    const { iat, exp, aud } = parse(Buffer.from(body, 'base64url').toString()) ?? {}
    const now = this.#clock.now() / 1000
    const isNow =
      typeof iat === 'number' && typeof exp === 'number' && iat <= now + 60 && exp > now && exp - iat <= 3600
    if (!isSigned || !isNow || aud !== this.tokenUrl) return refuse(400, 'invalid_grant')
    const token = `ya29.${this.#random.bytes(16).toString('base64url')}`
    this.tokens++
    this.#valid.add(token)
    return Response.json({ access_token: token, expires_in: 3599, token_type: 'Bearer' }, { headers })
  }

  #hear(stream: http2.ServerHttp2Stream, headers: http2.IncomingHttpHeaders): void {
    stream.on('error', () => undefined)
    const chunks: Buffer[] = []
    stream.on('data', (chunk: Buffer) => chunks.push(chunk))
    stream.on('end', () => this.#answer(stream, headers, parse(Buffer.concat(chunks).toString()) ?? {}))
  }

  #answer(
    stream: http2.ServerHttp2Stream,
    headers: http2.IncomingHttpHeaders,
    body: Record<string, unknown>,
  ): void {
    const message = isRecord(body.message) ? body.message : {}
    const data = isRecord(message.data) ? message.data : {}
    const android = isRecord(message.android) ? message.android : {}
    const refused = this.#fault(headers, message, data)
    const [entry] = refused ? [] : this.#steps
    if (entry && --entry.left <= 0) this.#steps.shift()
    const step = refused ?? entry?.step
    const status = step?.status ?? 200
    stream.respond({ ':status': status, date: new Date(this.#clock.now()).toUTCString(), ...step?.headers })
    stream.end(JSON.stringify(step ? errorOf(step) : { name: `projects/${this.project}/messages/1` }))
    this.received.push({ message, data, android, validateOnly: body.validate_only === true, status })
    for (const look of [...this.#waiters]) look()
  }

  #fault(
    headers: http2.IncomingHttpHeaders,
    message: Record<string, unknown>,
    data: Record<string, unknown>,
  ): FcmStep | undefined {
    const token = /^Bearer (\S+)$/.exec(headers.authorization ?? '')?.[1]
    if (token === undefined || !this.#valid.has(token)) return { status: 401 }
    if (headers[':path'] !== `/v1/projects/${this.project}/messages:send`) return { status: 404 }
    const { token: address, fid } = message
    const wrong = Object.entries(data).filter(
      ([key, value]) => typeof value !== 'string' || /^(from|gcm|message_type|google.*)$/.test(key),
    )
    const bytes = Object.entries(data).reduce(
      (sum, [key, value]) => sum + key.length + Buffer.byteLength(String(value)),
      0,
    )
    if (wrong.length > 0 || bytes > MOST_BYTES)
      return { status: 400, code: 'INVALID_ARGUMENT', fields: ['message.data'] }
    const isAddress = typeof address === 'string' ? address.includes(':APA91b') : typeof fid === 'string'
    return isAddress ? undefined : { status: 400, code: 'INVALID_ARGUMENT', fields: ['message.token'] }
  }
}

const errorOf = ({ status, code, fields }: FcmStep) => ({
  error: {
    code: status,
    message: 'refused',
    details: [
      ...(code === undefined ? [] : [{ '@type': FCM_ERROR, errorCode: code }]),
      ...(fields
        ? [
            {
              '@type': BAD_REQUEST,
              fieldViolations: fields.map((field) => ({ field, description: 'invalid' })),
            },
          ]
        : []),
    ],
  },
})
