/** A room in memory: its row, and who is in it at the moment (XEP-0045 §5). Every change is undone with its trip. */
import type { Trip } from '../routing/transit.ts'
import type { Affiliation } from '../store/room-affiliations.ts'
import type { Role, RoomChange, RoomRow, RoomSettings } from '../store/rooms.ts'
import { Jid } from '../xmpp/jid.ts'
import { nicknameKey } from '../xmpp/precis.ts'
import { nickSkeleton } from '../xmpp/skeleton.ts'
import type { Element, StoredElement } from '../xmpp/xml.ts'

/** With what everybody has who is not in the lists. */
export type Standing = Affiliation | 'none'

/** A subscriber is sent what happens in a room without joining it (MucSub). */
export interface Subscriber {
  readonly user: string
  readonly nick: string
  readonly nodes: ReadonlySet<string>
}

/** One client of an occupant. */
export interface Seat {
  /** Real address of the occupant. */
  readonly jid: Jid
  /** Children of its last presence, but for what is the room's to say. */
  presence: readonly Element[]
  /** Names it within its occupant, in the ids of queries that are passed on. */
  readonly number: number
}

/** Someone in a room under one nick; several clients of one account may share it (§7.2.8). */
export class Occupant {
  readonly seats = new Map<string, Seat>()
  /** The client whose presence is shown: the one that spoke last. */
  shown: Seat | undefined
  /** Presence as newcomers hear it, by what they see of it; forgotten whenever anything of it changes (tell.ts). */
  rendered: Map<string, StoredElement> | undefined

  constructor(
    public nick: string,
    /** Bare JID of the account. */
    readonly user: string,
    public affiliation: Standing,
    public role: Role,
    /** XEP-0421 */
    readonly occupantId: string,
  ) {}
}

export class Room {
  readonly jid: Jid
  /** Occupants by nick, as nicks are compared. */
  readonly #byNick = new Map<string, Occupant>()
  /** Occupants by what their nicks look like (UTS #39): several may look alike. */
  readonly #byLook = new Map<string, ReadonlySet<Occupant>>()
  /** Occupants by the full JIDs of their clients. */
  readonly #bySeat = new Map<string, Occupant>()
  /** Occupants by bare JID: one account may be several. */
  readonly #byUser = new Map<string, ReadonlySet<Occupant>>()
  #seats = 0
  /** Subscribers by bare JID, once somebody asked; undefined: to be read (rooms/subscriptions.ts). */
  subscribers: ReadonlyMap<string, Subscriber> | undefined
  /** Stops the clock of a room that waits to be configured. */
  cancelUnlock: (() => void) | undefined

  constructor(readonly row: RoomRow) {
    this.jid = Jid.parse(row.jid)
  }

  get id(): number {
    return this.row.id
  }

  get settings(): RoomSettings {
    return this.row.settings
  }

  get occupants(): Iterable<Occupant> {
    return this.#byNick.values()
  }

  get size(): number {
    return this.#byNick.size
  }

  /** Clients that are in it. */
  get countSeats(): number {
    return this.#bySeat.size
  }

  get isEmpty(): boolean {
    return this.#byNick.size === 0
  }

  /** The occupant that has this client. */
  occupantOf(jid: Jid): Occupant | undefined {
    return this.#bySeat.get(jid.toString())
  }

  byNick(nick: string): Occupant | undefined {
    return this.#byNick.get(nicknameKey(nick))
  }

  /** Whether a nick that looks like this is that of another account. */
  isLikeOther(look: string, user: string): boolean {
    for (const occupant of this.#byLook.get(look) ?? NOBODY) if (occupant.user !== user) return true
    return false
  }

  /** An account may be in it under several nicks. */
  occupantsOf(user: string): Iterable<Occupant> {
    return this.#byUser.get(user) ?? NOBODY
  }

  addressOf(nick: string): Jid {
    return this.jid.withResource(nick)
  }

  /** Seats a client with an occupant who is in the room, or comes in by this. */
  seat(t: Trip, occupant: Occupant, jid: Jid, presence: readonly Element[]): Seat {
    const seat: Seat = { jid, presence, number: ++this.#seats }
    this.#name(t, occupant)
    include(t, this.#byUser, occupant.user, occupant)
    put(t, this.#bySeat, jid.toString(), occupant)
    put(t, occupant.seats, jid.toString(), seat)
    change(t, occupant, { shown: seat })
    return seat
  }

  /** Takes a client away; its occupant goes with the last one. */
  unseat(t: Trip, occupant: Occupant, seat: Seat): void {
    drop(t, this.#bySeat, seat.jid.toString())
    drop(t, occupant.seats, seat.jid.toString())
    if (occupant.seats.size === 0) {
      this.#unname(t, occupant)
      exclude(t, this.#byUser, occupant.user, occupant)
    } else if (occupant.shown === seat) change(t, occupant, { shown: [...occupant.seats.values()].at(-1) })
  }

  #name(t: Trip, occupant: Occupant): void {
    put(t, this.#byNick, nicknameKey(occupant.nick), occupant)
    include(t, this.#byLook, nickSkeleton(occupant.nick), occupant)
  }

  #unname(t: Trip, occupant: Occupant): void {
    drop(t, this.#byNick, nicknameKey(occupant.nick))
    exclude(t, this.#byLook, nickSkeleton(occupant.nick), occupant)
  }

  rename(t: Trip, occupant: Occupant, nick: string): void {
    this.#unname(t, occupant)
    change(t, occupant, { nick })
    this.#name(t, occupant)
  }

  update(t: Trip, news: RoomChange): void {
    t.store.rooms.update(this.id, news)
    change(t, this.row, news)
  }
}

const NOBODY: ReadonlySet<Occupant> = new Set()

/** Changes memory within a trip. */
export function change<T extends object>(t: Trip, target: T, news: Partial<T>): void {
  const before: Partial<T> = {}
  for (const key in news) before[key] = target[key]
  const put = (values: Partial<T>) => {
    Object.assign(target, values)
    if (target instanceof Occupant) target.rendered = undefined
  }
  put(news)
  t.undo(() => put(before))
}

function put<K, V>(t: Trip, map: Map<K, V>, key: K, value: V): void {
  const before = map.get(key)
  if (before === value) return
  map.set(key, value)
  t.undo(() => (before === undefined ? map.delete(key) : map.set(key, before)))
}

function drop<K, V>(t: Trip, map: Map<K, V>, key: K): void {
  const before = map.get(key)
  if (before === undefined || !map.delete(key)) return
  t.undo(() => map.set(key, before))
}

type Groups = Map<string, ReadonlySet<Occupant>>

function include(t: Trip, groups: Groups, key: string, occupant: Occupant): void {
  const others = groups.get(key)
  if (!others?.has(occupant)) put(t, groups, key, new Set([...(others ?? []), occupant]))
}

function exclude(t: Trip, groups: Groups, key: string, occupant: Occupant): void {
  const left = new Set(groups.get(key))
  left.delete(occupant)
  if (left.size > 0) put(t, groups, key, left)
  else drop(t, groups, key)
}
