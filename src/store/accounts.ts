/** Accounts, their SCRAM keys and their vCard. */
import { and, asc, count, eq, gt, like, ne, sql } from 'drizzle-orm'
import { blob, integer, primaryKey, sqliteTable, text } from 'drizzle-orm/sqlite-core'
import { skeletonOf } from '../xmpp/skeleton.ts'
import type { Audit } from './audit.ts'
import { type Db, rawWriter, type Write, writer } from './db.ts'
import type { Events } from './events.ts'
import type { DeferredIndex } from './deferred-index.ts'
import { Remembered } from './remembered.ts'
import type { Credentials, HashName, ScramKeys } from './credentials.ts'

export const accounts = sqliteTable('accounts', {
  id: integer('id').primaryKey({ autoIncrement: true }),
  jid: text('jid').notNull(),
  host: text('host').notNull(),
  createdAt: integer('created_at').notNull(),
  disabled: integer('disabled', { mode: 'boolean' }).notNull(),
  lastSeen: integer('last_seen'),
  lastStatus: text('last_status'),
  rosterVersion: integer('roster_version').notNull(),
  /** See store/skeletons.ts. */
  skeleton: text('skeleton'),
})

export const credentials = sqliteTable(
  'credentials',
  {
    accountId: integer('account_id').notNull(),
    hash: text('hash').notNull(),
    salt: blob('salt', { mode: 'buffer' }).notNull(),
    iterations: integer('iterations').notNull(),
    storedKey: blob('stored_key', { mode: 'buffer' }).notNull(),
    serverKey: blob('server_key', { mode: 'buffer' }).notNull(),
  },
  (t) => [primaryKey({ columns: [t.accountId, t.hash] })],
)

export const vcards = sqliteTable('vcards', {
  accountId: integer('account_id').primaryKey(),
  xml: text('xml').notNull(),
  photo: text('photo').notNull(),
})

export type Account = typeof accounts.$inferSelect

/** An account that is gone but for rows that wait to be deleted has no host, and a JID that nobody can have. */
const DEPARTED = ''
/** Tables whose rows go with the account at once, since a limit bounds each. See tablesOfAccounts. */
const AT_ONCE = ['vcards', 'tokens', 'devices', 'invites', 'outbox']
/** Rows that one trip may delete. */
const BATCH = 500

export class Accounts {
  readonly #db: Db
  /** null: there is no such account. */
  readonly #rows: Remembered<string, Account | null>
  readonly #events: Events
  readonly #audit: Audit
  readonly #indexes: readonly DeferredIndex[]
  /** Ids of accounts that were deleted since the start. */
  readonly #gone = new Set<number>()
  readonly #byJid
  readonly #jidOf
  readonly #departed
  readonly #scram
  readonly #vcard
  readonly #photo
  readonly #insert: Write<{ jid: string; host: string; createdAt: number; skeleton: string }>
  readonly #putKeys: Write<{ accountId: number; hash: string } & ScramKeys>
  readonly #erase: readonly Write<{ id: number }>[]
  readonly #depart: Write<{ id: number }>
  readonly #leftovers: readonly Write<{ id: number; limit: number }>[]
  readonly #delete: Write<{ id: number }>
  readonly #revokeTokens: Write<{ accountId: number }>
  readonly #disable: Write<{ id: number; disabled: boolean }>
  readonly #seen: Write<{ id: number; lastSeen: number; lastStatus: string | null }>
  readonly #bump: Write<{ id: number }>
  readonly #putVcard: Write<{ accountId: number; xml: string; photo: string }>

