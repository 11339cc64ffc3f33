/** Invitations (XEP-0401). Only a SHA-256 of each token is kept: 128 random bits need no slow hash. */
import { createHash } from 'node:crypto'
import { and, asc, count, eq, gt, isNotNull, lt, sql } from 'drizzle-orm'
import { blob, integer, sqliteTable, text } from 'drizzle-orm/sqlite-core'
import { accounts } from './accounts.ts'
import type { Random } from './clock.ts'
import type { Audit } from './audit.ts'
import { type Db, rawWriter, type Write } from './db.ts'

export const invites = sqliteTable('invites', {
  id: integer('id').primaryKey(),
  hash: blob('hash', { mode: 'buffer' }).notNull(),
  host: text('host').notNull(),
  /** The one account that may be made with it. */
  jid: text('jid'),
  accountId: integer('account_id'),
  register: integer('register', { mode: 'boolean' }).notNull(),
  contact: integer('contact', { mode: 'boolean' }).notNull(),
  uses: integer('uses').notNull(),
  used: integer('used').notNull(),
  createdAt: integer('created_at').notNull(),
  expiresAt: integer('expires_at').notNull(),
})

/** An invitation; `inviter` is the bare JID of the account that `accountId` names. */
export type Invite = Omit<typeof invites.$inferSelect, 'hash'> & { readonly inviter: string | null }

export type NewInvite = Pick<
  Invite,
  'host' | 'jid' | 'accountId' | 'register' | 'contact' | 'uses' | 'expiresAt'
>

/** XEP-0379 §5.1 asks for 80 bits and letters that need no escape in a URI. */
const TOKEN_BYTES = 16

const digest = (token: string): Buffer => createHash('sha256').update(token).digest()

export class Invites {
  readonly #db: Db
  readonly #random: Random
  readonly #audit: Audit
  readonly #use: Write<{ id: number }>
  readonly #purge: Write<{ before: number; limit: number }>

  constructor(db: Db, random: Random, audit: Audit) {
    this.#db = db
    this.#random = random
    this.#audit = audit
    this.#use = rawWriter(db, 'UPDATE invites SET used = used + 1 WHERE id = $id AND used < uses')
    this.#purge = rawWriter(
      db,
      'DELETE FROM invites WHERE id IN (SELECT id FROM invites WHERE expires_at < $before LIMIT $limit)',
    )
  }

  /** Makes an invitation; its token is returned here and never again. */
  create(entry: NewInvite, now: number): { token: string; id: number } {
    const token = this.#random.bytes(TOKEN_BYTES).toString('hex')
    this.#db.turn.writes()
    const { id } = this.#db.orm
      .insert(invites)
      .values({ ...entry, hash: digest(token), used: 0, createdAt: now })
      .returning({ id: invites.id })
      .get()
    const { host, jid, register, uses } = entry
    this.#audit.note('invitation made', { id, host, account: jid ?? undefined, register, uses })
    return { token, id }
  }

  /** The invitation of this token, whether or not it is over. */
  find(token: string): Invite | undefined {
    return this.#select()
      .where(eq(invites.hash, digest(token)))
      .get()
  }

  get(id: number): Invite | undefined {
    return this.#select().where(eq(invites.id, id)).get()
  }

  /** Counts one use; false when there are none left. */
  use(id: number): boolean {
    if (this.#use({ id }) === 0) return false
    this.#audit.note('invitation used', { id })
    return true
  }

  /** The invitation that keeps this name for whoever holds it. */
  reserving(jid: string, now: number): Invite | undefined {
    return this.#select()
      .where(and(eq(invites.jid, jid), gt(invites.expiresAt, now), lt(invites.used, invites.uses)))
      .get()
  }

  /** Every name that is kept for somebody on a host. */
  reserved(host: string, now: number): string[] {
    return this.#db.orm
      .selectDistinct({ jid: sql<string>`${invites.jid}` })
      .from(invites)
      .where(
        and(
          isNotNull(invites.jid),
          eq(invites.host, host),
          gt(invites.expiresAt, now),
          lt(invites.used, invites.uses),
        ),
      )
      .all()
      .map(({ jid }) => jid)
  }

  /** In the order in which they were made, those included that are over and not yet deleted. */
  list(limit: number): Invite[] {
    return this.#select().orderBy(asc(invites.id)).limit(limit).all()
  }

  /** Number of an account's invitations that still hold. */
  countOf(accountId: number, now: number): number {
    const holds = and(gt(invites.expiresAt, now), lt(invites.used, invites.uses))
    const where = and(eq(invites.accountId, accountId), holds)
    return this.#db.orm.select({ n: count() }).from(invites).where(where).get()?.n ?? 0
  }

  count(): number {
    return this.#db.orm.select({ n: count() }).from(invites).get()?.n ?? 0
  }

  /** False if there is none. */
  delete(id: number): boolean {
    this.#db.turn.writes()
    const gone = this.#db.orm.delete(invites).where(eq(invites.id, id)).returning({ id: invites.id }).all()
    if (gone.length > 0) this.#audit.note('invitation revoked', { id })
    return gone.length > 0
  }

  /** Deletes up to `limit` that ended before `before`; returns how many. */
  purge(before: number, limit: number): number {
    return this.#purge({ before, limit })
  }

  #select() {
    return this.#db.orm
      .select({
        id: invites.id,
        host: invites.host,
        jid: invites.jid,
        accountId: invites.accountId,
        register: invites.register,
        contact: invites.contact,
        uses: invites.uses,
        used: invites.used,
        createdAt: invites.createdAt,
        expiresAt: invites.expiresAt,
        inviter: sql<string | null>`${accounts.jid}`,
      })
      .from(invites)
      .leftJoin(accounts, eq(accounts.id, invites.accountId))
  }
}
