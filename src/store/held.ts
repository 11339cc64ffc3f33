/**
 * Pushes that wait for a reason before they may go: rows of the outbox that the dispatcher does not see yet. And what
 * it sees and has not sent may be taken back here as well.
 */
import type { Account } from './accounts.ts'
import { type Db, rawWriter, type Write } from './db.ts'
import { Notes } from './notes.ts'
import type { AboutFacts, CallFacts, FileFacts, NewPush, Push, Words } from './push.ts'

/** Of a device, and of an account that is there. */
export type PhonePush = NewPush & {
  readonly device: NonNullable<NewPush['device']>
  readonly account: { readonly id: number }
}

export interface HeldPush {
  readonly id: number
  readonly account_id: number
  readonly device_id: number
  readonly message_id: string
  readonly collapse_id: string
  readonly state: 'held' | 'queued'
  readonly kind: string
  readonly sender: string
  readonly title: string | null
  readonly body: string | null
  readonly badge: number | null
  readonly nick: string | null
  /** JSON of CallFacts. */
  readonly call: string | null
  /** JSON of FileFacts. */
  readonly file: string | null
  /** JSON of AboutFacts. */
  readonly about: string | null
  /** ms since the epoch. */
  readonly created_at: number
  readonly expires_at: number
  /** ms since the epoch at which it is decided anew. */
  readonly next_at: number
  /** The rule that holds it; null where nothing does and it is about to be sent. */
  readonly hold: string | null
}

/** Name of a row of the outbox that may be taken back. */
export type Waiting = Pick<
  HeldPush,
  'id' | 'account_id' | 'device_id' | 'message_id' | 'sender' | 'kind' | 'state'
>

/** A withdrawal in several trips: messages of one chat up to an id, in rows up to another. */
export interface Withdrawal {
  readonly accountId: number
  readonly sender: string
  readonly upTo: number
  readonly rule: string
  readonly lastRow: number
}

/** Of the webhook, or at its end. */
type Foreign = Omit<Waiting, 'device_id' | 'state'> & { readonly device_id: null; readonly state: string }

export class Held {
  readonly #db: Db
  readonly #push: Push
  readonly #delete: Write<{ id: number; state: string }>
  readonly #wait: Write<{ id: number; until: number }>
  readonly #join: Write<{ id: number; collapseId: string }>
  readonly #reword: Write<{ id: number; kind: string; body: string | null }>
  /** By the key of their notes. */
  readonly #withdrawals = new Map<string, Withdrawal>()
  readonly #notes: Notes<Withdrawal>

  constructor(db: Db, push: Push) {
    this.#db = db
    this.#push = push
    this.#wait = rawWriter(db, `UPDATE outbox SET next_at = $until WHERE id = $id`)
    this.#join = rawWriter(db, `UPDATE outbox SET hold = 'burst', collapse_id = $collapseId WHERE id = $id`)
    this.#reword = rawWriter(db, `UPDATE outbox SET kind = $kind, body = $body WHERE id = $id`)
    this.#delete = rawWriter(db, `DELETE FROM outbox WHERE id = $id AND state = $state`)
    this.#notes = new Notes(db, 'withdrawal-')
    for (const [name, withdrawal] of this.#notes.all()) {
      this.#withdrawals.set(name, withdrawal)
      push.startsBehind(withdrawal.lastRow)
    }
  }

  /** Keeps a push back until `until` (ms) and returns its id. */
  hold(push: PhonePush, rule: string, until: number): number {
    return this.#push.hold(push, rule, until)
  }

  /** A held push waits on. */
  wait(id: number, until: number): void {
    this.#wait({ id, until })
  }

  /** From now on it is the one of its chat that waits for the end of a burst. */
  joinBurst(id: number, collapseId: string): void {
    this.#join({ id, collapseId })
  }

  find(id: number): HeldPush | undefined {
    return (
      this.#db.raw
        .query<HeldPush, [number]>(`SELECT * FROM outbox WHERE id = ? AND state = 'held'`)
        .get(id) ?? undefined
    )
  }

  /** All of them, for the start. */
  all(): { id: number; next_at: number }[] {
    return this.#db.raw
      .query<{ id: number; next_at: number }, []>(`SELECT id, next_at FROM outbox WHERE state = 'held'`)
      .all()
  }

