/** Work that goes on in later trips, noted in the settings, where a start after a crash finds it. */
import { type Db, rawWriter, type Write } from './db.ts'

export class Notes<T> {
  readonly #db: Db
  readonly #prefix: string
  readonly #put: Write<{ name: string; value: Buffer }>
  readonly #forget: Write<{ name: string }>

  /** `prefix` is that of all their names, and of no others. */
  constructor(db: Db, prefix: string) {
    this.#db = db
    this.#prefix = prefix
    this.#put = rawWriter(db, 'INSERT INTO settings (name, value) VALUES ($name, $value)')
    this.#forget = rawWriter(db, 'DELETE FROM settings WHERE name = $name')
  }

  /** Notes that the last run left, by key: for the start. */
  all(): [key: string, note: T][] {
    return (
      this.#db.raw
        .query<{ name: string; value: Uint8Array }, [string]>(
          'SELECT name, value FROM settings WHERE name GLOB ?',
        )
        .all(`${this.#prefix}*`)
        // JSON of our own making.
        .map(({ name, value }) => [
          name.slice(this.#prefix.length),
          JSON.parse(Buffer.from(value).toString()) as T,
        ])
    )
  }

  /** Throws where the key has a note already. */
  put(key: string | number, note: T): void {
    this.#put({ name: `${this.#prefix}${key}`, value: Buffer.from(JSON.stringify(note)) })
  }

  forget(key: string | number): void {
    this.#forget({ name: `${this.#prefix}${key}` })
  }
}
