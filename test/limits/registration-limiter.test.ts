import { expect, test } from 'bun:test'
import { RegistrationLimiter } from '../../src/limits/registration-limiter.ts'
import { Networks } from '../../src/net/address.ts'
import { FakeClock } from '../support/clock.ts'

const INTERVAL = 600_000
const REMEMBERED = 10_000
const limiter = (clock = new FakeClock()) => new RegistrationLimiter(clock, new Networks(['::/0']), INTERVAL)
/** Each in a /64 of its own. */
const address = (n: number) => `2001:db8:${n.toString(16)}::1`

test('of more networks than are remembered the oldest is forgotten, and no other', () => {
  const registrations = limiter()
  for (let n = 0; n < REMEMBERED + 1; n++) registrations.take(address(n))
  expect(registrations.waitFor(address(0))).toBe(0)
  for (const n of [1, 2, REMEMBERED / 2, REMEMBERED]) expect(registrations.waitFor(address(n))).toBe(INTERVAL)
})

test('what is taken back leaves what was before', () => {
  const clock = new FakeClock()
  const registrations = limiter(clock)
  registrations.take(address(1))
  clock.advance(INTERVAL - 1)
  const back = registrations.take(address(1))
  expect(registrations.waitFor(address(1))).toBe(INTERVAL)
  back()
  expect(registrations.waitFor(address(1))).toBe(1)
  registrations.take(address(2))()
  expect(registrations.waitFor(address(2))).toBe(0)
})
