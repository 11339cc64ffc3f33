/** Parts of a turn, and what it asks of its surroundings. */
import type { StanzaError } from '../xmpp/errors.ts'

/** One trip of a turn, for as long as the turn may still fail. */
export interface TurnTrip {
  readonly undo: (() => void)[]
  readonly refuse: ((cause: StanzaError) => void) | undefined
  /** The trip's part of the output: from `first` up to `end`. */
  readonly first: number
  end: number
  /** Savepoints that the next write needs: one for the trip, another inside a part of it. */
  level: 1 | 2
  /** Savepoints that are open; 0 until the first write. */
  open: number
  /** It has begun the transaction, whose beginning is its first savepoint then. */
  begins: boolean
}

/** A turn that was committed and is not known to be on disk. */
export interface Syncing {
  readonly output: (() => void)[]
  readonly start: number
  readonly trips: number
}

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
