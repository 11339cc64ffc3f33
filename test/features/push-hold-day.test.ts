/** A day with a phone and a desk: the figures that the documentation gives for the defaults, and for a desk that counts while it is open. */
import { expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { defaults } from '../../src/config/config.ts'
import { dayRow, holdDay } from '../support/hold-day.ts'

const PAGE = readFileSync(join(import.meta.dir, '../../src/docs/push-rules.md'), 'utf8')

test('the defaults ring at once for who has left the desk, and seldom for what is read there', async () => {
  const { active_within, hold } = defaults().push
  expect([active_within, hold]).toEqual([60_000, 30_000])
  const day = await holdDay('')
  const before = await holdDay('active_within = "1d"')
  expect(PAGE).toContain(dayRow('60s', '30s', day))
  expect(PAGE).toContain(dayRow('1d', '30s', before))
  expect([day.median, before.median]).toEqual([0, 30])
  expect(day.twice - before.twice).toBeLessThan(day.atDesk / 10)
})
