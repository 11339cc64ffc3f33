/** Sessions that outlive an orderly stop of the server (XEP-0198 §5): written when it ends, read once when it starts. */
import { asc, eq } from 'drizzle-orm'
import { integer, primaryKey, sqliteTable, text } from 'drizzle-orm/sqlite-core'
import { type Db, rawWriter, type Write } from './db.ts'

export const smSessions = sqliteTable('sm_sessions', {
  id: text('id').primaryKey(),
  accountId: integer('account_id').notNull(),
  resource: text('resource').notNull(),
  since: integer('since').notNull(),
  until: integer('until').notNull(),
  handled: integer('handled').notNull(),
  acked: integer('acked').notNull(),
  max: integer('max').notNull(),
  state: text('state').notNull(),
})

export const smStanzas = sqliteTable(
  'sm_stanzas',
  {
    session: text('session').notNull(),
    n: integer('n').notNull(),
    offlineId: integer('offline_id'),
    live: integer('live', { mode: 'boolean' }).notNull(),
    xml: text('xml').notNull(),
  },
  (t) => [primaryKey({ columns: [t.session, t.n] })],
)

export type SavedSession = typeof smSessions.$inferSelect
export type SavedStanza = typeof smStanzas.$inferSelect

export class Sm {
  readonly #db: Db
  readonly #session: Write<SavedSession>
  readonly #stanza: Write<SavedStanza>

  constructor(db: Db) {
    this.#db = db
    this.#session = rawWriter(
      db,
      'INSERT INTO sm_sessions (id, account_id, resource, since, until, handled, acked, max, state)' +
        ' VALUES ($id, $accountId, $resource, $since, $until, $handled, $acked, $max, $state)',
    )
    this.#stanza = rawWriter(
      db,
      'INSERT INTO sm_stanzas (session, n, offline_id, live, xml) VALUES ($session, $n, $offlineId, $live, $xml)',
    )
  }

  save(session: SavedSession, stanzas: Iterable<SavedStanza>): void {
    this.#session(session)
    for (const stanza of stanzas) this.#stanza(stanza)
  }

  sessions(): SavedSession[] {
    return this.#db.orm.select().from(smSessions).all()
  }

  stanzas(session: string): SavedStanza[] {
    return this.#db.orm
      .select()
      .from(smStanzas)
      .where(eq(smStanzas.session, session))
      .orderBy(asc(smStanzas.n))
      .all()
  }

  /** From here on the sessions live in memory: after a crash nothing of them must be believed. */
  forget(): void {
    this.#db.turn.writes()
    this.#db.orm.delete(smSessions).run()
  }
}
