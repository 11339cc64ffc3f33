/** Caps on the rate of the log: a flood of one kind must not drown the others, nor fill the disk. */
import type { LogRecord } from '@logtape/logtape'

/** Lines per second of one event. */
const OF_EVENT = 200

/** Lines of one second. */
class Counts {
  readonly #seen = new Map<string, number>()

  constructor(readonly most: number) {}

  admits(key: string): boolean {
    const lines = (this.#seen.get(key) ?? 0) + 1
    this.#seen.set(key, lines)
    return lines <= this.most
  }

  /** Begins anew; returns what was left out. */
  turn(): [key: string, lines: number][] {
    const over = [...this.#seen].filter(([, lines]) => lines > this.most)
    this.#seen.clear()
    return over.map(([key, lines]) => [key, lines - this.most])
  }
}

/**
 * Whether a record may be written: of one event so many in a second, of an area at a level `most`. Levels count apart, so
 * that no flood of small matters hides an error. What was left out is told with the first record of a later second.
 */
export function floodGate(
  most: number,
  now: () => number,
  tell: (record: LogRecord) => void,
): (record: LogRecord) => boolean {
  const areas = new Counts(most)
  const events = new Counts(OF_EVENT)
  let second = 0
  return (record) => {
    const current = Math.floor(now() / 1000)
    if (current !== second) {
      second = current
      for (const [of, lines] of events.turn()) tell(summary(record, 'repeated lines left out', { of, lines }))
      for (const [of, lines] of areas.turn())
        tell(summary(record, 'lines of an area left out', { of, lines }))
    }
    const area = record.category.join('.')
    // Repeated ones take no share of the area.
    return events.admits(`${area} ${String(record.rawMessage)}`) && areas.admits(`${area} ${record.level}`)
  }
}

const summary = (record: LogRecord, event: string, properties: Record<string, unknown>): LogRecord => ({
  ...record,
  level: 'warning',
  category: ['belfry', 'log'],
  rawMessage: event,
  properties,
})
