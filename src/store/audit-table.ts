/** The table of what was changed by whom, the newest first; and its end by age and by number. */
import { and, desc, eq, gte, lt, type SQL, sql } from 'drizzle-orm'
import { index, integer, sqliteTable, text } from 'drizzle-orm/sqlite-core'
import { type Db, rawWriter, type Write } from './db.ts'

export const audit = sqliteTable(
  'audit',
  {
    id: integer('id').primaryKey(),
    /** ms since the epoch. */
    at: integer('at').notNull(),
    event: text('event').notNull(),
    by: text('by').notNull(),
    door: text('door').notNull(),
    /** Network address that it came from; null where there is none. */
    address: text('address'),
    /** The account or room that it was done to. */
    about: text('about'),
    /** Further facts as JSON. */
    facts: text('facts').notNull(),
  },
  (t) => [index('audit_about').on(t.about, t.id)],
)

export type AuditRow = typeof audit.$inferSelect

export interface AuditFilter {
  readonly about?: string | undefined
  /** Address, token or "operator"; a bare JID means its clients too. */
  readonly by?: string | undefined
  readonly event?: string | undefined
  readonly door?: string | undefined
  /** ms since the epoch. */
  readonly since?: number | undefined
}

export class AuditTable {
  readonly #db: Db
  readonly #add: Write<Omit<AuditRow, 'id'>>
  readonly #purge: Write<{ before: number; limit: number }>
  readonly #trim: Write<{ keep: number; limit: number }>

  constructor(db: Db) {
    this.#db = db
    this.#add = rawWriter(
      db,
      'INSERT INTO audit (at, event, by, door, address, about, facts) VALUES ($at, $event, $by, $door, $address, $about, $facts)',
    )
    // Ids rise with time but for a clock that was set back, which keeps a row a little longer.
    this.#purge = rawWriter(
      db,
      'DELETE FROM audit WHERE id IN (SELECT id FROM audit ORDER BY id LIMIT $limit) AND at < $before',
    )
    this.#trim = rawWriter(
      db,
      'DELETE FROM audit WHERE id IN (SELECT id FROM audit WHERE id <= (SELECT max(id) FROM audit) - $keep ' +
        'ORDER BY id LIMIT $limit)',
    )
  }

  add(row: Omit<AuditRow, 'id'>): void {
    this.#add(row)
  }

  /** Rows from the newest on, below the id `before`. */
  page(filter: AuditFilter, before: number | undefined, limit: number): AuditRow[] {
    const where = [...chosen(filter), ...(before === undefined ? [] : [lt(audit.id, before)])]
    return this.#db.orm
      .select()
      .from(audit)
      .where(and(...where))
      .orderBy(desc(audit.id))
      .limit(limit)
      .all()
  }

  /** Deletes up to `limit` rows from before the time `before` (ms), or beyond the newest `keep`; returns how many. */
  purge(before: number, keep: number, limit: number): number {
    const old = Number.isFinite(before) ? this.#purge({ before, limit }) : 0
    const more = Number.isFinite(keep) ? this.#trim({ keep, limit }) : 0
    return Math.max(old, more)
  }
}

function chosen({ about, by, event, door, since }: AuditFilter): SQL[] {
  const all: SQL[] = []
  if (about !== undefined) all.push(eq(audit.about, about))
  if (by !== undefined) all.push(sql`(${audit.by} = ${by} OR instr(${audit.by}, ${`${by}/`}) = 1)`)
  if (event !== undefined) all.push(eq(audit.event, event))
  if (door !== undefined) all.push(eq(audit.door, door))
  if (since !== undefined) all.push(gte(audit.at, since))
  return all
}
