/**
 * The one door to accounts: made, given a password, disabled and removed here and nowhere else, whoever asks (in-band
 * registration, HTTP, the web, ad-hoc commands, invitations, the command line). Rows and the audit line are the store's.
 */
import type { Session } from '../routing/session.ts'
import type { Trip } from '../routing/transit.ts'
import type { Account } from '../store/accounts.ts'
import { type Credentials, deriveCredentials } from '../store/credentials.ts'
import type { Invite } from '../store/invites.ts'
import type { ReadTx } from '../store/tx.ts'
import { StanzaError, StreamError } from '../xmpp/errors.ts'
import { Jid } from '../xmpp/jid.ts'
import { checkName, redeem } from './invites.ts'
import { lookalike, lookalikeText } from './lookalikes.ts'

const SALT_BYTES = 16
/** Below this the operator is warned, never refused. */
const WEAK = 8

/** Reasons to refuse a change, by the name that programs are told over HTTP. */
const FAULTS = {
  conflict: 'conflict',
  lookalike: 'conflict',
  'unknown-host': 'not-acceptable',
  'weak-password': 'not-acceptable',
  'no-such-user': 'item-not-found',
} as const

export class AccountError extends StanzaError {
  constructor(
    readonly fault: keyof typeof FAULTS,
    text: string,
  ) {
    super(FAULTS[fault], text)
  }
}

/** The door that makes an account; each has rules of its own for names. */
export type Maker =
  /** Is told whose name it looks like, and may mean it. Names that an invitation keeps are the operator's to give. */
  | { readonly kind: 'operator'; readonly allowLookalike?: boolean | undefined }
  /** Makes it for himself, with an invitation or without. Whose name it looks like is not told. */
  | { readonly kind: 'person'; readonly invite: Invite | undefined }

export interface NewAccount {
  /** Bare. */
  readonly jid: Jid
  readonly password: string
  readonly by: Maker
  /** Characters that the password needs at least; none are asked of an operator, who is warned instead. */
  readonly minPassword?: number
  /** Joins the trip that makes the account: what throws here makes none. */
  readonly joins?: (t: Trip, account: Account) => void
}

export interface NewPassword {
  readonly jid: string
  readonly password: string
  readonly minPassword?: number
}

/** A change that needs keys: `derive` makes them outside of any trip, `finish` is the change, within one. */
export interface Change {
  readonly derive: () => Promise<Credentials>
  readonly finish: (t: Trip, keys: Credentials) => Account
}

/** Checks what can be checked before keys are made, and all of it again with them. @throws AccountError, StanzaError */
export function create(t: Trip, wanted: NewAccount): Change {
  const { jid, password, by, joins } = wanted
  const taken = () =>
    new AccountError('conflict', by.kind === 'operator' ? `${jid.bare} is taken.` : 'The name is taken.')
  if (!t.world.domains.hosts.has(jid.domain)) {
    const text = `${jid.domain} is not one of this server's hosts; add it to hosts first.`
    throw new AccountError('unknown-host', text)
  }
  checkPassword(password, wanted.minPassword)
  if (t.store.accounts.find(jid.bare)) throw taken()
  checkFree(t, jid, by)
  const { world } = t
  return {
    async derive() {
      if (await world.auth.exists(jid)) throw taken()
      return keysFor(t, password)
    },
    finish(next, keys) {
      // Another door may have let the name in while the keys were made.
      checkFree(next, jid, by)
      const account = next.store.accounts.create(jid.bare, jid.domain, keys, next.now)
      if (!account) throw taken()
      if (by.kind === 'person' && by.invite) redeem(next, by.invite, account)
      joins?.(next, account)
      return account
    },
  }
}

function checkFree(t: Trip, jid: Jid, by: Maker): void {
  if (by.kind === 'person') return checkName(t, jid, by.invite)
  const other = by.allowLookalike ? undefined : lookalike(t, jid)
  if (other !== undefined) throw new AccountError('lookalike', lookalikeText(jid.bare, other))
}

/** An account that was another server's, with the keys that it had there, if any. @throws AccountError */
export function adopt(t: Trip, jid: Jid, keys: Partial<Credentials>, createdAt: number): Account {
  if (!t.world.domains.hosts.has(jid.domain))
    throw new AccountError('unknown-host', `${jid.domain} is not one of this server's hosts`)
  const account = t.store.accounts.adopt(jid.bare, jid.domain, keys, createdAt)
  if (!account) throw new AccountError('conflict', `${jid.bare} is taken.`)
  return account
}

/** @throws AccountError */
export function setPassword(t: Trip, { jid, password, minPassword }: NewPassword): Change {
  checkPassword(password, minPassword)
  accountOf(t, jid)
  return {
    derive: () => keysFor(t, password),
    finish(next, keys) {
      const account = accountOf(next, jid)
      next.store.accounts.setPassword(account, keys)
      return account
    },
  }
}

/** A disabled account loses its sessions and cannot log in; nothing of it is deleted. */
export function setDisabled(t: Trip, account: Account, disabled: boolean): void {
  t.store.accounts.setDisabled(account, disabled)
  if (disabled) closeSessions(t, t.sessions.of(account.jid), 'The account was disabled.')
}

/** The account and everything that belongs to it; its contacts hear of it. */
export function remove(t: Trip, account: Account): void {
  t.world.deleteAccount(t, Jid.parse(account.jid))
}

/** @throws AccountError */
export function accountOf({ store }: ReadTx, jid: string): Account {
  const account = store.accounts.find(jid)
  if (!account) throw new AccountError('no-such-user', `There is no account ${jid}.`)
  return account
}

export const warningsFor = (password: string): string[] =>
  [...password].length < WEAK ? [`the password has fewer than ${WEAK} characters`] : []

function checkPassword(password: string, least: number | undefined): void {
  if (least === undefined || [...password].length >= Math.max(1, least)) return
  throw new AccountError('weak-password', `At least ${Math.max(1, least)} characters are needed.`)
}

/** Slow, so never within a trip. Rejects with StanzaError for a password that cannot be one. */
export function keysFor(
  { world, config }: Pick<Trip, 'world' | 'config'>,
  password: string,
): Promise<Credentials> {
  return deriveCredentials(password, config.auth.scram_iterations, () => world.random.bytes(SALT_BYTES))
}

/** Closes the sessions of an account, or the one of a resource; returns how many. */
export function kick(t: Trip, jid: string, resource?: string): number {
  const chosen = [...t.sessions.of(jid)].filter(
    (session) => resource === undefined || session.jid.resource === resource,
  )
  if (chosen.length > 0)
    t.store.audit.note('sessions ended', { account: jid, resources: chosen.map((s) => s.jid.resource) })
  return closeSessions(t, chosen, 'Closed by the operator.')
}

/** RFC 6120 §4.9.3: after the commit, so that nothing is closed for a change that did not happen. */
function closeSessions(t: Trip, sessions: Iterable<Session>, reason: string): number {
  const list = [...sessions]
  for (const session of list) t.after(() => session.outlet.close(new StreamError('policy-violation', reason)))
  return list.length
}
