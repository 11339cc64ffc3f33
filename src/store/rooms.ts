/** Rooms (XEP-0045), as far as they outlive their occupants. Who stands how to them is in room-affiliations.ts. */
import { and, asc, count, eq, gt, isNotNull, isNull, lt, sql } from 'drizzle-orm'
import { integer, sqliteTable, text } from 'drizzle-orm/sqlite-core'
import type { Audit } from './audit.ts'
import type { Events } from './events.ts'
import { type Db, rawWriter, type Write } from './db.ts'

/** Role of an occupant at the moment (XEP-0045 §5.1); nobody else has one. */
export type Role = 'moderator' | 'participant' | 'visitor'

/** A room as its owners want it (XEP-0045 §10.2). */
export interface RoomSettings {
  readonly name: string
  readonly description: string
  /** RFC 5646; empty: none. */
  readonly lang: string
  readonly persistent: boolean
  readonly public: boolean
  readonly membersOnly: boolean
  readonly moderated: boolean
  /** Everybody sees real addresses; else moderators alone. */
  readonly nonAnonymous: boolean
  /** Empty: none is needed. */
  readonly password: string
  readonly maxUsers: number
  /** Occupants may set the subject, not only moderators. */
  readonly changeSubject: boolean
  /** Members may invite, not only admins. */
  readonly allowInvites: boolean
  readonly allowPm: 'anyone' | 'participants' | 'moderators' | 'none'
  /** The archive may be read without joining (status codes 170, 171). */
  readonly logging: boolean
  /** The archive keeps messages. */
  readonly archived: boolean
  /** Roles whose presence everybody hears. */
  readonly presenceOf: readonly Role[]
  /** Roles that may ask for the list of members. */
  readonly memberListFor: readonly Role[]
  /** In a moderated room, who is no member may speak. */
  readonly newcomersSpeak: boolean
  /** Occupants can be listed from outside. */
  readonly publicList: boolean
  /** Queries between occupants are passed on. */
  readonly allowQueries: boolean
  readonly visitorStatus: boolean
  readonly visitorNickChange: boolean
  readonly voiceRequests: boolean
  /** Seconds between two requests of one visitor. */
  readonly voiceRequestInterval: number
  readonly subscriptions: boolean
  /** Most messages of history at a join. */
  readonly history: number
  /** An XMPP URI; empty: none. */
  readonly pubsub: string
}

export interface RoomSubject {
  readonly text: string
  /** Occupant id (XEP-0421) of who set it; undefined: the room. */
  readonly by?: string
  /** Nick of who set it; empty: the room. */
  readonly nick: string
  /** ms since the epoch */
  readonly at: number
}

export interface RoomGone {
  /** ms since the epoch */
  readonly at: number
  readonly alternate?: string | undefined
  readonly reason?: string | undefined
  readonly password?: string | undefined
  /** Occupant id (XEP-0421) of the owner who did it: nobody else may make the room anew. */
  readonly by?: string | undefined
}

export const rooms = sqliteTable('rooms', {
  id: integer('id').primaryKey(),
  jid: text('jid').notNull(),
  domain: text('domain').notNull(),
  public: integer('public', { mode: 'boolean' }).notNull(),
  settings: text('settings', { mode: 'json' }).$type<RoomSettings>().notNull(),
  subject: text('subject', { mode: 'json' }).$type<RoomSubject>(),
  avatar: text('avatar'),
  locked: integer('locked', { mode: 'boolean' }).notNull(),
  createdAt: integer('created_at').notNull(),
  gone: text('gone', { mode: 'json' }).$type<RoomGone>(),
})

export type RoomRow = typeof rooms.$inferSelect

/** The columns of a room that may change. */
export type RoomChange = Partial<Pick<RoomRow, 'settings' | 'subject' | 'avatar' | 'locked' | 'gone'>>

/** A password is only said to be set; another one reads the same. */
const withoutSecrets = ({ password, ...rest }: RoomSettings): Record<string, unknown> => ({
  ...rest,
  password: password === '' ? 'none' : 'set',
})

export class RoomRows {
  readonly #db: Db
  readonly #audit: Audit
  readonly #events: Events
  readonly #find
  readonly #erase: Write<{ id: number; limit: number }>
  readonly #countAll
  readonly #forget: Write<{ id: number }>

