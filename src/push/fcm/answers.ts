/** Meaning of FCM's answers. The type of an error stands in its `details`; a status alone may be anybody's. Pure. */
import { retryAfterMs } from '../webpush/answers.ts'
import { recordOf } from './access.ts'

export type FcmRuling =
  | 'accepted'
  /** The token is dead or malformed. */
  | 'gone'
  /** The token belongs to another project: its own fault or that of our file. */
  | 'misfit'
  /** The access token is old. */
  | 'expired'
  /** Only the operator can mend it: API off, role missing, wrong project. */
  | 'config'
  /** We composed what Google cannot take. */
  | 'malformed'
  /** This device, or the project, is asked too often. */
  | 'later'
  | 'retry'

export interface FcmVerdict {
  readonly ruling: FcmRuling
  readonly reason: string
  readonly afterMs?: number | undefined
}

const FCM_ERROR = 'type.googleapis.com/google.firebase.fcm.v1.FcmError'
const BAD_REQUEST = 'type.googleapis.com/google.rpc.BadRequest'
/** Least waits that Google asks for. */
const QUOTA_MS = 60_000
const INTERNAL_MS = 10_000

interface Fault {
  readonly code: string | undefined
  readonly fields: readonly string[]
}

/** Code of FCM's own, and the fields of our message that are said to be wrong. */
function faultOf(body: string): Fault {
  const { error } = recordOf(body)
  const details: unknown =
    typeof error === 'object' && error !== null && 'details' in error ? error.details : []
  let code: string | undefined
  const fields: string[] = []
  for (const detail of Array.isArray(details) ? (details as unknown[]) : []) {
    const entry: Record<string, unknown> = typeof detail === 'object' && detail !== null ? { ...detail } : {}
    const { '@type': type, errorCode, fieldViolations } = entry
    if (type === FCM_ERROR && typeof errorCode === 'string' && /^[A-Z_]{1,60}$/.test(errorCode))
      code = errorCode
    if (type !== BAD_REQUEST || !Array.isArray(fieldViolations)) continue
    for (const violation of fieldViolations as unknown[])
      if (typeof violation === 'object' && violation !== null && 'field' in violation)
        fields.push(String(violation.field))
  }
  return { code, fields }
}

const ADDRESS = new Set(['message.token', 'message.fid'])

export function verdictOf(
  { status, body, retryAfter }: { status: number; body: string; retryAfter?: string | undefined },
  now: number,
): FcmVerdict {
  if (status === 200) return { ruling: 'accepted', reason: 'Accepted' }
  const { code, fields } = faultOf(body)
  const reason = code ?? `status ${status}`
  const after = retryAfterMs(retryAfter, now)
  switch (status) {
    case 400: {
      const ofAddress = fields.length > 0 ? fields.every((field) => ADDRESS.has(field)) : code !== undefined
      return { ruling: ofAddress ? 'gone' : 'malformed', reason }
    }
    case 401:
      return { ruling: code === undefined ? 'expired' : 'config', reason }
    case 403:
      return { ruling: code === 'SENDER_ID_MISMATCH' ? 'misfit' : 'config', reason }
    case 404:
      // Without a word of FCM's it is the project that is not there.
      return { ruling: code === undefined ? 'config' : 'gone', reason }
    case 429:
      return { ruling: 'later', reason, afterMs: after ?? QUOTA_MS }
    case 500:
      return { ruling: 'retry', reason, afterMs: Math.max(after ?? 0, INTERNAL_MS) }
    default:
      if (status >= 500) return { ruling: 'retry', reason, afterMs: after }
      return { ruling: 'malformed', reason }
  }
}
