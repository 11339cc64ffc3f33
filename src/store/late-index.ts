/**
 * An index by account of a table that grows at its end, written late. Each new row would touch a page of an ordinary
 * index of its own, here and there, which costs more than the row itself. So the latest rows of an account are
 * remembered, and written into the index together: their places lie side by side.
 *
 * The rows say all that the index says. After a crash what was not written is read from them again: it is newer than
 * the id that `settings` keep.
 */
import { type Db, rawWriter, type Write } from './db.ts'

/** A row of the table. */
export interface Place {
  readonly accountId: number
  readonly id: number
  /** Bare JID of the other side, where the table has one. */
  readonly peer?: string
}

/** What is not in the index yet. */
interface Pending {
  /** Counts the rows of all accounts. */
  readonly since: number
  /** No id of these is lower. */
  lowest: number
  readonly places: Place[]
}

/** Rows; see the class. */
export interface LateLimits {
  /** Of one account, that are written together. */
  readonly together: number
  /** Of all accounts, after which a row is written at the latest: the memory they take, and what a crash leaves to do. */
  readonly span: number
  /** Between two looks for those. */
  readonly look: number
  /** Between two notes of how far the index goes. */
  readonly mark: number
}

const LIMITS: LateLimits = { together: 256, span: 20_000, look: 64, mark: 5_000 }

/**
 * `table` has the columns id and account_id, `table_index` the same and no other but `peer`. Rows in which the
 * column `unless` is 1 have no place there.
 */
export class LateIndex {
  readonly #db: Db
  readonly #limits: LateLimits
  /** In `settings`. */
  readonly #name: string
  /** By account; who waits longest stands first. */
  readonly #pending = new Map<number, Pending>()
  #count = 0
  /** Every row up to this id is in the index; what `settings` say may lie behind. */
  #indexed: number
  #told: number
  readonly #insert: Write<{ accountId: number; id: number; peer?: string }>
  readonly #mark: Write<{ name: string; value: Buffer }>
  readonly #unplace: Write<{ accountId: number; last: number }>
  readonly #remove: Write<{ accountId: number; id: number }>
  readonly #delete: Write<{ accountId: number; last: number }>
  readonly #deleteRest: Write<{ accountId: number; before: number }> | undefined
  readonly #oldest
  readonly #after
  readonly #newest
  readonly #total

