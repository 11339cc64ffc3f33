/** The table of the documentation about how long phones wait for a desk: `bun test/bench/hold-day.ts`. Nothing in it is measured by a clock. */
import { dayRow, holdDay } from '../support/hold-day.ts'

const WAYS = [
  ['1d', '30s'],
  ['5m', '30s'],
  ['2m', '30s'],
  ['60s', '30s'],
  ['60s', '60s'],
  ['60s', '15s'],
  ['30s', '30s'],
  ['10s', '30s'],
  ['60s', '0s'],
] as const

for (const [within, hold] of WAYS)
  console.log(dayRow(within, hold, await holdDay(`active_within = "${within}"\nhold = "${hold}"`)))
