/**
 * Meaning of Apple's answers: every reason has exactly one action. The table follows Apple's "Handling
 * notification response errors" where that page is clear and the experience of public senders where it is not.
 */

export type Outcome =
  /** Apple took it. */
  | 'accepted'
  /** The token is dead for this topic; delete it unless the app registered again after `timestamp`. */
  | 'delete'
  /** The token is another app's: the operator has the wrong bundle id, or a build has. Never delete it. */
  | 'misfit'
  /** The token belongs to the other environment or is garbage: try there once, then delete. */
  | 'environment'
  /** The operator must act: pause this credential and topic, keep the queue, never delete a token. */
  | 'config'
  /** The credential must rest for `retryAfterMs`; nothing is wrong with the push. */
  | 'pause'
  /** Try again later, bounded by the expiration. */
  | 'retry'
  /** This one token is asked too often: delay it alone. */
  | 'later'
  /** Too large: send the short form once. */
  | 'shorten'
  /** A push that was not sent, because it need not go any more. */
  | 'kept'
  /** This push can never succeed. */
  | 'drop'

export interface Rule {
  readonly outcome: Outcome
  /** The connection is of no more use after this answer. */
  readonly reconnect?: true
  /** We built the request wrong: worth an error in our own log. */
  readonly bug?: true
  /** Least wait before the next try. */
  readonly afterMs?: number
}

export const RESTING_MS = 20 * 60_000

const bug: Rule = { outcome: 'drop', bug: true }
const config: Rule = { outcome: 'config' }

export const APNS_REASONS: Readonly<Record<string, Rule>> = {
  BadCollapseId: bug,
  BadExpirationDate: bug,
  BadMessageId: bug,
  BadPath: bug,
  BadPriority: bug,
  DuplicateHeaders: bug,
  InvalidPushType: bug,
  MethodNotAllowed: bug,
  MissingDeviceToken: bug,
  PayloadEmpty: bug,

  BadDeviceToken: { outcome: 'environment' },
  DeviceTokenNotForTopic: { outcome: 'misfit' },
  ExpiredToken: { outcome: 'delete' },
  Unregistered: { outcome: 'delete' },

  BadTopic: config,
  MissingTopic: config,
  TopicDisallowed: config,
  BadCertificate: { outcome: 'config', reconnect: true },
  BadCertificateEnvironment: { outcome: 'config', reconnect: true },
  // Apple documents the first spelling; the second was seen on the wire.
  BadEnvironmentKeyIdInToken: config,
  BadEnvironmentKeyInToken: config,
  Forbidden: config,
  InvalidProviderToken: config,
  MissingProviderToken: config,
  UnrelatedKeyIdInToken: { outcome: 'config', reconnect: true },

  // The sender renews the token and tries once more by itself; what comes out here failed twice.
  ExpiredProviderToken: { outcome: 'pause', reconnect: true, afterMs: 60_000 },
  // Signing again makes it worse, and the connection stays unusable for a while.
  TooManyProviderTokenUpdates: { outcome: 'pause', reconnect: true, afterMs: RESTING_MS },

  PayloadTooLarge: { outcome: 'shorten' },
  TooManyRequests: { outcome: 'later', afterMs: 30_000 },
  IdleTimeout: { outcome: 'retry', reconnect: true, afterMs: 0 },
  InternalServerError: { outcome: 'retry' },
  ServiceUnavailable: { outcome: 'retry', reconnect: true },
  Shutdown: { outcome: 'retry', reconnect: true },
}

/**
 * The rule for an answer. Without a reason that we know (a proxy's HTML page, say) only the class of the status
 * counts, and no token is ever deleted on such a word.
 */
export function ruleFor(status: number, reason: string | undefined): Rule {
  if (status === 200) return { outcome: 'accepted' }
  const known = reason === undefined ? undefined : APNS_REASONS[reason]
  if (known) return known
  if (status === 413) return { outcome: 'shorten' }
  if (status === 429) return { outcome: 'later', afterMs: 30_000 }
  if (status === 403) return config
  if (status >= 400 && status < 500 && reason !== undefined) return { outcome: 'drop' }
  return { outcome: 'retry' }
}

/** Reason and timestamp (ms) of an answer's body, as far as it is Apple's JSON at all. */
export function parseAnswer(body: string): { reason?: string; timestamp?: number } {
  let parsed: unknown
  try {
    parsed = JSON.parse(body)
  } catch {
    return {}
  }
  if (typeof parsed !== 'object' || parsed === null) return {}
  const out: { reason?: string; timestamp?: number } = {}
  // The reason becomes a log field and a metric's label: only what looks like one is believed.
  if ('reason' in parsed && typeof parsed.reason === 'string' && /^[A-Za-z]{1,60}$/.test(parsed.reason))
    out.reason = parsed.reason
  if ('timestamp' in parsed && typeof parsed.timestamp === 'number' && Number.isFinite(parsed.timestamp))
    out.timestamp = parsed.timestamp
  return out
}
