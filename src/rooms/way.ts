/**
 * The way out of a room. What it has to say goes out in one order, some stanzas a trip: who comes into a room of a thousand
 * would otherwise hold the loop for two thousand. Rooms change at once; only what is said of it waits, and whatever comes
 * later waits behind it, so that everybody hears all in the order in which it happened.
 */
import { perObject } from '../per-object.ts'
import type { Trip, World } from '../routing/transit.ts'
import { StanzaError } from '../xmpp/errors.ts'
import type { Jid } from '../xmpp/jid.ts'
import type { Stanza } from '../xmpp/stanza.ts'

/** Stanzas that a trip hands over: about two milliseconds. */
const AT_ONCE = 128
/** More where much waits, one part of this many: on a disk that takes long for each turn it would grow for ever. */
const PARTS = 8
/** Stanzas of one client that wait behind its join. */
const BEHIND = 50
/** Stanzas that are still handed over at a stop; a trip has an end (routing/transit.ts). */
const AT_STOP = 10_000

type Step = (t: Trip) => void
/** A client that waits to come in, and the stanzas that it has sent since. */
interface Join {
  /** Comes in, or hears that the server stops. */
  readonly comes: (t: Trip, stops: boolean) => void
  readonly behind: readonly Stanza[]
  /** Whether the client is there, and no later session of its name. */
  readonly isThere: (t: Trip) => boolean
}

function goes(t: Trip, { comes, behind }: Join, stops: boolean): void {
  comes(t, stops)
  for (const stanza of behind) t.emit(stanza)
}

function goesIfThere(t: Trip, join: Join, stops: boolean): void {
  if (join.isThere(t)) goes(t, join, stops)
}

class Way {
  readonly #steps: Step[] = []
  /** Clients that wait to come in, by full JID: one after the other, each told to everybody before the next. */
  readonly #joins = new Map<string, Join>()
  /** Steps that come before the next join. */
  #ahead = 0
  #isWalking = false
  readonly #forget: () => void

  /** `forget`: nothing waits any more. */
  constructor(forget: () => void) {
    this.#forget = forget
  }

