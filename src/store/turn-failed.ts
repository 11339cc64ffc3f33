/** A turn that did not reach the disk: what is known of it, and what its senders are told. */
import { StanzaError } from '../xmpp/errors.ts'

/** Thrown out of a trip whose whole turn failed; its sender has been answered already. */
export class TurnFailed extends Error {
  constructor(readonly refusal: StanzaError) {
    super('the turn failed', { cause: refusal })
  }
}

export function refusal(cause: unknown): StanzaError {
  return new StanzaError('resource-constraint', 'The server cannot store this at the moment.', { cause })
}

/** Nothing was written, and later it may be. */
export function isOutOfRoom(error: unknown): boolean {
  const code = codeOf(error)
  return code.startsWith('SQLITE_FULL') || code.startsWith('SQLITE_NOMEM')
}

/**
 * FULL and NOMEM are certain. So is an error that left the transaction open (a constraint that is checked at COMMIT, a
 * lock). After an I/O error the rows may or may not be on disk.
 */
export function isUnknownOutcome(error: unknown, inTransaction: boolean): boolean {
  if (isOutOfRoom(error)) return false
  return !inTransaction || codeOf(error).startsWith('SQLITE_IOERR')
}

const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error ? String(error.code) : ''
