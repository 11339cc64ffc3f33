/**
 * The way out of a room. What it has to say goes out in one order, some stanzas a trip: who comes into a room of a thousand
 * would otherwise hold the loop for two thousand. Rooms change at once; only what is said of it waits, and whatever comes
 * later waits behind it, so that everybody hears all in the order in which it happened.
 */
import type { Trip, World } from '../routing/transit.ts'
import type { Jid } from '../xmpp/jid.ts'
import type { Stanza } from '../xmpp/stanza.ts'

/** Stanzas that a trip hands over: about two milliseconds. */
const AT_ONCE = 128

type Step = (t: Trip) => void

interface Entry {
  readonly step: Step
  /** Full JID of who waits to come in. */
  readonly joins: string | undefined
}

class Way {
  readonly #entries: Entry[] = []
  #isWalking = false

  get isClear(): boolean {
    return this.#entries.length === 0
  }

  add(t: Trip, entry: Entry): void {
    this.#entries.push(entry)
    t.undo(() => this.#entries.splice(this.#entries.lastIndexOf(entry), 1))
    if (this.#isWalking) return
    this.#isWalking = true
    t.undo(() => (this.#isWalking = false))
    t.after(() => this.#goOn(t.world))
  }

  /** Takes out the join of somebody whose turn has not come. */
  takeJoin(t: Trip, joins: string): Step | undefined {
    const at = this.#entries.findIndex((entry) => entry.joins === joins)
    const entry = this.#entries[at]
    if (!entry) return undefined
    this.#entries.splice(at, 1)
    t.undo(() => this.#entries.splice(at, 0, entry))
    return entry.step
  }

  /** All that waits, before a stop. */
  empty(t: Trip): void {
    for (const { step } of this.#entries.splice(0)) step(t)
  }

  #goOn(world: World): void {
    if (this.isClear) this.#isWalking = false
    else
      world.insist((t) => {
        const some = this.#entries.splice(0, AT_ONCE)
        t.undo(() => this.#entries.unshift(...some))
        for (const { step } of some) step(t)
        t.after(() => this.#goOn(world))
      })
  }
}

class Ways {
  /** By bare JID of the room: a room that is made anew speaks behind the old one. */
  readonly #ways = new Map<string, Way>()
  isStopping = false

  of(room: Jid): Way {
    let way = this.#ways.get(room.bare)
    if (!way) this.#ways.set(room.bare, (way = new Way()))
    return way
  }

  known(room: Jid): Way | undefined {
    const way = this.#ways.get(room.bare)
    if (way?.isClear) this.#ways.delete(room.bare)
    return way?.isClear ? undefined : way
  }

  empty(t: Trip): void {
    this.isStopping = true
    for (const way of this.#ways.values()) way.empty(t)
    this.#ways.clear()
  }
}

const all = new WeakMap<World, Ways>()

function waysOf(world: World): Ways {
  let ways = all.get(world)
  if (!ways) all.set(world, (ways = new Ways()))
  return ways
}

/** Sends what the room says to one client, or one account, when it is its turn. */
export function sends(t: Trip, room: Jid, to: Jid, make: () => Stanza): void {
  if (mayGo(t, room)) return t.emit(make())
  const session = t.sessions.find(to)
  const step: Step = (next) => {
    // A later session of that name has not heard what came before.
    if (next.sessions.find(to) === session) next.emit(make())
  }
  waysOf(t.world).of(room).add(t, { step, joins: undefined })
}

/** Does `step` behind all that the room has said so far. */
export function afterAll(t: Trip, room: Jid, step: Step): void {
  if (waysOf(t.world).known(room)) waysOf(t.world).of(room).add(t, { step, joins: undefined })
  else step(t)
}

/** Lets a client wait whose presence would be told to many: behind all that is still to be said. Its answer is true if so. */
export function waitsToJoin(t: Trip, room: Jid, from: Jid, step: Step): boolean {
  const way = waysOf(t.world).known(room)
  if (!way) return false
  const session = t.sessions.find(from)
  way.add(t, {
    joins: from.toString(),
    step: (next) => {
      if (next.sessions.find(from) === session) step(next)
    },
  })
  return true
}

/** A client that waits to come in says something else: it comes in now. */
export function joinNow(t: Trip, room: Jid, from: Jid): void {
  waysOf(t.world).known(room)?.takeJoin(t, from.toString())?.(t)
}

/** Before a stop: from here on everything goes at once. */
export function sayAll(t: Trip): void {
  waysOf(t.world).empty(t)
}

function mayGo(t: Trip, room: Jid): boolean {
  const ways = waysOf(t.world)
  return ways.isStopping || (t.emitted.length < AT_ONCE && ways.known(room) === undefined)
}
