/**
 * Figures over time, so that plots need no other program: a row a minute for a day, one of half an hour for a month.
 * About 3,000 rows at most, whatever happens.
 */
import { integer, primaryKey, real, sqliteTable } from 'drizzle-orm/sqlite-core'
import { type Db, rawWriter, type Write } from './db.ts'

export const figures = sqliteTable(
  'figures',
  {
    /** Seconds that a row covers. */
    step: integer('step').notNull(),
    /** Begin, ms since the epoch. */
    at: integer('at').notNull(),
    sessions: real('sessions').notNull(),
    /** Per minute, as are those of pushes. */
    messages: real('messages').notNull(),
    pushSent: real('push_sent').notNull(),
    pushMerged: real('push_merged').notNull(),
    pushRetried: real('push_retried').notNull(),
    pushDropped: real('push_dropped').notNull(),
    /** Seconds; null where none was answered. */
    pushLatency: real('push_latency'),
    /** Seconds. */
    loopLag: real('loop_lag'),
    diskFree: real('disk_free').notNull(),
    memory: real('memory').notNull(),
  },
  (t) => [primaryKey({ columns: [t.step, t.at] })],
)

type Row = typeof figures.$inferSelect
/** Figures of one stretch of time. */
export type Figures = Omit<Row, 'step' | 'at'>
export type FiguresAt = Omit<Row, 'step'>

/** Seconds. */
export const MINUTE = 60
const HALF_HOUR = 1800
/** Milliseconds for which rows of each step are kept: a little more than the plots show. */
const KEPT = [
  { step: MINUTE, keep: 25 * 3_600_000 },
  { step: HALF_HOUR, keep: 31 * 86_400_000 },
] as const
/** Rows that one trip deletes; more than one is late only after a clock was set. */
const PURGED = 100

/** Rows of a step as one row of `$group` ms each: means, but of times the longest. */
const GROUPED = `at / $group * $group AS at, avg(sessions) AS sessions, avg(messages) AS messages,
  avg(push_sent) AS pushSent, avg(push_merged) AS pushMerged, avg(push_retried) AS pushRetried,
  avg(push_dropped) AS pushDropped, max(push_latency) AS pushLatency, max(loop_lag) AS loopLag,
  min(disk_free) AS diskFree, max(memory) AS memory FROM figures
  WHERE step = $step AND at >= $from AND at < $to GROUP BY at / $group`

export class FigureRows {
  readonly #db: Db
  readonly #add: Write<Omit<Row, 'step'>>
  readonly #fold: Write<{ group: number; step: number; from: number; to: number }>
  readonly #purge: Write<{ step: number; before: number; limit: number }>

  constructor(db: Db) {
    this.#db = db
    this.#add = rawWriter(
      db,
      'INSERT OR REPLACE INTO figures VALUES (60, $at, $sessions, $messages, $pushSent, $pushMerged, $pushRetried, ' +
        '$pushDropped, $pushLatency, $loopLag, $diskFree, $memory)',
    )
    this.#fold = rawWriter(db, 'INSERT OR REPLACE INTO figures SELECT 1800, ' + GROUPED)
    this.#purge = rawWriter(
      db,
      'DELETE FROM figures WHERE step = $step AND at IN ' +
        '(SELECT at FROM figures WHERE step = $step AND at < $before ORDER BY at LIMIT $limit)',
    )
  }

  /** The minute that began at `at`; the half hour that it is in is counted anew. What is too old goes. */
  add(at: number, minute: Figures): void {
    this.#add({ at, ...minute })
    const group = HALF_HOUR * 1000
    const from = Math.floor(at / group) * group
    this.#fold({ group, step: MINUTE, from, to: from + group })
    for (const { step, keep } of KEPT) this.#purge({ step, before: at - keep, limit: PURGED })
  }

  /** Stretches of `group` ms between two times, made of rows of a minute or, where those are gone, of half an hour. */
  between(from: number, to: number, group: number): FiguresAt[] {
    const step = group < HALF_HOUR * 1000 ? MINUTE : HALF_HOUR
    return this.#db.raw
      .query<FiguresAt, { group: number; step: number; from: number; to: number }>('SELECT ' + GROUPED)
      .all({ group, step, from, to })
  }
}
