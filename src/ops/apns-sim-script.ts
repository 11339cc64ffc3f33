/** Orders to the simulator to misbehave, from a test or over its control path. */
import { isRecord } from './apns-sim-checks.ts'

/** Answer to the next push (or, with `token`, the next one for that token) that passes the checks. */
export interface SimStep {
  readonly token?: string
  /** Number of times; 1 if left out. */
  readonly times?: number
  readonly status?: number
  readonly reason?: string
  readonly timestamp?: number
  /** An answer that is not Apple's, e.g. a proxy's page. */
  readonly rawBody?: string
  readonly delayMs?: number
  /** GOAWAY before the answer, with this reason as debug data where given. */
  readonly goaway?: { readonly reason?: string }
  /** Never answer. */
  readonly stall?: boolean
  /** Reset the stream with this HTTP/2 error code instead of an answer. */
  readonly reset?: number
  /** Cut the connection instead of an answer. */
  readonly cut?: boolean
  /** Announce this stream limit together with the answer. */
  readonly streams?: number
}

/** Only fields that we know, each of its type; the rest of a control request is ignored. */
export function toStep(value: Record<string, unknown>): SimStep {
  const number = (name: string) => (typeof value[name] === 'number' ? { [name]: value[name] } : {})
  const text = (name: string) => (typeof value[name] === 'string' ? { [name]: value[name] } : {})
  const flag = (name: string) => (value[name] === true ? { [name]: true } : {})
  const goaway = isRecord(value.goaway)
    ? { goaway: typeof value.goaway.reason === 'string' ? { reason: value.goaway.reason } : {} }
    : {}
  return {
    ...text('token'),
    ...number('times'),
    ...number('status'),
    ...text('reason'),
    ...number('timestamp'),
    ...text('rawBody'),
    ...number('delayMs'),
    ...flag('stall'),
    ...number('reset'),
    ...flag('cut'),
    ...number('streams'),
    ...goaway,
  }
}
