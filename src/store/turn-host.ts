/** What a turn asks of its surroundings. */

export interface TurnLimits {
  /** Writing trips per transaction. */
  trips: number
  /** Milliseconds that a turn may stay open. */
  ms: number
}

export interface TurnHost {
  /** Output of the turn was handed over: every socket with something to say writes once. */
  flushed(): void
  /** The outcome of a COMMIT is unknown: close every stream unanswered and exit (a failed sync is never retried). */
  fatal(cause: unknown): void
  /** Something could not be stored; called each time. */
  fails?(cause: unknown): void
  /** The first commit after that is on disk. */
  stores?(): void
  /** A commit of `trips` writing trips was on disk after `ms`. For metrics. */
  committed?(ms: number, trips: number): void
}