  add(t: Trip, step: Step): void {
    this.#steps.push(step)
    t.undo(() => this.#steps.splice(this.#steps.lastIndexOf(step), 1))
    this.#walk(t)
  }

  addJoin(t: Trip, jid: string, join: Join): void {
    const ahead = this.#ahead
    if (this.#joins.size === 0) this.#ahead = this.#steps.length
    this.#joins.set(jid, join)
    t.undo(() => {
      this.#joins.delete(jid)
      this.#ahead = ahead
    })
    this.#walk(t)
  }

  /** Whether the client waits to come in: its stanza then comes behind that. @throws StanzaError resource-constraint */
  putBehind(t: Trip, jid: string, stanza: Stanza): boolean {
    const join = this.#joins.get(jid)
    if (!join) return false
    if (join.behind.length >= BEHIND)
      throw new StanzaError('resource-constraint', 'You are not in this room yet: wait a moment.')
    this.#joins.set(jid, { ...join, behind: [...join.behind, stanza] })
    t.undo(() => this.#joins.set(jid, join))
    return true
  }

  /** Takes out the join of somebody whose turn has not come. */
  takeJoin(t: Trip, jid: string): Join | undefined {
    const join = this.#joins.get(jid)
    if (!join) return undefined
    this.#joins.delete(jid)
    t.undo(() => this.#joins.set(jid, join))
    return join
  }

  /** Says what waits, before a stop; its answer is how much that was. Clients that are not in yet shall come again. */
  empty(t: Trip, most: number): number {
    const steps = this.#steps.splice(0, most)
    for (const step of steps) step(t)
    for (const join of this.#joins.values()) goesIfThere(t, join, true)
    this.#joins.clear()
    return steps.length
  }

  #walk(t: Trip): void {
    if (this.#isWalking) return
    this.#isWalking = true
    t.undo(() => this.#rest())
    t.after(() => this.#goOn(t.world))
  }

  #rest(): void {
    this.#isWalking = false
    this.#forget()
  }

  #goOn(world: World): void {
    if (this.#steps.length === 0 && this.#joins.size === 0) return this.#rest()
    world.insist(
      (t) => {
        const { steps, putBack } = this.#take()
        t.undo(putBack)
        for (const step of steps) step(t)
        t.after(() => this.#goOn(world))
      },
      // One that always fails does not silence the room.
      () => {
        this.#take()
        this.#goOn(world)
      },
    )
  }

  /** Takes out what is next. */
  #take(): { steps: Step[]; putBack: () => void } {
    const ahead = this.#ahead
    const [first] = this.#joins
    if (first && (ahead <= 0 || this.#steps.length === 0)) {
      const [jid, join] = first
      this.#joins.delete(jid)
      const step: Step = (t) => {
        goesIfThere(t, join, false)
        this.#ahead = this.#steps.length
      }
      const putBack = () => {
        this.#joins.set(jid, join)
        this.#ahead = ahead
      }
      return { steps: [step], putBack }
    }
    const steps = this.#steps.splice(0, Math.max(AT_ONCE, Math.ceil(this.#steps.length / PARTS)))
    this.#ahead = ahead - steps.length
    const putBack = () => {
      this.#steps.unshift(...steps)
      this.#ahead = ahead
    }
    return { steps, putBack }
  }
}

class Ways {
  /** By bare JID of the room, while something waits: a room that is made anew speaks behind the old one. */
  readonly #ways = new Map<string, Way>()
  isStopping = false
  /** Everybody has heard that the server stops. */
  isOver = false

  of({ bare }: Jid): Way {
    let way = this.#ways.get(bare)
    if (!way) this.#ways.set(bare, (way = new Way(() => this.#ways.delete(bare))))
    return way
  }

  known(room: Jid): Way | undefined {
    return this.#ways.get(room.bare)
  }

  empty(t: Trip): void {
    this.isStopping = true
    let most = AT_STOP
    for (const way of this.#ways.values()) most -= way.empty(t, most)
    this.#ways.clear()
  }
}

const waysOf = perObject((_: World) => new Ways())

/** Sends what the room says to one client, or one account, when it is its turn. */
export function sends(t: Trip, room: Jid, to: Jid, make: () => Stanza): void {
  if (mayGo(t, room)) return t.emit(make())
  const session = t.sessions.find(to)
  waysOf(t.world)
    .of(room)
    .add(t, (next) => {
      // A later session of that name has not heard what came before.
      if (next.sessions.find(to) === session) next.emit(make())
    })
}

/** Does `step` behind all that the room has said so far. */
export function afterAll(t: Trip, room: Jid, step: Step): void {
  const way = waysOf(t.world).known(room)
  if (way) way.add(t, step)
  else step(t)
}

/**
 * Lets a client wait whose presence would be told to many: behind all that is still to be said, and behind those that
 * came before it. Its answer is true if so.
 */
export function waitsToJoin(t: Trip, room: Jid, from: Jid, comes: Join['comes']): boolean {
  const way = waysOf(t.world).known(room)
  if (!way) return false
  const session = t.sessions.find(from)
  const isThere = (next: Trip) => next.sessions.find(from) === session
  way.addJoin(t, from.toString(), { comes, behind: [], isThere })
  return true
}

/**
 * Lets what a client says wait behind its join, so that none gets past those that came before it by speaking at once.
 * Its answer is true if so. @throws StanzaError resource-constraint
 */
export function waitsBehindJoin(t: Trip, room: Jid, stanza: Stanza): boolean {
  return waysOf(t.world).known(room)?.putBehind(t, stanza.from.toString(), stanza) === true
}

/**
 * The client leaves, or its session has ended. If it waits to come in, it does so now where it has something to say in the
 * room, and not at all where it has not; undefined where it does not wait.
 */
export function endsWait(t: Trip, room: Jid, from: Jid): 'came in' | 'stayed out' | undefined {
  const join = waysOf(t.world).known(room)?.takeJoin(t, from.toString())
  if (!join || !join.behind.some(({ kind }) => kind === 'message')) return join && 'stayed out'
  goes(t, join, false)
  return 'came in'
}

/** Before a stop: from here on everything goes at once. */
export function sayAll(t: Trip): void {
  waysOf(t.world).empty(t)
}

/** Everybody in rooms has heard 332: whoever goes or comes from here on is no news of any room. */
export function sayNoMore(t: Trip): void {
  const ways = waysOf(t.world)
  ways.isOver = true
  t.undo(() => (ways.isOver = false))
}

export const isOver = (t: Trip): boolean => waysOf(t.world).isOver

function mayGo(t: Trip, room: Jid): boolean {
  const ways = waysOf(t.world)
  return ways.isStopping || (t.emitted.length < AT_ONCE && ways.known(room) === undefined)
}
