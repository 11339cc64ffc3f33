import { afterEach, beforeEach, expect, test } from 'bun:test'
import type { ApnsSim } from '../../src/ops/apns-sim.ts'
import { probeApps } from '../../src/push/apns/probe.ts'
import { systemClock, systemRandom } from '../../src/store/clock.ts'
import { keyApp, senderTo, startApple, TOPIC } from '../support/apns.ts'

const tools = { clock: systemClock, random: systemRandom }
let sim: ApnsSim
beforeEach(async () => {
  sim = await startApple({ topics: [TOPIC] })
})
afterEach(() => sim.close())

async function check(options: Parameters<typeof senderTo>[1] = {}) {
  const sender = senderTo(sim, options)
  const found = await probeApps(sender, tools)
  await sender.stop(0)
  return found.map(({ topic, result, reason, meaning }) => ({ topic, result, reason, meaning }))
}

test('a good key: Apple looks at the token last and calls it bad', async () => {
  expect(await check()).toEqual([
    { topic: TOPIC, result: 'ok', reason: 'BadDeviceToken', meaning: 'key, team and topic are accepted' },
  ])
})

test('each app gets its own answer, in Apple’s word and in ours', async () => {
  const apps = [keyApp(sim.url, sim.ca), keyApp(sim.url, sim.ca, { topic: 'org.unknown' })]
  sim.script({ status: 403, reason: 'InvalidProviderToken' })
  expect((await check({ apps })).map(({ result }) => result)).toEqual(['ok', 'ok'])
})

test('a clock that is off is named beside a key that is refused', async () => {
  const ahead = { ...systemClock, now: () => Date.now() + 7_200_000 }
  const [first] = await check({ clock: ahead })
  expect(first?.result).toBe('failed')
  expect(first?.reason).toBe('InvalidProviderToken')
  expect(first?.meaning).toContain('s ahead')
})

test('nobody there', async () => {
  const sender = senderTo(
    { url: 'https://127.0.0.1:1', ca: sim.ca },
    { times: { queueMs: 100, backoffMs: 10 } },
  )
  const found = await probeApps(sender, tools)
  await sender.stop(0)
  expect(found[0]).toMatchObject({ result: 'failed', status: null, reason: 'NoConnection' })
})

test('refused connections are told at once, for all apps side by side, whatever the deadlines', async () => {
  const apps = ['a', 'b', 'c'].map((name) =>
    keyApp(`https://127.0.0.1:${name.charCodeAt(0) - 96}`, sim.ca, { topic: name }),
  )
  const times = { queueMs: 3_600_000, connectMs: 3_600_000, backoffMs: 3_600_000, backoffCapMs: 3_600_000 }
  const found = await check({ apps, times })
  expect(found.map(({ topic }) => topic)).toEqual(['a', 'b', 'c'])
  for (const { reason, meaning } of found) {
    expect(reason).toBe('NoConnection')
    expect(meaning).toMatch(/^the provider cannot be reached: .*(ECONNREFUSED|refused)/)
  }
})
