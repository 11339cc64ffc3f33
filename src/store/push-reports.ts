/** Questions of people about pushes: the outbox and the verdicts, read by account, by message and by age. Reads only. */
import type { Db } from './db.ts'
import type { DeferredIndex } from './deferred-index.ts'

/** A decision about one device, or an answer for it. Times in ms. */
export interface VerdictRow {
  readonly id: number
  readonly jid: string
  /** null: the webhook. */
  readonly device: number | null
  /** Of the device, while it is registered. */
  readonly token: string | null
  readonly message: string
  readonly verdict: string
  readonly rule: string
  readonly reason: string | null
  readonly at: number
  readonly apnsId: string | null
  readonly apnsUniqueId: string | null
  /** Of a message of a room: bare JID, and the account's rule there (store/room-verdicts.ts). */
  readonly room: string | null
  readonly roomRule: string | null
  readonly chosen: number | null
  readonly mentioned: number | null
}

/** A push without its answer. Times in ms. */
export interface WaitingRow {
  readonly id: number
  readonly jid: string
  readonly device: number | null
  readonly topic: string | null
  readonly environment: string | null
  readonly message: string
  readonly apnsId: string
  /** queued, held, dead. */
  readonly state: string
  readonly kind: string
  readonly sender: string
  readonly attempts: number
  readonly created: number
  readonly next: number
  readonly expires: number
}

const VERDICT = `SELECT v.id, a.jid, v.device_id AS device, d.address AS token, v.message_id AS message, v.verdict, v.rule,
  v.reason, v.at, v.apns_id AS apnsId, v.apns_unique_id AS apnsUniqueId, r.room, r.rule AS roomRule, r.chosen, r.mentioned
  FROM verdicts v JOIN accounts a ON a.id = v.account_id LEFT JOIN devices d ON d.id = v.device_id
  LEFT JOIN room_verdicts r ON r.message_id = CAST(v.message_id AS INTEGER)`
const WAITING = `SELECT o.id, coalesce(a.jid, o.sender) AS jid, o.device_id AS device, d.topic, d.environment, o.message_id AS message,
  o.push_id AS apnsId, o.state, o.kind, o.sender, o.attempts, o.created_at AS created, o.next_at AS next,
  o.expires_at AS expires
  FROM outbox o LEFT JOIN accounts a ON a.id = o.account_id LEFT JOIN devices d ON d.id = o.device_id`

/** Ages of the last success, in ms. */
const DAY = 86_400_000
export interface DeviceAges {
  readonly day: number
  readonly week: number
  readonly month: number
  readonly older: number
  readonly never: number
}

export class PushReports {
  readonly #db: Db
  readonly #index: DeferredIndex

  constructor(db: Db, index: DeferredIndex) {
    this.#db = db
    this.#index = index
  }

  /** Newest first. */
  verdictsOf(accountId: number, limit: number): VerdictRow[] {
    const ids = this.#index.newest(accountId, limit)
    const some = 'WHERE v.id IN (SELECT value FROM json_each(?1))'
    return this.#verdicts(`${VERDICT} ${some} ORDER BY v.id DESC`, JSON.stringify(ids))
  }

  /** In the order in which they were made. */
  verdictsAbout(message: string, limit: number): VerdictRow[] {
    return this.#verdicts(`${VERDICT} WHERE v.message_id = ?1 ORDER BY v.id LIMIT ?2`, message, limit)
  }

