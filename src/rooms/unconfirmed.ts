/**
 * Messages of which all members were told, some of them without a ring: an open client has the message, for all that is
 * known. Until it shows that, the message's row names its account, so that a crash costs nobody a ring. Clients show it
 * within a second, as a rule, so what is left is looked at each second, in one trip for all rooms.
 */
import { perObject } from '../per-object.ts'
import { isTrusted } from '../routing/delivery.ts'
import type { Given } from '../routing/outcome.ts'
import type { Trip, World } from '../routing/transit.ts'
import type { Trusted } from '../store/room-fanouts.ts'

const LOOK_MS = 1_000
/** Time (ms) after which a trip leaves the rest to the next. */
const HOLDS = 2

/** By account. */
export type Givens = Map<number, { readonly given: Given; readonly mentioned: boolean }>

/** For the row. A client that is doubted already may be among them: a phone that has rung is not rung again. */
export function trusted(givens: Givens): Trusted[] {
  const all: Trusted[] = []
  for (const [accountId, { given, mentioned }] of givens)
    if (!given.arrived && given.awaited > 0) all.push([accountId, given.id, mentioned ? 1 : 0])
  return all
}

class Unconfirmed {
  /** By id in the archive. */
  readonly #messages = new Map<number, Givens>()
  #isWaiting = false

  add(world: World, id: number, givens: Givens): void {
    this.#messages.set(id, givens)
    this.#wait(world)
  }

  #wait(world: World): void {
    if (this.#isWaiting || this.#messages.size === 0) return
    this.#isWaiting = true
    world.clock.after(LOOK_MS, () => world.insist((t) => this.#look(t, [...this.#messages.keys()])))
  }

  #look(t: Trip, ids: readonly number[]): void {
    const { clock } = t.world
    const until = clock.monotonic() + HOLDS
    for (const [i, id] of ids.entries()) {
      this.#lookAt(t, id)
      const rest = ids.slice(i + 1)
      if (rest.length > 0 && clock.monotonic() >= until) return t.insist((next) => this.#look(next, rest))
    }
    t.after(() => {
      this.#isWaiting = false
      this.#wait(t.world)
    })
  }

  #lookAt(t: Trip, id: number): void {
    const before = this.#messages.get(id)
    if (!before) return
    const left: Givens = new Map()
    for (const [accountId, one] of before) if (isPending(t, one.given)) left.set(accountId, one)
    if (left.size === before.size) return
    if (left.size === 0) t.store.roomFanouts.delete(id)
    else t.store.roomFanouts.narrow(id, trusted(left))
    t.after(() => (left.size === 0 ? this.#messages.delete(id) : this.#messages.set(id, left)))
  }
}

/** Once a client is doubted, or its session over, the phone was decided about anew. */
function isPending(t: Trip, { id, arrived, awaited, account }: Given): boolean {
  return !arrived && awaited > 0 && [...t.sessions.of(account.jid)].some((session) => isTrusted(session, id))
}

const watchesOf = perObject((_: World) => new Unconfirmed())

/** All members were told of it; `givens` are of those who were not rung for the client's sake. */
export function watchGivens(world: World, id: number, givens: Givens): void {
  watchesOf(world).add(world, id, givens)
}
