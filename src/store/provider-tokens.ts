/** Apple's provider tokens, kept across restarts: who signs a fresh one at every start is throttled. */
import { and, eq, sql } from 'drizzle-orm'
import { integer, primaryKey, sqliteTable, text } from 'drizzle-orm/sqlite-core'
import { type Db, type Write, writer } from './db.ts'

const providerTokens = sqliteTable(
  'provider_tokens',
  {
    teamId: text('team_id').notNull(),
    keyId: text('key_id').notNull(),
    jwt: text('jwt').notNull(),
    issuedAt: integer('issued_at').notNull(),
  },
  (t) => [primaryKey({ columns: [t.teamId, t.keyId] })],
)

/** One per team and key; `issuedAt` in ms. */
export class KeptTokens {
  readonly #one
  readonly #put: Write<{ teamId: string; keyId: string; jwt: string; issuedAt: number }>

  constructor(db: Db) {
    const { orm } = db
    const p = sql.placeholder
    this.#one = orm
      .select({ jwt: providerTokens.jwt, issuedAt: providerTokens.issuedAt })
      .from(providerTokens)
      .where(and(eq(providerTokens.teamId, p('teamId')), eq(providerTokens.keyId, p('keyId'))))
      .prepare()
    this.#put = writer(
      db,
      orm
        .insert(providerTokens)
        .values({ teamId: p('teamId'), keyId: p('keyId'), jwt: p('jwt'), issuedAt: p('issuedAt') })
        .onConflictDoUpdate({
          target: [providerTokens.teamId, providerTokens.keyId],
          set: { jwt: sql`excluded.jwt`, issuedAt: sql`excluded.issued_at` },
        })
        .prepare(),
    )
  }

  get(teamId: string, keyId: string): { jwt: string; issuedAt: number } | undefined {
    return this.#one.get({ teamId, keyId })
  }

  set(teamId: string, keyId: string, token: { jwt: string; issuedAt: number }): void {
    this.#put({ teamId, keyId, ...token })
  }
}
