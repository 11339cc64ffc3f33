/**
 * A stand-in for Google, written from its documentation: it changes assertions for access tokens, and takes messages as
 * FCM's HTTP v1 does. It can be told to fail. Nothing leaves this machine.
 */
import { generateKeyPairSync, type KeyObject, verify } from 'node:crypto'
import type { ServerHttp2Stream } from 'node:http2'
import { isRecord, parse } from './apns-sim-checks.ts'
import { type Clock, type Random, systemClock, systemRandom } from '../store/clock.ts'
import { Http2Sim, Received, Script, type SimHeaders } from './http2-sim.ts'

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
  readonly at: number
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
const RSA_BITS = 2048
const MOST_BYTES = 4_096

export async function startFcmSim(options: FcmSimOptions = {}): Promise<FcmSim> {
  const sim = new FcmSim(options)
  await sim.listen()
  return sim
}

export class FcmSim {
  readonly project: string
  /** Access tokens given out so far. */
  tokens = 0
  readonly #clock: Clock
  readonly #random: Random
  readonly #server: Http2Sim
  readonly #received = new Received<FcmReceived>()
  readonly #script = new Script<FcmStep>()
  readonly #oauth: { readonly port: number; stop(): void }
  readonly #valid = new Set<string>()
  readonly #account: { readonly publicKey: KeyObject; readonly pem: string }
  #refusal: { status: number; error: string } | undefined

  constructor({ clock = systemClock, random = systemRandom, project = 'belfry-sim' }: FcmSimOptions) {
    this.#clock = clock
    this.#random = random
    this.project = project
    const pair = generateKeyPairSync('rsa', { modulusLength: RSA_BITS })
    this.#account = {
      publicKey: pair.publicKey,
      pem: pair.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    }
    this.#server = new Http2Sim(clock.now(), (stream, headers, body) =>
      this.#answer(stream, headers, parse(body.toString()) ?? {}),
    )
    const { cert, key } = this.#server.pems
    const oauth = Bun.serve({
      port: 0,
      hostname: '127.0.0.1',
      tls: { cert, key },
      fetch: async (request) => this.#grant(new URLSearchParams(await request.text())),
    })
    this.#oauth = { port: oauth.port ?? 0, stop: () => void oauth.stop(true) }
  }

  get received(): readonly FcmReceived[] {
    return this.#received.all
  }

  get ca(): string {
    return this.#server.pems.cert
  }

  get url(): string {
    return this.#server.url
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
    return this.#server.listen()
  }

  script(...steps: FcmStep[]): void {
    this.#script.add(steps)
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
    return this.#received.until(n)
  }

  close(): Promise<void> {
    this.#oauth.stop()
    return this.#server.close()
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

  #answer(stream: ServerHttp2Stream, headers: SimHeaders, body: Record<string, unknown>): void {
    const message = isRecord(body.message) ? body.message : {}
    const data = isRecord(message.data) ? message.data : {}
    const android = isRecord(message.android) ? message.android : {}
    const step = this.#fault(headers, message, data) ?? this.#script.take()
    const status = step?.status ?? 200
    stream.respond({ ':status': status, date: new Date(this.#clock.now()).toUTCString(), ...step?.headers })
    stream.end(JSON.stringify(step ? errorOf(step) : { name: `projects/${this.project}/messages/1` }))
    this.#received.add({
      at: this.#clock.now(),
      message,
      data,
      android,
      validateOnly: body.validate_only === true,
      status,
    })
  }

  #fault(
    headers: SimHeaders,
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
