/** The archive and offline storage. */
import { asc, count, lt, sql } from 'drizzle-orm'
import { integer, sqliteTable, text } from 'drizzle-orm/sqlite-core'
import type { Account, Accounts } from './accounts.ts'
import { type Db, rawWriter, type Write } from './db.ts'
import type { DeferredIndex } from './deferred-index.ts'
import type { Receipts } from './receipts.ts'
import { Remembered } from './remembered.ts'

export const archive = sqliteTable('archive', {
  id: integer('id').primaryKey(),
  accountId: integer('account_id').notNull(),
  peer: text('peer').notNull(),
  xml: text('xml').notNull(),
})

export const offline = sqliteTable('offline', {
  id: integer('id').primaryKey(),
  accountId: integer('account_id').notNull(),
  bytes: integer('bytes').notNull(),
  unread: integer('unread', { mode: 'boolean' }).notNull(),
  xml: text('xml').notNull(),
  inFlight: integer('in_flight', { mode: 'boolean' }).notNull(),
})

const NOTHING: OfflineSize = { messages: 0, bytes: 0, unread: 0 }

/** Rows that one trip may delete, so that it never holds the loop. */
const BATCH = 500

/** A stored message; when it came is told from its id by receipts.ts. */
export interface Stored {
  id: number
  xml: string
}

export interface BoxSize {
  readonly messages: number
  readonly bytes: number
}

/** Size of what waits for an account. */
export interface OfflineSize extends BoxSize {
  /** Messages that count for the badge. */
  readonly unread: number
}

