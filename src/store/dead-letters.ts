/** Webhook messages that were given up, and how they are sent again. */
import type { Db } from './db.ts'
import type { Push } from './push.ts'

export class DeadLetters {
  readonly #db: Db
  readonly #push: Push

  constructor(db: Db, push: Push) {
    this.#db = db
    this.#push = push
  }

  /**
   * Queues up to `limit` of them anew, the oldest first, to be tried until `expiresAt` (ms); returns how many. They
   * keep the delivery id, so that a receiver which took one after all knows it.
   */
  replay(limit: number, now: number, expiresAt: number): number {
    const { raw, turn } = this.#db
    const ids = raw
      .query<{ id: number }, [number]>(`SELECT id FROM outbox WHERE state = 'dead' ORDER BY id LIMIT ?1`)
      .all(limit)
    if (ids.length === 0) return 0
    turn.writes()
    // A new row with a new id: the sender reads on from the last id that it knows.
    const copy = raw.query<null, [number, number, number, number]>(
      `INSERT INTO outbox (id, account_id, device_id, message_id, push_id, collapse_id, kind, sender, title, body, badge,
         created_at, expires_at, next_at)
       SELECT ?4, account_id, device_id, message_id, push_id, collapse_id, kind, sender, title, body, badge,
         created_at, ?2, ?3 FROM outbox WHERE id = ?1`,
    )
    const remove = raw.query<null, [number]>('DELETE FROM outbox WHERE id = ?1')
    for (const { id } of ids) {
      const fresh = this.#push.nextId()
      copy.run(id, expiresAt, now, fresh)
      remove.run(id)
      const [job] = this.#push.waiting(fresh - 1, 1)
      if (job) turn.after(() => this.#push.queued?.(job))
    }
    return ids.length
  }
}
