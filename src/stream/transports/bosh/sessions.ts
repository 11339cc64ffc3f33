/** /http-bind: finds or makes the session that a request belongs to (XEP-0124 §7; XMPP inside by XEP-0206). */
import type { Config } from '../../../config/config.ts'
import type { Random } from '../../../store/clock.ts'
import { BoshError, type BoshRequest, countOf, domainOf, readBody, terminal } from './body.ts'
import { type BoshOptions, BoshSession, type BoshTerms } from './session.ts'
import type { ReaderLimits } from '../../../xml/reader.ts'
import type { Transport, TransportEvents } from '../transport.ts'

export interface BoshContext extends Omit<BoshOptions, 'closed'> {
  readonly config: Config
  readonly hosts: ReadonlySet<string>
  readonly random: Random
  accept(transport: Transport): TransportEvents | undefined
  /** Limits of the first body of a session. */
  readonly limits: ReaderLimits
}

export interface BoshAnswer {
  readonly type: string
  readonly text: string
}

interface Client {
  readonly ip: string
  readonly encrypted: boolean
}

const XML = 'text/xml; charset=utf-8'
/** §7.1: a client may ask for its own Content-Type; not for one by which a browser would run what we send. */
const TYPES = /^(?:text\/xml|application\/xml|text\/plain)(?:;\s*charset=utf-8)?$/i

export class BoshSessions {
  readonly #context: BoshContext
  readonly #options: BoshOptions
  readonly #sessions = new Map<string, { session: BoshSession; type: string }>()

  constructor(context: BoshContext) {
    this.#context = context
    this.#options = { ...context, closed: ({ sid }) => this.#sessions.delete(sid) }
  }

  /** One request; settles with its answer, which may take as long as the session's `wait`. */
  serve(bytes: Uint8Array, client: Client, gone: AbortSignal): Promise<BoshAnswer> {
    return new Promise((resolve) => {
      let type = XML
      const answer = (text: string): void => resolve({ type, text })
      try {
        // Read with the caps that the session named has earned; a body that then names another one gets nowhere.
        const sid = peekSid(bytes)
        const known = sid === undefined ? undefined : this.#sessions.get(sid)
        // §19.1: who began inside TLS stays there, and nobody ends such a session from outside.
        if (known?.session.tls && !client.encrypted) throw new BoshError('item-not-found')
        type = known?.type ?? XML
        const request = this.#read(bytes, known?.session)
        const found = request.sid === undefined ? this.#create(request, client) : known
        if (!found || (request.sid !== undefined && request.sid !== sid))
          throw new BoshError('item-not-found')
        type = found.type
        found.session.take(request, bytes, answer, gone)
      } catch (error) {
        if (!(error instanceof BoshError)) throw error
        answer(terminal(error.condition))
      }
    })
  }

  #read(bytes: Uint8Array, session: BoshSession | undefined): BoshRequest {
    const limits = session?.limits ?? this.#context.limits
    try {
      if (bytes.length > limits.bytes) throw new BoshError('policy-violation')
      return readBody(bytes, limits)
    } catch (error) {
      session?.refuse()
      throw error
    }
  }

  #create(request: BoshRequest, client: Client) {
    const { random, hosts } = this.#context
    if (!hosts.has(domainOf(request))) throw new BoshError('host-unknown')
    const session = new BoshSession(
      random.bytes(18).toString('base64url'),
      client,
      request,
      this.#terms(request),
      this.#options,
    )
    const events = this.#context.accept(session)
    if (!events) throw new BoshError('policy-violation')
    session.events = events
    const asked = request.attrs.content ?? XML
    const entry = { session, type: TYPES.test(asked) ? asked : XML }
    this.#sessions.set(session.sid, entry)
    return entry
  }

  /** §7.2: never more than the client asked for. */
  #terms(request: BoshRequest): BoshTerms {
    const { bosh_wait, bosh_hold, bosh_inactivity, bosh_polling, bosh_pause } = this.#context.config.limits
    const wait = Math.min(countOf(request, 'wait') ?? Infinity, Math.ceil(bosh_wait / 1000))
    // §12: either of the two at 0 asks to poll.
    const hold = wait === 0 ? 0 : Math.min(countOf(request, 'hold') ?? 1, bosh_hold)
    const polling = Math.ceil(bosh_polling / 1000)
    return {
      wait,
      hold,
      requests: hold + 1,
      // §12: who polls is away between two requests.
      inactivity: Math.ceil(bosh_inactivity / 1000) + (hold === 0 ? polling : 0),
      polling,
      maxpause: Math.ceil(bosh_pause / 1000),
    }
  }
}

/** The session that a body names, looked for in its first tag only. */
function peekSid(bytes: Uint8Array): string | undefined {
  const end = bytes.subarray(0, 2048).indexOf(0x3e)
  const head = Buffer.from(bytes.subarray(0, end < 0 ? 2048 : end)).toString('latin1')
  return /\ssid\s*=\s*["']([\w-]{1,64})["']/.exec(head)?.[1]
}
