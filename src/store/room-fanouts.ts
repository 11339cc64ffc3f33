/** Progress of telling the members of rooms of their messages, so that a crash in the midst costs nobody a ring. */
import { type Db, rawWriter, type Write } from './db.ts'

export interface Fanout {
  /** The message's id in the room's archive. */
  readonly id: number
  readonly roomId: number
  /** Bare JID of the last member that was told. */
  readonly after: string
  readonly trusted: readonly Trusted[]
}

/** An account that was told while a client of its had the message, for all that is known, and the message's id there. */
export type Trusted = readonly [accountId: number, messageId: number, mentioned: 0 | 1]

/** A member with an account here. */
export interface Listener {
  readonly user: string
  readonly nick: string | null
  /** Has asked the room not to ring. */
  readonly silent: boolean
}

interface Looked {
  readonly user: string
  readonly nick: string | null
  readonly silent: number
  /** 1: no outcast, with an account here. */
  readonly isHere: number
  /** 1: with a device. */
  readonly rings: number
}

export interface Look {
  /** Rows that are looked at: a room in which few have devices would hold the loop. */
  readonly looks: number
  /** Listeners that are wanted. */
  readonly most: number
  /** Those without a device as well. */
  readonly wantsAll: boolean
}

export class RoomFanouts {
  readonly #put: Write<{ id: number; roomId: number; after: string; trusted: string }>
  readonly #narrow: Write<{ id: number; trusted: string }>
  readonly #delete: Write<{ id: number }>
  readonly #all
  readonly #looked

  constructor(db: Db) {
    this.#put = rawWriter(
      db,
      `INSERT INTO room_fanouts (id, room_id, after, trusted) VALUES ($id, $roomId, $after, $trusted)
       ON CONFLICT DO UPDATE SET after = excluded.after, trusted = excluded.trusted`,
    )
    this.#narrow = rawWriter(db, 'UPDATE room_fanouts SET trusted = $trusted WHERE id = $id')
    this.#delete = rawWriter(db, 'DELETE FROM room_fanouts WHERE id = $id')
    this.#all = db.raw.prepare<Omit<Fanout, 'trusted'> & { trusted: string }, []>(
      'SELECT id, room_id AS roomId, after, trusted FROM room_fanouts ORDER BY id',
    )
    this.#looked = db.raw.prepare<Looked, [number, string, number]>(
      `SELECT m.user, m.nick, m.silent, m.affiliation <> 'outcast' AND a.id IS NOT NULL AS isHere,
              EXISTS (SELECT 1 FROM devices d WHERE d.account_id = a.id) AS rings
       FROM (SELECT user, nick, affiliation, silent FROM room_affiliations
             WHERE room_id = ? AND user > ? ORDER BY user LIMIT ?) m
       LEFT JOIN accounts a ON a.jid = m.user ORDER BY m.user`,
    )
  }

  /** Ones that a stop has interrupted, the oldest first. */
  all(): Fanout[] {
    // JSON of our own making.
    return this.#all.all().map((row) => ({ ...row, trusted: JSON.parse(row.trusted) as Trusted[] }))
  }

  put({ id, roomId, after, trusted }: Fanout): void {
    this.#put({ id, roomId, after, trusted: JSON.stringify(trusted) })
  }

  /** Fewer are trusted. The row may be gone with its room. */
  narrow(id: number, trusted: readonly Trusted[]): void {
    this.#narrow({ id, trusted: JSON.stringify(trusted) })
  }

  delete(id: number): void {
    this.#delete({ id })
  }

  /** The next of the room's list who are to be told, and the last that was looked at; undefined: there are no more. */
  listeners(
    roomId: number,
    after: string,
    { looks, most, wantsAll }: Look,
  ): { listeners: Listener[]; looked: string | undefined } {
    const listeners: Listener[] = []
    let rows = 0
    for (const row of this.#looked.iterate(roomId, after, looks)) {
      const { user, nick } = row
      rows++
      if (row.isHere === 1 && (row.rings === 1 || wantsAll))
        listeners.push({ user, nick, silent: row.silent === 1 })
      if (listeners.length === most || rows === looks) return { listeners, looked: user }
    }
    return { listeners, looked: undefined }
  }
}
