/** Quiet hours: pure, in the person's own time zone. */
import type { Quiet } from '../store/unread.ts'

const formats = new Map<string, Intl.DateTimeFormat>()

/** Whether `now` (ms since the epoch) lies in the quiet hours; a range may pass midnight. */
export function isQuiet(quiet: Quiet | null, now: number): boolean {
  if (!quiet || quiet.from === quiet.to) return false
  const time = timeIn(quiet.zone, now)
  const { from, to } = quiet
  return from < to ? time >= from && time < to : time >= from || time < to
}

/** Whether the runtime knows that time zone. */
export function isZone(zone: string): boolean {
  try {
    formatOf(zone)
    return true
  } catch {
    return false
  }
}

/** "HH:MM" */
function timeIn(zone: string, now: number): string {
  return formatOf(zone).format(now)
}

function formatOf(zone: string): Intl.DateTimeFormat {
  let format = formats.get(zone)
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