  constructor(
    db: Db,
    table: string,
    columns: 'id' | 'peer, id',
    { limits = LIMITS, unless }: { limits?: LateLimits; unless?: string } = {},
  ) {
    this.#db = db
    this.#limits = limits
    this.#name = `indexed-${table}`
    this.#told = told(db, this.#name)
    this.#indexed = catchUp(db, table, columns, unless, this.#told)
    const values = columns === 'id' ? '$id' : '$peer, $id'
    this.#insert = rawWriter(
      db,
      `INSERT OR IGNORE INTO ${table}_index (account_id, ${columns}) VALUES ($accountId, ${values})`,
    )
    this.#mark = rawWriter(
      db,
      'INSERT INTO settings VALUES ($name, $value) ON CONFLICT DO UPDATE SET value = excluded.value',
    )
    this.#remove = rawWriter(db, `DELETE FROM ${table}_index WHERE account_id = $accountId AND id = $id`)
    this.#delete = rawWriter(
      db,
      `DELETE FROM ${table} WHERE id IN
       (SELECT id FROM ${table}_index WHERE account_id = $accountId AND id <= $last) AND account_id = $accountId`,
    )
    if (unless !== undefined)
      this.#deleteRest = rawWriter(
        db,
        `DELETE FROM ${table} WHERE account_id = $accountId AND ${unless} = 1 AND id < $before`,
      )
    this.#unplace = rawWriter(db, `DELETE FROM ${table}_index WHERE account_id = $accountId AND id <= $last`)
    this.#oldest = db.raw.prepare<{ id: number }, number[]>(
      `SELECT id FROM ${table}_index WHERE account_id = ? AND id < ? ORDER BY id LIMIT ?`,
    )
    this.#after = db.raw.prepare<{ id: number }, number[]>(
      `SELECT id FROM ${table}_index WHERE account_id = ? AND id > ? ORDER BY id LIMIT ?`,
    )
    this.#total = db.raw.prepare<{ n: number }, []>(`SELECT count(*) AS n FROM ${table}_index`)
    this.#newest = db.raw.prepare<{ id: number }, number[]>(
      `SELECT id FROM ${table}_index WHERE account_id = ? ORDER BY id DESC LIMIT ?`,
    )
  }

  /** The row has been written. Within a trip. */
  add(place: Place): void {
    const { accountId, id } = place
    this.#count++
    // The index is said to have it already: after a crash nobody would look.
    if (id <= this.#indexed) return void this.#insert({ ...place })
    this.#push(place)
    if ((this.#pending.get(accountId)?.places.length ?? 0) >= this.#limits.together) this.settle(accountId)
    if (this.#count % this.#limits.look === 0) this.#settleLongest()
    if (this.#count % this.#limits.mark === 0) this.#tell(id)
  }

  /** The row is gone. Within a trip. */
  remove(accountId: number, id: number): void {
    const places = this.#pending.get(accountId)?.places
    const at = places?.findIndex((place) => place.id === id) ?? -1
    const [place] = places && at >= 0 ? places.splice(at, 1) : []
    if (!place) this.#remove({ accountId, id })
    else this.#db.turn.undo(() => places?.splice(at, 0, place))
  }

  /** Ids of the account's rows that are not in the index, in the order in which they were added. */
  pending(accountId: number): number[] {
    return this.#pending.get(accountId)?.places.map(({ id }) => id) ?? []
  }

  /** Ids of the account's last rows, the newest first. */
  newest(accountId: number, limit: number): number[] {
    const indexed = this.#newest.all(accountId, limit).map(({ id }) => id)
    return [...this.pending(accountId), ...indexed].sort((a, b) => b - a).slice(0, limit)
  }

  /** Ids of up to `limit` of the account's rows above `after`, in order. */
  after(accountId: number, after: number, limit: number): number[] {
    const indexed = this.#after.all(accountId, after, limit).map(({ id }) => id)
    const pending = this.pending(accountId).filter((id) => id > after)
    return [...indexed, ...pending].sort((a, b) => a - b).slice(0, limit)
  }

  /** Rows of all accounts. Looks at each of them. */
  total(): number {
    let n = this.#total.get()?.n ?? 0
    for (const { places } of this.#pending.values()) n += places.length
    return n
  }

  /** Writes the account's rows into the index. Within a trip. */
  settle(accountId: number): void {
    const pending = this.#pending.get(accountId)
    if (!pending) return
    this.#pending.delete(accountId)
    this.#db.turn.undo(() => this.#pending.set(accountId, pending))
    for (const place of pending.places.toSorted(inOrder)) this.#insert({ ...place })
  }

  /** The same for some accounts, before an orderly end; true where there are more. Within a trip. */
  settleSome(limit: number): boolean {
    let left = limit
    let last = this.#indexed
    for (const [accountId, { places }] of this.#pending) {
      if (left <= 0) return true
      left -= places.length
      for (const { id } of places) last = Math.max(last, id)
      this.settle(accountId)
    }
    if (last > this.#told) this.#tell(last)
    return false
  }

  /**
   * Deletes up to `limit` of the account's rows with ids below `before`, the oldest first, and their places; returns how
   * many. Within a trip.
   */
  erase(accountId: number, before: number, limit: number): number {
    if (this.#pending.get(accountId)?.places.some(({ id }) => id < before)) this.settle(accountId)
    const old = this.#oldest.all(accountId, before, limit)
    const last = old.at(-1)?.id
    if (last !== undefined) {
      this.#delete({ accountId, last })
      this.#unplace({ accountId, last })
    }
    const rest = old.length < limit ? this.#deleteRest?.({ accountId, before }) : 0
    return old.length + (rest ?? 0)
  }

  #settleLongest(): void {
    const before = this.#count - this.#limits.span
    for (const [accountId, { since }] of this.#pending) {
      if (since > before) return
      this.settle(accountId)
    }
  }

  #push(place: Place): void {
    const { accountId, id } = place
    const pending = this.#pending.get(accountId)
    if (pending) {
      pending.places.push(place)
      if (id < pending.lowest) pending.lowest = id
      this.#db.turn.undo(() => pending.places.pop())
    } else {
      this.#pending.set(accountId, { since: this.#count, lowest: id, places: [place] })
      this.#db.turn.undo(() => this.#pending.delete(accountId))
    }
  }

  /** What is not pending is in the index, so any `last` is true; what comes below it is not remembered but written. */
  #tell(last: number): void {
    let indexed = last
    for (const { lowest } of this.#pending.values()) indexed = Math.min(indexed, lowest - 1)
    this.#mark({ name: this.#name, value: Buffer.from(String(indexed)) })
    const before = [this.#indexed, this.#told] as const
    this.#indexed = this.#told = indexed
    this.#db.turn.undo(() => ([this.#indexed, this.#told] = before))
  }
}

/** Side by side in the index too. */
function inOrder(a: Place, b: Place): number {
  if (a.peer === b.peer || a.peer === undefined || b.peer === undefined) return a.id - b.id
  return a.peer < b.peer ? -1 : 1
}

/** The id up to which the index was complete when that was last noted. */
function told({ raw }: Db, name: string): number {
  const row = raw
    .query<{ value: Uint8Array }, [string]>('SELECT value FROM settings WHERE name = ?')
    .get(name)
  return row ? Number(Buffer.from(row.value).toString()) : 0
}

/** Before the first turn: what a crash left out. Returns the id up to which the index is complete now. */
function catchUp({ raw }: Db, table: string, columns: string, unless = 'false', from: number): number {
  raw.run(
    `INSERT OR IGNORE INTO ${table}_index (account_id, ${columns})
     SELECT account_id, ${columns} FROM ${table} WHERE id > ? AND NOT ${unless} ORDER BY account_id, ${columns}`,
    [from],
  )
  return raw.query<{ id: number | null }, []>(`SELECT max(id) AS id FROM ${table}`).get()?.id ?? 0
}
