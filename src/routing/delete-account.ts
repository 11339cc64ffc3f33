/** The end of an account, through whatever door it was asked for. */
import { StanzaError, StreamError } from '../xmpp/errors.ts'
import type { Jid } from '../xmpp/jid.ts'
import type { Feature } from './feature.ts'
import type { Trip } from './transit.ts'

/** Removes the account and everything that belongs to it, tells its contacts and ends its streams. Within a trip. */
export function deleteAccount(t: Trip, features: readonly Feature[], account: Jid): void {
  const row = t.store.accounts.find(account.bare)
  if (!row) throw new StanzaError('item-not-found')
  for (const feature of features) feature.deleted?.(t, account)
  t.store.accounts.delete(row)
  for (const session of t.sessions.of(account.bare)) {
    t.after(() => session.outlet.close(new StreamError('not-authorized', 'The account was deleted.')))
  }
}
