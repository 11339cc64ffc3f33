/**
 * Answers that are kept for requests under a key of the client's, written in the trip that does what was asked: whoever
 * was not told may ask again. The key is not kept and the answer is encrypted under it, because it may be a new token.
 */
import { createCipheriv, createDecipheriv, createHash, hkdfSync } from 'node:crypto'
import { type Db, rawWriter, type Write } from './db.ts'

/** Request under a key. */
export interface Keyed {
  readonly actor: string
  readonly key: string
  /** Method and path, without which a key would have to differ from route to route. */
  readonly route: string
  /** All of it that counts: path, query and body. */
  readonly request: Uint8Array
}

export interface Answer {
  readonly status: number
  readonly body: string
}

interface Row {
  readonly request: Uint8Array
  readonly status: number
  readonly body: Uint8Array
}

type NewRow = {
  mark: Buffer
  actor: string
  request: Buffer
  status: number
  body: Buffer
  at: number
}

/** AES-256-GCM. Each key encrypts one answer, so that the nonce need not differ. */
const NONCE = Buffer.alloc(12)
const TAG = 16

const hash = (...parts: (string | Uint8Array)[]): Buffer => {
  const sum = createHash('sha256')
  for (const part of parts) sum.update(`${part.length}:`).update(part)
  return sum.digest()
}
const secretOf = ({ actor, key, route }: Keyed): Buffer =>
  Buffer.from(hkdfSync('sha256', key, `${actor}\n${route}`, 'belfry answer', 32))
const markOf = ({ actor, key, route }: Keyed): Buffer => hash(actor, key, route)

export class Answers {
  readonly #find
  readonly #add: Write<NewRow>
  readonly #trim: Write<{ actor: string; most: number }>
  readonly #purge: Write<{ before: number; limit: number }>

  constructor(db: Db) {
    this.#find = db.raw.prepare<Row, [Buffer, number]>(
      'SELECT request, status, body FROM answers WHERE mark = ? AND at >= ?',
    )
    this.#add = rawWriter(
      db,
      'INSERT OR REPLACE INTO answers (mark, actor, request, status, body, at) VALUES ($mark, $actor, $request, $status, $body, $at)',
    )
    this.#trim = rawWriter(
      db,
      'DELETE FROM answers WHERE actor = $actor AND id <= ' +
        '(SELECT id FROM answers WHERE actor = $actor ORDER BY id DESC LIMIT 1 OFFSET $most)',
    )
    this.#purge = rawWriter(
      db,
      'DELETE FROM answers WHERE id IN (SELECT id FROM answers WHERE at < $before LIMIT $limit)',
    )
  }

  /** The answer of the time since `since`; 'other' where the key stood before another request. */
  find(keyed: Keyed, since: number): Answer | 'other' | undefined {
    const row = this.#find.get(markOf(keyed), since)
    if (!row) return undefined
    if (!hash(keyed.request).equals(row.request)) return 'other'
    const decipher = createDecipheriv('aes-256-gcm', secretOf(keyed), NONCE)
    decipher.setAuthTag(row.body.subarray(-TAG))
    const text = Buffer.concat([decipher.update(row.body.subarray(0, -TAG)), decipher.final()])
    return { status: row.status, body: text.toString() }
  }

  /** Beyond `most` of one actor the oldest goes. */
  keep(keyed: Keyed, { status, body }: Answer, now: number, most: number): void {
    const cipher = createCipheriv('aes-256-gcm', secretOf(keyed), NONCE)
    const sealed = Buffer.concat([cipher.update(body, 'utf8'), cipher.final(), cipher.getAuthTag()])
    const { actor } = keyed
    this.#add({ mark: markOf(keyed), actor, request: hash(keyed.request), status, body: sealed, at: now })
    if (Number.isFinite(most)) this.#trim({ actor, most })
  }

  purge(before: number, limit: number): number {
    return this.#purge({ before, limit })
  }
}
