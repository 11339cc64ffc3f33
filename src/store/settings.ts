/** Small facts of the server itself, kept beside the data that they belong to. */
import { eq, sql } from 'drizzle-orm'
import { blob, sqliteTable, text } from 'drizzle-orm/sqlite-core'
import type { Random } from './clock.ts'
import { type Db, type Write, writer } from './db.ts'

export const settings = sqliteTable('settings', {
  name: text('name').primaryKey(),
  value: blob('value', { mode: 'buffer' }).notNull(),
})

export class Settings {
  readonly #random: Random
  readonly #get
  readonly #put: Write<{ name: string; value: Buffer }>

  constructor(db: Db, random: Random) {
    this.#random = random
    this.#get = db.orm
      .select()
      .from(settings)
      .where(eq(settings.name, sql.placeholder('name')))
      .prepare()
    this.#put = writer(
      db,
      db.orm
        .insert(settings)
        .values({ name: sql.placeholder('name'), value: sql.placeholder('value') })
        .onConflictDoUpdate({ target: settings.name, set: { value: sql`excluded.value` } })
        .prepare(),
    )
  }

  get(name: string): Buffer | undefined {
    return this.#get.get({ name })?.value
  }

  set(name: string, value: Buffer): void {
    this.#put({ name, value })
  }

  /** A secret of this server, made at first use and the same ever after. */
  secret(name: string, bytes = 32): Buffer {
    const known = this.get(name)
    if (known) return known
    const made = this.#random.bytes(bytes)
    this.set(name, made)
    return made
  }
}
