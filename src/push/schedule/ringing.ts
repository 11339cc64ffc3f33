/**
 * Calls (XEP-0353) that have been proposed to accounts here, and how they ended. They are remembered in memory; of what
 * came before a restart those are known of which a phone is still to be told.
 */
import { BoundedMap } from '../../bounded-map.ts'
import type { Account } from '../../store/accounts.ts'
import type { CallFacts } from '../../store/push.ts'
import type { Trip, World } from '../../routing/transit.ts'

/** Calls in mind; the oldest are forgotten. */
const REMEMBERED = 1_000

export type CallEnd = 'missed' | 'taken'

interface Call {
  readonly messageId: string
  readonly facts: CallFacts
  readonly end: CallEnd | undefined
}

const calls = new WeakMap<World, BoundedMap<string, Call>>()

/** A call begins to ring. */
export function ring(t: Trip, account: Account, messageId: string, facts: CallFacts): void {
  put(t, account, { messageId, facts, end: undefined })
}

/** A call ends ringing; undefined where it did not ring. */
export function endRinging(t: Trip, account: Account, sid: string, end: CallEnd): Call | undefined {
  const call = calls.get(t.world)?.get(keyOf(account, sid)) ?? fromBefore(t, account, sid)
  if (!call || call.end) return undefined
  put(t, account, { ...call, end })
  return call
}

function fromBefore(t: Trip, account: Account, sid: string): Call | undefined {
  const call = t.store.held.call(account.id, sid)
  return call && { ...call, end: undefined }
}

/** End of the call; undefined where it rings, or where nothing is known of it. */
export function endOf(world: World, account: Account, sid: string): CallEnd | undefined {
  return calls.get(world)?.get(keyOf(account, sid))?.end
}

function put(t: Trip, account: Account, call: Call): void {
  let known = calls.get(t.world)
  if (!known) calls.set(t.world, (known = new BoundedMap(REMEMBERED)))
  known.setIn(t, keyOf(account, call.facts.sid), call)
}

const keyOf = (account: Account, sid: string): string => `${account.id} ${sid}`
