/** Quiet hours: pure, in the person's own time zone. */
import { BoundedMap } from '../../bounded-map.ts'
import type { Quiet } from '../../store/unread.ts'

/** The least recently used is forgotten. Each takes some ten kilobytes, and besides the zones of this world anybody may have one of his own: "+05:17". */
const MOST = 500
const formats = new BoundedMap<string, Intl.DateTimeFormat>(MOST)

/** Whether `now` (ms since the epoch) lies in the quiet hours; a range may pass midnight. */
export function isQuiet(quiet: Quiet | null, now: number): boolean {
  if (!quiet || quiet.from === quiet.to) return false
  const time = timeIn(quiet.zone, now)
  const { from, to } = quiet
  return from < to ? time >= from && time < to : time >= from || time < to
}

/** The runtime's own name of a time zone, which may be spelled in any letters; undefined where it knows none such. */
export function zoneName(zone: string): string | undefined {
  try {
    return new Intl.DateTimeFormat('en-GB', { timeZone: zone }).resolvedOptions().timeZone
  } catch (error) {
    if (error instanceof RangeError) return undefined
    throw error
  }
}

/** "HH:MM" */
export function timeIn(zone: string, now: number): string {
  return formatOf(zone).format(now)
}

function formatOf(zone: string): Intl.DateTimeFormat {
  let format = formats.use(zone)
  if (!format) {
    format = new Intl.DateTimeFormat('en-GB', {
      timeZone: zone,
      hour: '2-digit',
      minute: '2-digit',
      hourCycle: 'h23',
    })
    formats.set(zone, format)
  }
  return format
}
