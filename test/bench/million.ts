/** A million registered devices: the start, the registration of one more, and a push. */
import { generateKeyPairSync } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { databaseFile } from '../../src/ops/data-dir.ts'
import { startApnsSim } from '../../src/ops/apns-sim.ts'
import { openStore } from '../../src/store/store.ts'
import { type Bench, type Figure, percentile } from './bench.ts'
import { BenchClient } from './client.ts'
import { pairs, sendPaced } from './paced.ts'
import { addAccounts, addDevices } from './people.ts'
import { register, TOPIC } from './push.ts'
import { startServerUnderTest } from './server.ts'

const DEVICES = 1_000_000
const ACCOUNTS = 200_000
const ENABLES = 200
const RATE = 100
const SECONDS = 5

export const millionBench: Bench = {
  name: 'million',
  what: 'start, enable and send with no device and with a million',
  async run() {
    const empty = await measure(0)
    const full = await measure(DEVICES)
    const row = (figure: string, unit: string, samples: number[], limit?: number): Figure => ({
      figure,
      unit,
      samples,
      ...(limit === undefined ? {} : { limit }),
    })
    return [
      row('start with a million devices', 'ms', [full.start], 1_000),
      row('start without', 'ms', [empty.start]),
      row('enable with a million devices, p50', 'ms', [percentile(full.enables, 0.5)]),
      row('enable without, p50', 'ms', [percentile(empty.enables, 0.5)]),
      row('message to request with a million devices, p50', 'ms', [percentile(full.pushes, 0.5)]),
      row('message to request without, p50', 'ms', [percentile(empty.pushes, 0.5)]),
      row('message to request with a million devices, p99', 'ms', [percentile(full.pushes, 0.99)]),
      row('message to request without, p99', 'ms', [percentile(empty.pushes, 0.99)]),
    ]
  },
}

async function measure(devices: number): Promise<{ start: number; enables: number[]; pushes: number[] }> {
  const dir = mkdtempSync(join(tmpdir(), 'belfry-bench-million-'))
  const sim = await startApnsSim({})
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  writeFileSync(join(dir, 'key.p8'), privateKey.export({ type: 'pkcs8', format: 'pem' }))
  writeFileSync(join(dir, 'ca.pem'), sim.ca)
  const server = await startServerUnderTest({
    accounts: 2,
    prepare: (data) => fill(data, devices),
    toml:
      `[[push.apps]]\ntopic = "${TOPIC}"\nteam_id = "TEAM123456"\nkey_id = "KEY1234567"\nkey_file = "${dir}/key.p8"\n` +
      `endpoint = "${sim.url}"\nca_file = "${dir}/ca.pem"\nbody = "full"\n`,
  })
  try {
    const enables = await enable(server.c2s)
    await register(server.c2s, 1)
    const { senders } = await pairs(server.c2s, 1, true)
    const epoch = Date.now() - performance.now()
    await sendPaced(senders, RATE, SECONDS)
    const until = performance.now() + 10_000
    // The devices that `enable` made are the sender's own.
    while (sim.received.length < RATE * SECONDS && performance.now() < until) await Bun.sleep(20)
    const pushes = sim.received.map(({ at, payload }) => {
      const due = Number(/~(\d+(?:\.\d+)?)~/.exec(JSON.stringify(payload))?.[1])
      return at - epoch - due
    })
    if (pushes.length < RATE * SECONDS) throw new Error(`only ${pushes.length} pushes arrived`)
    return { start: server.startMs, enables, pushes }
  } finally {
    await server.stop()
    await sim.close()
    rmSync(dir, { recursive: true, force: true })
  }
}

/** How long one registration takes, one after the other, in ms. */
async function enable(port: number): Promise<number[]> {
  const client = await BenchClient.login(port, 'u0', 'phone')
  const took: number[] = []
  for (let i = 0; i < ENABLES; i++) {
    const from = performance.now()
    const token = (0xf000_0000 + i).toString(16).padStart(64, 'a')
    await client.ask(
      `<iq type='set' id='n${i}'><enable xmlns='urn:xmpp:push:0' jid='push.localhost' node='${token}'/></iq>`,
      `id="n${i}"`,
    )
    took.push(performance.now() - from)
  }
  client.close()
  return took
}

function fill(data: string, devices: number): void {
  if (devices === 0) return
  mkdirSync(data, { recursive: true, mode: 0o750 })
  const store = openStore(databaseFile(data), { flushed() {}, fatal() {} })
  const { raw } = store.db
  raw.run('PRAGMA synchronous = OFF')
  raw.transaction(() => {
    addAccounts(raw, 'filler', ACCOUNTS)
    addDevices(raw, 'filler', devices / ACCOUNTS, TOPIC)
  })()
  store.close()
}
