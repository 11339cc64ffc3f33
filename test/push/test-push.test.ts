import { expect, test } from 'bun:test'
import { testPush } from '../../src/push/diagnose/test-push.ts'
import { systemClock, systemRandom } from '../../src/store/clock.ts'
import { device, deviceToken, senderTo, startApple } from '../support/apns.ts'

const tools = { clock: systemClock, random: systemRandom }

test('each device is rung and each answer told in the provider’s own words', async () => {
  const sim = await startApple()
  const sender = senderTo(sim)
  sim.script({ token: deviceToken(2), status: 400, reason: 'BadDeviceToken' })
  const results = await testPush({ apns: sender }, [device(1), device(2), device(3, 'org.unknown')], tools)
  await sender.stop(0)
  await sim.close()
  expect(results.map(({ device, result, status, reason }) => [device, result, status, reason])).toEqual([
    ['1', 'sent', 200, null],
    ['2', 'failed', 400, 'BadDeviceToken'],
    ['3', 'failed', null, 'no app is configured for this topic'],
  ])
  expect(sim.received.map((push) => push.apnsId)).toContain(results[0]?.apns_id ?? 'none')
})

test('without any app nothing is tried', async () => {
  expect((await testPush(undefined, [device(1)], tools))[0]?.result).toBe('failed')
})
