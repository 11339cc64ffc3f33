/** Progress of telling the members of rooms of their messages, so that a crash in the midst costs nobody a ring. */
import { type Db, rawWriter, type Write } from './db.ts'

export interface Fanout {
  /** The message's id in the room's archive. */
  readonly id: number
  readonly roomId: number
  /** Bare JID of the last member that was told. */
  readonly after: string
}

/** A member, and whether there is a device to ring. */
export interface Listener {
  readonly user: string
  readonly nick: string | null
  readonly affiliation: string
  /** 1: has asked the room not to ring. */
  readonly silent: number
  /** null: the account is elsewhere. */
  readonly accountId: number | null
  readonly rings: number
}

export class RoomFanouts {
  readonly #put: Write<{ id: number; roomId: number; after: string }>
  readonly #delete: Write<{ id: number }>
  readonly #all
  readonly #listeners

  constructor(db: Db) {
    this.#put = rawWriter(
      db,
      `INSERT INTO room_fanouts (id, room_id, after) VALUES ($id, $roomId, $after)
       ON CONFLICT DO UPDATE SET after = excluded.after`,
    )
    this.#delete = rawWriter(db, 'DELETE FROM room_fanouts WHERE id = $id')
    this.#all = db.raw.prepare<Fanout, []>(
      'SELECT id, room_id AS roomId, after FROM room_fanouts ORDER BY id',
    )
    // The limit is on those who are looked at, or a room in which few have devices would hold the loop.
    this.#listeners = db.raw.prepare<Listener, [number, string, number]>(
      `SELECT m.user, m.nick, m.affiliation, m.silent, a.id AS accountId,
              EXISTS (SELECT 1 FROM devices d WHERE d.account_id = a.id) AS rings
       FROM (SELECT user, nick, affiliation, silent FROM room_affiliations
             WHERE room_id = ? AND user > ? ORDER BY user LIMIT ?) m
       LEFT JOIN accounts a ON a.jid = m.user ORDER BY m.user`,
    )
  }

  /** Ones that a stop has interrupted, the oldest first. */
  all(): Fanout[] {
    return this.#all.all()
  }

  put({ id, roomId, after }: Fanout): void {
    this.#put({ id, roomId, after })
  }

  delete(id: number): void {
    this.#delete({ id })
  }

  /** The next `limit` of the room's list, outcasts and accounts elsewhere included. */
  listeners(roomId: number, after: string, limit: number): Listener[] {
    return this.#listeners.all(roomId, after, limit)
  }
}
