/** Facts that were taken over from other servers, so that an import can be run again and go on where it stopped. */
import { type Db, rawWriter, type Write } from './db.ts'

/** Key of the account or the room itself. */
const OWNER = 0

export class Imports {
  readonly #has
  readonly #add: Write<{ owner: string; fact: number }>
  readonly #forget: Write<{ owner: string }>

  constructor(db: Db) {
    this.#has = db.raw.prepare<unknown, [string, number]>(
      'SELECT 1 FROM imported WHERE owner = ? AND fact = ?',
    )
    this.#add = rawWriter(db, 'INSERT OR IGNORE INTO imported (owner, fact) VALUES ($owner, $fact)')
    this.#forget = rawWriter(db, 'DELETE FROM imported WHERE owner = $owner')
  }

  /** Whether the account or room of that address was made by an import. */
  made(owner: string): boolean {
    return this.#has.get(owner, OWNER) !== null
  }

  /** It is made now: nothing of an earlier one of that name counts. */
  make(owner: string): void {
    this.#forget({ owner })
    this.#add({ owner, fact: OWNER })
  }

  has(owner: string, fact: string): boolean {
    return this.#has.get(owner, keyOf(fact)) !== null
  }

  add(owner: string, fact: string): void {
    this.#add({ owner, fact: keyOf(fact) })
  }
}

/** 53 bits are what SQLite and JavaScript have in common; those of one owner are few. */
const keyOf = (fact: string): number => Number(Bun.hash.xxHash64(fact) & 0x1fffffffffffffn) || 1
