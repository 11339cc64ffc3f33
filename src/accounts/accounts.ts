/** What an operator does to an account, within a trip: written once for the API, the web admin and ad-hoc commands. */
import type { Account } from '../store/accounts.ts'
import { type Credentials, deriveCredentials } from '../store/credentials.ts'
import { StreamError } from '../xmpp/errors.ts'
import { Jid, JidError } from '../xmpp/jid.ts'
import type { Session } from '../routing/session.ts'
import type { Trip, World } from '../routing/transit.ts'

const SALT_BYTES = 16
/** Below this the operator is warned, never refused. */
const WEAK = 8

/** The keys of a new password. Slow, so never within a trip. @throws StanzaError for a password that cannot be one. */
export function keysFor(world: World, password: string): Promise<Credentials> {
  return deriveCredentials(password, world.config.auth.scram_iterations, () => world.random.bytes(SALT_BYTES))
}

export const warningsFor = (password: string): string[] =>
  [...password].length < WEAK ? [`the password has fewer than ${WEAK} characters`] : []

/** The setting that holds id and address of the account which was made by the link of the start. */
export const FIRST_ADMIN = 'first-admin'

/** That account, as long as it is there: ids are never used again, so no later one of that name takes its place. */
export function firstAdmin({ store }: World): Account | undefined {
  const [id, jid = ''] = store.settings.get(FIRST_ADMIN)?.toString().split(' ') ?? []
  const account = store.accounts.find(jid)
  return account?.id === Number(id) ? account : undefined
}

/** Whether this bare JID administers the server: who is listed under `admins`, else who has set it up. */
export function isAdmin(world: World, jid: string): boolean {
  if (world.config.admins.length === 0) return firstAdmin(world)?.jid === jid
  return adminsOf(world.config).some(({ bare }) => bare === jid)
}

/** Whom the configuration lists under `admins`; what is no address there is nobody. */
export function adminsOf({ admins }: World['config']): Jid[] {
  return admins.flatMap((admin) => {
    try {
      return [Jid.parse(admin)]
    } catch (error) {
      if (error instanceof JidError) return []
      throw error
    }
  })
}

/** A disabled account loses its sessions and cannot log in; nothing of it is deleted. */
export function setDisabled(t: Trip, account: Account, disabled: boolean): void {
  t.store.accounts.setDisabled(account, disabled)
  if (disabled) closeSessions(t, t.sessions.of(account.jid), 'The account was disabled.')
}

/** Closes the sessions of an account, or the one of a resource; returns how many. */
export function kick(t: Trip, jid: string, resource?: string): number {
  const chosen = [...t.sessions.of(jid)].filter(
    (session) => resource === undefined || session.jid.resource === resource,
  )
  return closeSessions(t, chosen, 'Closed by the operator.')
}

/** RFC 6120 §4.9.3: after the commit, so that nothing is closed for a change that did not happen. */
function closeSessions(t: Trip, sessions: Iterable<Session>, reason: string): number {
  const list = [...sessions]
  for (const session of list) t.after(() => session.outlet.close(new StreamError('policy-violation', reason)))
  return list.length
}
