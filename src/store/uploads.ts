/** Files that people send (XEP-0363): what is known of them. The bytes are the affair of uploads/files.ts. */
import { and, asc, count, eq, gt, inArray, isNotNull, isNull, lte, min, sql, sum } from 'drizzle-orm'
import { integer, sqliteTable, text } from 'drizzle-orm/sqlite-core'
import { accounts } from './accounts.ts'
import { type Db, type Write, writer } from './db.ts'

/** Purpose of a file (XEP-0363 §5): it decides how long it is kept and whose quota it counts for. */
export const PURPOSES = ['message', 'profile', 'ephemeral', 'permanent'] as const
export type Purpose = (typeof PURPOSES)[number]

export const uploads = sqliteTable('uploads', {
  id: integer('id').primaryKey(),
  file: text('file').notNull(),
  key: text('key').notNull(),
  accountId: integer('account_id').notNull(),
  purpose: text('purpose').$type<Purpose>().notNull(),
  name: text('name').notNull(),
  size: integer('size').notNull(),
  type: text('type'),
  madeAt: integer('made_at').notNull(),
  storedAt: integer('stored_at'),
  endsAt: integer('ends_at'),
})

export type Upload = typeof uploads.$inferSelect
export type NewUpload = Omit<Upload, 'id' | 'storedAt'>
/** With its owner's address. */
export type OwnedUpload = Upload & { readonly owner: string }

export interface UploadFilter {
  readonly accountId?: number | undefined
  /** Stored before, ms since the epoch. */
  readonly before?: number | undefined
}

export class Uploads {
  readonly #db: Db
  readonly #byFile
  readonly #byKey
  readonly #stored: Write<{ id: number; now: number; type: string }>
  #total: number | undefined

  constructor(db: Db) {
    this.#db = db
    const p = sql.placeholder
    const { orm } = db
    this.#byFile = orm
      .select()
      .from(uploads)
      .where(eq(uploads.file, p('file')))
      .prepare()
    this.#byKey = orm
      .select()
      .from(uploads)
      .where(eq(uploads.key, p('key')))
      .prepare()
    this.#stored = writer(
      db,
      orm
        .update(uploads)
        .set({ storedAt: sql`${p('now')}`, type: sql`${p('type')}` })
        .where(and(eq(uploads.id, p('id')), isNull(uploads.storedAt)))
        .prepare(),
    )
  }

  byFile(file: string): Upload | undefined {
    return this.#byFile.get({ file })
  }

  byKey(key: string): Upload | undefined {
    return this.#byKey.get({ key })
  }

  isStored(file: string): boolean {
    return (this.byFile(file)?.storedAt ?? null) !== null
  }

  /** Gives out a slot. */
  create(slot: NewUpload): void {
    this.#db.turn.writes()
    this.#db.orm.insert(uploads).values(slot).run()
  }

  /** A slot's bytes are on disk. False where the slot is no more, or was taken. */
  store({ id, size }: Upload, type: string, now: number): boolean {
    if (this.#stored({ id, now, type }) === 0) return false
    this.#grow(size)
    return true
  }

  /** Slots of an account that were given out after `since` and are not taken, and when the first was. */
  slotsOf(accountId: number, since: number): { n: number; first: number | null } {
    const where = and(eq(uploads.accountId, accountId), isNull(uploads.storedAt), gt(uploads.madeAt, since))
    const found = this.#db.orm
      .select({ n: count(), first: min(uploads.madeAt) })
      .from(uploads)
      .where(where)
      .get()
    return found ?? { n: 0, first: null }
  }

  /** Bytes of an account's stored files of these purposes. */
  bytesOf(accountId: number, purposes: readonly Purpose[]): number {
    const where = and(isStored, eq(uploads.accountId, accountId), inArray(uploads.purpose, [...purposes]))
    return this.#sum(where)
  }

  /** Time at which the oldest of them was stored. */
  oldestOf(accountId: number, purposes: readonly Purpose[]): number | undefined {
    const where = and(isStored, eq(uploads.accountId, accountId), inArray(uploads.purpose, [...purposes]))
    return (
      this.#db.orm
        .select({ at: min(uploads.storedAt) })
        .from(uploads)
        .where(where)
        .get()?.at ?? undefined
    )
  }

  /** Bytes of all stored files. */
  total(): number {
    return (this.#total ??= this.#sum(isStored))
  }

  /** Stored files in the order in which their slots were given out, behind the row `after`. */
  page(after: number, limit: number, filter: UploadFilter = {}): OwnedUpload[] {
    return this.#db.orm
      .select({ upload: uploads, owner: accounts.jid })
      .from(uploads)
      .innerJoin(accounts, eq(accounts.id, uploads.accountId))
      .where(and(gt(uploads.id, after), isStored, ...chosen(filter)))
      .orderBy(asc(uploads.id))
      .limit(limit)
      .all()
      .map(({ upload, owner }) => ({ ...upload, owner }))
  }

  /** Names of up to `limit` files of an account, slots too. */
  ofOwner(accountId: number, limit: number): Upload[] {
    return this.#db.orm.select().from(uploads).where(eq(uploads.accountId, accountId)).limit(limit).all()
  }

  /** Stored files of a purpose that were stored at `time` (ms) or before. */
  olderThan(purpose: Purpose, time: number, limit: number): Upload[] {
    const where = and(isStored, eq(uploads.purpose, purpose), lte(uploads.storedAt, time))
    return this.#db.orm.select().from(uploads).where(where).limit(limit).all()
  }

  /** Files and slots whose owner has named an end that is over. */
  ended(now: number, limit: number): Upload[] {
    const where = and(isNotNull(uploads.endsAt), lte(uploads.endsAt, now))
    return this.#db.orm.select().from(uploads).where(where).limit(limit).all()
  }

  /** Slots that were given out at `time` (ms) or before and that nobody took. */
  oldSlots(time: number, limit: number): Upload[] {
    const where = and(isNull(uploads.storedAt), lte(uploads.madeAt, time))
    return this.#db.orm.select().from(uploads).where(where).limit(limit).all()
  }

  /** Deletes the rows; their files are for whoever calls. */
  delete(rows: readonly Upload[]): number {
    if (rows.length === 0) return 0
    this.#db.turn.writes()
    const ids = rows.map(({ id }) => id)
    const gone = this.#db.orm.delete(uploads).where(inArray(uploads.id, ids)).returning().all()
    this.#grow(-gone.reduce((bytes, { size, storedAt }) => bytes + (storedAt === null ? 0 : size), 0))
    return gone.length
  }

  #grow(bytes: number): void {
    if (this.#total !== undefined) this.#total += bytes
    this.#db.turn.undo(() => (this.#total = undefined))
  }

  #sum(where: ReturnType<typeof and>): number {
    const { orm } = this.#db
    return Number(
      orm
        .select({ n: sum(uploads.size) })
        .from(uploads)
        .where(where)
        .get()?.n ?? 0,
    )
  }
}

const isStored = isNotNull(uploads.storedAt)

const chosen = ({ accountId, before }: UploadFilter) => [
  ...(accountId === undefined ? [] : [eq(uploads.accountId, accountId)]),
  ...(before === undefined ? [] : [lte(uploads.storedAt, before)]),
]
