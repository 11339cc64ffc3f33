/**
 * Rights of an invitation's holder (XEP-0401, 0445, 0379), within a trip: written once for the stream, HTTP,
 * ad-hoc commands and presence.
 */
import { perObject } from '../per-object.ts'
import type { Account } from '../store/accounts.ts'
import type { Invite } from '../store/invites.ts'
import type { ReadTx } from '../store/tx.ts'
import { StanzaError } from '../xmpp/errors.ts'
import { Jid } from '../xmpp/jid.ts'
import { lookalike, lookalikeText } from './lookalikes.ts'
import type { Guest } from '../routing/outcome.ts'
import { isRosterFull, pushRoster, subscriptionOf } from './roster.ts'
import type { Trip, World } from '../routing/transit.ts'
import { isAdmin } from './admins.ts'

const TOKEN = /^[0-9a-f]{32}$/

export interface Wanted {
  readonly host: string
  /** The one account that may be made with it: a prepared bare JID of `host`. */
  readonly jid?: string | undefined
  /** Even if the name looks like another's. */
  readonly allowLookalike?: boolean | undefined
  readonly inviter?: Account | undefined
  readonly register: boolean
  readonly contact: boolean
  readonly uses?: number | undefined
  /** Milliseconds; the configuration's `invites.lifetime` where none is given. */
  readonly lifetime?: number | undefined
}

export interface Made {
  readonly id: number
  readonly uri: string
  /** The page of this server, where `http.public_url` says how it is reached. */
  readonly url: string | null
  readonly expiresAt: number
}

/** @throws StanzaError where a limit is reached or the name is taken or reserved. */
export function makeInvite(t: Trip, wanted: Wanted): Made {
  const { invites, accounts } = t.store
  const { inviter, jid = null } = wanted
  if (invites.count() >= t.config.limits.invites)
    throw new StanzaError('resource-constraint', 'There are too many invitations.')
  if (jid !== null && (accounts.find(jid) || invites.reserving(jid, t.now)))
    throw new StanzaError('conflict', `${jid} is taken.`)
  const other = jid === null || wanted.allowLookalike ? undefined : lookalike(t, Jid.parse(jid))
  if (jid !== null && other !== undefined) throw new StanzaError('conflict', lookalikeText(jid, other))
  const expiresAt = t.now + (wanted.lifetime ?? t.config.invites.lifetime)
  const { host, register, contact } = wanted
  const entry = {
    host,
    jid,
    register,
    contact: contact && inviter !== undefined,
    accountId: inviter?.id ?? null,
    uses: jid === null ? (wanted.uses ?? 1) : 1,
    expiresAt,
  }
  const { token, id } = invites.create(entry, t.now)
  const made = { ...entry, inviter: inviter?.jid ?? null }
  return { id, uri: uriOf(made, token), url: pageOf(t.config.http.public_url, token), expiresAt }
}

/** XEP-0401 §5.1, §5.4: an invitation to a person where there is one to meet, else to a server. */
export function uriOf(
  {
    host,
    jid,
    register,
    contact,
    inviter,
  }: Pick<Invite, 'host' | 'jid' | 'register' | 'contact' | 'inviter'>,
  token: string,
): string {
  if (contact && inviter !== null && jid === null)
    return `xmpp:${escaped(inviter)}?roster;preauth=${token}${register ? ';ibr=y' : ''}`
  return `xmpp:${jid === null ? host : escaped(jid)}?register;preauth=${token}`
}

/** RFC 5122 §2.2: what the local part may hold and a URI may not. */
const escaped = (jid: string): string => {
  const { local, domain } = Jid.parse(jid)
  return `${encodeURIComponent(local)}@${domain}`
}

/** The invitation's page, where the configuration says under which address people reach this server. */
export function pageOf(base: string | undefined, token: string): string | null {
  return base === undefined ? null : `${base.replace(/\/+$/, '')}/invite/${token}`
}

/** The invitation of a token, if it holds now. */
export function findInvite(
  t: ReadTx & { readonly now: number },
  token: string | undefined,
): Invite | undefined {
  if (token === undefined || !TOKEN.test(token)) return undefined
  const invite = t.store.invites.find(token)
  return invite && invite.expiresAt > t.now && invite.used < invite.uses ? invite : undefined
}

const shown = new WeakMap<Guest, number>()

