/** Unread messages of accounts, their wishes for their phones, and the number that each phone was told. */
import { and, asc, eq, gt, sql } from 'drizzle-orm'
import { integer, sqliteTable, text } from 'drizzle-orm/sqlite-core'
import type { Accounts } from './accounts.ts'
import { type Db, rawWriter, type Write } from './db.ts'
import type { DeferredIndex } from './deferred-index.ts'
import { ReadRows } from './read-rows.ts'
import { Remembered } from './remembered.ts'

/** Daily, from one time of day to another, in the person's own time zone. */
export interface Quiet {
  /** "HH:MM" */
  readonly from: string
  readonly to: string
  /** IANA name. */
  readonly zone: string
}

/** Time of the daily digest of muted rooms; `at` is "HH:MM", or "never". */
export interface Digest {
  readonly at: string
  /** IANA name. */
  readonly zone: string
}

export const pushSettings = sqliteTable('push_settings', {
  accountId: integer('account_id').primaryKey(),
  marks: integer('marks', { mode: 'boolean' }).notNull(),
  quiet: text('quiet', { mode: 'json' }).$type<Quiet>(),
  unknownSenders: integer('unknown_senders', { mode: 'boolean' }).notNull(),
  reactions: integer('reactions', { mode: 'boolean' }),
  joined: integer('joined', { mode: 'boolean' }),
  digest: text('digest', { mode: 'json' }).$type<Digest>(),
  digested: integer('digested'),
})

export const deviceBadges = sqliteTable('device_badges', {
  deviceId: integer('device_id').primaryKey(),
  badge: integer('badge').notNull(),
})

export interface PushSettings {
  /** The account's apps tell what was read. */
  readonly marks: boolean
  readonly quiet: Quiet | null
  /** Whether who is no contact rings. */
  readonly unknownSenders: boolean
  /** Whether a reaction to an own message rings, and a contact that has joined by an own invitation; null: as the server has it. */
  readonly reactions: boolean | null
  readonly joined: boolean | null
  /** Daily digest of muted rooms; null: as the app of each device has it. */
  readonly digest: Digest | null
}

/** To find the oldest of an account is to look at all of them: this part of what may be there is forgotten with them. */
const TRIMMED = 100

const DEFAULTS: PushSettings = {
  marks: false,
  quiet: null,
  unknownSenders: true,
  reactions: null,
  joined: null,
  digest: null,
}

