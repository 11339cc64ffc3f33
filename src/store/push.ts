/** The queue of pushes, and why each went or did not. Devices are in devices.ts. */
import { and, asc, count, desc, eq, inArray, lt, sql } from 'drizzle-orm'
import { isEvent } from '../config/events.ts'
import { pushVerdicts } from '../metrics/metrics.ts'
import { accounts, type Accounts } from './accounts.ts'
import type { Clock, Random } from './clock.ts'
import { type Db, rawWriter, type Write, writer } from './db.ts'
import { devices } from './device-table.ts'
import { type Device, Devices } from './devices.ts'
import { DeviceTokens } from './device-tokens.ts'
import type { Audit } from './audit.ts'
import type { Events } from './events.ts'
import type { DeferredIndex } from './deferred-index.ts'
import { Notices } from './notices.ts'
import { type Job, type NewPush, outbox, type OutboxRow, type Words } from './outbox-table.ts'
import { KeptTokens } from './provider-tokens.ts'
import { type AppleIds, type PushVerdict, type VerdictName, verdicts } from './verdict-table.ts'

export type {
  AboutFacts,
  CallEnding,
  CallFacts,
  DirectFacts,
  FileFacts,
  Job,
  NewPush,
  PushType,
  Removal,
  Words,
} from './outbox-table.ts'
export type { AppleIds, PushVerdict, VerdictName } from './verdict-table.ts'

/** Of the pushes that go with a device so many say so, the newest: after a long outage no trip may take too long. */
const EXPLAINED = 500

export class Push {
  readonly devices: Devices
  readonly deviceTokens: DeviceTokens
  readonly notices: Notices
  readonly tokens: KeptTokens
  /** Set by the dispatcher: gets each row once its transaction is on disk. */
  queued: ((job: Job) => void) | undefined
  /** Set by the dispatcher: it never sends this row; returns how to undo that, or undefined where it is too late. */
  recall: ((id: number) => (() => void) | undefined) | undefined
  /** Set by the dispatcher: hears of each row whose words are others now, once that is on disk. */
  reworded: ((id: number, words: Words) => void) | undefined

  readonly #db: Db
  #lastRow: number
  #lastVerdict: number
  readonly #random: Random
  readonly #clock: Clock
  readonly #events: Events
  readonly #page
  readonly #accounts: Pick<Accounts, 'isGone'>
  readonly #index: DeferredIndex
  readonly #insert: Write<
    Omit<OutboxRow, 'attempts' | 'call' | 'file' | 'about' | 'direct'> &
      Record<'call' | 'file' | 'about' | 'direct', string | null>
  >
  readonly #delete: Write<{ id: number }>
  readonly #bury: Write<{ id: number; attempts: number }>
  readonly #again: Write<{ id: number; attempts: number; nextAt: number; collapseId: string }>
  readonly #verdict: Write<PushVerdict>

