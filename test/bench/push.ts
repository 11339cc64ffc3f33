/** From a message to a sleeping phone to the HTTP/2 request at Apple's end. */
import { generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startApnsSim } from '../../src/ops/apns-sim.ts'
import { type Bench, type Figure, percentile } from './bench.ts'
import { BenchClient } from './client.ts'
import { pairs, sendPaced } from './paced.ts'
import { type ServerUnderTest, startServerUnderTest } from './server.ts'
import { quantile } from './slow-disk.ts'

export const TOPIC = 'org.example.bench'
export const RATE = 500
const SECONDS = 20
export const PAIRS = 20

export const pushBench: Bench = {
  name: 'push',
  what: `message for a sleeping phone to the request on the wire, ${RATE} messages/s`,
  async run() {
    const dir = mkdtempSync(join(tmpdir(), 'belfry-bench-push-'))
    const sim = await startApnsSim({})
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    writeFileSync(join(dir, 'key.p8'), privateKey.export({ type: 'pkcs8', format: 'pem' }))
    writeFileSync(join(dir, 'ca.pem'), sim.ca)
    const server = await startServerUnderTest({
      accounts: 2 * PAIRS,
      toml:
        `[[push.apps]]\ntopic = "${TOPIC}"\nteam_id = "TEAM123456"\nkey_id = "KEY1234567"\nkey_file = "${dir}/key.p8"\n` +
        `endpoint = "${sim.url}"\nca_file = "${dir}/ca.pem"\nbody = "full"\n`,
    })
    try {
      for (let i = 0; i < PAIRS; i++) await register(server.c2s, 2 * i + 1)
      return await latencyFigures(server, () => sim.received, SECONDS)
    } finally {
      await server.stop()
      await sim.close()
      rmSync(dir, { recursive: true, force: true })
    }
  },
}

/** Requests at a stand-in, with the wall clock's time (ms) at which each came. */
export type Received = () => readonly { readonly at: number; readonly payload: Record<string, unknown> }[]

/** From messages of the pairs' senders, `RATE` a second for some seconds, to their requests at a stand-in. */
export async function latencyFigures(
  server: ServerUnderTest,
  received: Received,
  seconds: number,
): Promise<Figure[]> {
  const { senders } = await pairs(server.c2s, PAIRS, true)
  const latencies = latenciesOf(senders, received)
  // The first push of all opens the connection and goes alone on it.
  const cold = await latencies(1000, 0.001)
  const warm = await latencies(RATE, seconds)
  return [
    { figure: 'message to request p99', unit: 'ms', samples: [percentile(warm, 0.99)], limit: 20 },
    { figure: 'the first push, connection included', unit: 'ms', samples: cold },
    // One slow fsync of a shared disk delays all that waits for it, so the figure above is read beside this one.
    { figure: 'slowest COMMIT, upper bound', unit: 'ms', samples: [await slowestCommit(server)] },
    { figure: 'message to request p50', unit: 'ms', samples: [percentile(warm, 0.5)] },
  ]
}

/** Times (ms) from messages, sent at a rate for some seconds, to their requests at a stand-in. */
function latenciesOf(senders: Parameters<typeof sendPaced>[0], received: Received) {
  // The mark in a body is by performance.now(), a push is stamped by the wall clock.
  const epoch = Date.now() - performance.now()
  return async (rate: number, seconds: number): Promise<number[]> => {
    const before = received().length
    await sendPaced(senders, rate, seconds)
    const until = performance.now() + 10_000
    while (received().length - before < rate * seconds && performance.now() < until) await Bun.sleep(20)
    const found = received()
      .slice(before)
      .map(({ at, payload }) => at - epoch - sentAt(payload))
    if (found.length < rate * seconds) throw new Error(`only ${found.length} pushes arrived`)
    return found
  }
}

async function slowestCommit(server: ServerUnderTest): Promise<number> {
  return quantile('', await server.metrics(), 'belfry_db_commit_seconds', 1) * 1000
}

export async function register(port: number, i: number): Promise<void> {
  const client = await BenchClient.login(port, `u${i}`, 'phone')
  const token = i.toString(16).padStart(64, '0')
  await client.ask(
    `<iq type='set' id='e'><enable xmlns='urn:xmpp:push:0' jid='push.localhost' node='${token}'/></iq>`,
    `id="e"`,
  )
  client.close()
}

function sentAt(payload: Record<string, unknown>): number {
  return Number(/~(\d+(?:\.\d+)?)~/.exec(JSON.stringify(payload))?.[1])
}
