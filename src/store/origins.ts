/**
 * Hashes of what was sent before: rows that are only ever appended, and a set in memory that answers. An index would
 * cost each message a look and a page of its own.
 */
import { asc, gte, lte } from 'drizzle-orm'
import { integer, sqliteTable } from 'drizzle-orm/sqlite-core'
import { type Db, rawWriter, type Write } from './db.ts'
import { type Hash, HashSet } from './hash-set.ts'
import type { Receipts } from './receipts.ts'

const origins = sqliteTable('origins', {
  id: integer('id').primaryKey(),
  high: integer('high').notNull(),
  low: integer('low').notNull(),
})

/** Two hashes of 32 bits. */
const [HIGH_SEED, LOW_SEED] = [0x62656c66, 0x72790a0d]
/** Rows that one trip may delete, so that it never holds the loop. */
const BATCH = 500
/** Rows that are read at a time at the start. */
const PAGE = 10_000

export class Origins {
  readonly #db: Db
  readonly #receipts: Receipts
  readonly #known = new HashSet()
  #count = 0
  readonly #insert: Write<{ id: number; high: number; low: number }>

  constructor(db: Db, receipts: Receipts) {
    this.#db = db
    this.#receipts = receipts
    this.#insert = rawWriter(db, 'INSERT INTO origins (id, high, low) VALUES ($id, $high, $low)')
    this.#read()
  }

  has(hash: Hash): boolean {
    return this.#known.has(hash)
  }

  /** Remembered with its trip. */
  remember(id: number, hash: Hash): void {
    this.#insert({ id, high: hash.high, low: hash.low })
    this.#count++
    const isNew = this.#known.add(hash)
    this.#db.turn.undo(() => {
      this.#count--
      if (isNew) this.#known.delete(hash)
    })
  }

  /** Deletes up to `limit` rows of what is older than `before` (ms), or beyond the newest `most`; returns how many. */
  purge(before: number, most: number, limit: number): number {
    const { orm, turn } = this.#db
    const oldest = orm.select().from(origins).orderBy(asc(origins.id)).limit(Math.min(limit, BATCH)).all()
    const bound = this.#receipts.below(before)
    const tooMany = Math.max(0, this.#count - most)
    const gone = oldest.filter(({ id }, i) => id < bound || i < tooMany)
    const last = gone.at(-1)
    if (!last) return 0
    turn.writes()
    orm.delete(origins).where(lte(origins.id, last.id)).run()
    this.#forget(gone)
    return gone.length
  }

  #forget(gone: readonly Hash[]): void {
    this.#count -= gone.length
    for (const hash of gone) this.#known.delete(hash)
    this.#db.turn.undo(() => {
      this.#count += gone.length
      for (const hash of gone) this.#known.add(hash)
    })
  }

  #read(): void {
    const page = this.#db.orm.select().from(origins).orderBy(asc(origins.id)).limit(PAGE)
    for (let from = 0; ;) {
      const rows = page.where(gte(origins.id, from)).all()
      for (const hash of rows) this.#known.add(hash)
      this.#count += rows.length
      const last = rows.at(-1)
      if (!last || rows.length < PAGE) return
      from = last.id + 1
    }
  }
}

/** The hash by which a text is remembered: with one in 10¹⁹ pairs of texts it is another one's too. */
export function hashOf(text: string): Hash {
  return { high: Bun.hash.xxHash32(text, HIGH_SEED), low: Bun.hash.xxHash32(text, LOW_SEED) }
}