  constructor(db: Db, events: Events, audit: Audit, indexes: readonly DeferredIndex[]) {
    this.#audit = audit
    this.#indexes = indexes
    this.#db = db
    this.#rows = new Remembered(db.turn)
    this.#events = events
    const { orm } = db
    const p = sql.placeholder
    this.#byJid = orm
      .select()
      .from(accounts)
      .where(eq(accounts.jid, p('jid')))
      .prepare()
    this.#jidOf = orm
      .select({ jid: accounts.jid })
      .from(accounts)
      .where(and(eq(accounts.id, p('id')), ne(accounts.host, DEPARTED)))
      .prepare()
    this.#departed = orm
      .select({ id: accounts.id })
      .from(accounts)
      .where(eq(accounts.host, DEPARTED))
      .limit(1)
      .prepare()
    this.#scram = orm
      .select()
      .from(credentials)
      .where(and(eq(credentials.accountId, p('accountId')), eq(credentials.hash, p('hash'))))
      .prepare()
    this.#vcard = orm
      .select()
      .from(vcards)
      .where(eq(vcards.accountId, p('accountId')))
      .prepare()
    this.#photo = orm
      .select({ photo: vcards.photo })
      .from(vcards)
      .where(eq(vcards.accountId, p('accountId')))
      .prepare()
    this.#insert = writer(
      db,
      orm
        .insert(accounts)
        .values({
          jid: p('jid'),
          host: p('host'),
          createdAt: p('createdAt'),
          disabled: false,
          rosterVersion: 0,
          skeleton: p('skeleton'),
        })
        .prepare(),
    )
    this.#putKeys = writer(
      db,
      orm
        .insert(credentials)
        .values({
          accountId: p('accountId'),
          hash: p('hash'),
          salt: p('salt'),
          iterations: p('iterations'),
          storedKey: p('storedKey'),
          serverKey: p('serverKey'),
        })
        .onConflictDoUpdate({
          target: [credentials.accountId, credentials.hash],
          set: {
            salt: sql`excluded.salt`,
            iterations: sql`excluded.iterations`,
            storedKey: sql`excluded.stored_key`,
            serverKey: sql`excluded.server_key`,
          },
        })
        .prepare(),
    )
    this.#delete = writer(
      db,
      orm
        .delete(accounts)
        .where(eq(accounts.id, p('id')))
        .prepare(),
    )
    this.#depart = writer(
      db,
      orm
        .update(accounts)
        .set({ jid: sql`${accounts.jid} || '/' || ${accounts.id}`, host: DEPARTED, disabled: true })
        .where(eq(accounts.id, p('id')))
        .prepare(),
    )
    this.#revokeTokens = rawWriter(
      db,
      'UPDATE clients SET token = NULL, new_token = NULL WHERE account_id = $accountId',
    )
    const tables = tablesOfAccounts(db)
    this.#erase = tables.atOnce.map((table) => rawWriter(db, `DELETE FROM ${table} WHERE account_id = $id`))
    this.#leftovers = tables.batched.map((table) =>
      rawWriter(
        db,
        `DELETE FROM ${table} WHERE rowid IN (SELECT rowid FROM ${table} WHERE account_id = $id LIMIT $limit)`,
      ),
    )
    this.#disable = writer(
      db,
      orm
        .update(accounts)
        .set({ disabled: sql`${p('disabled')}` })
        .where(eq(accounts.id, p('id')))
        .prepare(),
    )
    this.#seen = writer(
      db,
      orm
        .update(accounts)
        .set({ lastSeen: sql`${p('lastSeen')}`, lastStatus: sql`${p('lastStatus')}` })
        .where(eq(accounts.id, p('id')))
        .prepare(),
    )
    this.#bump = writer(
      db,
      orm
        .update(accounts)
        .set({ rosterVersion: sql`${accounts.rosterVersion} + 1` })
        .where(eq(accounts.id, p('id')))
        .prepare(),
    )
    this.#putVcard = writer(
      db,
      orm
        .insert(vcards)
        .values({ accountId: p('accountId'), xml: p('xml'), photo: p('photo') })
        .onConflictDoUpdate({
          target: vcards.accountId,
          set: { xml: sql`excluded.xml`, photo: sql`excluded.photo` },
        })
        .prepare(),
    )
  }

  /** `jid` is a prepared bare JID. */
  find(jid: string): Account | undefined {
    return this.#rows.get(jid, () => this.#byJid.get({ jid }) ?? null) ?? undefined
  }

  /** For what remembers an account by its row; undefined once it was deleted. */
  byId(id: number): Account | undefined {
    const row = this.#jidOf.get({ id })
    return row && this.find(row.jid)
  }

  /**
   * Whether it was deleted while somebody still knows it, as its sessions do until their streams have ended: no foreign
   * key keeps rows for it out of a table that has a deferred index.
   */
  isGone(id: number): boolean {
    return this.#gone.has(id)
  }

  /** Returns undefined when the name is taken. Without keys nobody logs in by those of this server. */
  create(jid: string, host: string, keys: Credentials | undefined, now: number): Account | undefined {
    const account = this.adopt(jid, host, keys ?? {}, now)
    if (!account) return undefined
    this.#events.tell('account.created', account)
    this.#audit.note('account created', { account: jid })
    return account
  }

  /** The same for an account that was another server's: nobody is told, and it may have keys of one hash alone. */
  adopt(jid: string, host: string, keys: Partial<Credentials>, createdAt: number): Account | undefined {
    if (this.find(jid)) return undefined
    this.#rows.forget(jid)
    this.#insert({ jid, host, createdAt, skeleton: skeletonOf(jid) })
    const account = this.find(jid)
    if (!account) throw new Error('an account just inserted is not there')
    this.#writeKeys(account.id, keys)
    return account
  }

  /** Tokens of the account's apps end with the old password (XEP-0484). */
  setPassword(account: Account, keys: Credentials): void {
    this.#writeKeys(account.id, keys)
    this.#revokeTokens({ accountId: account.id })
    this.#events.tell('account.password_changed', account)
    this.#audit.note('password set', { account: account.jid })
  }

  /**
   * Removes the account and everything that belongs to it. Its name is free at once; what is too much for one trip
   * (its archive) goes by `purgeDeparted` in later ones.
   */
  delete(account: Account): void {
    this.#rows.forget(account.jid)
    this.#events.outlive(account.id)
    this.#events.tell('account.deleted', { id: null, jid: account.jid })
    this.#audit.note('account deleted', { account: account.jid })
    this.#depart({ id: account.id })
    this.#gone.add(account.id)
    this.#db.turn.undo(() => this.#gone.delete(account.id))
    for (const erase of this.#erase) erase({ id: account.id })
    this.#eraseBatch(account.id, BATCH)
  }

  /** Deletes up to `limit` rows of accounts that are gone; returns how many. */
  purgeDeparted(limit: number): number {
    const { id } = this.#departed.get() ?? {}
    return id === undefined ? 0 : this.#eraseBatch(id, Math.min(limit, BATCH))
  }

  setDisabled(account: Account, disabled: boolean): void {
    this.#rows.forget(account.jid)
    this.#disable({ id: account.id, disabled })
    if (account.disabled === disabled) return
    this.#events.tell(disabled ? 'account.disabled' : 'account.enabled', account)
    this.#audit.note(disabled ? 'account disabled' : 'account enabled', { account: account.jid })
  }

  setLastSeen(account: Account, at: number, status: string | null): void {
    this.#seen({ id: account.id, lastSeen: at, lastStatus: status })
    // The next login finds it where it is.
    this.#rows.change(account.jid, (row) => row && { ...row, lastSeen: at, lastStatus: status })
  }

  /** The next roster version (RFC 6121 §2.6). */
  nextRosterVersion(account: Account): number {
    const current = this.find(account.jid)
    this.#rows.forget(account.jid)
    this.#bump({ id: account.id })
    return (current?.rosterVersion ?? 0) + 1
  }

  scramKeys(account: Account, hash: HashName): ScramKeys | undefined {
    return this.#scram.get({ accountId: account.id, hash })
  }

  vcard(account: Account): string | undefined {
    return this.#vcard.get({ accountId: account.id })?.xml
  }

  /** SHA-1 in hex of the vCard's picture; empty for a vCard without one, undefined where there is no vCard. */
  photo(account: Account): string | undefined {
    return this.#photo.get({ accountId: account.id })?.photo
  }

  setVcard(account: Account, xml: string, photo: string): void {
    this.#putVcard({ accountId: account.id, xml, photo })
  }

  /** A page of accounts in the order of their JIDs, after `after`; `search` matches anywhere in the JID. */
  list(query: { host?: string; search?: string; after?: string; disabled?: true; limit: number }): Account[] {
    const { orm } = this.#db
    return orm
      .select()
      .from(accounts)
      .where(
        and(
          query.host === undefined ? ne(accounts.host, DEPARTED) : eq(accounts.host, query.host),
          query.after === undefined ? undefined : gt(accounts.jid, query.after),
          query.disabled && eq(accounts.disabled, true),
          query.search ? like(accounts.jid, sql`${`%${escapeLike(query.search)}%`} escape '\\'`) : undefined,
        ),
      )
      .orderBy(asc(accounts.jid))
      .limit(query.limit)
      .all()
  }

  /** Number of accounts, of one host or of all, or of those that are disabled. */
  count({ host, disabled }: { host?: string; disabled?: true } = {}): number {
    const at = host === undefined ? ne(accounts.host, DEPARTED) : eq(accounts.host, host)
    const here = and(at, disabled && eq(accounts.disabled, true))
    return this.#db.orm.select({ n: count() }).from(accounts).where(here).get()?.n ?? 0
  }

  /** The account's own row goes with the last of its rows. */
  #eraseBatch(id: number, limit: number): number {
    let deleted = 0
    for (const index of this.#indexes) {
      deleted += index.erase(id, Number.MAX_SAFE_INTEGER, limit - deleted)
      if (deleted >= limit) return deleted
    }
    for (const erase of this.#leftovers) {
      deleted += erase({ id, limit: limit - deleted })
      if (deleted >= limit) return deleted
    }
    return deleted + this.#delete({ id })
  }

  #writeKeys(accountId: number, keys: Partial<Credentials>): void {
    for (const hash of ['SHA-1', 'SHA-256'] as const) {
      const own = keys[hash]
      if (own) this.#putKeys({ accountId, hash, ...own })
    }
  }
}

/**
 * The tables whose rows belong to an account, but for those with a deferred index; deleting it must not cascade through a
 * million rows at once. A table without rowids has one row per setting or contact: it is as bounded as those above.
 */
function tablesOfAccounts(db: Db): { atOnce: string[]; batched: string[] } {
  const tables = db.raw
    .query<{ name: string; wr: number }, []>(
      `SELECT DISTINCT t.name, t.wr FROM pragma_table_list t, pragma_foreign_key_list(t.name) f
       WHERE t.schema = 'main' AND f."table" = 'accounts' AND f."from" = 'account_id' ORDER BY t.name`,
    )
    .all()
  const isBounded = ({ name, wr }: { name: string; wr: number }) =>
    wr === 1 || AT_ONCE.some((other) => other === name)
  return {
    atOnce: tables.filter(isBounded).map(({ name }) => name),
    batched: tables.filter((table) => !isBounded(table)).map(({ name }) => name),
  }
}

function escapeLike(text: string): string {
  return text.replace(/[\\%_]/g, (c) => `\\${c}`)
}
