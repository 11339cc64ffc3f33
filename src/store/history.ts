/** The archive's reading side and whom it takes messages from (XEP-0313). Rows are written by messages.ts. */
import {
  and,
  type AnyColumn,
  asc,
  count,
  desc,
  eq,
  gt,
  gte,
  inArray,
  lt,
  or,
  type SQL,
  sql,
} from 'drizzle-orm'
import { integer, primaryKey, sqliteTable, text, unionAll } from 'drizzle-orm/sqlite-core'
import { type Account, accounts } from './accounts.ts'
import type { ArchiveSizes } from './archive-sizes.ts'
import { type Db, type Write, writer } from './db.ts'
import type { DeferredIndex } from './deferred-index.ts'
import { archive, type Stored } from './messages.ts'
import type { IdRange, Receipts } from './receipts.ts'
import { Remembered } from './remembered.ts'

export type ArchiveMode = 'always' | 'roster' | 'never'

export const archivePrefs = sqliteTable('archive_prefs', {
  accountId: integer('account_id').primaryKey(),
  mode: text('mode').$type<ArchiveMode>().notNull(),
  always: text('always', { mode: 'json' }).$type<string[]>().notNull(),
  never: text('never', { mode: 'json' }).$type<string[]>().notNull(),
})

/** See deferred-index.ts. */
export const archiveIndex = sqliteTable(
  'archive_index',
  {
    accountId: integer('account_id').notNull(),
    peer: text('peer').notNull(),
    id: integer('id').notNull(),
  },
  (t) => [primaryKey({ columns: [t.accountId, t.peer, t.id] })],
)

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

export interface ArchivePage {
  readonly limit: number
  readonly fromEnd: boolean
  /** Messages that may be looked through for a resource, of which there is no index. */
  readonly scan: number
}

/** Accounts that one trip of the purge looks at. */
const ACCOUNTS = 200

export class History {
  readonly #db: Db
  readonly #index: DeferredIndex
  readonly #receipts: Receipts
  readonly #sizes: ArchiveSizes
  /** null: there are none. */
  readonly #remembered: Remembered<number, ArchivePrefs | null>
  readonly #prefs
  readonly #known
  readonly #at
  readonly #putPrefs: Write<ArchivePrefs & { accountId: number }>
  readonly #accountsAfter

