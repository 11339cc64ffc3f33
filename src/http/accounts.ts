/** Verbs of accounts, written once for the API and the web admin. */
import type { Account } from '../store/accounts.ts'
import type { Session } from '../routing/session.ts'
import type { Trip } from '../routing/transit.ts'
import * as users from '../accounts/accounts.ts'
import { Jid } from '../xmpp/jid.ts'
import { childText } from '../xmpp/xml.ts'
import { cursorAt, readCursor } from './cursor.ts'
import type { HttpDeps } from './deps.ts'
import { iso } from './schemas.ts'

export const accountOf = ({ world }: HttpDeps, jid: string): Account => users.accountOf(world, jid)

export function userView(deps: HttpDeps, account: Account) {
  const { config, store } = deps.world
  const limited = config.archive.max_bytes !== Number.POSITIVE_INFINITY
  return {
    jid: account.jid,
    host: account.host,
    created: iso(account.createdAt),
    disabled: account.disabled,
    last_seen: iso(account.lastSeen),
    sessions: deps.world.sessions.countOf(account.jid),
    archive_bytes: limited ? store.archiveSizes.of(account.id) : null,
  }
}

export function sessionView(session: Session) {
  return {
    jid: session.jid.toString(),
    resource: session.jid.resource,
    transport: session.outlet.kind,
    address: session.outlet.ip,
    since: iso(session.since),
    priority: session.priority,
    state: session.available ? showOf(session) : 'not available',
  }
}

const showOf = (session: Session): string =>
  (session.presence && childText(session.presence, 'show')) ?? 'available'

/** As the operator makes it. */
export const addUser = (deps: HttpDeps, jid: string, password: string, allowLookalike = false) =>
  createUser(deps, { jid: Jid.parse(jid), password, by: { kind: 'operator', allowLookalike } })

export function createUser(deps: HttpDeps, wanted: users.NewAccount): Promise<Written> {
  return change(deps, wanted.password, (t) => users.create(t, wanted))
}

/** `also`: what is done in the trip that sets it. */
export function setPassword(
  deps: HttpDeps,
  wanted: users.NewPassword,
  also: (t: Trip) => void = () => {},
): Promise<Written> {
  return change(deps, wanted.password, (t) => {
    const { derive, finish } = users.setPassword(t, wanted)
    return {
      derive,
      finish(next, keys) {
        also(next)
        return finish(next, keys)
      },
    }
  })
}

interface Written {
  readonly jid: string
  readonly warnings: string[]
}

async function change(
  { router, keep }: HttpDeps,
  password: string,
  begin: (t: Trip) => users.Change,
): Promise<Written> {
  const { derive, finish } = await router.run(begin)
  const keys = await derive()
  return router.run((t) => {
    const written = { jid: finish(t, keys).jid, warnings: users.warningsFor(password) }
    keep?.(t, 201, written)
    return written
  })
}

export async function setDisabled(deps: HttpDeps, jid: string, disabled: boolean): Promise<Account> {
  await deps.router.run((t) => users.setDisabled(t, users.accountOf(t, jid), disabled))
  return accountOf(deps, jid)
}

export async function deleteUser(deps: HttpDeps, jid: string): Promise<void> {
  await deps.router.run((t) => users.remove(t, users.accountOf(t, jid)))
}

/** Closes all sessions of an account, or one; returns how many. */
export async function kick(deps: HttpDeps, jid: string, resource?: string): Promise<number> {
  accountOf(deps, jid)
  return deps.router.run((t) => users.kick(t, jid, resource))
}

export interface Page {
  readonly items: Account[]
  readonly next: string | null
}

export function listUsers(
  deps: HttpDeps,
  query: {
    host?: string | undefined
    search?: string | undefined
    cursor?: string | undefined
    limit: number
  },
): Page {
  const { host, search, cursor, limit } = query
  const found = deps.world.store.accounts.list({
    ...(host === undefined ? {} : { host }),
    ...(search === undefined ? {} : { search }),
    ...(cursor === undefined ? {} : { after: readCursor(cursor) }),
    limit: limit + 1,
  })
  const items = found.slice(0, limit)
  const last = items.at(-1)
  const next = found.length > limit && last ? cursorAt(last.jid) : null
  return { items, next }
}