  /** Of all accounts about a message of a room, by its id in the room's archive. */
  verdictsAboutSaid(saidId: number, limit: number): VerdictRow[] {
    const theirs = 'SELECT CAST(message_id AS TEXT) FROM room_verdicts WHERE said_id = ?1'
    return this.#verdicts(
      `${VERDICT} WHERE v.message_id IN (${theirs}) ORDER BY v.id LIMIT ?2`,
      saidId,
      limit,
    )
  }

  /** The newest of all, newest first. */
  lastVerdicts(limit: number): VerdictRow[] {
    return this.#verdicts(`${VERDICT} ORDER BY v.id DESC LIMIT ?1`, limit)
  }

  /** Pushes and messages; what else the webhook is to be told says nothing of them. */
  waitingFor(accountId: number, limit: number): WaitingRow[] {
    return this.#waiting(
      `${WAITING} WHERE o.account_id = ?1 AND instr(o.kind, '.') = 0 ORDER BY o.id LIMIT ?2`,
      accountId,
      limit,
    )
  }

  waitingAbout(message: string, limit: number): WaitingRow[] {
    return this.#waiting(`${WAITING} WHERE o.message_id = ?1 ORDER BY o.id LIMIT ?2`, message, limit)
  }

  /** Rows that wait longest, from the beginning of the queue. */
  oldest(limit: number): WaitingRow[] {
    return this.#waiting(`${WAITING} WHERE o.state <> 'dead' ORDER BY o.id LIMIT ?1`, limit)
  }

  /** Kept for a replay, the oldest first, after the row `after`. */
  dead(after: number, limit: number): WaitingRow[] {
    return this.#waiting(
      `${WAITING} WHERE o.state = 'dead' AND o.id > ?1 ORDER BY o.id LIMIT ?2`,
      after,
      limit,
    )
  }

  deadCount(): number {
    const sql = `SELECT count(*) AS n FROM outbox WHERE state = 'dead'`
    return this.#db.raw.query<{ n: number }, []>(sql).get()?.n ?? 0
  }

  /** Devices by topic whose token Apple calls another app's. */
  misfits(): { readonly topic: string; readonly n: number }[] {
    const sql = `SELECT topic, count(*) AS n FROM devices INDEXED BY devices_of_other_apps
      WHERE last_reason = 'DeviceTokenNotForTopic' GROUP BY topic`
    return this.#db.raw.query<{ topic: string; n: number }, []>(sql).all()
  }

  /** Registered devices after the id `after`, `limit` at most; `last` is null at the end. */
  countDevices(after: number, limit: number): { readonly n: number; readonly last: number | null } {
    const sql =
      'SELECT count(*) AS n, max(id) AS last FROM (SELECT id FROM devices WHERE id > ? ORDER BY id LIMIT ?)'
    const row = this.#db.raw
      .query<{ n: number; last: number | null }, [number, number]>(sql)
      .get(after, limit)
    return row && row.n === limit ? row : { n: row?.n ?? 0, last: null }
  }

  /** Counts `limit` devices after the id `after` by the age of their last success; `last` is null at the end. */
  deviceAges(after: number, limit: number, now: number): DeviceAges & { last: number | null } {
    const sql = `SELECT max(id) AS last, count(*) AS n,
        coalesce(sum(last_success IS NULL), 0) AS never,
        coalesce(sum(last_success > ?3), 0) AS day,
        coalesce(sum(last_success > ?4), 0) AS week,
        coalesce(sum(last_success > ?5), 0) AS month
      FROM (SELECT id, last_success FROM devices WHERE id > ?1 ORDER BY id LIMIT ?2)`
    const since = [DAY, 7 * DAY, 30 * DAY].map((age) => now - age)
    interface Counted extends Omit<DeviceAges, 'older'> {
      readonly last: number | null
      readonly n: number
    }
    const row = this.#db.raw.query<Counted, number[]>(sql).get(after, limit, ...since)
    if (!row) return { day: 0, week: 0, month: 0, older: 0, never: 0, last: null }
    const { day, week, month, never, n, last } = row
    return {
      day,
      week: week - day,
      month: month - week,
      older: n - never - month,
      never,
      last: n < limit ? null : last,
    }
  }

  #verdicts(sql: string, ...values: (number | string)[]): VerdictRow[] {
    return this.#db.raw.query<VerdictRow, (number | string)[]>(sql).all(...values)
  }

  #waiting(sql: string, ...values: (number | string)[]): WaitingRow[] {
    return this.#db.raw.query<WaitingRow, (number | string)[]>(sql).all(...values)
  }
}