  constructor(db: Db, index: DeferredIndex, receipts: Receipts, sizes: ArchiveSizes) {
    this.#db = db
    this.#sizes = sizes
    this.#receipts = receipts
    this.#index = index
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
    // Once for each message of an import.
    this.#at = db.raw.prepare<{ accountId: number; xml: string }, [number]>(
      'SELECT account_id AS accountId, xml FROM archive WHERE id = ?',
    )
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
  }

  /** Up to `limit` rows in the order of their ids; with `fromEnd` the last ones, still in that order. */
  page(account: Account, filter: ArchiveFilter, { limit, fromEnd, scan }: ArchivePage): Stored[] {
    const most = filter.resource === undefined ? limit : scan
    const rows = this.#db.orm
      .select({ id: archive.id, xml: archive.xml })
      .from(archive)
      .where(and(inArray(archive.id, this.#places(account, filter, fromEnd, most)), named(filter.resource)))
      .orderBy(fromEnd ? desc(archive.id) : asc(archive.id))
      .limit(limit)
      .all()
    return fromEnd ? rows.reverse() : rows
  }

  /** Whether one query, which looks through at most `scan` messages, can do so with all that the filter leaves. */
  isScannable(account: Account, filter: ArchiveFilter, scan: number): boolean {
    if (filter.resource === undefined) return true
    return this.#places(account, filter, false, scan + 1).all().length <= scan
  }

  /**
   * Looks no further than `most` messages, or `scan` for a resource: more are said to be so many (XEP-0059 §2.7: it may
   * be approximate).
   */
  count(account: Account, filter: ArchiveFilter, { most, scan }: { most: number; scan: number }): number {
    const { orm } = this.#db
    if (filter.resource === undefined) {
      const all = this.#places(account, filter, false, most).as('places')
      return orm.select({ n: count() }).from(all).get()?.n ?? 0
    }
    const some = inArray(archive.id, this.#places(account, filter, false, scan))
    const found = orm
      .select({ n: count() })
      .from(archive)
      .where(and(some, named(filter.resource)))
    return found.get()?.n ?? 0
  }

  #condition(
    table: typeof archive | typeof archiveIndex,
    account: Account,
    filter: ArchiveFilter,
  ): SQL | undefined {
    const { peer, start, end, beforeId, afterId, ids } = filter
    const { id } = table
    const timed = start !== undefined || end !== undefined
    return and(
      eq(table.accountId, account.id),
      peer === undefined ? undefined : eq(table.peer, peer),
      timed ? within(id, this.#receipts.between(start, end)) : undefined,
      beforeId === undefined ? undefined : lt(id, beforeId),
      afterId === undefined ? undefined : gt(id, afterId),
      ids === undefined ? undefined : inArray(id, [...ids]),
    )
  }

  /** Ids of at most so many messages that the filter leaves, but for its resource: nothing looks into the texts. */
  #places(account: Account, filter: ArchiveFilter, fromEnd: boolean, most: number) {
    const { orm } = this.#db
    const order = fromEnd ? desc : asc
    const indexed = orm
      .select({ id: archiveIndex.id })
      .from(archiveIndex)
      .where(this.#condition(archiveIndex, account, filter))
    const pending = this.#index.pending(account.id)
    const fresh = orm
      .select({ id: archive.id })
      .from(archive)
      .where(and(inArray(archive.id, pending), this.#condition(archive, account, filter)))
    return pending.length === 0
      ? indexed.orderBy(order(archiveIndex.id)).limit(most)
      : unionAll(indexed, fresh)
          .orderBy(order(sql.identifier('id')))
          .limit(most)
  }

  /** Whether the account's archive has a message of that id. */
  has(account: Account, id: number): boolean {
    return this.#known.get({ accountId: account.id, id }) !== undefined
  }

  /** The message of that id, whoever's archive it is in. */
  at(id: number): { accountId: number; xml: string } | undefined {
    return this.#at.get(id) ?? undefined
  }

  /** Ids of the first and the last message; undefined for an empty archive. */
  bounds({ id }: Account): { first: number; last: number } | undefined {
    const [first] = this.#index.oldest(id, Number.MAX_SAFE_INTEGER, 1)
    const [last] = this.#index.newest(id, 1)
    return first !== undefined && last !== undefined ? { first, last } : undefined
  }

  /** Asked for every message, so it is remembered. */
  prefs(account: Account): ArchivePrefs | undefined {
    return (
      this.#remembered.get(account.id, (accountId) => this.#prefs.get({ accountId }) ?? null) ?? undefined
    )
  }

  /**
   * Deletes up to `limit` messages from before `before` (ms), each account's oldest first, of a host's accounts behind
   * `after`. Returns the address behind which to go on, undefined at the end.
   */
  purge(host: string, before: number, after: string, limit: number): string | undefined {
    const below = this.#receipts.below(before)
    let left = limit
    let done = after
    const some = this.#accountsAfter.all({ host, after })
    for (const { id: accountId, jid } of some) {
      left -= this.#erase(accountId, this.#index.oldest(accountId, below, left))
      if (left <= 0) return done
      done = jid
    }
    return some.length < ACCOUNTS ? undefined : done
  }

  /**
   * Deletes up to `limit` of the account's messages, the oldest first, until no more than `bytes` are counted; true
   * where there are more.
   */
  trim(accountId: number, bytes: number, limit: number): boolean {
    const oldest = this.#index.oldest(accountId, Number.MAX_SAFE_INTEGER, limit)
    const surplus = this.#sizes.surplus(accountId, oldest, bytes)
    this.#erase(accountId, surplus)
    return surplus.length === limit
  }

  #erase(accountId: number, ids: readonly number[]): number {
    this.#sizes.goes(accountId, ids)
    this.#index.eraseRows(ids.map((id) => ({ accountId, id })))
    return ids.length
  }

  setPrefs(account: Account, prefs: ArchivePrefs): void {
    this.#remembered.forget(account.id)
    this.#putPrefs({ accountId: account.id, ...prefs })
  }
}

/** Ids of the given times; a clock that was set back makes several ranges of one time. */
export function within(id: AnyColumn, ranges: readonly IdRange[]): SQL | undefined {
  const [first, last] = [ranges[0], ranges.at(-1)]
  if (!first || !last) return sql`0`
  const inside = ({ from, to }: IdRange) =>
    and(
      from === Number.NEGATIVE_INFINITY ? undefined : gte(id, from),
      to === Number.POSITIVE_INFINITY ? undefined : lt(id, to),
    )
  // The bounds of all of them are what an index can use.
  return and(
    inside({ from: first.from, to: last.to }),
    ranges.length > 1 ? or(...ranges.map(inside)) : undefined,
  )
}

/** The stanza names its other side in `from` or `to`, escaped as it was written. */
function named(resource: string | undefined): SQL | undefined {
  if (resource === undefined) return undefined
  const { xml } = archive
  return sql`(instr(${xml}, ${` from="${resource}"`}) > 0 OR instr(${xml}, ${` to="${resource}"`}) > 0)`
}
