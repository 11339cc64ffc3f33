/** XML that clients keep at the server for themselves (XEP-0049), one document per element name and namespace. */
import { and, asc, count, eq, sql } from 'drizzle-orm'
import { integer, primaryKey, sqliteTable, text } from 'drizzle-orm/sqlite-core'
import type { Account } from './accounts.ts'
import { type Db, type Write, writer } from './db.ts'

export const privateXml = sqliteTable(
  'private_xml',
  { accountId: integer('account_id').notNull(), name: text('name').notNull(), xml: text('xml').notNull() },
  (t) => [primaryKey({ columns: [t.accountId, t.name] })],
)

export class PrivateXml {
  readonly #db: Db
  readonly #one
  readonly #size
  readonly #put: Write<{ accountId: number; name: string; xml: string }>

  constructor(db: Db) {
    this.#db = db
    const p = sql.placeholder
    this.#one = db.orm
      .select({ xml: privateXml.xml })
      .from(privateXml)
      .where(and(eq(privateXml.accountId, p('accountId')), eq(privateXml.name, p('name'))))
      .prepare()
    // Only the rows' headers are read.
    this.#size = db.raw.prepare<{ bytes: number }, [number]>(
      `SELECT coalesce(sum(octet_length(name) + octet_length(xml)), 0) AS bytes FROM private_xml WHERE account_id = ?`,
    )
    this.#put = writer(
      db,
      db.orm
        .insert(privateXml)
        .values({ accountId: p('accountId'), name: p('name'), xml: p('xml') })
        .onConflictDoUpdate({
          target: [privateXml.accountId, privateXml.name],
          set: { xml: sql`excluded.xml` },
        })
        .prepare(),
    )
  }

  /** `name` is "{namespace}element". */
  get(account: Account, name: string): string | undefined {
    return this.#one.get({ accountId: account.id, name })?.xml
  }

  /** All documents, by name. */
  all(account: Account): string[] {
    const { orm } = this.#db
    const mine = eq(privateXml.accountId, account.id)
    return orm
      .select({ xml: privateXml.xml })
      .from(privateXml)
      .where(mine)
      .orderBy(asc(privateXml.name))
      .all()
      .map(({ xml }) => xml)
  }

  set(account: Account, name: string, xml: string): void {
    this.#put({ accountId: account.id, name, xml })
  }

  /** Bytes of all documents. */
  bytes(account: Account): number {
    return this.#size.get(account.id)?.bytes ?? 0
  }

  count(account: Account): number {
    const { orm } = this.#db
    return (
      orm.select({ n: count() }).from(privateXml).where(eq(privateXml.accountId, account.id)).get()?.n ?? 0
    )
  }
}
