/** Accounts by what their names look like (UTS #39). */
import type { Jid } from '../xmpp/jid.ts'
import { skeletonOf } from '../xmpp/skeleton.ts'
import { type Db, rawWriter, type Write } from './db.ts'

interface Row {
  readonly id: number
  readonly jid: string
}

export class Skeletons {
  readonly #same
  readonly #unwritten
  readonly #missing
  readonly #put: Write<{ id: number; skeleton: string }>

  constructor(db: Db) {
    const { raw } = db
    this.#same = raw.prepare<Row, [string, string, string]>(
      'SELECT id, jid FROM accounts WHERE skeleton = ? AND host = ? AND jid <> ? LIMIT 1',
    )
    this.#unwritten = raw.prepare<Row, [string, string]>(
      'SELECT id, jid FROM accounts WHERE skeleton IS NULL AND host = ? AND jid <> ?',
    )
    this.#missing = raw.prepare<Row, [number]>('SELECT id, jid FROM accounts WHERE skeleton IS NULL LIMIT ?')
    this.#put = rawWriter(db, 'UPDATE accounts SET skeleton = $skeleton WHERE id = $id')
  }

  /** Another account of the same host whose name looks the same; one that was there before this was asked, too. */
  like({ domain, bare }: Jid): string | undefined {
    const wanted = skeletonOf(bare)
    const found = this.#same.get(wanted, domain, bare)
    if (found) return found.jid
    // Nothing is left of these soon after an upgrade.
    return this.#unwritten.all(domain, bare).find(({ jid }) => skeletonOf(jid) === wanted)?.jid
  }

  /** Writes up to `limit` of those that are missing; returns how many. */
  fill(limit: number): number {
    const rows = this.#missing.all(limit)
    for (const { id, jid } of rows) this.#put({ id, skeleton: skeletonOf(jid) })
    return rows.length
  }
}