/** XEP-0445 §4: from here on the guest registers with this invitation, even should its time end meanwhile. */
export function showInvite(t: Trip, guest: Guest, { id }: Invite): void {
  const before = shown.get(guest)
  shown.set(guest, id)
  t.undo(() => (before === undefined ? shown.delete(guest) : shown.set(guest, before)))
}

/** The invitation that a guest has shown, unless it was used up or revoked meanwhile. */
export function shownInvite(t: Trip, guest: Guest): Invite | undefined {
  const id = shown.get(guest)
  const invite = id === undefined ? undefined : t.store.invites.get(id)
  return invite && invite.used < invite.uses ? invite : undefined
}

/**
 * Whether people may make this account themselves: with the invitation that names it, or where none reserves the name and
 * nobody would be taken for somebody else. Whose name it looks like is not told.
 */
export function checkName(t: Trip, jid: Jid, invite: Invite | undefined): void {
  if (invite && invite.host !== jid.domain)
    throw new StanzaError('not-acceptable', `The invitation is for ${invite.host}.`)
  if (invite !== undefined && invite.jid !== null && invite.jid !== jid.bare)
    throw new StanzaError('not-acceptable', `The invitation is for ${invite.jid}.`)
  const reserving = t.store.invites.reserving(jid.bare, t.now)
  if (reserving && reserving.id !== invite?.id) throw new StanzaError('conflict', 'The name is taken.')
  // The maker of an invitation that has the name answers for it.
  if (invite?.jid === jid.bare) return
  if (isAdmin(t.world, jid.bare)) throw new StanzaError('conflict', 'The name is taken.')
  if (lookalike(t, jid) !== undefined)
    throw new StanzaError('conflict', 'The name looks like one that is taken.')
}

/** Listener to contacts that have joined by an invitation: what rings phones stands above this floor. */
export const joinedOf = perObject(
  (_: World): { hear?: (t: Trip, inviter: Account, jid: string) => void } => ({}),
)

/** The account was made with the invitation: counts it, and makes the two contacts where that was meant. */
export function redeem(t: Trip, { id }: Invite, account: Account): void {
  // Read again: it may have been revoked or used up while the keys were made.
  const invite = t.store.invites.get(id)
  if (!invite || !t.store.invites.use(id))
    throw new StanzaError('not-acceptable', 'The invitation was used meanwhile.')
  const inviter = invite.inviter === null ? undefined : t.store.accounts.find(invite.inviter)
  if (!inviter || !invite.contact) return
  befriend(t, inviter, account.jid)
  befriend(t, account, inviter.jid)
  joinedOf(t.world).hear?.(t, inviter, account.jid)
}

/** XEP-0401 §5.5: a full subscription, pushed to whoever looks at the roster now. A full roster stays as it is. */
function befriend(t: Trip, account: Account, jid: string): void {
  const known = t.store.contacts.find(account, jid)
  if (!known && isRosterFull(t, account)) return
  const contact = {
    jid,
    name: known?.name ?? null,
    groups: known?.groups ?? [],
    subscription: 'both' as const,
    ask: false,
    approved: false,
    pending: null,
    listed: true,
  }
  pushRoster(t, account, t.store.contacts.put(account, contact))
}

/**
 * XEP-0379 §3.5: a request that carries a token of this account is granted and returned. Both are states of the
 * roster: approved, so that what handles requests grants this one, and asked. True if the account must ask in turn.
 */
export function preapprove(t: Trip, account: Account, token: string | undefined, from: Jid): boolean {
  const invite = findInvite(t, token)
  if (invite?.accountId !== account.id || !invite.contact || from.bare === account.jid) return false
  // §5.2: one that was made for a certain address is that address's alone.
  if (invite.jid !== null && invite.jid !== from.bare) return false
  const known = t.store.contacts.find(account, from.bare)
  const state = subscriptionOf(known)
  if (!known && isRosterFull(t, account)) return false
  const granted = state.subscription === 'from' || state.subscription === 'both'
  if (granted || !t.store.invites.use(invite.id)) return false
  joinedOf(t.world).hear?.(t, account, from.bare)
  const asks = state.subscription === 'none' && !state.ask
  t.store.contacts.put(account, {
    jid: from.bare,
    name: known?.name ?? null,
    groups: known?.groups ?? [],
    subscription: state.subscription,
    ask: state.ask || asks,
    approved: true,
    pending: known?.pending ?? null,
    listed: true,
  })
  return asks
}