  /** Rows of an account after one id up to another, in their order: also such as may not be taken back. */
  page(accountId: number, after: number, upTo: number, limit: number): (Waiting | Foreign)[] {
    return this.#db.raw
      .query<Waiting | Foreign, [number, number, number, number]>(
        `SELECT id, account_id, device_id, message_id, sender, kind, state FROM outbox
         WHERE account_id = ? AND id > ? AND id <= ? ORDER BY id LIMIT ?`,
      )
      .all(accountId, after, upTo, limit)
  }

  /** The rest of it is done later; returns its name. */
  putOff(withdrawal: Withdrawal): string {
    const name = String(withdrawal.lastRow)
    this.#notes.put(name, withdrawal)
    this.#withdrawals.set(name, withdrawal)
    this.#db.turn.undo(() => this.#withdrawals.delete(name))
    return name
  }

  /** Nothing is left of it. */
  finish(name: string): void {
    const before = this.#withdrawals.get(name)
    if (!before) return
    this.#notes.forget(name)
    this.#withdrawals.delete(name)
    this.#db.turn.undo(() => this.#withdrawals.set(name, before))
  }

  /** Those that are not finished, by their names. */
  putOffs(): [name: string, withdrawal: Withdrawal][] {
    return [...this.#withdrawals]
  }

  /** Pushes of one message that a phone has not been told yet, whether something holds them or not. */
  waitingAbout(accountId: number, messageId: string): HeldPush[] {
    return this.#db.raw
      .query<HeldPush, [number, string]>(
        `SELECT * FROM outbox WHERE account_id = ? AND message_id = ? AND device_id IS NOT NULL AND state IN ('held', 'queued')`,
      )
      .all(accountId, messageId)
  }

  /** The call of that session id of which a phone has not been told yet. */
  call(
    accountId: number,
    sid: string,
  ): { readonly messageId: string; readonly facts: CallFacts } | undefined {
    const row = this.#db.raw
      .query<{ messageId: string; call: string }, [number, string]>(
        `SELECT message_id AS messageId, call FROM outbox WHERE account_id = ? AND kind = 'call'
           AND state IN ('held', 'queued') AND call ->> '$.sid' = ? LIMIT 1`,
      )
      .get(accountId, sid)
    // As it was queued.
    return row ? { messageId: row.messageId, facts: JSON.parse(row.call) as CallFacts } : undefined
  }

  /** Those of an account that one of these rules holds. */
  waitingFor(accountId: number, rules: readonly [string, string]): HeldPush[] {
    return this.#db.raw
      .query<HeldPush, [number, string, string]>(
        `SELECT * FROM outbox WHERE account_id = ? AND state = 'held' AND hold IN (?, ?) ORDER BY id`,
      )
      .all(accountId, ...rules)
  }

  /** Those of one chat that are held. */
  ofChat(accountId: number, sender: string): HeldPush[] {
    return this.#db.raw
      .query<HeldPush, [number, string]>(
        `SELECT * FROM outbox WHERE account_id = ? AND sender = ? AND state = 'held'`,
      )
      .all(accountId, sender)
  }

  /** A held push goes now, as a new row, which is what the dispatcher looks for. */
  release(held: HeldPush, account: Account, badge: number | undefined, now: number): void {
    const device = this.#push.devices.of(account.id).find(({ id }) => id === held.device_id)
    if (!this.drop(held) || !device) return
    this.#push.queue({
      account,
      device,
      messageId: held.message_id,
      collapseId: held.collapse_id,
      kind: held.kind,
      sender: held.sender,
      title: held.title ?? undefined,
      body: held.body ?? undefined,
      badge,
      nick: held.nick ?? undefined,
      // As `hold` has written it.
      call: held.call === null ? undefined : (JSON.parse(held.call) as CallFacts),
      file: held.file === null ? undefined : (JSON.parse(held.file) as FileFacts),
      about: held.about === null ? undefined : (JSON.parse(held.about) as AboutFacts),
      now,
      expiresAt: held.expires_at,
    })
  }

  /** A held push says something else, unless it has left; what Apple asks for again then comes in the new words. */
  reword({ id }: HeldPush, words: Words): void {
    this.#reword({ id, ...words })
    this.#db.turn.after(() => this.#push.reworded?.(id, words))
  }

  /** A held push never goes; false where it is gone already. */
  drop({ id, state }: Pick<HeldPush, 'id' | 'state'>): boolean {
    if (state === 'queued' && this.#push.recall) {
      const giveBack = this.#push.recall(id)
      if (!giveBack) return false
      this.#db.turn.undo(giveBack)
    }
    return this.#delete({ id, state }) > 0
  }
}
