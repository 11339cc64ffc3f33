/**
 * Which session is which phone's own. A registration keeps the key of the session that made it: the user-agent id of
 * its login (XEP-0388), else its resource. Two phones may bear one key ("iPhone"), so that what a session has registered
 * itself goes before every key, and a key that several registrations have says nothing of a session that has registered
 * none: then it is another device to all of them, and each rings once nobody has read.
 */
import type { Account } from '../../store/accounts.ts'
import type { Device, Tie } from '../../store/devices.ts'
import { StanzaError } from '../../xmpp/errors.ts'
import { Jid, jidOr } from '../../xmpp/jid.ts'
import type { Session } from '../../routing/session.ts'
import { sessionState } from '../../routing/session-state.ts'
import type { Trip, World } from '../../routing/transit.ts'
import type { ReadTx } from '../../store/tx.ts'

type Who = Pick<Account, 'id' | 'jid'>
/** Holder of sessions and registrations. */
type Known = ReadTx & Pick<World, 'sessions'>

/** Key under which an app registers. */
export const keyOf = ({ agent, jid }: Session): string => agent?.id ?? jid.resource

/** Ids of the devices that were registered by a session, or for it. */
const claims = sessionState<ReadonlySet<number>>('push-registration', {
  saved: {
    write: (ids) => [...ids],
    read: (saved) =>
      Array.isArray(saved) ? new Set(saved.filter((id) => typeof id === 'number')) : undefined,
  },
})

export const claimsOf = (session: Session): ReadonlySet<number> | undefined => claims.get(session)

/** From now on the session is this device's, beside others that it has registered. */
export function claim(t: Trip, session: Session, { id }: Device): void {
  claims.set(t, session, new Set([...(claims.get(session) ?? []), id]))
}

/** The session of the app that registered a device, if it is there. */
export function sessionOf(t: Known, account: Who, device: Device | undefined): Session | undefined {
  if (!device) return undefined
  for (const session of t.sessions.of(account.jid)) if (isOwn(t, account, session, device)) return session
  return undefined
}

/** Whether a session is a device's own. */
export function isOwn(t: Known, { id }: Who, session: Session, device: Device): boolean {
  const mine = claims.get(session)
  if (mine && mine.size > 0) return mine.has(device.id)
  if (!bears(session, device.sessionKey)) return false
  // Another device with that key, or with a better tie to the session, may be the one that is there.
  for (const other of t.store.push.devices.of(id)) {
    if (other.id === device.id) continue
    if (other.sessionKey === device.sessionKey) return false
    if (other.sessionKey !== null && other.sessionKey === session.agent?.id) return false
  }
  return true
}

/** Whether it may have been, before another registration took its key. */
export const mayBeOwn = (session: Session, { id, sessionKey }: Device): boolean =>
  claims.get(session)?.has(id) === true || bears(session, sessionKey)

const bears = ({ agent, jid }: Session, key: string | null): boolean =>
  key !== null && (key === agent?.id || key === jid.resource)

/** Hint of a request outside of a session to the session that it is for. */
export interface Hint {
  readonly resource?: string | undefined
  /** XEP-0388's user-agent id. */
  readonly agent?: string | undefined
}

export interface Tied {
  readonly key: string | null
  readonly tie: Tie
  /** The session that is there already. */
  readonly session?: Session | undefined
}

/**
 * Ties a registration to what was said, else to the only session that is no other device's, else to the next such one.
 * `known`: the registration before.
 */
export function tieOf(t: Trip, account: Who, hint: Hint, known: Device | undefined): Tied {
  const key = hint.agent ?? (hint.resource === undefined ? undefined : prepared(account, hint.resource))
  if (key !== undefined) {
    const session = [...t.sessions.of(account.jid)].find((one) => isThere(one) && bears(one, key))
    return { key, tie: session ? 'named' : 'soon', session }
  }
  const before = known?.sessionKey ?? null
  // The app has said it by another door.
  if (before !== null && (known?.tie === 'named' || known?.tie === 'soon'))
    return { key: before, tie: known.tie }
  const candidates = candidatesFor(t, account, known)
  const [only, second] = candidates
  if (!only) return { key: before, tie: 'next' }
  const session = second ? candidates.find((one) => bears(one, before)) : only
  return { key: session ? keyOf(session) : null, tie: 'only', session }
}

function prepared({ jid }: Who, resource: string): string {
  return jidOr(
    () => Jid.parse(jid).withResource(resource).resource,
    (error) => {
      throw new StanzaError('bad-request', `resource: ${error.message}`)
    },
  )
}

const isThere = ({ hibernating, delivery }: Session): boolean => !hibernating && !delivery.unresponsive

/** Sessions that are there and no other device's, as far as anybody knows. */
function candidatesFor(t: Trip, account: Who, device: Device | undefined): Session[] {
  const others = t.store.push.devices.of(account.id).filter(({ id }) => id !== device?.id)
  return [...t.sessions.of(account.jid)].filter(
    (session) =>
      isThere(session) &&
      !others.some(({ id, sessionKey }) => claims.get(session)?.has(id) || bears(session, sessionKey)),
  )
}

/** Whether a session that has just begun is what a registration waits for. */
export const isAwaited = (t: Trip, { account }: Session): boolean =>
  t.store.push.devices.of(account.id).some(({ tie }) => tie === 'soon' || tie === 'next')

/** A session has begun: devices that waited for one are tied to it. */
export function meet(t: Trip, session: Session): void {
  const { account } = session
  if (session.closed || claims.get(session)) return
  const { devices } = t.store.push
  const all = devices.of(account.id)
  const named = all.filter(({ tie, sessionKey }) => tie === 'soon' && bears(session, sessionKey)).at(-1)
  if (named) {
    devices.tie(named, named.sessionKey, 'named')
    return claim(t, session, named)
  }
  const [next, another] = all.filter(({ tie }) => tie === 'next')
  if (!next || another) return
  const candidates = candidatesFor(t, account, next)
  if (candidates.length !== 1 || candidates[0] !== session) return
  devices.tie(next, keyOf(session), 'only')
  claim(t, session, next)
}
