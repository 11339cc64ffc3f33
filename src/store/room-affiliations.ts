/** Affiliations of rooms (XEP-0045 §5.2), and the nicks that are kept for them (§7.10). */
import { and, asc, count, eq, getTableColumns, gt, isNotNull, isNull, ne, sql } from 'drizzle-orm'
import { integer, primaryKey, sqliteTable, text } from 'drizzle-orm/sqlite-core'
import type { Audit } from './audit.ts'
import { nickSkeleton } from '../xmpp/skeleton.ts'
import type { Events } from './events.ts'
import { type Db, rawWriter, type Write, writer } from './db.ts'
import { RoomVersions } from './room-versions.ts'
import { type RoomRow, rooms, type RoomSettings } from './rooms.ts'

/** Everybody else has the affiliation "none". */
export type Affiliation = 'owner' | 'admin' | 'member' | 'outcast'

export const roomAffiliations = sqliteTable(
  'room_affiliations',
  {
    roomId: integer('room_id').notNull(),
    user: text('user').notNull(),
    affiliation: text('affiliation').$type<Affiliation>().notNull(),
    nick: text('nick'),
    nickKey: text('nick_key'),
    nickLook: text('nick_look'),
    joined: integer('joined', { mode: 'boolean' }).notNull(),
    reason: text('reason'),
    /** Nodes of which events are sent to who has not joined (MucSub), a blank between two; null: not subscribed. */
    silent: integer('silent', { mode: 'boolean' }).notNull(),
    nodes: text('nodes'),
    /** Id of the room's archive: what came up to it has been read, or was before the user belonged to the room. */
    readId: integer('read_id').notNull(),
  },
  (t) => [primaryKey({ columns: [t.roomId, t.user] })],
)

/** A row without the look of its nick, which is made of the nick. */
export type AffiliationRow = Omit<typeof roomAffiliations.$inferSelect, 'nickLook'>

/** A room as one of its members has it. */
export interface Belonging extends Pick<AffiliationRow, 'roomId' | 'nick' | 'readId'> {
  readonly affiliation: Exclude<Affiliation, 'outcast'>
  readonly jid: string
  readonly settings: RoomSettings
}

const belongs = (affiliation: string | undefined): boolean =>
  affiliation === 'owner' || affiliation === 'admin' || affiliation === 'member'

export class RoomAffiliations {
  readonly versions: RoomVersions
  readonly #db: Db
  readonly #audit: Audit
  readonly #events: Events
  readonly #get
  readonly #byNick
  readonly #put: Write<AffiliationRow & { nickLook: string | null }>
  readonly #delete: Write<{ roomId: number; user: string }>
  readonly #purge: Write<{ user: string }>
  readonly #read: Write<{ roomId: number; user: string; readId: number }>

