/** The archive's reading side and whom it takes messages from (XEP-0313). Rows are written by messages.ts. */
import {
  and,
  asc,
  count,
  desc,
  eq,
  gt,
  gte,
  inArray,
  lt,
  max,
  min,
  type SQL,
  sql,
  type SQLWrapper,
} from 'drizzle-orm'
import { integer, sqliteTable, text } from 'drizzle-orm/sqlite-core'
import { type Account, accounts } from './accounts.ts'
import { type Db, rawWriter, type Write, writer } from './db.ts'
import { archive, type Stored } from './messages.ts'
import { Remembered } from './remembered.ts'

export type ArchiveMode = 'always' | 'roster' | 'never'

export const archivePrefs = sqliteTable('archive_prefs', {
  accountId: integer('account_id').primaryKey(),
  mode: text('mode').$type<ArchiveMode>().notNull(),
  always: text('always', { mode: 'json' }).$type<string[]>().notNull(),
  never: text('never', { mode: 'json' }).$type<string[]>().notNull(),
})

export type ArchivePrefs = Omit<typeof archivePrefs.$inferSelect, 'accountId'>

/** Times are ms, ids those of the archive; everything that is given must hold. */
export interface ArchiveFilter {
  /** Bare JID of the other side. */
  readonly peer?: string | undefined
  /** Full JID of the other side, as it stands in the stanza. */
  readonly resource?: string | undefined
  readonly start?: number | undefined
  readonly end?: number | undefined
  readonly beforeId?: number | undefined
  readonly afterId?: number | undefined
  readonly ids?: readonly number[] | undefined
}

/** Messages that one query looks through for a resource, of which there is no index: no trip may hold the loop. */
const SCANNED = 5_000
/** Messages that are counted: what is more is said to be so many (XEP-0059 §2.7: it may be approximate). */
const COUNTED = 50_000
/** Accounts that one trip of the purge looks at. */
const ACCOUNTS = 200

export class History {
  readonly #db: Db
  /** null: there are none. */
  readonly #remembered: Remembered<number, ArchivePrefs | null>
  readonly #prefs
  readonly #known
  readonly #putPrefs: Write<ArchivePrefs & { accountId: number }>
  readonly #accountsAfter
  readonly #oldest
  readonly #deleteTo: Write<{ accountId: number; last: number }>

