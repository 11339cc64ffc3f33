/**
 * Calls (XEP-0353) that have been proposed to accounts here, and how they ended. They are remembered in memory; of what
 * came before a restart those are known of which a phone is still to be told.
 */
import { BoundedMap } from '../../bounded-map.ts'
import { perObject } from '../../per-object.ts'
import type { Account } from '../../store/accounts.ts'
import type { CallFacts } from '../../store/push.ts'
import type { Trip, World } from '../../routing/transit.ts'
import { Jid } from '../../xmpp/jid.ts'

/** Calls in mind; the oldest are forgotten. */
const REMEMBERED = 1_000

export type CallEnd = 'missed' | 'taken'

interface Call {
  readonly account: Account
  readonly messageId: string
  readonly facts: CallFacts
  readonly end: CallEnd | undefined
  /** From when it rings to nobody any longer (ms). */
  readonly until: number
  readonly unanswered: Unanswered
}

/** Says that nobody has answered a call in the time for which it rings. */
type Unanswered = (t: Trip, account: Account, sid: string) => void

class Calls {
  readonly #calls = new BoundedMap<string, Call>(REMEMBERED)
  readonly #world: World
  #isWatched = false

  constructor(world: World) {
    this.#world = world
  }

  get(account: Account, sid: string): Call | undefined {
    return this.#calls.get(keyOf(account, sid))
  }

  put(t: Trip, call: Call): void {
    this.#calls.setIn(t, keyOf(call.account, call.facts.sid), call)
    t.after(() => this.#watch())
  }

  /** A single timer for all calls, set to the one that ends first. */
  #watch(): void {
    if (this.#isWatched) return
    let first = Number.POSITIVE_INFINITY
    for (const { end, until } of this.#calls.values()) if (!end) first = Math.min(first, until)
    if (first === Number.POSITIVE_INFINITY) return
    this.#isWatched = true
    const { clock } = this.#world
    clock.after(Math.max(0, first - clock.now()), () => {
      this.#isWatched = false
      this.#world.insist((t) => {
        for (const { end, until, account, facts, unanswered } of [...this.#calls.values()])
          if (!end && until <= t.now) unanswered(t, account, facts.sid)
        t.after(() => this.#watch())
      })
    })
  }
}

const callsOf = perObject((world: World) => new Calls(world))

/** A call begins to ring. */
export function ring(
  t: Trip,
  account: Account,
  messageId: string,
  facts: CallFacts,
  unanswered: Unanswered,
): void {
  const until = t.now + t.config.push.ring_time
  callsOf(t.world).put(t, { account, messageId, facts, end: undefined, until, unanswered })
}

/** A call ends ringing; undefined where it did not ring, or where `caller`, a bare JID, is not whose call it is. */
export function endRinging(
  t: Trip,
  account: Account,
  sid: string,
  end: CallEnd,
  caller?: string,
): Pick<Call, 'messageId' | 'facts'> | undefined {
  const known = callsOf(t.world).get(account, sid)
  const call = known ?? t.store.held.call(account.id, sid)
  if (!call || known?.end) return undefined
  if (caller !== undefined && Jid.parse(call.facts.from).bare !== caller) return undefined
  callsOf(t.world).put(t, { until: t.now, unanswered: () => undefined, account, ...call, end })
  return call
}

/** End of the call; undefined where it rings, or where nothing is known of it. */
export function endOf(world: World, account: Account, sid: string): CallEnd | undefined {
  return callsOf(world).get(account, sid)?.end
}

const keyOf = (account: Account, sid: string): string => `${account.id} ${sid}`
