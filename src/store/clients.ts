/** The apps of an account and their tokens (XEP-0388, XEP-0484). */
import { and, asc, count, desc, eq, sql } from 'drizzle-orm'
import { integer, sqliteTable, text } from 'drizzle-orm/sqlite-core'
import type { Account } from './accounts.ts'
import type { Random } from './clock.ts'
import type { Audit } from './audit.ts'
import { type Db, type Write, writer } from './db.ts'

export const clients = sqliteTable('clients', {
  id: integer('id').primaryKey(),
  accountId: integer('account_id').notNull(),
  agent: text('agent').notNull(),
  software: text('software'),
  device: text('device'),
  createdAt: integer('created_at').notNull(),
  lastLogin: integer('last_login').notNull(),
  mechanism: text('mechanism'),
  token: text('token'),
  expiresAt: integer('expires_at'),
  newMechanism: text('new_mechanism'),
  newToken: text('new_token'),
  newExpiresAt: integer('new_expires_at'),
})

export type Client = typeof clients.$inferSelect

/** An app's words of itself (XEP-0388 §2.2). */
export interface UserAgent {
  readonly id: string
  readonly software: string | undefined
  readonly device: string | undefined
}

export interface FastToken {
  readonly slot: 'new' | 'current'
  readonly mechanism: string
  readonly token: string
  /** ms since the epoch. */
  readonly expiresAt: number
}

/** Time of the last login is as old as this at most. */
const SEEN_AGAIN_MS = 300_000

export class Clients {
  readonly #db: Db
  readonly #random: Random
  readonly #audit: Audit
  readonly #one
  readonly #seen: Write<{
    accountId: number
    agent: string
    software: string | null
    device: string | null
    now: number
  }>
  readonly #offer: Write<{ id: number; mechanism: string; token: string; expiresAt: number }>
  readonly #promote: Write<{ id: number }>
  readonly #revoke: Write<{ id: number }>
  readonly #delete: Write<{ id: number; accountId: number }>

  constructor(db: Db, random: Random, audit: Audit) {
    this.#db = db
    this.#random = random
    this.#audit = audit
    const { orm } = db
    const p = sql.placeholder
    const byId = eq(clients.id, p('id'))
    const none = { mechanism: null, token: null, expiresAt: null }
    const noneNew = { newMechanism: null, newToken: null, newExpiresAt: null }
    this.#one = orm
      .select()
      .from(clients)
      .where(and(eq(clients.accountId, p('accountId')), eq(clients.agent, p('agent'))))
      .prepare()
    this.#seen = writer(
      db,
      orm
        .insert(clients)
        .values({
          accountId: p('accountId'),
          agent: p('agent'),
          software: p('software'),
          device: p('device'),
          createdAt: p('now'),
          lastLogin: p('now'),
        })
        .onConflictDoUpdate({
          target: [clients.accountId, clients.agent],
          set: {
            software: sql`coalesce(excluded.software, ${clients.software})`,
            device: sql`coalesce(excluded.device, ${clients.device})`,
            lastLogin: sql`excluded.last_login`,
          },
        })
        .prepare(),
    )
    this.#offer = writer(
      db,
      orm
        .update(clients)
        .set({
          newMechanism: sql`${p('mechanism')}`,
          newToken: sql`${p('token')}`,
          newExpiresAt: sql`${p('expiresAt')}`,
        })
        .where(byId)
        .prepare(),
    )
    this.#promote = writer(
      db,
      orm
        .update(clients)
        .set({
          mechanism: sql`${clients.newMechanism}`,
          token: sql`${clients.newToken}`,
          expiresAt: sql`${clients.newExpiresAt}`,
          ...noneNew,
        })
        .where(byId)
        .prepare(),
    )
    this.#revoke = writer(
      db,
      orm
        .update(clients)
        .set({ ...none, ...noneNew })
        .where(byId)
        .prepare(),
    )
    this.#delete = writer(
      db,
      orm
        .delete(clients)
        .where(and(byId, eq(clients.accountId, p('accountId'))))
        .prepare(),
    )
  }

  find(accountId: number, agent: string): Client | undefined {
    return this.#one.get({ accountId, agent })
  }

  /**
   * Notes a login; above `most` apps of the account the ones not seen for longest are forgotten. One soon behind another
   * is not written down: phones log in with every change of their network.
   */
  seen(account: Account, { id: agent, software, device }: UserAgent, now: number, most: number): Client {
    const accountId = account.id
    const known = this.find(accountId, agent)
    const isNews = (value: string | undefined, old: string | null) => value !== undefined && value !== old
    if (known && !isNews(software, known.software) && !isNews(device, known.device)) {
      const ago = now - known.lastLogin
      if (ago >= 0 && ago < SEEN_AGAIN_MS) return known
    }
    this.#seen({ accountId, agent, software: software ?? null, device: device ?? null, now })
    if (!known && this.#countOf(accountId) > most) {
      const old = this.list(account).slice(most)
      for (const { id } of old) this.delete(account, id)
    }
    const client = this.find(accountId, agent)
    if (!client) throw new Error('a client just written is not there')
    return client
  }

  /** Newest login first. */
  list({ id }: Account): Client[] {
    return this.#db.orm
      .select()
      .from(clients)
      .where(eq(clients.accountId, id))
      .orderBy(desc(clients.lastLogin), asc(clients.id))
      .all()
  }

  /** The tokens by which an app may log in, the newest first. */
  tokens(client: Client): FastToken[] {
    const { newToken, newMechanism, newExpiresAt, token, mechanism, expiresAt } = client
    const list: FastToken[] = []
    if (newToken !== null && newMechanism !== null && newExpiresAt !== null)
      list.push({ slot: 'new', token: newToken, mechanism: newMechanism, expiresAt: newExpiresAt })
    if (token !== null && mechanism !== null && expiresAt !== null)
      list.push({ slot: 'current', token, mechanism, expiresAt })
    return list
  }

  /** A new token; the one in use stays until this one is used (XEP-0484 §3.5). */
  offer(client: Client, mechanism: string, expiresAt: number): string {
    const { id } = client
    const token = this.#random.bytes(32).toString('base64url')
    this.#offer({ id, mechanism, token, expiresAt })
    // What takes the place of an older one is no news.
    if (this.tokens(client).length === 0) this.#audit.note('app token made', { id })
    return token
  }

  /** The new token was used: the older ones are worth nothing from here on. */
  promote({ id }: Client): void {
    this.#promote({ id })
  }

  revoke({ id }: Client): void {
    this.#revoke({ id })
    this.#audit.note('app token revoked', { id })
  }

  /** Forgets the app and its tokens; false where there is none. */
  delete(account: Account, id: number): boolean {
    if (this.#delete({ id, accountId: account.id }) === 0) return false
    this.#audit.note('app logged out for good', { id, account: account.jid })
    return true
  }

  #countOf(accountId: number): number {
    const { orm } = this.#db
    return orm.select({ n: count() }).from(clients).where(eq(clients.accountId, accountId)).get()?.n ?? 0
  }
}
