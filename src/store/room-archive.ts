/** Archives of rooms (XEP-0313 §5.1.2): one row a message, whoever was there to hear it. */
import { and, asc, count, desc, eq, gt, inArray, lt, type SQL, sql } from 'drizzle-orm'
import { integer, sqliteTable, text } from 'drizzle-orm/sqlite-core'
import { type Db, rawWriter, type Write } from './db.ts'
import { type ArchiveFilter, within } from './history.ts'
import type { Receipts } from './receipts.ts'

export const roomArchive = sqliteTable('room_archive', {
  id: integer('id').primaryKey(),
  roomId: integer('room_id').notNull(),
  user: text('user').notNull(),
  nick: text('nick').notNull(),
  counts: integer('counts', { mode: 'boolean' }).notNull(),
  xml: text('xml').notNull(),
})

export type RoomMessage = typeof roomArchive.$inferSelect

/** A message as far as it has been read or not. */
export interface Reading extends Pick<RoomMessage, 'id' | 'user'> {
  /** 1: it says something. */
  readonly counts: number
}

/** Times and ids as of an account's archive; `nick` is the occupant whose messages are wanted. */
export type RoomFilter = Omit<ArchiveFilter, 'peer' | 'resource'> & { readonly nick?: string | undefined }

export class RoomArchive {
  readonly #db: Db
  readonly #receipts: Receipts
  readonly #get
  readonly #stored
  readonly #add: Write<Omit<RoomMessage, 'counts'> & { counts: number }>
  readonly #newest
  readonly #purge: Write<{ roomId: number; below: number; limit: number }>
  readonly #roomBehind
  readonly #weigh
  readonly #replace: Write<{ id: number; roomId: number; xml: string }>

  constructor(db: Db, receipts: Receipts) {
    this.#db = db
    this.#receipts = receipts
    const { id, roomId } = roomArchive
    this.#get = db.orm
      .select()
      .from(roomArchive)
      .where(and(eq(id, sql.placeholder('id')), eq(roomId, sql.placeholder('roomId'))))
      .prepare()
    this.#stored = db.raw.prepare<unknown, [number]>('SELECT 1 FROM room_archive WHERE id = ?')
    // Once a message: Drizzle's binding would cost more than the insert.
    this.#add = rawWriter(
      db,
      `INSERT INTO room_archive (id, room_id, user, nick, counts, xml)
       VALUES ($id, $roomId, $user, $nick, $counts, $xml)`,
    )
    this.#purge = rawWriter(
      db,
      `DELETE FROM room_archive WHERE id IN
         (SELECT id FROM room_archive WHERE room_id = $roomId AND id < $below ORDER BY id LIMIT $limit)`,
    )
    this.#roomBehind = db.raw.prepare<{ id: number | null }, [number]>(
      'SELECT min(room_id) AS id FROM room_archive WHERE room_id > ?',
    )
    this.#weigh = db.raw.prepare<{ messages: number; bytes: number }, [number, number]>(
      `SELECT count(*) AS messages, coalesce(sum(octet_length(xml)), 0) AS bytes
       FROM (SELECT xml FROM room_archive WHERE room_id = ? ORDER BY id DESC LIMIT ?)`,
    )
    this.#newest = db.raw.prepare<Reading, [number, number, number]>(
      'SELECT id, user, counts FROM room_archive WHERE room_id = ? AND id > ? ORDER BY id DESC LIMIT ?',
    )
    this.#replace = rawWriter(
      db,
      'UPDATE room_archive SET xml = $xml, counts = 0 WHERE id = $id AND room_id = $roomId',
    )
  }

  add(message: RoomMessage): void {
    this.#add({ ...message, counts: Number(message.counts) })
  }

  /** A tombstone takes the place of a message that was taken back (XEP-0424 §5). */
  replace(roomId: number, id: number, xml: string): void {
    this.#replace({ id, roomId, xml })
  }

  get(roomId: number, id: number): RoomMessage | undefined {
    return this.#get.get({ roomId, id })
  }

  /** Whether an id is a message of whichever room. */
  isStored(id: number): boolean {
    return this.#stored.get(id) !== null
  }

  /** Of whichever room. */
  byId(id: number): RoomMessage | undefined {
    return this.#db.orm.select().from(roomArchive).where(eq(roomArchive.id, id)).get()
  }

  /** Up to `limit` rows in the order of their ids; with `fromEnd` the last ones, still in that order. */
  page(roomId: number, filter: RoomFilter, limit: number, fromEnd: boolean): RoomMessage[] {
    const rows = this.#db.orm
      .select()
      .from(roomArchive)
      .where(this.#condition(roomId, filter))
      .orderBy(fromEnd ? desc(roomArchive.id) : asc(roomArchive.id))
      .limit(limit)
      .all()
    return fromEnd ? rows.reverse() : rows
  }

  /** Looks no further than `most` messages. */
  count(roomId: number, filter: RoomFilter, most: number): number {
    const some = this.#db.orm
      .select({ id: roomArchive.id })
      .from(roomArchive)
      .where(this.#condition(roomId, filter))
      .limit(most)
      .as('some')
    return this.#db.orm.select({ n: count() }).from(some).get()?.n ?? 0
  }

  /** Messages behind `after`, the newest first, without their texts. */
  newest(roomId: number, after: number, limit: number): Reading[] {
    return this.#newest.all(roomId, after, limit)
  }

  /** The first room behind this one of which something was said, also one that is no more. */
  roomBehind(roomId: number): number | undefined {
    return this.#roomBehind.get(roomId)?.id ?? undefined
  }

  /** Deletes up to `limit` messages of before `time` (ms), the oldest first; returns how many. */
  purge(roomId: number, time: number, limit: number): number {
    return this.#purge({ roomId, below: this.#receipts.below(time), limit })
  }

  /** Bytes of the newest `most` messages of a room, and how many those are. */
  weigh(roomId: number, most: number): { messages: number; bytes: number } {
    return this.#weigh.get(roomId, most) ?? { messages: 0, bytes: 0 }
  }

  /** Ids of the first and the last message; undefined for an empty archive. */
  bounds(roomId: number): { first: number; last: number } | undefined {
    const row = this.#db.orm
      .select({
        first: sql<number | null>`min(${roomArchive.id})`,
        last: sql<number | null>`max(${roomArchive.id})`,
      })
      .from(roomArchive)
      .where(eq(roomArchive.roomId, roomId))
      .get()
    return row && row.first !== null && row.last !== null ? { first: row.first, last: row.last } : undefined
  }

  #condition(room: number, filter: RoomFilter): SQL | undefined {
    const { start, end, beforeId, afterId, ids, nick } = filter
    const { id, roomId } = roomArchive
    const timed = start !== undefined || end !== undefined
    return and(
      eq(roomId, room),
      timed ? within(id, this.#receipts.between(start, end)) : undefined,
      beforeId === undefined ? undefined : lt(id, beforeId),
      afterId === undefined ? undefined : gt(id, afterId),
      ids === undefined ? undefined : inArray(id, [...ids]),
      nick === undefined ? undefined : eq(roomArchive.nick, nick),
    )
  }
}
