/** Rosters and subscription states (RFC 6121 §2 and §3). The rules live in the roster features, the rows here. */
import { and, asc, eq, gt, sql } from 'drizzle-orm'
import { integer, primaryKey, sqliteTable, text } from 'drizzle-orm/sqlite-core'
import type { Account, Accounts } from './accounts.ts'
import { type Db, type Write, writer } from './db.ts'

export type Subscription = 'none' | 'to' | 'from' | 'both'

export const contacts = sqliteTable(
  'contacts',
  {
    accountId: integer('account_id').notNull(),
    jid: text('jid').notNull(),
    name: text('name'),
    groups: text('groups', { mode: 'json' }).$type<string[]>().notNull(),
    subscription: text('subscription').$type<Subscription | 'remove'>().notNull(),
    ask: integer('ask', { mode: 'boolean' }).notNull(),
    pending: text('pending'),
    approved: integer('approved', { mode: 'boolean' }).notNull(),
    listed: integer('listed', { mode: 'boolean' }).notNull(),
    version: integer('version').notNull(),
  },
  (t) => [primaryKey({ columns: [t.accountId, t.jid] })],
)

export type Contact = typeof contacts.$inferSelect

/** Tombstones of removed items are kept for this many versions; an older client gets the whole roster. */
const TOMBSTONES = 500

export class Contacts {
  readonly #accounts: Accounts
  readonly #all
  readonly #one
  readonly #since
  readonly #size
  readonly #put: Write<Contact>
  readonly #forget: Write<{ accountId: number; version: number }>
  readonly #drop: Write<{ accountId: number; jid: string }>

  constructor(db: Db, accounts: Accounts) {
    const { orm } = db
    const p = sql.placeholder
    this.#accounts = accounts
    const mine = eq(contacts.accountId, p('accountId'))
    this.#all = orm.select().from(contacts).where(mine).prepare()
    this.#one = orm
      .select()
      .from(contacts)
      .where(and(mine, eq(contacts.jid, p('jid'))))
      .prepare()
    this.#since = orm
      .select()
      .from(contacts)
      .where(and(mine, gt(contacts.version, p('version'))))
      .orderBy(asc(contacts.version))
      .prepare()
    this.#size = db.raw.prepare<{ contacts: number; bytes: number }, [number]>(
      `SELECT count(*) AS contacts, coalesce(sum(listed *
         (octet_length(jid) + octet_length(coalesce(name, '')) + octet_length(groups))), 0) AS bytes
       FROM contacts WHERE account_id = ? AND subscription <> 'remove'`,
    )
    this.#put = writer(
      db,
      orm
        .insert(contacts)
        .values({
          accountId: p('accountId'),
          jid: p('jid'),
          name: p('name'),
          groups: p('groups'),
          subscription: p('subscription'),
          ask: p('ask'),
          pending: p('pending'),
          approved: p('approved'),
          listed: p('listed'),
          version: p('version'),
        })
        .onConflictDoUpdate({
          target: [contacts.accountId, contacts.jid],
          set: {
            name: sql`excluded.name`,
            groups: sql`excluded.groups`,
            subscription: sql`excluded.subscription`,
            ask: sql`excluded.ask`,
            pending: sql`excluded.pending`,
            approved: sql`excluded.approved`,
            listed: sql`excluded.listed`,
            version: sql`excluded.version`,
          },
        })
        .prepare(),
    )
    this.#drop = writer(
      db,
      orm
        .delete(contacts)
        .where(and(mine, eq(contacts.jid, p('jid'))))
        .prepare(),
    )
    this.#forget = writer(
      db,
      orm
        .delete(contacts)
        .where(and(mine, eq(contacts.subscription, 'remove'), sql`${contacts.version} < ${p('version')}`))
        .prepare(),
    )
  }

  /** The contact, or undefined; a tombstone is no contact. */
  find(account: Account, jid: string): Contact | undefined {
    const row = this.#one.get({ accountId: account.id, jid })
    return row?.subscription === 'remove' ? undefined : row
  }

  /** Every contact, also those known only by a pending request. */
  all(account: Account): Contact[] {
    return this.#all.all({ accountId: account.id }).filter((row) => row.subscription !== 'remove')
  }

  /** Number of contacts in all, and the bytes of what the listed ones have that their owner wrote. */
  size(account: Account): { contacts: number; bytes: number } {
    return this.#size.get(account.id) ?? { contacts: 0, bytes: 0 }
  }

  /**
   * Changes after `version`, removals included (`subscription: 'remove'`);
   * undefined when that is no longer known and the whole roster must be sent.
   */
  changedSince(account: Account, version: number): Contact[] | undefined {
    const current = this.#accounts.find(account.jid)?.rosterVersion ?? 0
    if (version > current || version < current - TOMBSTONES) return undefined
    return this.#since.all({ accountId: account.id, version }).filter((row) => row.listed)
  }

  /** Stores the contact under the next roster version and returns it. */
  put(account: Account, contact: Omit<Contact, 'accountId' | 'version'>): Contact {
    const version = this.#accounts.nextRosterVersion(account)
    const row = { ...contact, accountId: account.id, version }
    this.#put(row)
    return row
  }

  /** Removes an item; a listed one leaves a tombstone for clients that were away. Returns the tombstone. */
  remove(account: Account, contact: Contact): Contact {
    if (!contact.listed) {
      this.#drop({ accountId: account.id, jid: contact.jid })
      return contact
    }
    const gone = this.put(account, {
      ...contact,
      name: null,
      groups: [],
      subscription: 'remove',
      ask: false,
      pending: null,
      approved: false,
    })
    this.#forget({ accountId: account.id, version: gone.version - TOMBSTONES })
    return gone
  }
}