  constructor(
    db: Db,
    { clock, random }: { clock: Clock; random: Random },
    events: Events,
    audit: Audit,
    existing: Pick<Accounts, 'isGone'>,
    index: DeferredIndex,
  ) {
    this.#accounts = existing
    this.#index = index
    this.tokens = new KeptTokens(db)
    this.deviceTokens = new DeviceTokens(db)
    this.notices = new Notices(db)
    this.devices = new Devices(db, events, audit)
    this.devices.leaving = (device) => this.#leave(device)
    this.#clock = clock
    this.#events = events
    this.#db = db
    this.#random = random
    const { orm } = db
    this.#lastRow = lastRow(db)
    this.#lastVerdict = index.highest
    const p = sql.placeholder
    this.#page = orm
      .select({
        row: outbox,
        account: sql<string>`coalesce(${accounts.jid}, ${outbox.sender})`,
        device: devices,
      })
      .from(outbox)
      .leftJoin(accounts, eq(accounts.id, outbox.accountId))
      .leftJoin(devices, eq(devices.id, outbox.deviceId))
      .where(and(sql`${outbox.id} > ${p('after')}`, eq(outbox.state, 'queued')))
      .orderBy(asc(outbox.id))
      .limit(p('limit'))
      .prepare()
    // Twice a push, and once more when it ends: as in messages.ts, Drizzle's binding would cost as much as the row.
    this.#insert = rawWriter(
      db,
      `INSERT INTO outbox (id, account_id, device_id, state, message_id, push_id, collapse_id, kind, sender, title, body,
         badge, nick, call, file, about, direct, created_at, expires_at, next_at, hold)
       VALUES ($id, $accountId, $deviceId, $state, $messageId, $pushId, $collapseId, $kind, $sender, $title, $body,
         $badge, $nick, $call, $file, $about, $direct, $createdAt, $expiresAt, $nextAt, $hold)`,
    )
    this.#delete = rawWriter(db, 'DELETE FROM outbox WHERE id = $id')
    this.#verdict = rawWriter(
      db,
      `INSERT INTO verdicts (id, account_id, device_id, message_id, verdict, rule, reason, at, apns_id, apns_unique_id)
       VALUES ($id, $accountId, $deviceId, $messageId, $verdict, $rule, $reason, $at, $apnsId, $apnsUniqueId)`,
    )
    const byId = eq(outbox.id, p('id'))
    this.#bury = writer(
      db,
      orm
        .update(outbox)
        .set({ state: 'dead', attempts: sql`${p('attempts')}` })
        .where(byId)
        .prepare(),
    )
    this.#again = writer(
      db,
      orm
        .update(outbox)
        .set({
          attempts: sql`${p('attempts')}`,
          nextAt: sql`${p('nextAt')}`,
          collapseId: sql`${p('collapseId')}`,
        })
        .where(byId)
        .prepare(),
    )
  }

  /** Writes a push into the current trip's transaction and hands it to the dispatcher after the commit. */
  queue(push: NewPush): void {
    const job = this.#write(push, {
      state: 'queued',
      hold: null,
      pushId: this.#random.uuid(),
      nextAt: push.now,
    })
    if (push.device) this.notices.renew(push.device.id, push.collapseId, Number(push.messageId))
    this.#db.turn.after(() => this.queued?.(job))
  }

  /** Writes a row that the dispatcher does not see, to be decided anew at `until` (ms); returns its id. */
  hold(push: NewPush, rule: string, until: number): number {
    return this.#write(push, { state: 'held', hold: rule, pushId: '', nextAt: until }).id
  }

  #write(push: NewPush, how: Pick<OutboxRow, 'state' | 'hold' | 'pushId' | 'nextAt'>): Job {
    const { account, device } = push
    const job: Job = {
      id: this.nextId(),
      accountId: account.id,
      account: account.jid,
      device,
      messageId: push.messageId,
      pushId: how.pushId,
      collapseId: push.collapseId,
      kind: push.kind,
      sender: push.sender,
      title: push.title ?? null,
      body: push.body ?? null,
      badge: push.badge ?? null,
      nick: push.nick ?? null,
      call: push.call ?? null,
      file: push.file ?? null,
      about: push.about ?? null,
      direct: push.direct ?? null,
      createdAt: push.now,
      expiresAt: push.expiresAt,
      attempts: 0,
      nextAt: how.nextAt,
    }
    const call = job.call && JSON.stringify(job.call)
    const file = push.file === undefined ? null : JSON.stringify(push.file)
    const about = push.about === undefined ? null : JSON.stringify(push.about)
    const direct = push.direct === undefined ? null : JSON.stringify(push.direct)
    this.#insert({ ...job, ...how, deviceId: device?.id ?? null, call, file, about, direct })
    return job
  }

  /** Up to `limit` rows that still wait, in the order of their ids, after `after`. */
  waiting(after: number, limit: number): Job[] {
    return this.#page.all({ after, limit }).map(({ row, account, device }) => {
      const { state: _state, deviceId: _deviceId, hold: _hold, ...rest } = row
      return { ...rest, account, device: device ?? undefined }
    })
  }

  /** The push has come to its end; false where its row is gone already. */
  done(
    job: Job,
    verdict: VerdictName,
    rule: string,
    reason: string | undefined,
    at: number,
    apple?: AppleIds,
  ): boolean {
    // The account or device may be gone, and the row with it: then there is nobody left to explain anything to.
    if (this.#delete({ id: job.id }) === 0) return false
    // Events get no verdict: they are always told.
    if (job.accountId === null || isEvent(job.kind)) return true
    this.record({
      account: job.accountId,
      device: job.device?.id,
      messageId: job.messageId,
      verdict,
      rule,
      reason,
      at,
      apple,
    })
    return true
  }

  /** A row is not sent by itself any more, but kept for a replay. */
  bury(job: Job, rule: string, reason: string | undefined, at: number): void {
    if (this.#bury({ id: job.id, attempts: job.attempts }) === 0) return
    const { accountId: account, messageId } = job
    if (account === null || isEvent(job.kind)) return
    this.record({ account, device: undefined, messageId, verdict: 'dropped', rule, reason, at })
  }

  /** A row will be tried again. */
  again(job: Job): void {
    const { id, attempts, nextAt, collapseId } = job
    this.#again({ id, attempts, nextAt, collapseId })
  }

  /** One decision about one device (or, without it, the webhook). */
  record(entry: {
    account: number
    device: number | undefined
    messageId: string
    verdict: VerdictName
    rule: string
    reason?: string | undefined
    at: number
    apple?: AppleIds | undefined
  }): void {
    if (this.#accounts.isGone(entry.account)) return
    const id = ++this.#lastVerdict
    this.#verdict({
      id,
      accountId: entry.account,
      deviceId: entry.device ?? null,
      messageId: entry.messageId,
      verdict: entry.verdict,
      rule: entry.rule,
      reason: entry.reason ?? null,
      at: entry.at,
      apnsId: entry.apple?.apnsId ?? null,
      apnsUniqueId: entry.apple?.uniqueId ?? null,
    })
    this.#index.add({ accountId: entry.account, id })
    const { account, device, messageId: message, verdict, rule, reason } = entry
    this.#db.turn.after(() => pushVerdicts.inc({ verdict, rule }))
    if (device !== undefined)
      this.#events.verdict(account, { message, device: String(device), verdict, rule, reason })
  }

  /** Devices that a message has rung or may yet ring, null for the webhook: nothing is decided for them again. */
  decidedFor(accountId: number, messageId: string): Set<number | null> {
    const mine = this.#db.raw.query<{ id: number | null }, [number, string]>(
      `SELECT device_id AS id FROM outbox WHERE account_id = ?1 AND message_id = ?2 UNION
       SELECT device_id FROM verdicts WHERE account_id = ?1 AND message_id = ?2 AND verdict <> 'suppressed'`,
    )
    return new Set(mine.all(accountId, messageId).map(({ id }) => id))
  }

  /** Whether a message that may ring counted as unread when it came; `marks`: the account's apps tell what was read. */
  wasCounted(accountId: number, messageId: string, marks: boolean): boolean {
    const counted = this.#db.raw.query<unknown, [number, string, number]>(
      `SELECT 1 FROM verdicts WHERE account_id = ? AND message_id = ? AND device_id IS NOT NULL
         AND (verdict <> 'suppressed' OR (rule = 'session-active' AND ?)) LIMIT 1`,
    )
    return counted.get(accountId, messageId, Number(marks)) !== null
  }

  /** Devices that a message has rung, or is about to. */
  rung(accountId: number, messageId: string): number[] {
    const mine = this.#db.raw.query<{ id: number }, [number, string]>(
      `SELECT device_id AS id FROM outbox
         WHERE account_id = ?1 AND message_id = ?2 AND state = 'queued' AND device_id IS NOT NULL UNION
       SELECT device_id FROM verdicts
         WHERE account_id = ?1 AND message_id = ?2 AND verdict = 'sent' AND device_id IS NOT NULL`,
    )
    return mine.all(accountId, messageId).map(({ id }) => id)
  }

  /** Devices that show a message by itself, not as the newest of several. */
  shownAlone(accountId: number, messageId: string): number[] {
    const mine = this.#db.raw.query<{ id: number }, [number, string]>(
      `SELECT device_id AS id FROM verdicts
         WHERE account_id = ?1 AND message_id = ?2 AND verdict = 'sent' AND device_id IS NOT NULL
       EXCEPT SELECT device_id FROM verdicts WHERE account_id = ?1 AND message_id = ?2 AND rule = 'burst'`,
    )
    return mine.all(accountId, messageId).map(({ id }) => id)
  }

  /** The account's last verdicts, newest first. */
  explain(accountId: number, limit: number): PushVerdict[] {
    const ids = this.#index.newest(accountId, limit)
    const { orm } = this.#db
    return orm.select().from(verdicts).where(inArray(verdicts.id, ids)).orderBy(desc(verdicts.id)).all()
  }

  /** Deletes up to `limit` verdicts older than `before`; returns how many. */
  purgeVerdicts(before: number, limit: number): number {
    // Ids rise with time, so the oldest are found without an index of their own.
    const oldest = this.#db.orm
      .select({ id: verdicts.id, accountId: verdicts.accountId, at: verdicts.at })
      .from(verdicts)
      .orderBy(asc(verdicts.id))
      .limit(limit)
      .all()
      .filter((row) => row.at < before)
    this.#index.eraseRows(oldest)
    return oldest.length
  }

  /** Deletes up to `limit` dead rows created before `before`. */
  purgeDead(before: number, limit: number): number {
    const old = this.#db.orm
      .select({ id: outbox.id })
      .from(outbox)
      .where(and(eq(outbox.state, 'dead'), lt(outbox.createdAt, before)))
      .limit(limit)
      .all()
    for (const row of old) this.#delete({ id: row.id })
    return old.length
  }

  /** Rows by state: for people, not for the hot path. */
  counts(): { queued: number; held: number; dead: number } {
    const rows = this.#db.orm
      .select({ state: outbox.state, n: count() })
      .from(outbox)
      .groupBy(outbox.state)
      .all()
    const of = (state: string) => rows.find((row) => row.state === state)?.n ?? 0
    return { queued: of('queued'), held: of('held'), dead: of('dead') }
  }

  /** The rows are deleted with the device: here they get their verdict, and nothing is sent from memory either. */
  #leave({ id: device, accountId: account }: Device): void {
    this.notices.leave(device)
    const rows = this.#db.raw
      .query<{ id: number; message: string; kind: string; state: string }, [number, number]>(
        // Of a number, or what goes off the screen, there is nothing to explain.
        `SELECT id, message_id AS message, kind, state FROM outbox WHERE device_id = ? AND kind NOT IN ('badge', 'remove')
         ORDER BY id DESC LIMIT ?`,
      )
      .all(device, EXPLAINED)
    this.#events.together(() => {
      for (const { id, message: messageId, kind: rule, state } of rows) {
        const giveBack = state === 'queued' ? this.recall?.(id) : undefined
        if (giveBack) this.#db.turn.undo(giveBack)
        const at = this.#clock.now()
        this.record({ account, device, messageId, verdict: 'dropped', rule, reason: 'DeviceGone', at })
      }
    })
  }

  /** Of a row of the outbox that is about to be written; it rises even where that is taken back. */
  nextId(): number {
    return ++this.#lastRow
  }

  /** Numbers up to this one mean rows of before the start, whether they are there or not. */
  startsBehind(id: number): void {
    this.#lastRow = Math.max(this.#lastRow, id)
  }
}

function lastRow({ raw }: Db): number {
  return raw.query<{ id: number | null }, []>('SELECT max(id) AS id FROM outbox').get()?.id ?? 0
}
