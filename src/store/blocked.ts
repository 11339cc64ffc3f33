/** Block lists (XEP-0191). The list is asked for every stanza, so it is remembered. */
import { and, asc, eq, sql } from 'drizzle-orm'
import { integer, primaryKey, sqliteTable, text } from 'drizzle-orm/sqlite-core'
import type { Account } from './accounts.ts'
import { type Db, type Write, writer } from './db.ts'
import { Remembered } from './remembered.ts'

export const blocked = sqliteTable(
  'blocked',
  { accountId: integer('account_id').notNull(), jid: text('jid').notNull() },
  (t) => [primaryKey({ columns: [t.accountId, t.jid] })],
)

const NOBODY: ReadonlySet<string> = new Set()

export class Blocked {
  readonly #lists: Remembered<number, ReadonlySet<string>>
  readonly #all
  readonly #add: Write<{ accountId: number; jid: string }>
  readonly #remove: Write<{ accountId: number; jid: string }>

  constructor(db: Db) {
    this.#lists = new Remembered(db.turn)
    const p = sql.placeholder
    const mine = eq(blocked.accountId, p('accountId'))
    this.#all = db.orm
      .select({ jid: blocked.jid })
      .from(blocked)
      .where(mine)
      .orderBy(asc(blocked.jid))
      .prepare()
    this.#add = writer(
      db,
      db.orm
        .insert(blocked)
        .values({ accountId: p('accountId'), jid: p('jid') })
        .onConflictDoNothing()
        .prepare(),
    )
    this.#remove = writer(
      db,
      db.orm
        .delete(blocked)
        .where(and(mine, eq(blocked.jid, p('jid'))))
        .prepare(),
    )
  }

  of(account: Account): ReadonlySet<string> {
    return this.#lists.get(account.id, (accountId) => {
      const rows = this.#all.all({ accountId })
      return rows.length === 0 ? NOBODY : new Set(rows.map(({ jid }) => jid))
    })
  }

  add(account: Account, jid: string): void {
    this.#lists.forget(account.id)
    this.#add({ accountId: account.id, jid })
  }

  remove(account: Account, jid: string): void {
    this.#lists.forget(account.id)
    this.#remove({ accountId: account.id, jid })
  }
}