  constructor(db: Db, audit: Audit, events: Events) {
    this.#db = db
    this.#audit = audit
    this.#events = events
    this.versions = new RoomVersions(db)
    const { orm } = db
    const p = sql.placeholder
    const { roomId, user, nickKey } = roomAffiliations
    const one = and(eq(roomId, p('roomId')), eq(user, p('user')))
    this.#get = orm.select().from(roomAffiliations).where(one).prepare()
    this.#byNick = orm
      .select()
      .from(roomAffiliations)
      .where(and(eq(roomId, p('roomId')), eq(nickKey, p('nickKey'))))
      .prepare()
    this.#delete = writer(db, orm.delete(roomAffiliations).where(one).prepare())
    this.#read = rawWriter(
      db,
      `UPDATE room_affiliations SET read_id = $readId
       WHERE room_id = $roomId AND user = $user AND read_id < $readId`,
    )
    this.#purge = rawWriter(db, 'DELETE FROM room_affiliations WHERE user = $user')
    const columns = {
      affiliation: sql`excluded.affiliation`,
      nick: sql`excluded.nick`,
      nickKey: sql`excluded.nick_key`,
      nickLook: sql`excluded.nick_look`,
      joined: sql`excluded.joined`,
      reason: sql`excluded.reason`,
      nodes: sql`excluded.nodes`,
      silent: sql`excluded.silent`,
      readId: sql`excluded.read_id`,
    }
    this.#put = writer(
      db,
      orm
        .insert(roomAffiliations)
        .values({
          roomId: p('roomId'),
          user: p('user'),
          affiliation: p('affiliation'),
          nick: p('nick'),
          nickKey: p('nickKey'),
          nickLook: p('nickLook'),
          joined: p('joined'),
          reason: p('reason'),
          nodes: p('nodes'),
          silent: p('silent'),
          readId: p('readId'),
        })
        .onConflictDoUpdate({ target: [roomId, user], set: columns })
        .prepare(),
    )
  }

  get(roomId: number, user: string): AffiliationRow | undefined {
    return this.#get.get({ roomId, user })
  }

  /** The row whose nick it is. */
  byNick(roomId: number, nickKey: string): AffiliationRow | undefined {
    return this.#byNick.get({ roomId, nickKey })
  }

  /** The outcast who bore that nick last; undefined where several did. */
  outcastAs(roomId: number, nick: string): AffiliationRow | undefined {
    const { roomId: room, affiliation, nick: last } = roomAffiliations
    const where = and(eq(room, roomId), eq(affiliation, 'outcast'), eq(last, nick))
    const [one, other] = this.#db.orm.select().from(roomAffiliations).where(where).limit(2).all()
    return other === undefined ? one : undefined
  }

  /** Whether a nick that looks like this is kept for somebody else. */
  isLikeOther(roomId: number, look: string, user: string): boolean {
    const { nickLook, user: keeper } = roomAffiliations
    const where = and(eq(roomAffiliations.roomId, roomId), eq(nickLook, look), ne(keeper, user))
    return (
      this.#db.orm.select({ user: keeper }).from(roomAffiliations).where(where).limit(1).get() !== undefined
    )
  }

  set(room: string, row: AffiliationRow): void {
    const { roomId, user, affiliation, nickKey } = row
    const before = this.get(roomId, user)?.affiliation
    // The last nick of an outcast is not theirs any more.
    const nick = nickKey === null ? null : row.nick
    this.#put({ ...row, nickLook: nick === null ? null : nickSkeleton(nick) })
    this.#tell(room, before, { user, affiliation, nick })
    if (before !== affiliation) this.#note(room, row, before ?? 'none', affiliation)
  }

  delete(room: string, roomId: number, user: string): boolean {
    const before = this.get(roomId, user)?.affiliation
    if (this.#delete({ roomId, user }) === 0) return false
    this.#tell(room, before, { user, affiliation: 'none' })
    this.#note(room, { roomId, user }, before ?? 'none', 'none')
    return true
  }

  /** Everything up to that message has been read; it never becomes less. */
  read(roomId: number, user: string, readId: number): void {
    this.#read({ roomId, user, readId })
  }

  #note(
    room: string,
    { roomId, user }: Pick<AffiliationRow, 'roomId' | 'user'>,
    before: string,
    after: string,
  ): void {
    this.versions.note(roomId, user, before)
    this.#audit.note('room affiliation changed', { room, user, before, after })
  }

  #tell(
    jid: string,
    before: Affiliation | undefined,
    now: { readonly user: string; readonly affiliation: Affiliation | 'none'; readonly nick?: string | null },
  ): void {
    const belonged = belongs(before)
    if (belongs(now.affiliation) && before !== now.affiliation)
      this.#events.tell('room.member_added', { id: null, jid }, now)
    if (belonged && !belongs(now.affiliation))
      this.#events.tell('room.member_removed', { id: null, jid }, now)
  }

  /** The same for what goes with its room or with its account, of which nobody has to be told. */
  drop(roomId: number, user: string): void {
    this.#delete({ roomId, user })
  }

  /** Everything of an account that goes; returns how many rooms that were. */
  purge(user: string): number {
    this.versions.noteEnd(user)
    return this.#purge({ user })
  }

  /** Of all kinds, in the order of their addresses, behind `after`. */
  all(roomId: number, limit: number, after = ''): AffiliationRow[] {
    const { user } = roomAffiliations
    return this.#db.orm
      .select()
      .from(roomAffiliations)
      .where(and(eq(roomAffiliations.roomId, roomId), gt(user, after)))
      .orderBy(asc(user))
      .limit(limit)
      .all()
  }

  /** Numbers of each kind. */
  counts(roomId: number): Partial<Record<Affiliation, number>> {
    const rows = this.#db.orm
      .select({ affiliation: roomAffiliations.affiliation, n: count() })
      .from(roomAffiliations)
      .where(eq(roomAffiliations.roomId, roomId))
      .groupBy(roomAffiliations.affiliation)
      .all()
    return Object.fromEntries(rows.map(({ affiliation, n }) => [affiliation, n]))
  }

  /** Of one kind, in the order of their addresses, behind `after`. */
  list(roomId: number, affiliation: Affiliation, limit: number, after = ''): AffiliationRow[] {
    const { user } = roomAffiliations
    return this.#db.orm
      .select()
      .from(roomAffiliations)
      .where(
        and(
          eq(roomAffiliations.roomId, roomId),
          eq(roomAffiliations.affiliation, affiliation),
          gt(user, after),
        ),
      )
      .orderBy(asc(user))
      .limit(limit)
      .all()
  }

  /** All of a room. */
  countAll(roomId: number): number {
    const where = eq(roomAffiliations.roomId, roomId)
    return this.#db.orm.select({ n: count() }).from(roomAffiliations).where(where).get()?.n ?? 0
  }

  /** The rooms to which an account stands in some way. */
  roomsOf(user: string, limit: number): { jid: string; affiliation: Affiliation; nick: string | null }[] {
    return this.#db.orm
      .select({ jid: rooms.jid, affiliation: roomAffiliations.affiliation, nick: roomAffiliations.nick })
      .from(roomAffiliations)
      .innerJoin(rooms, eq(rooms.id, roomAffiliations.roomId))
      .where(eq(roomAffiliations.user, user))
      .limit(limit)
      .all()
  }

  /** The rooms that an account belongs to, in the order of their addresses, behind `after`. */
  belonging(user: string, after: string, limit: number): Belonging[] {
    const { roomId, affiliation, nick, readId } = roomAffiliations
    return this.#db.orm
      .select({ jid: rooms.jid, settings: rooms.settings, roomId, affiliation, nick, readId })
      .from(roomAffiliations)
      .innerJoin(rooms, eq(rooms.id, roomId))
      .where(
        and(
          eq(roomAffiliations.user, user),
          ne(affiliation, 'outcast'),
          isNull(rooms.gone),
          gt(rooms.jid, after),
        ),
      )
      .orderBy(asc(rooms.jid))
      .limit(limit)
      .all()
      .flatMap(({ affiliation: stands, ...rest }) =>
        stands === 'outcast' ? [] : [{ ...rest, affiliation: stands }],
      )
  }

  /** Hidden rooms of a service that an account belongs to, in the order of their addresses. */
  hidden(user: string, domain: string, limit: number): RoomRow[] {
    const { roomId, affiliation } = roomAffiliations
    const mine = and(eq(roomAffiliations.user, user), ne(affiliation, 'outcast'))
    return this.#db.orm
      .select(getTableColumns(rooms))
      .from(roomAffiliations)
      .innerJoin(rooms, eq(rooms.id, roomId))
      .where(and(mine, eq(rooms.domain, domain), eq(rooms.public, false), isNull(rooms.gone)))
      .orderBy(asc(rooms.jid))
      .limit(limit)
      .all()
  }

  /** Subscribers of a room. */
  subscribers(roomId: number): AffiliationRow[] {
    const where = and(eq(roomAffiliations.roomId, roomId), isNotNull(roomAffiliations.nodes))
    return this.#db.orm.select().from(roomAffiliations).where(where).all()
  }

  /** The rooms of a service that an account is subscribed to. */
  subscriptions(user: string, domain: string, limit: number): (AffiliationRow & { jid: string })[] {
    const { user: owner, nodes } = roomAffiliations
    return this.#db.orm
      .select({ ...getTableColumns(roomAffiliations), jid: rooms.jid })
      .from(roomAffiliations)
      .innerJoin(rooms, eq(rooms.id, roomAffiliations.roomId))
      .where(and(eq(owner, user), isNotNull(nodes), eq(rooms.domain, domain), isNull(rooms.gone)))
      .limit(limit)
      .all()
  }

  /** Number of rooms that an account owns. */
  owned(user: string): number {
    const where = and(eq(roomAffiliations.user, user), eq(roomAffiliations.affiliation, 'owner'))
    return this.#db.orm.select({ n: count() }).from(roomAffiliations).where(where).get()?.n ?? 0
  }
}
