/**
 * Sizes of accounts' archives. Rows are counted after they were written, many in a trip, up to an id
 * that the settings keep; what is deleted of the counted ones is taken off in the same trip. So the figures stay right
 * over restarts, and while nobody counts.
 */
import { type Db, rawWriter, type Write } from './db.ts'

/** The setting that holds the id up to which messages are counted. */
const COUNTED = 'counted-archive'

interface Size {
  readonly accountId: number
  readonly bytes: number
  readonly rows: number
  readonly last: number
}

export class ArchiveSizes {
  readonly #db: Db
  /** The id up to which messages are counted, once it was asked for. */
  #told: number | undefined
  readonly #counted
  readonly #newer
  readonly #of
  readonly #largest
  readonly #lengths
  readonly #mark: Write<{ name: string; value: Buffer }>
  readonly #add: Write<{ accountId: number; bytes: number }>
  readonly #subtract: Write<{ accountId: number; ids: string; upTo: number }>
  readonly #forget: Write<{ accountId: number }>

  constructor(db: Db) {
    const { raw } = db
    this.#db = db
    this.#counted = raw.prepare<{ value: Uint8Array }, [string]>('SELECT value FROM settings WHERE name = ?')
    this.#newer = raw.prepare<Size, [number, number]>(
      `SELECT account_id AS accountId, sum(octet_length(xml)) AS bytes, count(*) AS rows, max(id) AS last
       FROM (SELECT id, account_id, xml FROM archive WHERE id > ? ORDER BY id LIMIT ?) GROUP BY account_id`,
    )
    this.#of = raw.prepare<{ bytes: number }, [number]>(
      'SELECT bytes FROM archive_sizes WHERE account_id = ?',
    )
    this.#largest = raw.prepare<{ accountId: number }, [number]>(
      'SELECT account_id AS accountId FROM archive_sizes WHERE bytes > ? ORDER BY bytes DESC LIMIT 1',
    )
    this.#lengths = raw.prepare<{ id: number; bytes: number }, [string]>(
      `SELECT id, octet_length(xml) AS bytes FROM archive
       WHERE id IN (SELECT value FROM json_each(?)) ORDER BY id`,
    )
    this.#mark = rawWriter(
      db,
      'INSERT INTO settings VALUES ($name, $value) ON CONFLICT DO UPDATE SET value = excluded.value',
    )
    // An account that was deleted keeps its row, without a host, until the last of its messages is gone.
    this.#add = rawWriter(
      db,
      `INSERT INTO archive_sizes SELECT id, $bytes FROM accounts WHERE id = $accountId AND host <> ''
       ON CONFLICT DO UPDATE SET bytes = bytes + excluded.bytes`,
    )
    this.#subtract = rawWriter(
      db,
      `UPDATE archive_sizes SET bytes = max(0, bytes - (SELECT coalesce(sum(octet_length(xml)), 0) FROM archive
       WHERE id IN (SELECT value FROM json_each($ids)) AND id <= $upTo)) WHERE account_id = $accountId`,
    )
    this.#forget = rawWriter(db, 'DELETE FROM archive_sizes WHERE account_id = $accountId')
  }

  /** Counts up to `limit` messages more; returns how many. */
  count(limit: number): number {
    const sizes = this.#newer.all(this.#upTo(), limit)
    if (sizes.length === 0) return 0
    for (const { accountId, bytes } of sizes) this.#add({ accountId, bytes })
    const last = Math.max(...sizes.map((size) => size.last))
    this.#mark({ name: COUNTED, value: Buffer.from(String(last)) })
    this.#told = undefined
    this.#db.turn.undo(() => (this.#told = undefined))
    return sizes.reduce((sum, { rows }) => sum + rows, 0)
  }

  /** A message of before was written now, from another server: where its id was passed already it is counted here. */
  joined(accountId: number, id: number, bytes: number): void {
    if (id <= this.#upTo()) this.#add({ accountId, bytes })
  }

  /** Bytes of the account's archive, as far as it was counted. */
  of(accountId: number): number {
    return this.#of.get(accountId)?.bytes ?? 0
  }

  /** The account that holds most, where that is more than `bytes`. */
  largest(bytes: number): number | undefined {
    return this.#largest.get(bytes)?.accountId
  }

  /** Those of these messages (ids, the oldest first) that must go so that no more than `bytes` are left. */
  surplus(accountId: number, ids: readonly number[], bytes: number): number[] {
    // Counted is what is not there: nothing would ever be deleted of it.
    if (ids.length === 0) this.#forget({ accountId })
    let over = this.of(accountId) - bytes
    const goes: number[] = []
    for (const row of this.#lengths.all(JSON.stringify(ids))) {
      if (over <= 0) break
      over -= row.bytes
      goes.push(row.id)
    }
    return goes
  }

  /** These of its messages are about to be deleted. */
  goes(accountId: number, ids: readonly number[]): void {
    const upTo = this.#upTo()
    if (upTo > 0 && ids.length > 0) this.#subtract({ accountId, ids: JSON.stringify(ids), upTo })
  }

  /** The id up to which messages are counted; 0 where there never was a quota. */
  #upTo(): number {
    if (this.#told !== undefined) return this.#told
    const row = this.#counted.get(COUNTED)
    return (this.#told = row ? Number(Buffer.from(row.value).toString()) : 0)
  }
}
