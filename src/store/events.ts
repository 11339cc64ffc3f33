/**
 * Events of accounts, devices and pushes, for the webhook. They are written where they happen, so that no door can
 * forget it, as a row of the outbox in the same transaction: what was rolled back is not told.
 */
import type { EventName } from '../config/events.ts'
import { getLogger } from '../log.ts'
import { limitsHit } from '../metrics/metrics.ts'
import type { Clock } from './clock.ts'
import { type Db, rawWriter, type Write } from './db.ts'

const log = getLogger('store')

/** Wishes of the operator. */
export interface EventTerms {
  readonly names: readonly EventName[]
  /** Time for which one is tried to be told, ms. */
  readonly keep: number
  /** Rows that may wait for the webhook; 0: no limit. */
  readonly most: number
}

/** The row that tells it (store/push.ts). */
export interface EventRow {
  /** `id` is null where the account is gone. */
  readonly account: { readonly id: number | null; readonly jid: string }
  /** The webhook's rows have none. */
  readonly device: undefined
  readonly messageId: ''
  readonly collapseId: ''
  readonly kind: EventName
  /** The account's address. */
  readonly sender: string
  /** The event's data, JSON. */
  readonly body: string
  readonly now: number
  readonly expiresAt: number
}

/** Decision about a device, or its provider's answer. */
export interface ToldVerdict {
  readonly message: string
  readonly device: string
  readonly verdict: string
  readonly rule: string
  readonly reason: string | undefined
}

/** Verdicts in one row; what is above has another. */
const VERDICTS = 250
/** Rows between two counts of what waits. */
const COUNT_EVERY = 1_000
/** The same while there is no room. */
const TRY_EVERY = 100

export class Events {
  /** Set by whoever knows the configuration. */
  terms: () => EventTerms = () => ({ names: [], keep: 0, most: 0 })
  /** Set by the store: writes the row. */
  queue: ((row: EventRow) => void) | undefined

  readonly #clock: Clock
  readonly #jid
  readonly #waiting
  readonly #orphan: Write<{ id: number }>
  /** Verdicts by account, while they are gathered. */
  #gathered: Map<number, ToldVerdict[]> | undefined
  /** Rows until the next count, and whether that finds room. */
  #next = 0
  #full = false

  constructor(db: Db, clock: Clock) {
    this.#clock = clock
    this.#jid = db.raw.prepare<{ jid: string }, [number]>('SELECT jid FROM accounts WHERE id = ?')
    this.#waiting = db.raw.prepare<{ n: number }, []>(
      'SELECT count(*) AS n FROM outbox WHERE device_id IS NULL',
    )
    this.#orphan = rawWriter(
      db,
      `UPDATE outbox SET account_id = NULL
       WHERE account_id = $id AND device_id IS NULL AND instr(kind, '.') > 0 AND state <> 'held'`,
    )
  }

  wants(name: EventName): boolean {
    return this.terms().names.includes(name)
  }

  /** `account`: its id, or both where the row is not there any more (id null). */
  tell(
    name: EventName,
    account: number | EventRow['account'],
    data: Readonly<Record<string, unknown>> = {},
  ): void {
    const { names, keep, most } = this.terms()
    if (!names.includes(name) || !this.#hasRoom(most)) return
    const whose = typeof account === 'number' ? { id: account, jid: this.jidOf(account) } : account
    const now = this.#clock.now()
    this.queue?.({
      account: whose,
      device: undefined,
      messageId: '',
      collapseId: '',
      kind: name,
      sender: whose.jid,
      body: JSON.stringify(data),
      now,
      expiresAt: now + keep,
    })
  }

  verdict(account: number, verdict: ToldVerdict): void {
    if (!this.wants('push.verdict')) return
    const gathered = this.#gathered?.get(account)
    if (gathered) gathered.push(verdict)
    else if (this.#gathered) this.#gathered.set(account, [verdict])
    else this.tell('push.verdict', account, { verdicts: [verdict] })
  }

  /**
   * Decisions of `f` about the devices of an account are one row and one request, not one a device: a trip may write so
   * many and no more. Nothing else that is told may happen in `f`, or it would overtake.
   */
  together(f: () => void): void {
    if (this.#gathered) return f()
    const gathered = (this.#gathered = new Map<number, ToldVerdict[]>())
    try {
      f()
    } finally {
      this.#gathered = undefined
    }
    for (const [account, verdicts] of gathered)
      for (let first = 0; first < verdicts.length; first += VERDICTS)
        this.tell('push.verdict', account, { verdicts: verdicts.slice(first, first + VERDICTS) })
  }

  jidOf(account: number): string {
    return this.#jid.get(account)?.jid ?? ''
  }

  /** Events of an account outlive it. */
  outlive(account: number): void {
    this.#orphan({ id: account })
  }

  /** Counted now and then: a webhook that is down for days must not fill the disk. */
  #hasRoom(most: number): boolean {
    if (most === 0) return true
    if (this.#next-- <= 0) {
      const left = most - (this.#waiting.get()?.n ?? 0)
      if (left <= 0 && !this.#full)
        log.error('too many events wait for the webhook: more are not kept', { most })
      this.#full = left <= 0
      this.#next = (this.#full ? TRY_EVERY : Math.min(COUNT_EVERY, left)) - 1
    }
    if (this.#full) limitsHit.inc({ limit: 'webhook_events' })
    return !this.#full
  }
}
