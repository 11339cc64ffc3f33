/** Failures as RFC 9457 problems: one class to throw, one place that turns anything thrown into an answer. */
import type { Context } from 'hono'
import { HTTPException } from 'hono/http-exception'
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import { AccountError } from '../accounts/accounts.ts'
import { failureEvent, getLogger } from '../log.ts'
import { httpAborted } from '../metrics/metrics.ts'
import { BusyError, StanzaError, type StanzaCondition } from '../xmpp/errors.ts'
import type { AppEnv } from './context.ts'
import type { ProblemCode } from './problem-codes.ts'

const log = getLogger('http')

const TITLES: Readonly<Record<number, string>> = {
  400: 'Bad request',
  401: 'Authentication needed',
  403: 'Not allowed',
  404: 'Not found',
  405: 'Method not allowed',
  408: 'Too slow',
  409: 'Conflict',
  410: 'Gone',
  412: 'Changed meanwhile',
  413: 'Body too large',
  415: 'Unsupported media type',
  416: 'No such part',
  421: 'Misdirected request',
  422: 'Not acceptable content',
  426: 'Upgrade required',
  429: 'Too many requests',
  500: 'Internal error',
  501: 'Not built in',
  503: 'Not available now',
  507: 'Out of storage',
}

export interface FieldError {
  readonly field: string
  readonly message: string
}

/** A failure that the client is told. `code` is stable: programs may rely on it; the text may change. */
export class HttpError extends Error {
  constructor(
    readonly status: ContentfulStatusCode,
    readonly code: ProblemCode,
    detail: string,
    readonly more: {
      readonly headers?: Record<string, string>
      readonly errors?: readonly FieldError[]
    } = {},
  ) {
    super(detail)
    this.name = 'HttpError'
  }
}

const CONDITIONS = {
  'bad-request': 400,
  conflict: 409,
  'feature-not-implemented': 501,
  forbidden: 403,
  'item-not-found': 404,
  'jid-malformed': 422,
  'not-acceptable': 422,
  'not-allowed': 403,
  'policy-violation': 422,
  'remote-server-not-found': 422,
  'resource-constraint': 507,
  'service-unavailable': 503,
} as const satisfies Partial<Record<StanzaCondition & ProblemCode, ContentfulStatusCode>>

const isKnown = (condition: string): condition is keyof typeof CONDITIONS => condition in CONDITIONS

/** Seconds after which an overload is worth another try: what waits at most takes about one. */
const BUSY_SECONDS = 2

function known(error: unknown): HttpError | undefined {
  if (error instanceof HttpError) return error
  if (error instanceof BusyError) {
    const headers = { 'retry-after': String(BUSY_SECONDS) }
    return new HttpError(503, 'busy', error.text ?? error.condition, { headers })
  }
  if (error instanceof StanzaError) {
    const { condition } = error
    if (!isKnown(condition)) return undefined
    const status = CONDITIONS[condition]
    const message = error.text ?? condition
    if (!(error instanceof AccountError)) return new HttpError(status, condition, message)
    const { fault } = error
    const errors = [{ field: 'password', message }]
    return new HttpError(status, fault, message, fault === 'weak-password' ? { errors } : {})
  }
  // Hono throws this for a body that is not JSON and the like; its message may quote the body.
  if (error instanceof HTTPException) {
    return new HttpError(error.status, 'bad-request', 'The request cannot be understood.')
  }
  return undefined
}

/** Clients that go away in the middle of an upload make no error of ours; nobody reads the answer. */
function leftBy(c: Context<AppEnv>, error: unknown): HttpError | undefined {
  if (!c.req.raw.signal.aborted || !(error instanceof Error) || error.name !== 'AbortError') return undefined
  httpAborted.inc()
  log.debug('a client went away during its request', { request: c.get('requestId') })
  return new HttpError(400, 'aborted', 'The connection was closed.')
}

/** Answer of the client to anything thrown; a bug is logged with its cause and told without. */
export function failureOf(c: Context<AppEnv>, error: unknown): HttpError {
  const requestId = c.get('requestId')
  const failure =
    known(error) ??
    leftBy(c, error) ??
    new HttpError(500, 'internal', `Something went wrong. Its log entry is ${requestId}.`)
  if (failure.status === 500) log.error(failureEvent('a request', error), { request: requestId, error })
  for (const [name, value] of Object.entries(failure.more.headers ?? {})) c.header(name, value)
  return failure
}

export const titleOf = (failure: HttpError): string => TITLES[failure.status] ?? 'Failed'

export function problemResponse(c: Context<AppEnv>, error: unknown): Response {
  const failure = failureOf(c, error)
  c.header('content-type', 'application/problem+json')
  return c.body(
    JSON.stringify({
      type: 'about:blank',
      title: titleOf(failure),
      status: failure.status,
      code: failure.code,
      detail: failure.message,
      errors: failure.more.errors,
      request_id: c.get('requestId'),
    }),
    failure.status,
  )
}

export const notFound = (): HttpError => new HttpError(404, 'not-found', 'There is nothing here.')