  constructor(db: Db) {
    this.#db = db
    this.#remembered = new Remembered(db.turn)
    const { orm } = db
    const p = sql.placeholder
    this.#prefs = orm
      .select()
      .from(archivePrefs)
      .where(eq(archivePrefs.accountId, p('accountId')))
      .prepare()
    this.#known = orm
      .select({ id: archive.id })
      .from(archive)
      .where(and(eq(archive.id, p('id')), eq(archive.accountId, p('accountId'))))
      .prepare()
    this.#putPrefs = writer(
      db,
      orm
        .insert(archivePrefs)
        .values({ accountId: p('accountId'), mode: p('mode'), always: p('always'), never: p('never') })
        .onConflictDoUpdate({
          target: archivePrefs.accountId,
          set: { mode: sql`excluded.mode`, always: sql`excluded.always`, never: sql`excluded.never` },
        })
        .prepare(),
    )
    this.#accountsAfter = orm
      .select({ id: accounts.id, jid: accounts.jid })
      .from(accounts)
      .where(and(eq(accounts.host, p('host')), gt(accounts.jid, p('after'))))
      .orderBy(asc(accounts.jid))
      .limit(ACCOUNTS)
      .prepare()
    this.#oldest = orm
      .select({ id: archive.id })
      .from(archive)
      .where(and(eq(archive.accountId, p('accountId')), lt(archive.id, p('before'))))
      .orderBy(asc(archive.id))
      .limit(p('limit'))
      .prepare()
    this.#deleteTo = rawWriter(db, 'DELETE FROM archive WHERE account_id = $accountId AND id <= $last')
  }

  /** Up to `limit` rows in the order of their ids; with `fromEnd` the last ones, still in that order. */
  page(account: Account, filter: ArchiveFilter, limit: number, fromEnd: boolean): Stored[] {
    const order = fromEnd ? desc : asc
    const from = this.#scanned(account, filter, fromEnd)
    const rows = this.#db.orm
      .select({ id: from.id, xml: from.xml })
      .from(from)
      .where(named(from.xml, filter.resource))
      .orderBy(order(from.id))
      .limit(limit)
      .all()
    return fromEnd ? rows.reverse() : rows
  }

  /** Whether one query can look through all that the filter leaves. */
  isScannable(account: Account, filter: ArchiveFilter): boolean {
    if (filter.resource === undefined) return true
    const { orm } = this.#db
    const some = orm
      .select({ id: archive.id })
      .from(archive)
      .where(condition(account, filter))
      .limit(SCANNED + 1)
    return some.all().length <= SCANNED
  }

  count(account: Account, filter: ArchiveFilter): number {
    const most = filter.resource === undefined ? COUNTED : SCANNED
    const from = this.#scanned(account, filter, false, most)
    const found = this.#db.orm.select({ n: count() }).from(from).where(named(from.xml, filter.resource))
    return found.get()?.n ?? 0
  }

  /** What the filter leaves, without looking into the texts; bounded where that will be done. */
  #scanned(
    account: Account,
    filter: ArchiveFilter,
    fromEnd: boolean,
    most = filter.resource === undefined ? -1 : SCANNED,
  ) {
    return this.#db.orm
      .select({ id: archive.id, xml: archive.xml })
      .from(archive)
      .where(condition(account, filter))
      .orderBy(fromEnd ? desc(archive.id) : asc(archive.id))
      .limit(most)
      .as('scanned')
  }

  /** Whether the account's archive has a message of that id. */
  has(account: Account, id: number): boolean {
    return this.#known.get({ accountId: account.id, id }) !== undefined
  }

  /** Ids of the first and the last message; undefined for an empty archive. */
  bounds(account: Account): { first: number; last: number } | undefined {
    const row = this.#db.orm
      .select({ first: min(archive.id), last: max(archive.id) })
      .from(archive)
      .where(eq(archive.accountId, account.id))
      .get()
    return row && row.first !== null && row.last !== null ? { first: row.first, last: row.last } : undefined
  }

  /** Asked for every message, so it is remembered. */
  prefs(account: Account): ArchivePrefs | undefined {
    return (
      this.#remembered.get(account.id, (accountId) => this.#prefs.get({ accountId }) ?? null) ?? undefined
    )
  }

  /**
   * Deletes up to `limit` messages from before `before` (ms), each account's oldest first, of a host's accounts behind
   * `after`. Returns the address behind which to go on, undefined at the end. Within a trip.
   */
  purge(host: string, before: number, after: string, limit: number): string | undefined {
    let left = limit
    let done = after
    const some = this.#accountsAfter.all({ host, after })
    for (const { id: accountId, jid } of some) {
      const old = this.#oldest.all({ accountId, before: before * 1000, limit: left })
      const last = old.at(-1)
      if (last) this.#deleteTo({ accountId, last: last.id })
      left -= old.length
      if (left <= 0) return done
      done = jid
    }
    return some.length < ACCOUNTS ? undefined : done
  }

  setPrefs(account: Account, prefs: ArchivePrefs): void {
    this.#remembered.forget(account.id)
    this.#putPrefs({ accountId: account.id, ...prefs })
  }
}

function condition(account: Account, filter: ArchiveFilter): SQL | undefined {
  const { peer, start, end, beforeId, afterId, ids } = filter
  return and(
    eq(archive.accountId, account.id),
    peer === undefined ? undefined : eq(archive.peer, peer),
    start === undefined ? undefined : gte(archive.id, start * 1000),
    // The end is inclusive, and a millisecond has a thousand ids.
    end === undefined ? undefined : lt(archive.id, (end + 1) * 1000),
    beforeId === undefined ? undefined : lt(archive.id, beforeId),
    afterId === undefined ? undefined : gt(archive.id, afterId),
    ids === undefined ? undefined : inArray(archive.id, [...ids]),
  )
}

/** The stanza names its other side in `from` or `to`, escaped as it was written. */
function named(xml: SQLWrapper, resource: string | undefined): SQL | undefined {
  if (resource === undefined) return undefined
  return sql`(instr(${xml}, ${` from="${resource}"`}) > 0 OR instr(${xml}, ${` to="${resource}"`}) > 0)`
}
