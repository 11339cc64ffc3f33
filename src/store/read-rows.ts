/**
 * Unread messages that have been read. Where there are many their rows go in several trips, so that none holds the loop:
 * until then they are noted as read, in the settings, where a start after a crash finds it.
 */
import { type Db, rawWriter, type Write } from './db.ts'
import { Notes } from './notes.ts'

/** Rows that one trip deletes: a millisecond or two. */
const PIECE = 500

/** Everything up to an id, in one chat or in all. */
interface Read {
  readonly peer: string | null
  readonly upTo: number
}

/** A read whose rows are still there. */
interface Rest extends Read {
  readonly left: number
}

/** The same as what statements bind: chats from one to another. */
interface Part {
  readonly accountId: number
  readonly from: string
  readonly to: string
  readonly upTo: number
}
type Deletes = Write<{ accountId: number; from: string; to: string; upTo: number; most: number }>

/** Above every address. */
const LAST = '\u{10ffff}'

export class ReadRows {
  readonly #db: Db
  /** By account: one at a time. */
  readonly #rests = new Map<number, Rest>()
  readonly #counted
  readonly #rows: Deletes
  readonly #places: Deletes
  /** By account. */
  readonly #notes: Notes<Read>

  constructor(db: Db) {
    this.#db = db
    this.#counted = db.raw.prepare<{ n: number; last: number | null }, [Record<string, string | number>]>(
      `SELECT count(*) AS n, max(id) AS last FROM unread_index
       WHERE account_id = $accountId AND peer BETWEEN $from AND $to AND id <= $upTo`,
    )
    // Both choose in the order of the index, and so the same.
    this.#rows = rawWriter(
      db,
      `DELETE FROM unread WHERE id IN (SELECT id FROM unread_index
       WHERE account_id = $accountId AND peer BETWEEN $from AND $to AND id <= $upTo
       ORDER BY account_id, peer, id LIMIT $most)`,
    )
    this.#places = rawWriter(
      db,
      `DELETE FROM unread_index WHERE (account_id, peer, id) IN (SELECT account_id, peer, id FROM unread_index
       WHERE account_id = $accountId AND peer BETWEEN $from AND $to AND id <= $upTo
       ORDER BY account_id, peer, id LIMIT $most)`,
    )
    this.#notes = new Notes(db, 'unread-read-')
    for (const [name, read] of this.#notes.all()) {
      const accountId = Number(name)
      this.#rests.set(accountId, { ...read, left: this.#count(accountId, read).n })
    }
  }

  /** Accounts of which rows are left. */
  unfinished(): number[] {
    return [...this.#rests.keys()]
  }

  /** Rows of the account that are there and do not count. */
  left(accountId: number): number {
    return this.#rests.get(accountId)?.left ?? 0
  }

  isRead(accountId: number, peer: string, id: number): boolean {
    const rest = this.#rests.get(accountId)
    return rest !== undefined && id <= rest.upTo && (rest.peer ?? peer) === peer
  }

  /** All that is placed in the index is read, of one chat or of all; returns how many that are. */
  begin(accountId: number, read: Read): number {
    this.finish(accountId)
    const { n, last } = this.#count(accountId, read)
    if (n === 0) return 0
    // What comes later is not read, whatever its id.
    const rest = { peer: read.peer, upTo: last ?? read.upTo, left: n }
    if (n > PIECE) this.#notes.put(accountId, { peer: rest.peer, upTo: rest.upTo })
    this.#delete(accountId, rest)
    return n
  }

  /** Deletes some of what is left; true where there is more. */
  goOn(accountId: number): boolean {
    const rest = this.#rests.get(accountId)
    if (!rest) return false
    this.#delete(accountId, rest)
    if (this.#rests.has(accountId)) return true
    this.#notes.forget(accountId)
    return false
  }

  /** Deletes all that is left: for the rare case that the next change comes before that. */
  finish(accountId: number): void {
    while (this.goOn(accountId));
  }

  #delete(accountId: number, rest: Rest): void {
    const part = { ...partOf(accountId, rest), most: PIECE }
    this.#rows(part)
    this.#places(part)
    const before = this.#rests.get(accountId)
    this.#put(accountId, rest.left > PIECE ? { ...rest, left: rest.left - PIECE } : undefined)
    this.#db.turn.undo(() => this.#put(accountId, before))
  }

  #put(accountId: number, rest: Rest | undefined): void {
    if (rest) this.#rests.set(accountId, rest)
    else this.#rests.delete(accountId)
  }

  #count(accountId: number, read: Read): { n: number; last: number | null } {
    return this.#counted.get({ ...partOf(accountId, read) }) ?? { n: 0, last: null }
  }
}

function partOf(accountId: number, { peer, upTo }: Read): Part {
  return { accountId, from: peer ?? '', to: peer ?? LAST, upTo }
}
