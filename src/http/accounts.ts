/** What the API and the web admin do with accounts, written once for both. */
import type { Account } from '../store/accounts.ts'
import { lookalike, lookalikeText } from '../accounts/lookalikes.ts'
import type { Session } from '../routing/session.ts'
import type { Trip } from '../routing/transit.ts'
import * as users from '../accounts/accounts.ts'
import { StanzaError } from '../xmpp/errors.ts'
import { Jid } from '../xmpp/jid.ts'
import { childText } from '../xmpp/xml.ts'
import type { HttpDeps } from './deps.ts'
import { HttpError } from './problem.ts'
import { iso } from './schemas.ts'

export const noUser = (jid: string): HttpError =>
  new HttpError(404, 'no-such-user', `There is no account ${jid}.`)

export function accountOf(deps: HttpDeps, jid: string): Account {
  const account = deps.world.store.accounts.find(jid)
  if (!account) throw noUser(jid)
  return account
}

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

/** As the operator makes it: a name that looks like another's is refused unless that is meant. */
export function addUser(deps: HttpDeps, jid: string, password: string, allowLookalike = false) {
  return createUser(deps, jid, password, (t) => {
    const other = allowLookalike ? undefined : lookalike(t, Jid.parse(jid))
    if (other !== undefined) throw new HttpError(409, 'lookalike', lookalikeText(jid, other))
  })
}

/** `within` joins the same trip, for what must hold there and for a limiter that counts the account. */
export async function createUser(
  deps: HttpDeps,
  jid: string,
  password: string,
  within: (t: Trip, account: Account) => void,
): Promise<{ jid: string; warnings: string[] }> {
  const host = Jid.parse(jid).domain
  if (!deps.world.hosts.has(host)) {
    throw new HttpError(
      422,
      'unknown-host',
      `${host} is not one of this server's hosts; add it to hosts first.`,
    )
  }
  // Asked before the slow part, and by `create` again after it.
  if (deps.world.store.accounts.find(jid)) throw taken(jid)
  const keys = await users.keysFor(deps.world, password)
  const made = await deps.router.run((t) => {
    const account = t.store.accounts.create(jid, host, keys, t.now)
    if (!account) throw new StanzaError('conflict', `${jid} is taken.`)
    within(t, account)
    return account
  })
  return { jid: made.jid, warnings: users.warningsFor(password) }
}

const taken = (jid: string): HttpError => new HttpError(409, 'conflict', `${jid} is taken.`)

export async function setPassword(deps: HttpDeps, jid: string, password: string) {
  accountOf(deps, jid)
  const keys = await users.keysFor(deps.world, password)
  await deps.router.run((t) => t.store.accounts.setPassword(accountOf(deps, jid), keys))
  return { jid, warnings: users.warningsFor(password) }
}

export async function setDisabled(deps: HttpDeps, jid: string, disabled: boolean): Promise<Account> {
  await deps.router.run((t) => {
    users.setDisabled(t, accountOf(deps, jid), disabled)
  })
  return accountOf(deps, jid)
}

export async function deleteUser(deps: HttpDeps, jid: string): Promise<void> {
  accountOf(deps, jid)
  await deps.router.run((t) => deps.world.deleteAccount(t, Jid.parse(jid)))
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

/** A cursor is only a place in the order; a changed one shows another page, never anything else. */
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
  const next = found.length > limit && last ? Buffer.from(last.jid).toString('base64url') : null
  return { items, next }
}

function readCursor(cursor: string): string {
  const bytes = Buffer.from(cursor, 'base64url')
  try {
    if (bytes.toString('base64url') !== cursor) throw new TypeError('not canonical')
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    throw new HttpError(400, 'bad-cursor', 'This cursor did not come from here.')
  }
}
