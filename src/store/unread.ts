/** What accounts have not read, what they want of their phones, and the number that each phone was told. */
import { eq, sql } from 'drizzle-orm'
import { integer, sqliteTable, text } from 'drizzle-orm/sqlite-core'
import type { Accounts } from './accounts.ts'
import { type Db, rawWriter, type Write } from './db.ts'
import type { LateIndex } from './late-index.ts'
import { Remembered } from './remembered.ts'

export const unread = sqliteTable('unread', {
  id: integer('id').primaryKey(),
  accountId: integer('account_id').notNull(),
  peer: text('peer').notNull(),
  ref: text('ref'),
})

/** Daily, from one time of day to another, in the person's own time zone. */
export interface Quiet {
  /** "HH:MM" */
  readonly from: string
  readonly to: string
  /** IANA name. */
  readonly zone: string
}

export const pushSettings = sqliteTable('push_settings', {
  accountId: integer('account_id').primaryKey(),
  marks: integer('marks', { mode: 'boolean' }).notNull(),
  quiet: text('quiet', { mode: 'json' }).$type<Quiet>(),
  unknownSenders: integer('unknown_senders', { mode: 'boolean' }).notNull(),
})

export const deviceBadges = sqliteTable('device_badges', {
  deviceId: integer('device_id').primaryKey(),
  badge: integer('badge').notNull(),
})

export interface PushSettings {
  /** Its apps tell what was read. */
  readonly marks: boolean
  readonly quiet: Quiet | null
  /** Whether who is no contact rings. */
  readonly unknownSenders: boolean
}

/** To find the oldest of an account is to look at all of them: this part of what may be there is forgotten with them. */
const TRIMMED = 100

const DEFAULTS: PushSettings = { marks: false, quiet: null, unknownSenders: true }

export class Unread {
  readonly #accounts: Pick<Accounts, 'isGone'>
  readonly #late: LateIndex
  readonly #counts: Remembered<number, number>
  readonly #wishes: Remembered<number, PushSettings>
  readonly #badges: Remembered<number, number>
  readonly #count
  readonly #settings
  readonly #told
  readonly #idOf
  readonly #owner
  readonly #add: Write<{ id: number; accountId: number; peer: string; ref: string | null }>
  readonly #read: Write<{ accountId: number; peer: string; upTo: number }>
  readonly #unplaceRead: Write<{ accountId: number; peer: string; upTo: number }>
  readonly #marks: Write<{ accountId: number }>
  readonly #put: Write<{ accountId: number; quiet: string | null; unknownSenders: boolean }>
  readonly #tell: Write<{ deviceId: number; badge: number }>

