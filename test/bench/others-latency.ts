/** From a message to a sleeping phone to the request at a push service of browsers, and at Google's end. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startFcmSim } from '../../src/ops/fcm-sim.ts'
import { startWebPushSim } from '../../src/ops/web-push-sim.ts'
import type { Bench } from './bench.ts'
import { latencyFigures, PAIRS, RATE, type Received } from './push.ts'
import { PASSWORD, startServerUnderTest } from './server.ts'

/** Seconds. The stand-ins remember the last 10,000 requests, and all of them are looked at. */
const LASTS = 15

interface StandIn {
  readonly toml: string
  /** Registration of the nth phone, as its app would send it. */
  readonly device: (n: number) => object
  readonly received: Received
  readonly close: () => Promise<void>
}

const bench = (name: string, what: string, start: (dir: string) => Promise<StandIn>): Bench => ({
  name,
  what: `message for a sleeping phone to the request at ${what}, ${RATE} messages/s`,
  async run() {
    const dir = mkdtempSync(join(tmpdir(), 'belfry-bench-latency-'))
    const standIn = await start(dir)
    const server = await startServerUnderTest({ accounts: 2 * PAIRS, toml: standIn.toml })
    try {
      for (let n = 0; n < PAIRS; n++) await register(server.http, `u${2 * n + 1}`, standIn.device(n))
      return await latencyFigures(server, standIn.received, LASTS)
    } finally {
      await server.stop()
      await standIn.close()
      rmSync(dir, { recursive: true, force: true })
    }
  },
})

async function register(port: number, name: string, device: object): Promise<void> {
  const answer = await fetch(`http://127.0.0.1:${port}/v1/me/devices`, {
    method: 'POST',
    headers: {
      authorization: `Basic ${Buffer.from(`${name}@localhost:${PASSWORD}`).toString('base64')}`,
      'content-type': 'application/json',
    },
    body: JSON.stringify({ ...device, resource: 'phone' }),
  })
  if (!answer.ok) throw new Error(`no device: ${answer.status} ${await answer.text()}`)
}

export const webPushBench = bench('webpush', 'a push service of browsers', async (dir) => {
  const sim = await startWebPushSim()
  writeFileSync(join(dir, 'ca.pem'), sim.ca)
  return {
    toml: `[push.webpush]\ncontact = "mailto:bench@example.org"\nhosts = ["localhost", "127.0.0.1"]\nallow_private = true\nca_file = "${dir}/ca.pem"\n`,
    device: () => ({ kind: 'webpush', ...sim.subscribe() }),
    received: () => sim.received,
    close: () => sim.close(),
  }
})

export const fcmBench = bench('fcm', 'Google’s end', async (dir) => {
  const sim = await startFcmSim()
  writeFileSync(join(dir, 'ca.pem'), sim.ca)
  writeFileSync(join(dir, 'firebase.json'), sim.accountFile(), { mode: 0o600 })
  return {
    toml:
      `[[push.fcm]]\ntopic = "bench"\nservice_account_file = "${dir}/firebase.json"\nbody = "full"\n` +
      `endpoint = "${sim.url}"\nca_file = "${dir}/ca.pem"\ntoken_url = "${sim.tokenUrl}"\n`,
    device: (n) => ({ kind: 'fcm', token: `${String(n).padStart(22, 'd')}:APA91b${'x'.repeat(100)}` }),
    received: () => sim.received.map(({ at, data }) => ({ at, payload: data })),
    close: () => sim.close(),
  }
})
