/**
 * Ids of messages, and when each came. An id is the time of receipt in microseconds since the epoch and only rises, so
 * that ids sort by arrival. A clock that is set back makes ids run ahead of it: by how much is a row, and the time of
 * receipt stays right.
 */
import { getLogger } from '../log.ts'
import type { Clock } from './clock.ts'
import { type Db, rawWriter, type Write } from './db.ts'

const log = getLogger('store')

/** Microseconds by which ids may run ahead unnoted: times are no better than that. */
const TOLERATED = 1_000_000
/** Milliseconds by which the clock must have been set to be worth a line in the log. */
const WORTH_A_LINE = 5 * 60_000
/** Shifts that are kept, newest first: a clock that swings for ever must not fill memory. */
const MOST_SHIFTS = 1_000

/** Ids from `from` (inclusive) to `to` (exclusive). */
export interface IdRange {
  readonly from: number
  readonly to: number
}

interface Shift {
  /** The first id that it holds for, up to the next shift. */
  readonly from: number
  /** Microseconds. */
  readonly ahead: number
}

export class Receipts {
  readonly #db: Db
  readonly #clock: Clock
  /** The newest id of the last run. */
  readonly #first: number
  #last: number
  #shifts: Shift[]
  /** Time of the last look at the clock (ms): by the wall, and from the machine's start. */
  #seen: { wall: number; monotonic: number }
  readonly #put: Write<{ from: number; ahead: number }>
  readonly #forget: Write<{ from: number }>

  constructor(db: Db, clock: Clock) {
    this.#db = db
    this.#clock = clock
    this.#shifts = db.raw
      .query<Shift, []>('SELECT from_id AS "from", ahead FROM clock_shifts ORDER BY from_id')
      .all()
    this.#first = this.#last = Math.max(highestId(db), this.#shifts.at(-1)?.from ?? 0)
    this.#seen = { wall: clock.now(), monotonic: clock.monotonic() }
    this.#put = rawWriter(db, 'INSERT INTO clock_shifts (from_id, ahead) VALUES ($from, $ahead)')
    this.#forget = rawWriter(db, 'DELETE FROM clock_shifts WHERE from_id = $from')
    const behind = this.timeOf(this.#last) - this.#seen.wall
    if (behind > WORTH_A_LINE) logJump('the clock is behind the newest message', -behind)
  }

  /** The next id. */
  next(): number {
    const wall = this.#clock.now()
    this.#watch(wall)
    const now = wall * 1000
    const { ahead } = this.#shifts.at(-1) ?? { ahead: 0 }
    if (ahead > 0 && now > this.#last) this.#shift({ from: now, ahead: 0 })
    else if (this.#last - now - ahead > TOLERATED)
      this.#shift({ from: this.#last + 1, ahead: this.#last + 1 - now })
    const natural = now + (this.#shifts.at(-1)?.ahead ?? 0)
    this.#last = Math.max(this.#last + 1, natural)
    return this.#last
  }

  /** Time at which the message of that id came, ms since the epoch. */
  timeOf(id: number): number {
    return Math.floor((id - (this.#shifts.findLast(({ from }) => from <= id)?.ahead ?? 0)) / 1000)
  }

  /** Whether that id was given by an earlier run of the server. */
  isFromBefore(id: number): boolean {
    return id <= this.#first
  }

  /** Ids of what came from `start` to `end`, both inclusive, ms since the epoch; rising, without overlaps. */
  between(start = Number.NEGATIVE_INFINITY, end = Number.POSITIVE_INFINITY): IdRange[] {
    // A millisecond has a thousand ids.
    return this.#ranges(start * 1000, (end + 1) * 1000)
  }

  /** Of times in microseconds, the second exclusive. */
  #ranges(start: number, end: number): IdRange[] {
    const all = [{ from: Number.NEGATIVE_INFINITY, ahead: 0 }, ...this.#shifts]
    return all.flatMap(({ from, ahead }, i) => {
      const range = {
        from: Math.max(from, start + ahead),
        to: Math.min(all[i + 1]?.from ?? Number.POSITIVE_INFINITY, end + ahead),
      }
      return range.from < range.to ? [range] : []
    })
  }

  /**
   * The id below which everything came before `time` (ms) or before something that did, for what is deleted by its age:
   * oldest first.
   */
  below(time: number): number {
    return this.#ranges(Number.NEGATIVE_INFINITY, time * 1000).at(-1)?.to ?? 0
  }

  #shift(shift: Shift): void {
    const before = this.#shifts
    const oldest = before.length >= MOST_SHIFTS ? before[0] : undefined
    this.#put({ from: shift.from, ahead: shift.ahead })
    if (oldest) this.#forget({ from: oldest.from })
    this.#shifts = [...(oldest ? before.slice(1) : before), shift]
    this.#db.turn.undo(() => void (this.#shifts = before))
  }

  #watch(wall: number): void {
    const monotonic = this.#clock.monotonic()
    const jumped = wall - this.#seen.wall - (monotonic - this.#seen.monotonic)
    this.#seen = { wall, monotonic }
    if (Math.abs(jumped) > WORTH_A_LINE) logJump('the clock was set', jumped)
  }
}

function logJump(event: string, ms: number): void {
  log.warn(event, { seconds: Math.round(ms / 1000) })
}

function highestId(db: Db): number {
  const row = db.raw
    .query<{ id: number | null }, []>(
      'SELECT max(id) AS id FROM (SELECT max(id) AS id FROM archive UNION ALL SELECT max(id) FROM offline' +
        ' UNION ALL SELECT max(id) FROM origins UNION ALL SELECT max(id) FROM room_archive UNION ALL SELECT max(seq) FROM pep_items' +
        // What the quota has counted may be gone (archive-sizes.ts): below it nothing would be counted again.
        " UNION ALL SELECT CAST(CAST(value AS TEXT) AS INTEGER) FROM settings WHERE name = 'counted-archive')",
    )
    .get()
  return row?.id ?? 0
}
