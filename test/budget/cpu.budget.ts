/**
 * A budget of CPU for fixed work, as a multiple of what a bare relay takes for the same number of messages at the same time on
 * the same machine (test/bench/peers/bare-relay.ts): its time falls and rises with the machine's, so that noise does not
 * fail and a regression does. Run against the executable.
 */
import { generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { median } from '../bench/bench.ts'
import { BenchClient } from '../bench/client.ts'
import { scramLogin } from '../bench/logins.ts'
import { startTaker } from '../bench/nginx.ts'
import { pairs } from '../bench/paced.ts'
import { bare } from '../bench/peers/bare.ts'
import { addAccounts, addDevices } from '../bench/people.ts'
import { TOPIC } from '../bench/push.ts'
import { recorded, send, SENDERS } from '../bench/push-rate.ts'
import { saturate } from '../bench/relay.ts'
import { type ServerUnderTest, startServerUnderTest } from '../bench/server.ts'

/** A regression of this much fails. */
const SLACK = 1.3
const PAIRS = 20
const LOAD = { pairs: PAIRS, inFlight: 16, messages: 750 }
/** The clock of the kernel ticks every 10 ms, so that the reference needs more of its cheap messages. */
const BARE_LOAD = { ...LOAD, messages: 3_000 }
const ROUNDS = 5
/** Rounds before them, which find code that has not run often. */
const WARM = 2
const LOGINS = 150
const PUSHES = 4_000
const SLEEPERS = 500

/** Multiples of the bare relay's CPU, measured with the last change that was meant to move them. */
const BUDGET = { relay: 4.6, archive: 12, login: 420, push: 75 }

type Busy = Pick<ServerUnderTest, 'cpuMs'>

const ends: (() => Promise<unknown>)[] = []
let reference: { cost: () => Promise<number> }

beforeAll(async () => {
  const server = await bare.start(2 * PAIRS)
  ends.push(() => server.stop())
  const { senders, receivers } = await pairs(server.c2s, PAIRS)
  reference = {
    cost: () => costOf(server, PAIRS * BARE_LOAD.messages, () => saturate(senders, receivers, BARE_LOAD)),
  }
})

afterAll(async () => {
  for (const end of ends.toReversed()) await end()
})

/** CPU per piece, in ms. */
async function costOf(server: Busy, pieces: number, work: () => Promise<unknown>): Promise<number> {
  const before = server.cpuMs()
  await work()
  return (server.cpuMs() - before) / pieces
}

/** The median of rounds that alternate with the reference. */
async function multiple(cost: () => Promise<number>): Promise<number> {
  const [ours, theirs]: [number[], number[]] = [[], []]
  for (let round = 1 - WARM; round <= ROUNDS; round++) {
    const [own, bareCost] = [await cost(), await reference.cost()]
    if (round < 1) continue
    ours.push(own)
    theirs.push(bareCost)
  }
  return median(ours) / median(theirs)
}

function within(value: number, budget: number): void {
  console.log(`  ${value.toFixed(2)} times a bare message; the budget is ${budget} times ${SLACK}`)
  expect(value).toBeLessThanOrEqual(budget * SLACK)
}

for (const [kind, toml] of [
  ['relay', '[archive]\ndefault = "never"'],
  ['archive', ''],
] as const)
  test(`a message, ${kind}`, async () => {
    const server = await startServerUnderTest({ accounts: 2 * PAIRS, toml })
    ends.push(() => server.stop())
    const { senders, receivers } = await pairs(server.c2s, PAIRS)
    const cost = () => costOf(server, PAIRS * LOAD.messages, () => saturate(senders, receivers, LOAD))
    within(await multiple(cost), BUDGET[kind])
  })

test('a login by SCRAM with its handshake', async () => {
  const server = await startServerUnderTest({ accounts: 20 })
  ends.push(() => server.stop())
  const cost = () =>
    costOf(server, LOGINS, async () => {
      for (let n = 0; n < LOGINS; n++) (await scramLogin(server.c2s, `u${n % 20}`)).cut()
    })
  within(await multiple(cost), BUDGET.login)
})

test('a message for a sleeping phone, to the recorded answer of its push service', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'belfry-budget-'))
  const taker = await startTaker(dir, 0)
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  writeFileSync(join(dir, 'key.p8'), privateKey.export({ type: 'pkcs8', format: 'pem' }))
  const server = await startServerUnderTest({
    accounts: SENDERS,
    seed(db) {
      addAccounts(db, 'sleeper', SLEEPERS)
      addDevices(db, 'sleeper', 1, TOPIC)
    },
    toml:
      `[[push.apps]]\ntopic = "${TOPIC}"\nteam_id = "TEAM123456"\nkey_id = "KEY1234567"\nkey_file = "${dir}/key.p8"\n` +
      `endpoint = "${taker.url}"\nca_file = "${taker.caFile}"\nbody = "full"\n`,
  })
  ends.push(async () => {
    await server.stop()
    await taker.stop()
    rmSync(dir, { recursive: true })
  })
  const senders: BenchClient[] = []
  for (let i = 0; i < SENDERS; i++) senders.push(await BenchClient.login(server.c2s, `u${i}`))
  let sent = 0
  const cost = () =>
    costOf(server, PUSHES, async () => {
      await send(senders, sent, PUSHES, SLEEPERS)
      sent += PUSHES
      await recorded(server, sent)
    })
  within(await multiple(cost), BUDGET.push)
})
