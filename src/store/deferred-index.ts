/**
 * An index by account of a table that grows at its end, written late. Each new row would touch a page of an ordinary
 * index of its own, here and there, which costs more than the row itself. So the latest rows of an account are
 * remembered, and written into the index together: their places lie side by side.
 *
 * Nothing is lost by a crash: entries that were not written are made again from the rows, those above the id that
 * `settings` keep.
 */
import { SQLiteError } from 'bun:sqlite'
import { type Db, rawWriter, type Write } from './db.ts'

/** A row of the table. */
export interface IndexEntry {
  readonly accountId: number
  readonly id: number
  /** Bare JID of the other side, where the table has one. */
  readonly peer?: string
}

/** Rows that are not in the index yet; there are many, so that each is two words of memory, not an object. */
interface Pending {
  /** Counts the rows of all accounts. */
  readonly since: number
  /** No id of these is lower. */
  lowest: number
  ids: number[]
  /** Beside them, where the table has peers. */
  peers: string[]
}

/** Rows; see the class. */
export interface DeferredIndexLimits {
  /** Of one account, that are written together: a message may be the last one for each of its indexes. */
  readonly together: number
  /** Of all accounts, after which a row is written at the latest: the memory they take, and what a crash leaves to do. */
  readonly span: number
  /** Between two looks for those. */
  readonly look: number
  /** Between two notes of how far the index goes. */
  readonly mark: number
}

const MARK = 'INSERT INTO settings VALUES ($name, $value) ON CONFLICT DO UPDATE SET value = excluded.value'

const LIMITS: DeferredIndexLimits = { together: 256, span: 40_000, look: 64, mark: 5_000 }

/**
 * `table` has the columns id and account_id, `table_index` the same and no other but `peer`. Rows in which the
 * column `unless` is 1 have no place there.
 */
export class DeferredIndex {
  /** At the start: of the rows that are there and of those that are gone. */
  readonly highest: number

  readonly #db: Db
  readonly #limits: DeferredIndexLimits
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
  readonly #remove: Write<{ accountId: number; id: number }>
  readonly #unplace: Write<{ ids: string }>
  readonly #delete: Write<{ ids: string }>
  readonly #oldest
  readonly #after
  readonly #newest
  readonly #total
  readonly #without

