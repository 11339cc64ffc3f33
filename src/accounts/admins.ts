/** Administrators of the server: those of `admins`, or whoever has set it up. */
import type { World } from '../routing/transit.ts'
import type { Account } from '../store/accounts.ts'
import { Jid } from '../xmpp/jid.ts'

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

/** Addresses that the configuration lists under `admins`; what is no address there is nobody. */
export function adminsOf({ admins }: World['config']): Jid[] {
  return admins.flatMap((admin) => Jid.tryParse(admin) ?? [])
}
