/** Phones that asked for fewer pushes: whom the table of them forgets. */
import { expect, test } from 'bun:test'
import { Pacing } from '../../src/push/outbox/last-look.ts'
import type { Device } from '../../src/store/devices.ts'

const phone = (n: number) => ({ topic: 'org.bix.app', address: `phone-${n}` }) as Device

test('a phone that asks again is the newest, and makes no other one go', () => {
  const pacing = new Pacing()
  const isPaced = (n: number) => pacing.look(phone(n), 0) !== undefined
  for (let n = 0; n < 10_000; n++) pacing.wait(phone(n), 1_000)
  for (let again = 0; again < 10; again++) pacing.wait(phone(0), 2_000)
  expect([0, 1, 2, 9_999].map(isPaced)).toEqual([true, true, true, true])
  pacing.wait(phone(10_000), 1_000)
  expect([0, 1, 2, 10_000].map(isPaced)).toEqual([true, false, true, true])
})
