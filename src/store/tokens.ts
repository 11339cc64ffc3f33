/** Bearer tokens of the HTTP API. Only a SHA-256 of each is kept: 256 random bits need no slow hash. */
import { createHash } from 'node:crypto'
import { and, asc, count, eq, isNull, sql } from 'drizzle-orm'
import { blob, integer, sqliteTable, text } from 'drizzle-orm/sqlite-core'
import type { Random } from './clock.ts'
import { accounts } from './accounts.ts'
import type { Audit } from './audit.ts'
import { type Db, type Write, writer } from './db.ts'

export const tokens = sqliteTable('tokens', {
  id: integer('id').primaryKey(),
  hash: blob('hash', { mode: 'buffer' }).notNull(),
  prefix: text('prefix').notNull(),
  name: text('name').notNull(),
  accountId: integer('account_id'),
  scopes: text('scopes', { mode: 'json' }).$type<string[]>().notNull(),
  createdAt: integer('created_at').notNull(),
  expiresAt: integer('expires_at'),
  lastUsed: integer('last_used'),
})

export type Token = typeof tokens.$inferSelect

/** `last_used` is written at most this often for one token: a request that only reads should seldom write. */
const NOTE_USE_EVERY = 3_600_000
const PREFIX_LENGTH = 10

const digest = (token: string): Buffer => createHash('sha256').update(token).digest()

export class Tokens {
  readonly #db: Db
  readonly #random: Random
  readonly #audit: Audit
  readonly #byHash
  readonly #used: Write<{ id: number; now: number }>

  constructor(db: Db, random: Random, audit: Audit) {
    this.#db = db
    this.#random = random
    this.#audit = audit
    this.#byHash = db.orm
      .select({ token: tokens, owner: accounts.jid })
      .from(tokens)
      .leftJoin(accounts, eq(accounts.id, tokens.accountId))
      .where(eq(tokens.hash, sql.placeholder('hash')))
      .prepare()
    this.#used = writer(
      db,
      db.orm
        .update(tokens)
        .set({ lastUsed: sql`${sql.placeholder('now')}` })
        .where(eq(tokens.id, sql.placeholder('id')))
        .prepare(),
    )
  }

  /** Makes a token; its secret is returned here and never again. */
  create(
    entry: { name: string; scopes: string[]; accountId: number | null; expiresAt: number | null },
    now: number,
  ): { secret: string; token: Token } {
    const secret = `bfy_${this.#random.bytes(32).toString('base64url')}`
    this.#db.turn.writes()
    const token = this.#db.orm
      .insert(tokens)
      .values({ ...entry, hash: digest(secret), prefix: secret.slice(0, PREFIX_LENGTH), createdAt: now })
      .returning()
      .get()
    const { id, name, scopes, accountId } = token
    this.#audit.note('API token made', { id, name, scopes, of: accountId ?? 'the server' })
    return { secret, token }
  }

  /**
   * The token that this secret names and the account that it speaks for, unless it has expired.
   * The lookup is by hash, so its timing tells nothing.
   */
  find(secret: string, now: number): { token: Token; owner: string | null } | undefined {
    const found = this.#byHash.get({ hash: digest(secret) })
    if (!found) return undefined
    const { expiresAt } = found.token
    return expiresAt === null || expiresAt > now ? found : undefined
  }

  needsUseNoted(token: Token, now: number): boolean {
    return token.lastUsed === null || token.lastUsed < now - NOTE_USE_EVERY
  }

  noteUse(token: Token, now: number): void {
    this.#used({ id: token.id, now })
  }

  /** The server's tokens, or those of one account. */
  list(accountId: number | null): Token[] {
    return this.#db.orm.select().from(tokens).where(ownedBy(accountId)).orderBy(asc(tokens.id)).all()
  }

  countOf(accountId: number | null): number {
    return this.#db.orm.select({ n: count() }).from(tokens).where(ownedBy(accountId)).get()?.n ?? 0
  }

  /** False if there is no such token of that owner. */
  delete(id: number, accountId: number | null): boolean {
    this.#db.turn.writes()
    const where = and(eq(tokens.id, id), ownedBy(accountId))
    const [gone] = this.#db.orm.delete(tokens).where(where).returning({ name: tokens.name }).all()
    if (gone) this.#audit.note('API token revoked', { id, name: gone.name })
    return gone !== undefined
  }
}

const ownedBy = (accountId: number | null) =>
  accountId === null ? isNull(tokens.accountId) : eq(tokens.accountId, accountId)
