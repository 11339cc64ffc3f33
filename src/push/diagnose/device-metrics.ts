/** Counts devices for the metrics, a slice at a time: a million rows at once would hold the loop. */
import { pushDevices, pushDevicesBySuccess } from '../../metrics/metrics.ts'
import type { Clock } from '../../store/clock.ts'
import type { DeviceAges, PushReports } from '../../store/push-reports.ts'

const SLICE = 2_000
/** Of ids alone: a millisecond or two. */
const COUNTED = 20_000
const PAUSE_MS = 20
const EVERY_MS = 5 * 60_000
const AGES = ['day', 'week', 'month', 'older', 'never'] as const

/** The first count is soon after the start; returns what stops it. */
export function startCensus(reports: Pick<PushReports, 'deviceAges'>, clock: Clock): () => void {
  let cancel: () => void = () => undefined
  const from = (after: number, sum: DeviceAges): void => {
    const { last, ...slice } = reports.deviceAges(after, SLICE, clock.now())
    const total = add(sum, slice)
    if (last !== null) {
      cancel = clock.after(PAUSE_MS, () => from(last, total))
      return
    }
    for (const age of AGES) pushDevicesBySuccess.set({ age }, total[age])
    pushDevices.set(AGES.reduce((n, age) => n + total[age], 0))
    cancel = clock.after(EVERY_MS, () => from(0, NONE))
  }
  cancel = clock.after(1_000, () => from(0, NONE))
  return () => cancel()
}

/** All that are there now, counted in slices between which others have their turn. */
export async function countDevices(
  reports: Pick<PushReports, 'countDevices'>,
  clock: Clock,
): Promise<number> {
  let all = 0
  for (let after: number | null = 0; after !== null;) {
    const slice: { n: number; last: number | null } = reports.countDevices(after, COUNTED)
    all += slice.n
    after = slice.last
    if (after !== null) await new Promise<void>((resolve) => void clock.after(0, resolve))
  }
  pushDevices.set(all)
  return all
}

const NONE: DeviceAges = { day: 0, week: 0, month: 0, older: 0, never: 0 }

function add(a: DeviceAges, b: DeviceAges): DeviceAges {
  return {
    day: a.day + b.day,
    week: a.week + b.week,
    month: a.month + b.month,
    older: a.older + b.older,
    never: a.never + b.never,
  }
}
