/**
 * Links with which somebody who has forgotten a password chooses another, once. They are kept beside the data as digests,
 * so that a restart does not end them; another password of the account does.
 */
import { createHash } from 'node:crypto'
import type { Account } from '../store/accounts.ts'
import type { ReadTx } from '../store/tx.ts'
import { StanzaError } from '../xmpp/errors.ts'
import type { Trip } from '../routing/transit.ts'

/** Below the addresses of invitations, which a proxy lets people reach. */
export const RESET_PATH = '/invite/reset'

const KEPT = 'reset-links'
/** Beyond it the oldest ends. */
const MOST = 100
/** Milliseconds. */
const HOLDS = 24 * 3_600_000
const TOKEN = /^[\w-]{32}$/

/** Digest of the token, id of the account, digest of its keys when the link was made, end of its time. */
type Row = readonly [string, number, string, number]

const digest = (text: string): string => createHash('sha256').update(text).digest('base64url')

const keysOf = ({ store }: ReadTx, account: Account): string =>
  digest(store.accounts.scramKeys(account, 'SHA-256')?.storedKey.toString('base64') ?? '')

const rowsOf = ({ store }: ReadTx): Row[] => JSON.parse(store.settings.get(KEPT)?.toString() ?? '[]') as Row[]

export interface MadeLink {
  /** Below the server's address. */
  readonly path: string
  readonly expiresAt: number
}

/** The path is told this once. */
export function makeResetLink(t: Trip, account: Account): MadeLink {
  const token = t.world.random.bytes(24).toString('base64url')
  const expiresAt = t.now + HOLDS
  const others = rowsOf(t).filter(([, id, , until]) => id !== account.id && until > t.now)
  const rows: Row[] = [...others.slice(1 - MOST), [digest(token), account.id, keysOf(t, account), expiresAt]]
  t.store.settings.set(KEPT, Buffer.from(JSON.stringify(rows)))
  t.store.audit.note('reset link made', { account: account.jid })
  return { path: `${RESET_PATH}/${token}`, expiresAt }
}

/** The account of a link that holds now. */
export function accountOfLink(t: ReadTx & { readonly now: number }, token: string): Account | undefined {
  if (!TOKEN.test(token)) return undefined
  const row = rowsOf(t).find(([one]) => one === digest(token))
  if (!row || row[3] <= t.now) return undefined
  const account = t.store.accounts.byId(row[1])
  return account && !account.disabled && keysOf(t, account) === row[2] ? account : undefined
}

/** Within the trip that sets the password: of two who have the link, one comes through. @throws StanzaError */
export function useResetLink(t: Trip, token: string): void {
  const account = accountOfLink(t, token)
  if (!account) throw new StanzaError('conflict', 'This link is over.')
  const rows = rowsOf(t).filter(([one]) => one !== digest(token))
  t.store.settings.set(KEPT, Buffer.from(JSON.stringify(rows)))
  t.store.audit.note('reset link used', { account: account.jid })
}