export class Messages {
  readonly #db: Db
  readonly #receipts: Receipts
  readonly #accounts: Pick<Accounts, 'isGone'>
  readonly #archived: DeferredIndex
  readonly #offlineIndex: DeferredIndex
  readonly #stored
  readonly #waiting
  readonly #size
  readonly #sizeOf
  readonly #waitingArchived
  readonly #sizes: Remembered<number, OfflineSize>
  readonly #flying: Remembered<number, BoxSize>
  readonly #flyingNow
  readonly #archive: Write<{ id: number; accountId: number; peer: string; xml: string }>
  readonly #insertOffline: Write<{
    id: number
    accountId: number
    bytes: number
    unread: boolean
    xml: string
    inFlight: boolean
  }>
  readonly #land: Write<{ id: number; accountId: number }>
  readonly #drop

  constructor(
    db: Db,
    receipts: Receipts,
    accounts: Pick<Accounts, 'isGone'>,
    indexes: { archive: DeferredIndex; offline: DeferredIndex },
  ) {
    this.#db = db
    this.#receipts = receipts
    this.#accounts = accounts
    this.#archived = indexes.archive
    this.#offlineIndex = indexes.offline
    const { orm } = db
    const p = sql.placeholder
    this.#sizes = new Remembered(db.turn)
    this.#flying = new Remembered(db.turn)
    this.#waiting = orm
      .select({ id: offline.id, xml: offline.xml })
      .from(offline)
      .where(sql`${offline.id} IN (SELECT value FROM json_each(${p('ids')}))`)
      .orderBy(asc(offline.id))
      .prepare()
    this.#size = orm
      .select({
        messages: count(),
        bytes: sql<number>`coalesce(sum(${offline.bytes}), 0)`,
        unread: sql<number>`coalesce(sum(${offline.unread}), 0)`,
      })
      .from(offline)
      .where(
        sql`${offline.id} IN (SELECT id FROM offline_index WHERE account_id = ${p('accountId')}
        UNION ALL SELECT value FROM json_each(${p('pending')}))`,
      )
      .prepare()
    // Up to six of these a message: Drizzle's binding would add 0.5 µs to a read and 2 µs to a write of 2 µs.
    this.#archive = rawWriter(
      db,
      'INSERT INTO archive (id, account_id, peer, xml) VALUES ($id, $accountId, $peer, $xml)',
    )
    this.#insertOffline = rawWriter(
      db,
      'INSERT INTO offline (id, account_id, bytes, unread, xml, in_flight)' +
        ' VALUES ($id, $accountId, $bytes, $unread, $xml, $inFlight)',
    )
    this.#drop = db.raw.prepare<{ bytes: number }, [number, number, boolean]>(
      'DELETE FROM offline WHERE id = ? AND account_id = ? AND in_flight = ? RETURNING bytes',
    )
    this.#flyingNow = db.raw.prepare<BoxSize, [number]>(
      `SELECT count(*) AS messages, coalesce(sum(bytes), 0) AS bytes FROM offline INDEXED BY offline_in_flight
       WHERE in_flight = 1 AND account_id = ?`,
    )
    this.#sizeOf = db.raw.prepare<Omit<OfflineSize, 'messages'>, [number, number]>(
      'SELECT bytes, unread FROM offline WHERE id = ? AND account_id = ? AND in_flight = 0',
    )
    this.#waitingArchived = db.raw.prepare<{ id: number }, [number, string, number, number]>(
      `SELECT id FROM archive WHERE account_id = ?1 AND id < ?4 AND id IN
       (SELECT id FROM offline_index WHERE account_id = ?1 UNION ALL SELECT value FROM json_each(?2)) LIMIT ?3`,
    )
    this.#stored = db.raw.prepare<unknown, [number]>('SELECT 1 FROM offline WHERE id = ?')
    this.#land = rawWriter(
      db,
      'UPDATE offline SET in_flight = 0 WHERE id = $id AND account_id = $accountId AND in_flight = 1',
    )
  }

  /** Rises by at least one, so that ids sort by arrival. */
  nextId(): number {
    return this.#receipts.next()
  }

  /** Stores one side's copy of a message under `id`. */
  archive(account: Account, id: number, peer: string, xml: string): void {
    const accountId = account.id
    if (this.#accounts.isGone(accountId)) return
    this.#archive({ id, accountId, peer, xml })
    this.#archived.add({ accountId, peer, id })
  }

  /**
   * Stores a message until it is delivered. `inFlight`: it was written to a session, and waits for nobody else unless
   * that session is lost.
   */
  storeOffline(account: Account, id: number, xml: string, unread: boolean, inFlight = false): void {
    if (this.#accounts.isGone(account.id)) return
    const bytes = Buffer.byteLength(xml)
    this.#insertOffline({ id, accountId: account.id, bytes, unread, xml, inFlight })
    if (inFlight) return this.#fly(account.id, 1, bytes)
    this.#offlineIndex.add({ accountId: account.id, id })
    this.#grow(account.id, 1, { bytes, unread: unread ? 1 : 0 })
  }

  /** A message in flight did not arrive: from now on it waits for whoever comes next. */
  land(account: Account, id: number): void {
    if (this.#land({ id, accountId: account.id }) === 0) return
    this.#offlineIndex.add({ accountId: account.id, id })
    const size = this.#sizeOf.get(id, account.id)
    this.#fly(account.id, -1, size?.bytes ?? 0)
    this.#grow(account.id, 1, size)
  }

  /**
   * Up to `limit` messages that are in flight, after the one with id `after`: for the start after a crash. Of many that
   * wait few are in flight, and SQLite by itself would look at all; INDEXED BY makes it an error if it cannot do otherwise.
   */
  inFlight(after: number, limit: number): (Stored & { accountId: number })[] {
    return this.#db.raw
      .query<Stored & { accountId: number }, [number, number]>(
        `SELECT id, account_id AS accountId, xml FROM offline WHERE id IN
         (SELECT id FROM offline INDEXED BY offline_in_flight WHERE in_flight = 1 AND id > ? ORDER BY id LIMIT ?)
         ORDER BY id`,
      )
      .all(after, limit)
  }

  /** Up to `limit` offline messages in order of arrival, after the one with id `after`. */
  waiting(account: Account, after: number, limit: number): Stored[] {
    return this.#waiting.all({ ids: JSON.stringify(this.#offlineIndex.after(account.id, after, limit)) })
  }

  offlineSize(account: Account): OfflineSize {
    return this.#sizes.get(
      account.id,
      (accountId) =>
        this.#size.get({ accountId, pending: JSON.stringify(this.#offlineIndex.pending(accountId)) }) ??
        NOTHING,
    )
  }

  /** Everything that offline storage has of an account: what waits, and what is in flight. */
  boxSize(account: Account): BoxSize {
    const waiting = this.offlineSize(account)
    const flying = this.#inFlightSize(account.id)
    return { messages: waiting.messages + flying.messages, bytes: waiting.bytes + flying.bytes }
  }

  #inFlightSize(accountId: number): BoxSize {
    return this.#flying.get(accountId, (id) => this.#flyingNow.get(id) ?? NOTHING)
  }

  /** Whether it is in offline storage, waiting or in flight. */
  isStored(id: number): boolean {
    return this.#stored.get(id) !== null
  }

  /** Removes what was delivered; ids that are gone already do no harm. */
  delivered(account: Account, ids: readonly number[]): void {
    for (const id of ids) this.#remove(account.id, id)
  }

  /** Removes what waits, came before that id and stands in the account's archive too; true where there may be more. */
  dropArchived(account: Account, before: number): boolean {
    if (this.offlineSize(account).messages === 0) return false
    const pending = JSON.stringify(this.#offlineIndex.pending(account.id))
    const some = this.#waitingArchived.all(account.id, pending, BATCH, before)
    for (const { id } of some) this.#remove(account.id, id)
    return some.length === BATCH
  }

  purgeOffline(before: number, limit: number): number {
    const { id, accountId } = offline
    const oldest = this.#db.orm
      .select({ id, accountId })
      .from(offline)
      .where(lt(id, this.#receipts.below(before)))
      .orderBy(asc(id))
      .limit(Math.min(limit, BATCH))
      .all()
    this.#offlineIndex.eraseRows(oldest)
    for (const row of oldest) {
      this.#sizes.forget(row.accountId)
      this.#flying.forget(row.accountId)
    }
    return oldest.length
  }

  /** Messages waiting for anybody: for metrics, not for the hot path. */
  totalOffline(): number {
    return this.#offlineIndex.total()
  }

  /** Most were in flight, and nobody looks for those by account. */
  #remove(accountId: number, id: number): void {
    this.#db.turn.writes()
    const flew = this.#drop.get(id, accountId, true)
    if (flew) return this.#fly(accountId, -1, flew.bytes)
    const size = this.#sizeOf.get(id, accountId)
    if (!size) return
    this.#drop.get(id, accountId, false)
    this.#offlineIndex.remove(accountId, id)
    this.#grow(accountId, -1, size)
  }

  #fly(accountId: number, by: 1 | -1, bytes: number): void {
    this.#flying.change(accountId, (size) => ({
      messages: size.messages + by,
      bytes: size.bytes + by * bytes,
    }))
  }

  /** So many messages more wait. Reading all of their sizes takes as long as reading them. */
  #grow(accountId: number, by: 1 | -1, of: Omit<OfflineSize, 'messages'> | null): void {
    if (!of) return this.#sizes.forget(accountId)
    this.#sizes.change(accountId, ({ messages, bytes, unread }) => ({
      messages: messages + by,
      bytes: bytes + by * of.bytes,
      unread: unread + by * of.unread,
    }))
  }
}
