/** The rooms of a server: those with somebody in them are in memory, of the others some; all others are rows. */
import { perObject } from '../per-object.ts'
import { NS } from '../xmpp/namespaces.ts'
import { createHmac } from 'node:crypto'
import { BoundedMap } from '../bounded-map.ts'
import type { Trip, World } from '../routing/transit.ts'
import { StanzaError } from '../xmpp/errors.ts'
import type { RoomRow } from '../store/rooms.ts'
import type { Jid } from '../xmpp/jid.ts'
import { xml } from '../xmpp/xml.ts'
import { Room } from './room.ts'

/** Rooms without occupants that are remembered: reading one again costs a query. */
const REMEMBERED = 1000

export class Rooms {
  readonly #occupied = new Map<string, Room>()
  readonly #others = new BoundedMap<string, Room>(REMEMBERED)
  #secret: Buffer | undefined

  /** The room, also one that was destroyed and is remembered as such. */
  lookUp(t: Trip, jid: Jid): Room | undefined {
    const known = this.#occupied.get(jid.bare) ?? this.#others.use(jid.bare)
    const row = known?.row ?? t.store.rooms.find(jid.bare)
    if (!row) return undefined
    if (isForgotten(t, row)) return void this.#others.delete(jid.bare)
    if (known) return known
    const room = new Room(row)
    this.#others.set(jid.bare, room)
    return room
  }

  /** Throws `gone` for a room that was destroyed, with where to go instead (§10.9). */
  find(t: Trip, jid: Jid): Room | undefined {
    const room = this.lookUp(t, jid)
    if (room?.row.gone) throw goneError(room)
    return room
  }

  /** @throws StanzaError item-not-found */
  need(t: Trip, jid: Jid): Room {
    const room = this.find(t, jid)
    if (!room) throw new StanzaError('item-not-found', 'There is no such room.')
    return room
  }

  /** A room that was made, or has somebody in it since now. */
  hold(t: Trip, room: Room): void {
    const { bare } = room.jid
    if (this.#occupied.get(bare) === room) return
    this.#occupied.set(bare, room)
    t.undo(() => this.#occupied.delete(bare))
  }

  /** A room that nobody is in, or that is no more, leaves memory; its row is read when somebody asks. */
  release(t: Trip, room: Room): void {
    const { bare } = room.jid
    const before = this.#occupied.get(bare)
    this.#occupied.delete(bare)
    this.#others.delete(bare)
    t.undo(() => {
      this.#others.delete(bare)
      if (before) this.#occupied.set(bare, before)
    })
  }

  get occupied(): Iterable<Room> {
    return this.#occupied.values()
  }

  /** All that are in memory. */
  *remembered(): Generator<Room> {
    yield* this.#occupied.values()
    yield* this.#others.values()
  }

  /** Number of occupants of all rooms. */
  sizeOf(jid: string): number {
    return this.#occupied.get(jid)?.size ?? 0
  }

  get countOccupied(): number {
    return this.#occupied.size
  }

  /**
   * XEP-0421: who an occupant is, whatever the nick, in this room alone. 256 bits of an HMAC under a secret that is
   * stored, so that it stays the same for ever. A later account of the same name is somebody else, so what somebody has
   * said or done in a room is known by this, never by the address.
   */
  occupantId(t: Trip, room: Jid, user: string): string {
    this.#secret ??= this.#readSecret(t)
    const account = t.store.accounts.find(user)?.id ?? ''
    return createHmac('sha256', this.#secret).update(`${room.bare}\0${user}\0${account}`).digest('base64url')
  }

  #readSecret(t: Trip): Buffer {
    // A secret that this trip makes and does not keep is made again.
    t.undo(() => (this.#secret = undefined))
    return t.store.settings.secret('occupant-id')
  }
}

/** That it was there has been remembered for long enough (ops/housekeeping.ts would delete the row later). */
function isForgotten(t: Trip, row: RoomRow): boolean {
  if (!row.gone || t.now - row.gone.at < t.config.muc.tombstone) return false
  // Members are still being told: until then nobody makes the room anew, or it would lose them.
  if (t.store.roomAffiliations.all(row.id, 1).length > 0) return false
  t.store.rooms.forget(row.id)
  return true
}

function goneError({ jid, row }: Room): StanzaError {
  const { alternate, reason } = row.gone ?? {}
  const app = xml('destroy', { xmlns: NS.mucUser, jid: alternate })
  return new StanzaError('gone', reason ?? `The room ${jid.local} was destroyed.`, {
    app,
    ...(alternate !== undefined && { uri: `xmpp:${alternate}?join` }),
  })
}

export const roomsOf = perObject((_: World) => new Rooms())