export class Unread {
  readonly #accounts: Pick<Accounts, 'isGone'>
  readonly #index: DeferredIndex
  readonly #readRows: ReadRows
  readonly #counts: Remembered<number, number>
  readonly #wishes: Remembered<number, PushSettings>
  readonly #badges: Remembered<number, number>
  readonly #count
  readonly #settings
  readonly #digests
  readonly #lastDigest
  readonly #zones
  readonly #told
  readonly #idOf
  readonly #upTo
  readonly #owner
  readonly #add: Write<{ id: number; accountId: number; peer: string; ref: string | null }>
  readonly #marks: Write<{ accountId: number }>
  readonly #put: Write<{
    accountId: number
    quiet: string | null
    unknownSenders: boolean
    reactions: boolean | null
    joined: boolean | null
    digest: string | null
  }>
  readonly #digested: Write<{ accountId: number; now: number }>
  readonly #tell: Write<{ deviceId: number; badge: number }>

  constructor(db: Db, accounts: Pick<Accounts, 'isGone'>, index: DeferredIndex) {
    this.#accounts = accounts
    this.#index = index
    this.#readRows = new ReadRows(db)
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
    this.#upTo = raw.prepare<{ id: number | null }, [number, string, number]>(
      `SELECT max(unread.id) AS id FROM unread_index i CROSS JOIN unread USING (id)
       WHERE i.account_id = ? AND i.peer = ? AND CAST(ref AS INTEGER) <= ?`,
    )
    this.#owner = raw.prepare<{ accountId: number; peer: string }, [number]>(
      'SELECT account_id AS accountId, peer FROM unread WHERE id = ?',
    )
    this.#add = rawWriter(
      db,
      'INSERT OR IGNORE INTO unread (id, account_id, peer, ref) VALUES ($id, $accountId, $peer, $ref)',
    )
    this.#marks = rawWriter(
      db,
      `INSERT INTO push_settings (account_id, marks) VALUES ($accountId, 1)
       ON CONFLICT DO UPDATE SET marks = 1`,
    )
    this.#put = rawWriter(
      db,
      `INSERT INTO push_settings (account_id, quiet, unknown_senders, reactions, joined, digest)
       VALUES ($accountId, $quiet, $unknownSenders, $reactions, $joined, $digest)
       ON CONFLICT DO UPDATE SET quiet = excluded.quiet, unknown_senders = excluded.unknown_senders,
         reactions = excluded.reactions, joined = excluded.joined, digest = excluded.digest`,
    )
    this.#digested = rawWriter(
      db,
      `INSERT INTO push_settings (account_id, digested) VALUES ($accountId, $now)
       ON CONFLICT DO UPDATE SET digested = excluded.digested`,
    )
    this.#lastDigest = orm
      .select({ digested: pushSettings.digested })
      .from(pushSettings)
      .where(eq(pushSettings.accountId, p('accountId')))
      .prepare()
    this.#zones = raw.prepare<{ zone: string | null }, []>(
      `SELECT DISTINCT quiet ->> 'zone' AS zone FROM push_settings WHERE quiet IS NOT NULL`,
    )
    this.#digests = orm
      .select({ accountId: pushSettings.accountId })
      .from(pushSettings)
      .where(and(sql`${pushSettings.digest} ->> 'at' <> 'never'`, gt(pushSettings.accountId, p('after'))))
      .orderBy(asc(pushSettings.accountId))
      .limit(p('limit'))
      .prepare()
    this.#tell = rawWriter(
      db,
      `INSERT INTO device_badges (device_id, badge) VALUES ($deviceId, $badge)
       ON CONFLICT DO UPDATE SET badge = excluded.badge`,
    )
  }

  /** Counts one more; above `most` the oldest are forgotten. */
  add(accountId: number, message: { id: number; peer: string; ref: string | undefined }, most: number): void {
    const { id, peer, ref = null } = message
    // A message from before what was read is known only now.
    if (this.#readRows.isRead(accountId, peer, id)) this.#readRows.finish(accountId)
    if (this.#accounts.isGone(accountId) || this.#add({ accountId, id, peer, ref }) === 0) return
    this.#index.add({ accountId, id, peer })
    this.#grow(accountId, 1)
    const over = this.count(accountId) - most
    if (over <= 0) return
    // The oldest of those that count.
    this.#readRows.finish(accountId)
    const some = over + Math.floor(most / TRIMMED)
    this.#grow(accountId, -this.#index.erase(accountId, Number.MAX_SAFE_INTEGER, some))
  }

  /** Unread messages of all chats. */
  count(accountId: number): number {
    const read = () =>
      (this.#count.get(accountId)?.n ?? 0) +
      this.#index.pending(accountId).length -
      this.#readRows.left(accountId)
    return this.#counts.get(accountId, read)
  }

  /** The message that a marker names; undefined where it is not among the unread. */
  idOf(accountId: number, peer: string, ref: string): number | undefined {
    this.#index.flush(accountId)
    const id = this.#idOf.get(accountId, peer, ref)?.id
    return id === undefined || this.#readRows.isRead(accountId, peer, id) ? undefined : id
  }

  /**
   * Of a room, whose ids are its archive's: the last unread message that is not newer than that one; 0 where none is.
   */
  upToOf(accountId: number, room: string, stanzaId: number): number {
    this.#index.flush(accountId)
    return this.#upTo.get(accountId, room, stanzaId)?.id ?? 0
  }

  /** Whether a message is still unread. */
  has(id: number): boolean {
    return this.#ownerOf(id) !== undefined
  }

  /**
   * Everything up to that id has been read, in a chat or (null) in all; returns how many were not before. Where there are
   * many their rows go later (`goOn`).
   */
  read(accountId: number, peer: string | null, upTo: number): number {
    if (this.count(accountId) === 0) return 0
    this.#index.flush(accountId)
    const read = this.#readRows.begin(accountId, { peer, upTo })
    this.#grow(accountId, -read)
    return read
  }

  /** Deletes some rows of what has been read; true where there are more. */
  goOn(accountId: number): boolean {
    return this.#readRows.goOn(accountId)
  }

  /** Accounts with rows of what has been read. */
  unfinished(): number[] {
    return this.#readRows.unfinished()
  }

  /** One message does not count any more; false where it did not before. */
  forget(accountId: number, id: number): boolean {
    if (this.#ownerOf(id) !== accountId) return false
    this.#index.eraseRows([{ accountId, id }])
    this.#grow(accountId, -1)
    return true
  }

  /** Everything has been read. */
  clear(accountId: number): number {
    return this.read(accountId, null, Number.MAX_SAFE_INTEGER)
  }

  settings(accountId: number): PushSettings {
    return this.#wishes.get(accountId, () => this.#settings.get({ accountId }) ?? DEFAULTS)
  }

  setSettings(
    accountId: number,
    wishes: Pick<PushSettings, 'quiet' | 'unknownSenders'> &
      Partial<Pick<PushSettings, 'reactions' | 'joined' | 'digest'>>,
  ): void {
    const { quiet, unknownSenders, reactions = null, joined = null, digest = null } = wishes
    this.#put({
      accountId,
      quiet: quiet && JSON.stringify(quiet),
      unknownSenders,
      reactions,
      joined,
      digest: digest && JSON.stringify(digest),
    })
    this.#wishes.forget(accountId)
  }

  /** Accounts behind `after` that want a digest of their own accord. */
  digests(after: number, limit: number): number[] {
    return this.#digests.all({ after, limit }).map(({ accountId }) => accountId)
  }

  /** Time zones of people's quiet hours. */
  zones(): string[] {
    return this.#zones.all().flatMap(({ zone }) => zone ?? [])
  }

  /** Time of the last digest of an account (ms); 0: none yet. */
  lastDigest(accountId: number): number {
    return this.#lastDigest.get({ accountId })?.digested ?? 0
  }

  digestedAt(accountId: number, now: number): void {
    this.#digested({ accountId, now })
  }

  /** The account's apps tell what was read: from now on only that counts as read. */
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

  #ownerOf(id: number): number | undefined {
    const row = this.#owner.get(id)
    return row && !this.#readRows.isRead(row.accountId, row.peer, id) ? row.accountId : undefined
  }

  #grow(accountId: number, by: number): void {
    if (by !== 0) this.#counts.change(accountId, (n) => n + by)
  }
}
