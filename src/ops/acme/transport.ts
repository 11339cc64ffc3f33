/**
 * Requests of the ACME library, by our own hands: the library would wait for as long as Retry-After says, read answers of
 * any size, and lose the reason where nobody answers.
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import { codeOf, OutsideError } from '../../log.ts'
import type { Clock } from '../../store/clock.ts'
import { VERSION } from '../../version.ts'

/** Milliseconds for one answer, and bytes of it: a chain has some thousand. */
const WITHIN = 30_000
const LARGEST = 1 << 20

/** Refusal of an authority, in its words (RFC 8555 §6.7). */
export interface Problem {
  readonly url: string
  readonly status: number
  /** Last part of the URN, such as "rateLimited"; empty where it named none. */
  readonly type: string
  readonly detail: string
  /** Milliseconds from now; undefined where it did not say. */
  readonly retryAfter: number | undefined
}

export interface Conversation {
  readonly clock: Clock
  readonly ca: string | undefined
  readonly signal: AbortSignal
  /** The first that is not about a nonce. */
  problem?: Problem | undefined
}

interface Request {
  readonly url?: string
  readonly method?: string
  readonly data?: unknown
  readonly headers: { toJSON(): unknown }
}

const conversations = new AsyncLocalStorage<Conversation>()

/** Runs `work`, whose requests belong to this conversation. */
export const conversing = <T>(conversation: Conversation, work: () => Promise<T>): Promise<T> =>
  conversations.run(conversation, work)

/** In the form that the library's HTTP client takes for an adapter. @throws OutsideError */
export async function request<C extends Request>(config: C) {
  const conversation = conversations.getStore()
  if (!conversation) throw new Error('a request outside of any order')
  const url = config.url ?? ''
  const late = new AbortController()
  const cancel = conversation.clock.after(WITHIN, () => late.abort())
  try {
    const response = await fetch(url, {
      method: (config.method ?? 'get').toUpperCase(),
      headers: { ...headersOf(config), 'user-agent': `belfry/${VERSION}` },
      ...(typeof config.data === 'string' ? { body: config.data } : {}),
      redirect: 'manual',
      signal: AbortSignal.any([conversation.signal, late.signal]),
      ...(conversation.ca === undefined ? {} : { tls: { ca: conversation.ca } }),
    })
    const text = await bodyOf(response)
    note(conversation, url, response, text)
    const { status, statusText } = response
    return {
      status,
      statusText,
      data: text,
      headers: Object.fromEntries(response.headers),
      config,
      request: {},
    }
  } catch (error) {
    throw unreachable(url, error, late.signal.aborted)
  } finally {
    cancel()
  }
}

const headersOf = ({ headers }: Request): Record<string, string> => {
  const all = Object.entries(headers.toJSON() as Record<string, unknown>)
  return Object.fromEntries(
    all.filter(([name]) => /^(accept|content-type)$/i.test(name)).map(([k, v]) => [k, String(v)]),
  )
}

async function bodyOf(response: Response): Promise<string> {
  const parts: Uint8Array[] = []
  let size = 0
  for await (const part of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    size += part.length
    if (size > LARGEST) throw new OutsideError(`its answer has more than ${LARGEST} bytes`)
    parts.push(part)
  }
  return Buffer.concat(parts).toString()
}

function unreachable(url: string, error: unknown, isLate: boolean): OutsideError {
  const why = isLate
    ? `no answer within ${WITHIN / 1000} s`
    : `${error instanceof Error ? error.message : String(error)}${codeOf(error) === undefined ? '' : ` (${String(codeOf(error))})`}`
  return new OutsideError(`${new URL(url).host} cannot be used: ${why}`, { cause: error })
}

/** A wrong nonce is answered by the library itself, with a fresh one (§6.5). */
function note(conversation: Conversation, url: string, response: Response, text: string): void {
  const { status, headers } = response
  const problem = status >= 400 ? parsed(text) : errorIn(parsed(text))
  if (status < 400 && problem === undefined) return
  const type = field(problem, 'type').replace(/^urn:ietf:params:acme:error:/, '')
  // Several names are looked at side by side: the first that fails is the reason, and a wrong nonce hardly ever.
  if (conversation.problem !== undefined && conversation.problem.type !== 'badNonce') return
  const detail = [field(problem, 'detail'), ...subproblems(problem)].filter((part) => part !== '').join('; ')
  const retryAfter = retryAfterOf(headers.get('retry-after'), conversation.clock)
  conversation.problem = { url, status, type, detail: detail.slice(0, 1000), retryAfter }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

const member = (value: unknown, key: string): unknown =>
  typeof value === 'object' && value !== null && key in value
    ? (value as Record<string, unknown>)[key]
    : undefined
const field = (value: unknown, key: string): string => {
  const found = member(value, key)
  return typeof found === 'string' ? found : ''
}
/** Of a challenge or an order that is invalid (§7.1.3, §8). */
const errorIn = (value: unknown): unknown => member(value, 'error') ?? undefined

function subproblems(problem: unknown): string[] {
  const list = member(problem, 'subproblems')
  if (!Array.isArray(list)) return []
  return list.slice(0, 5).map((one: unknown) => {
    const name = field(member(one, 'identifier'), 'value')
    return `${name === '' ? '' : `${name}: `}${field(one, 'detail')}`
  })
}

/** RFC 9110 §10.2.3: seconds or a date. */
function retryAfterOf(header: string | null, clock: Clock): number | undefined {
  if (header === null) return undefined
  const ms = /^\d+$/.test(header) ? Number(header) * 1000 : Date.parse(header) - clock.now()
  return Number.isFinite(ms) && ms > 0 ? ms : undefined
}
