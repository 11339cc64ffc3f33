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

/**
 * FULL and NOMEM are certain: nothing was written. So is an error that left the transaction open (a constraint that
 * is checked at COMMIT, a lock). After an I/O error the rows may or may not be on disk.
 */
export function isUnknownOutcome(error: unknown, inTransaction: boolean): boolean {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  if (code.startsWith('SQLITE_FULL') || code.startsWith('SQLITE_NOMEM')) return false
  return !inTransaction || code.startsWith('SQLITE_IOERR')
}