  constructor(db: Db, accounts: Pick<Accounts, 'isGone'>, late: LateIndex) {
    this.#accounts = accounts
    this.#late = late
    const { orm, raw } = db
    const p = sql.placeholder
    this.#counts = new Remembered(db.turn)
    this.#wishes = new Remembered(db.turn)
    this.#badges = new Remembered(db.turn)
    this.#count = raw.prepare<{ n: number }, [number]>(
      'SELECT count(*) AS n FROM unread_index WHERE account_id = ?',
    )
    this.#settings = orm
      .select()
      .from(pushSettings)
      .where(eq(pushSettings.accountId, p('accountId')))
      .prepare()
    this.#told = orm
      .select({ badge: deviceBadges.badge })
      .from(deviceBadges)
      .where(eq(deviceBadges.deviceId, p('deviceId')))
      .prepare()
    this.#idOf = raw.prepare<{ id: number }, [number, string, string]>(
      `SELECT unread.id FROM unread_index i CROSS JOIN unread USING (id)
       WHERE i.account_id = ? AND i.peer = ? AND ref = ? ORDER BY i.id DESC LIMIT 1`,
    )
    this.#owner = raw.prepare<{ id: number }, [number]>('SELECT account_id AS id FROM unread WHERE id = ?')
    this.#add = rawWriter(
      db,
      'INSERT OR IGNORE INTO unread (id, account_id, peer, ref) VALUES ($id, $accountId, $peer, $ref)',
    )
    this.#read = rawWriter(
      db,
      `DELETE FROM unread WHERE id IN
       (SELECT id FROM unread_index WHERE account_id = $accountId AND peer = $peer AND id <= $upTo)`,
    )
    this.#unplaceRead = rawWriter(
      db,
      'DELETE FROM unread_index WHERE account_id = $accountId AND peer = $peer AND id <= $upTo',
    )
    this.#marks = rawWriter(
      db,
      `INSERT INTO push_settings (account_id, marks) VALUES ($accountId, 1)
       ON CONFLICT DO UPDATE SET marks = 1`,
    )
    this.#put = rawWriter(
      db,
      `INSERT INTO push_settings (account_id, quiet, unknown_senders) VALUES ($accountId, $quiet, $unknownSenders)
       ON CONFLICT DO UPDATE SET quiet = excluded.quiet, unknown_senders = excluded.unknown_senders`,
    )
    this.#tell = rawWriter(
      db,
      `INSERT INTO device_badges (device_id, badge) VALUES ($deviceId, $badge)
       ON CONFLICT DO UPDATE SET badge = excluded.badge`,
    )
  }

  /** Counts one more; above `most` the oldest are forgotten. Within a trip. */
  add(accountId: number, message: { id: number; peer: string; ref: string | undefined }, most: number): void {
    const { id, peer, ref = null } = message
    if (this.#accounts.isGone(accountId) || this.#add({ accountId, id, peer, ref }) === 0) return
    this.#late.add({ accountId, id, peer })
    this.#grow(accountId, 1)
    const over = this.count(accountId) - most
    if (over <= 0) return
    const some = over + Math.floor(most / TRIMMED)
    this.#grow(accountId, -this.#late.erase(accountId, Number.MAX_SAFE_INTEGER, some))
  }

  /** Unread messages of all chats. */
  count(accountId: number): number {
    const read = () => (this.#count.get(accountId)?.n ?? 0) + this.#late.pending(accountId).length
    return this.#counts.get(accountId, read)
  }

  /** The message that a marker names; undefined where it is not among the unread. Within a trip. */
  idOf(accountId: number, peer: string, ref: string): number | undefined {
    this.#late.settle(accountId)
    return this.#idOf.get(accountId, peer, ref)?.id
  }

  /** Whether a message is still unread. */
  has(id: number): boolean {
    return this.#owner.get(id) !== null
  }

  /** Everything in a chat up to that id has been read; returns how many were not before. Within a trip. */
  read(accountId: number, peer: string, upTo: number): number {
    if (this.count(accountId) === 0) return 0
    this.#late.settle(accountId)
    const read = this.#read({ accountId, peer, upTo })
    this.#unplaceRead({ accountId, peer, upTo })
    this.#grow(accountId, -read)
    return read
  }

  /** One message does not count any more; false where it did not before. Within a trip. */
  forget(accountId: number, id: number): boolean {
    if (this.#owner.get(id)?.id !== accountId) return false
    this.#late.eraseRows([{ accountId, id }])
    this.#grow(accountId, -1)
    return true
  }

  /** Everything has been read. Within a trip. */
  clear(accountId: number): number {
    if (this.count(accountId) === 0) return 0
    const cleared = this.#late.erase(accountId, Number.MAX_SAFE_INTEGER, this.count(accountId))
    this.#grow(accountId, -cleared)
    return cleared
  }

  settings(accountId: number): PushSettings {
    return this.#wishes.get(accountId, () => this.#settings.get({ accountId }) ?? DEFAULTS)
  }

  setSettings(accountId: number, { quiet, unknownSenders }: Omit<PushSettings, 'marks'>): void {
    this.#put({ accountId, quiet: quiet && JSON.stringify(quiet), unknownSenders })
    this.#wishes.forget(accountId)
  }

  /** The account's apps tell what was read: from now on only that counts as read. Within a trip. */
  hasMarked(accountId: number): void {
    if (this.settings(accountId).marks) return
    this.#marks({ accountId })
    this.#wishes.forget(accountId)
  }

  /** The number that a phone shows, as far as we told it. */
  told(deviceId: number): number {
    return this.#badges.get(deviceId, () => this.#told.get({ deviceId })?.badge ?? 0)
  }

  tell(deviceId: number, badge: number): void {
    if (this.told(deviceId) === badge) return
    this.#tell({ deviceId, badge })
    this.#badges.change(deviceId, () => badge)
  }

  #grow(accountId: number, by: number): void {
    if (by !== 0) this.#counts.change(accountId, (n) => n + by)
  }
}
