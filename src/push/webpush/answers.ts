/** Meaning of a push service's answer: every status has exactly one action. Pure. */
import type { Result } from '../outbox/provider.ts'

export interface Heard {
  readonly status: number
  readonly body: string
  readonly retryAfter?: string | undefined
}

export type Ruling =
  | 'accepted'
  /** The subscription is dead; its app makes another. */
  | 'gone'
  /** The service refuses our token or key: never a reason to forget a device. */
  | 'refused'
  /** The request was malformed. */
  | 'malformed'
  | 'too-large'
  /** This subscription alone is asked too often, or nobody is there to take it: it waits, others go on. */
  | 'later'
  /** The service is ill. */
  | 'retry'
  /** An answer that no push service gives: a redirect, a page of a proxy. */
  | 'strange'

const HOUR = 3_600_000
const MINUTE = 60_000

export function rulingOf(status: number): Ruling {
  if (status >= 200 && status < 300) return 'accepted'
  if (status === 404 || status === 410) return 'gone'
  if (status === 401 || status === 403) return 'refused'
  if (status === 413) return 'too-large'
  // Prosody's answer for a client that is offline is 503, ntfy's 507: both keep nothing, and mean one subscription.
  if (status === 429 || status === 503 || status === 507) return 'later'
  if (status >= 500) return 'retry'
  return status === 400 ? 'malformed' : 'strange'
}

/** Apple's and Mozilla's word for it (JSON), else the status. It becomes a label and a log field: only a word is believed. */
export function reasonOf({ status, body }: Heard): string {
  let parsed: unknown
  try {
    parsed = JSON.parse(body)
  } catch {
    return `status ${status}`
  }
  if (typeof parsed !== 'object' || parsed === null) return `status ${status}`
  if ('reason' in parsed && typeof parsed.reason === 'string' && /^[A-Za-z]{1,60}$/.test(parsed.reason))
    return parsed.reason
  if ('errno' in parsed && typeof parsed.errno === 'number' && Number.isInteger(parsed.errno))
    return `status ${status} errno ${Math.min(999, Math.max(0, parsed.errno))}`
  return `status ${status}`
}

/** `Retry-After` (RFC 9110 §10.2.3) in seconds or as a date, at most an hour; undefined where it says nothing of use. */
export function retryAfterMs(text: string | undefined, now: number): number | undefined {
  if (text === undefined) return undefined
  const ms = /^\d{1,9}$/.test(text.trim()) ? Number(text) * 1000 : Date.parse(text) - now
  return Number.isFinite(ms) && ms > 0 ? Math.min(ms, HOUR) : undefined
}

/** Result of what needs no second look. `since`: when the request left. */
export function resultOf(heard: Heard, now: number, since: number): Result {
  const reason = reasonOf(heard)
  const afterMs = retryAfterMs(heard.retryAfter, now)
  switch (rulingOf(heard.status)) {
    case 'accepted':
      return { is: 'sent' }
    case 'gone':
      return { is: 'forget', reason, since }
    case 'refused':
      return { is: 'retry', reason, afterMs: afterMs ?? 15 * MINUTE, whole: true }
    case 'later':
      return {
        is: 'retry',
        reason,
        afterMs: afterMs ?? (heard.status === 429 ? MINUTE : undefined),
        whole: true,
      }
    case 'retry':
      return { is: 'retry', reason, afterMs }
    case 'malformed':
    case 'too-large':
      return { is: 'drop', reason }
    case 'strange':
      return { is: 'drop', reason }
  }
}