  constructor(db: Db, audit: Audit, events: Events) {
    this.#db = db
    this.#audit = audit
    this.#events = events
    this.#find = db.orm
      .select()
      .from(rooms)
      .where(eq(rooms.jid, sql.placeholder('jid')))
      .prepare()
    this.#forget = rawWriter(db, 'DELETE FROM rooms WHERE id = $id AND gone IS NOT NULL')
    this.#countAll = db.raw.prepare<{ n: number }, []>(
      'SELECT (SELECT count(*) FROM rooms) - (SELECT count(*) FROM rooms WHERE gone IS NOT NULL) AS n',
    )
    this.#erase = rawWriter(
      db,
      'DELETE FROM room_archive WHERE id IN (SELECT id FROM room_archive WHERE room_id = $id LIMIT $limit)',
    )
  }

  /** Destroyed ones included. */
  find(jid: string): RoomRow | undefined {
    return this.#find.get({ jid })
  }

  byId(id: number): RoomRow | undefined {
    return this.#db.orm.select().from(rooms).where(eq(rooms.id, id)).get()
  }

  create(jid: string, domain: string, settings: RoomSettings, locked: boolean, now: number): RoomRow {
    this.#db.turn.writes()
    const row = this.#db.orm
      .insert(rooms)
      .values({ jid, domain, public: settings.public, settings, locked, createdAt: now })
      .returning()
      .get()
    this.#audit.note('room made', { room: jid })
    this.#events.tell('room.created', { id: null, jid }, { name: settings.name })
    return row
  }

  update(id: number, change: RoomChange): void {
    this.#db.turn.writes()
    const listed = change.settings && { public: change.settings.public }
    if (change.settings) this.#noteSettings(id, change.settings)
    this.#db.orm
      .update(rooms)
      .set({ ...change, ...listed })
      .where(eq(rooms.id, id))
      .run()
    if (change.gone) this.#tellGone(id, change.gone)
    if (change.avatar !== undefined) this.#audit.note('room picture set', { room: this.byId(id)?.jid ?? '' })
  }

  #noteSettings(id: number, settings: RoomSettings): void {
    const row = this.byId(id)
    if (!row) return
    const [before, after] = [row.settings, settings].map(withoutSecrets)
    const changed = Object.keys(settings).filter((key) => !Bun.deepEquals(before?.[key], after?.[key]))
    if (changed.length === 0) return
    const of = (all: Record<string, unknown> = {}) =>
      Object.fromEntries(changed.map((key) => [key, all[key]]))
    this.#audit.note('room configured', { room: row.jid, before: of(before), after: of(after) })
  }

  #tellGone(id: number, { reason, alternate }: RoomGone): void {
    const jid = this.byId(id)?.jid ?? ''
    this.#audit.note('room destroyed', { room: jid })
    this.#events.tell('room.destroyed', { id: null, jid }, { reason, alternate })
  }

  /** Deletes the room and who stands how to it; `eraseArchive` deletes what was said. */
  delete({ id, jid, gone }: RoomRow): void {
    this.#db.turn.writes()
    this.#db.orm.delete(rooms).where(eq(rooms.id, id)).run()
    this.#audit.note('room deleted', { room: jid })
    if (!gone) this.#events.tell('room.destroyed', { id: null, jid })
  }

  /** The tombstone of a room goes too. */
  forget(id: number): void {
    this.#forget({ id })
  }

  /** Deletes up to `limit` messages; true where there may be more. */
  eraseArchive(id: number, limit: number): boolean {
    return this.#erase({ id, limit }) === limit
  }

  /** Public rooms of a service in the order of their addresses, behind `after`. */
  listed(domain: string, after: string, limit: number): RoomRow[] {
    return this.#db.orm
      .select()
      .from(rooms)
      .where(and(eq(rooms.domain, domain), eq(rooms.public, true), isNull(rooms.gone), gt(rooms.jid, after)))
      .orderBy(asc(rooms.jid))
      .limit(limit)
      .all()
  }

  /** All rooms that are there, hidden ones too, in the order of their addresses, behind `after`. */
  list(after: string, limit: number, domain?: string): RoomRow[] {
    return this.#db.orm
      .select()
      .from(rooms)
      .where(
        and(
          isNull(rooms.gone),
          gt(rooms.jid, after),
          domain === undefined ? undefined : eq(rooms.domain, domain),
        ),
      )
      .orderBy(asc(rooms.jid))
      .limit(limit)
      .all()
  }

  /** Public rooms of a service. */
  count(domain: string): number {
    const where = and(eq(rooms.domain, domain), eq(rooms.public, true), isNull(rooms.gone))
    return this.#db.orm.select({ n: count() }).from(rooms).where(where).get()?.n ?? 0
  }

  /** Rooms that nobody has configured before the server stopped, and those that live only while somebody is in them. */
  abandoned(limit: number): RoomRow[] {
    return this.#db.orm
      .select()
      .from(rooms)
      .where(
        and(
          isNull(rooms.gone),
          // As the index rooms_passing has it.
          sql`(${rooms.locked} = 1 OR json_extract(${rooms.settings}, '$.persistent') = 0)`,
          // A subscriber keeps it, as an occupant does.
          sql`(${rooms.locked} = 1 OR NOT EXISTS
               (SELECT 1 FROM room_affiliations WHERE room_id = ${rooms.id} AND nodes IS NOT NULL))`,
        ),
      )
      .limit(limit)
      .all()
  }

  /** Destroyed rooms of which more is left than that they were there. */
  unfinished(limit: number): RoomRow[] {
    return this.#db.orm
      .select()
      .from(rooms)
      .where(
        and(
          isNotNull(rooms.gone),
          sql`(EXISTS (SELECT 1 FROM room_affiliations WHERE room_id = rooms.id)
            OR EXISTS (SELECT 1 FROM room_archive WHERE room_id = rooms.id))`,
        ),
      )
      .limit(limit)
      .all()
  }

  /** Rooms that are there, of all services; both counts come from an index alone. */
  countAll(): number {
    return this.#countAll.get()?.n ?? 0
  }

  /** Rooms that were destroyed before `time` (ms), and of which nothing else is left. */
  forgotten(time: number, limit: number): RoomRow[] {
    return this.#db.orm
      .select()
      .from(rooms)
      .where(
        and(
          isNotNull(rooms.gone),
          lt(sql`json_extract(${rooms.gone}, '$.at')`, time),
          sql`NOT EXISTS (SELECT 1 FROM room_affiliations WHERE room_id = rooms.id)`,
        ),
      )
      .limit(limit)
      .all()
  }
}
