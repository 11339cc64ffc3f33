/** The account behind a login, by whichever door it was proved. */
import type { Router } from '../routing/router.ts'
import type { World } from '../routing/transit.ts'
import type { Account } from '../store/accounts.ts'
import type { Jid } from '../xmpp/jid.ts'

/**
 * The account of whoever has proved to be `jid`, its row made where only the backend knows it. Undefined: it is nobody,
 * or gone meanwhile. It may be disabled.
 */
export function admit(
  world: World,
  router: Pick<Router, 'run'>,
  jid: Jid,
): Account | undefined | Promise<Account | undefined> {
  const account = world.store.accounts.find(jid.bare)
  if (account || !world.domains.hosts.has(jid.domain)) return account
  // Looked up again: two logins may come at once.
  return router.run((t) => t.store.accounts.find(jid.bare) ?? world.auth.provision(t, jid, t.now))
}