  constructor(
    db: Db,
    table: string,
    columns: 'id' | 'peer, id',
    { limits = LIMITS, unless }: { limits?: DeferredIndexLimits; unless?: string } = {},
  ) {
    this.#db = db
    this.#limits = limits
    this.#name = `indexed-${table}`
    this.#told = this.#indexed = told(db, this.#name)
    const values = columns === 'id' ? '$id' : '$peer, $id'
    this.#insert = rawWriter(
      db,
      `INSERT OR IGNORE INTO ${table}_index (account_id, ${columns}) VALUES ($accountId, ${values})`,
    )
    this.#mark = rawWriter(db, MARK)
    this.#remove = rawWriter(db, `DELETE FROM ${table}_index WHERE account_id = $accountId AND id = $id`)
    // Each place is found by its whole key: not every index has the ids of an account in their order.
    this.#unplace = rawWriter(
      db,
      `DELETE FROM ${table}_index WHERE (account_id, ${columns}) IN
       (SELECT account_id, ${columns} FROM ${table} WHERE id IN (SELECT value FROM json_each($ids)))`,
    )
    this.#delete = rawWriter(db, `DELETE FROM ${table} WHERE id IN (SELECT value FROM json_each($ids))`)
    const ids = (text: string) => db.raw.prepare<{ id: number }, number[]>(text)
    this.#oldest = ids(`SELECT id FROM ${table}_index WHERE account_id = ? AND id < ? ORDER BY id LIMIT ?`)
    this.#after = ids(`SELECT id FROM ${table}_index WHERE account_id = ? AND id > ? ORDER BY id LIMIT ?`)
    this.#newest = ids(`SELECT id FROM ${table}_index WHERE account_id = ? ORDER BY id DESC LIMIT ?`)
    this.#total = db.raw.prepare<{ n: number }, []>(`SELECT count(*) AS n FROM ${table}_index`)
    if (unless !== undefined)
      this.#without = ids(`SELECT id FROM ${table} WHERE account_id = ? AND ${unless} = 1 AND id < ? LIMIT ?`)
    this.highest = this.#catchUp(table, columns, unless)
  }

  /** The row has been written. */
  add(place: IndexEntry): void {
    const { accountId, id } = place
    this.#count++
    // The index is said to have it already: after a crash nobody would look.
    if (id <= this.#indexed) this.#insert(place)
    else if (this.#push(place) >= this.#limits.together) this.flush(accountId)
    if (this.#count % this.#limits.look === 0) this.#flushLongest()
    if (this.#count % this.#limits.mark === 0) this.#tell(Math.max(id, this.#indexed))
  }

  /** The row is gone. */
  remove(accountId: number, id: number): void {
    if (!this.#unremember(accountId, (other) => other === id)) this.#remove({ accountId, id })
  }

  /** Ids of the account's rows that are not in the index, in the order in which they were added. */
  pending(accountId: number): readonly number[] {
    return this.#pending.get(accountId)?.ids ?? []
  }

  /** Ids of the account's last rows, the newest first. */
  newest(accountId: number, limit: number): number[] {
    const indexed = this.#newest.all(accountId, limit).map(({ id }) => id)
    return [...this.pending(accountId), ...indexed].sort((a, b) => b - a).slice(0, limit)
  }

  /** Ids of up to `limit` of the account's rows below `before`, in order. */
  oldest(accountId: number, before: number, limit: number): number[] {
    const indexed = this.#oldest.all(accountId, before, limit).map(({ id }) => id)
    const pending = this.pending(accountId).filter((id) => id < before)
    return [...indexed, ...pending].sort((a, b) => a - b).slice(0, limit)
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
    for (const { ids } of this.#pending.values()) n += ids.length
    return n
  }

  /** Writes the account's rows into the index. */
  flush(accountId: number): void {
    const pending = this.#pending.get(accountId)
    if (!pending) return
    this.#pending.delete(accountId)
    this.#db.turn.undo(() => this.#pending.set(accountId, pending))
    for (const place of inOrder(accountId, pending)) this.#insert(place)
  }

  /** The same for some accounts, before an orderly end; true where there are more. */
  flushSome(limit: number): boolean {
    let left = limit
    let last = this.#indexed
    for (const [accountId, { ids }] of this.#pending) {
      if (left <= 0) return true
      left -= ids.length
      for (const id of ids) last = Math.max(last, id)
      this.flush(accountId)
    }
    if (last > this.#told) this.#tell(last)
    return false
  }

  /**
   * Deletes up to `limit` of the account's rows with ids below `before`, the oldest first, and their places; returns how
   * many.
   */
  erase(accountId: number, before: number, limit: number): number {
    const old = this.oldest(accountId, before, limit)
    const rest = this.#without?.all(accountId, before, limit - old.length) ?? []
    const ids = [...old, ...rest.map(({ id }) => id)]
    this.eraseRows(ids.map((id) => ({ accountId, id })))
    return ids.length
  }

  /** Deletes these rows and their places, whether they have one or not. */
  eraseRows(rows: readonly IndexEntry[]): void {
    if (rows.length === 0) return
    const ids = new Set(rows.map(({ id }) => id))
    for (const accountId of new Set(rows.map((row) => row.accountId)))
      this.#unremember(accountId, (id) => ids.has(id))
    const list = JSON.stringify([...ids])
    this.#unplace({ ids: list })
    this.#delete({ ids: list })
  }

  /** At most so many rows at once that a trip stays short, and more than come meanwhile. */
  #flushLongest(): void {
    const before = this.#count - this.#limits.span
    let left = 2 * this.#limits.look
    for (const [accountId, { since, ids }] of this.#pending) {
      if (since > before || left <= 0) return
      left -= ids.length
      this.flush(accountId)
    }
  }

  /** Forgets what the index does not have yet; false where there is none of these. */
  #unremember(accountId: number, which: (id: number) => boolean): boolean {
    const pending = this.#pending.get(accountId)
    if (!pending?.ids.some(which)) return false
    const { ids, peers } = pending
    pending.ids = ids.filter((id) => !which(id))
    pending.peers = peers.filter((_, i) => !which(ids[i] ?? 0))
    this.#db.turn.undo(() => {
      pending.ids = ids
      pending.peers = peers
    })
    return true
  }

  /** Returns how many of the account are remembered now. */
  #push(place: IndexEntry): number {
    const isFirst = !this.#pending.has(place.accountId)
    const pending = this.#remember(place, this.#count)
    this.#db.turn.undo(() => {
      pending.ids.pop()
      pending.peers.pop()
      if (isFirst) this.#pending.delete(place.accountId)
    })
    return pending.ids.length
  }

  #remember({ accountId, id, peer }: IndexEntry, since: number): Pending {
    const known = this.#pending.get(accountId)
    const pending = known ?? { since, lowest: id, ids: [], peers: [] }
    pending.ids.push(id)
    if (peer !== undefined) pending.peers.push(peer)
    if (id < pending.lowest) pending.lowest = id
    if (!known) this.#pending.set(accountId, pending)
    return pending
  }

  /** Rows that are not pending are in the index, so any `last` is true; what comes below it is not remembered but written. */
  #tell(last: number): void {
    let indexed = last
    for (const { lowest } of this.#pending.values()) indexed = Math.min(indexed, lowest - 1)
    this.#mark({ name: this.#name, value: asText(indexed) })
    const before = [this.#indexed, this.#told] as const
    this.#indexed = this.#told = indexed
    this.#db.turn.undo(() => ([this.#indexed, this.#told] = before))
  }

  /**
   * Before the first turn: what a crash left out, noted at once, so that no start does again what the last one did.
   * Returns the highest id.
   */
  #catchUp(table: string, columns: string, unless = 'false'): number {
    const { raw } = this.#db
    const last = raw.query<{ id: number | null }, []>(`SELECT max(id) AS id FROM ${table}`).get()?.id ?? 0
    // The newest rows may be gone: nobody would look for what is written below them and is not in the index.
    if (last <= this.#told) return this.#told
    try {
      raw.run(
        `INSERT OR IGNORE INTO ${table}_index (account_id, ${columns})
         SELECT account_id, ${columns} FROM ${table} WHERE id > ? AND NOT ${unless} ORDER BY account_id, ${columns}`,
        [this.#told],
      )
      this.#indexed = last
      raw.query<null, [Record<string, string | Buffer>]>(MARK).run({ name: this.#name, value: asText(last) })
      this.#told = last
    } catch (error) {
      // What is stored can be read from a full disk: the places are remembered until there is room for them.
      if (!(error instanceof SQLiteError) || error.code !== 'SQLITE_FULL') throw error
      if (this.#indexed === last) return last
      const places = raw
        .query<IndexEntry, [number]>(
          `SELECT account_id AS accountId, ${columns} FROM ${table} WHERE id > ? AND NOT ${unless} ORDER BY id`,
        )
        .all(this.#told)
      this.#count = places.length
      for (const [i, place] of places.entries()) this.#remember(place, i)
    }
    return last
  }
}

/** Side by side in the index too. */
function inOrder(accountId: number, { ids, peers }: Pending): IndexEntry[] {
  const places = ids.map((id, i) => {
    const peer = peers[i]
    return peer === undefined ? { accountId, id } : { accountId, id, peer }
  })
  return places.sort(byPlace)
}

function byPlace(a: IndexEntry, b: IndexEntry): number {
  if (a.peer === b.peer || a.peer === undefined || b.peer === undefined) return a.id - b.id
  return a.peer < b.peer ? -1 : 1
}

const asText = (id: number): Buffer => Buffer.from(String(id))

/** The id up to which the index was complete when that was last noted. */
function told({ raw }: Db, name: string): number {
  const row = raw
    .query<{ value: Uint8Array }, [string]>('SELECT value FROM settings WHERE name = ?')
    .get(name)
  return row ? Number(Buffer.from(row.value).toString()) : 0
}
