/** Pushes per second through the whole server, and what each costs it; nginx plays Apple. */
import { generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Bench, Figure } from './bench.ts'
import { startTaker } from './nginx.ts'
import { BenchClient } from './client.ts'
import { addAccounts, addDevices } from './people.ts'
import { TOPIC } from './push.ts'
import { type ServerUnderTest, startServerUnderTest } from './server.ts'

export const SENDERS = 40
/** Accounts with one phone each, none of them here. */
const SLEEPERS = 1_000
/** Before the figures are taken: code is compiled, the connection is there. */
const WARM_UP = 60_000
const MESSAGES = 30_000
const RUNS = 3
/** Written before the answers so far are looked at: enough to keep the server busy, not enough to drown it. */
const CHUNK = 200
const PATIENCE_MS = 60_000

interface Run {
  readonly perSecond: number
  readonly cpuUs: number
}

/** nobody: no device; nowhere: a device, but Apple cannot be reached; else Apple answers after so many ms. */
type Apple = 'nobody' | 'nowhere' | number

export const pushRateBench: Bench = {
  name: 'push-rate',
  what: `${MESSAGES} messages for ${SLEEPERS} sleeping phones, as fast as the server takes them, on one connection to nginx in Apple’s place`,
  async run() {
    const at50 = await several(50)
    const at0 = await several(0)
    const accept = await several('nobody')
    const queue = await several('nowhere')
    const cpu = (runs: readonly Run[]): number[] => runs.map(({ cpuUs }) => cpuUs)
    const rate = (runs: readonly Run[]): number[] => runs.map(({ perSecond }) => perSecond)
    const minus = (a: readonly Run[], b: readonly Run[]): number[] =>
      a.map(({ cpuUs }, i) => cpuUs - (b[i]?.cpuUs ?? 0))
    const figures: Figure[] = [
      { figure: 'pushes at an answer after 50 ms', unit: '/s', samples: rate(at50), least: 5_000 },
      { figure: 'pushes at an answer at once', unit: '/s', samples: rate(at0), least: 6_000 },
      {
        figure: 'CPU per push, from the accepted message to the recorded answer',
        unit: 'µs',
        samples: minus(at0, accept),
        limit: 150,
      },
      { figure: '  of which writing the outbox', unit: 'µs', samples: minus(queue, accept) },
      { figure: '  of which sending and recording', unit: 'µs', samples: minus(at0, queue) },
      { figure: 'before it: taking and storing the message', unit: 'µs', samples: cpu(accept) },
    ]
    return figures
  },
}

async function several(apple: Apple): Promise<Run[]> {
  const runs: Run[] = []
  for (let i = 0; i < RUNS; i++) runs.push(await once(apple))
  return runs
}

/** One server, started anew. */
export async function once(apple: Apple): Promise<Run> {
  const dir = mkdtempSync(join(tmpdir(), 'belfry-bench-rate-'))
  const taker = await startTaker(dir, typeof apple === 'number' ? apple : 0)
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  writeFileSync(join(dir, 'key.p8'), privateKey.export({ type: 'pkcs8', format: 'pem' }))
  const server = await startServerUnderTest({
    accounts: SENDERS,
    seed(db) {
      addAccounts(db, 'sleeper', SLEEPERS)
      if (apple !== 'nobody') addDevices(db, 'sleeper', 1, TOPIC)
    },
    toml:
      `[[push.apps]]\ntopic = "${TOPIC}"\nteam_id = "TEAM123456"\nkey_id = "KEY1234567"\nkey_file = "${dir}/key.p8"\n` +
      `endpoint = "${apple === 'nowhere' ? 'https://127.0.0.1:1' : taker.url}"\nca_file = "${taker.caFile}"\nbody = "full"\n`,
  })
  try {
    const senders: BenchClient[] = []
    for (let i = 0; i < SENDERS; i++) senders.push(await BenchClient.login(server.c2s, `u${i}`))
    const answered = typeof apple === 'number'
    await send(senders, 0, WARM_UP)
    if (answered) await recorded(server, WARM_UP)
    const cpu = server.cpuMs()
    const from = performance.now()
    await send(senders, WARM_UP, MESSAGES)
    if (answered) await recorded(server, WARM_UP + MESSAGES)
    const seconds = (performance.now() - from) / 1000
    return { perSecond: MESSAGES / seconds, cpuUs: ((server.cpuMs() - cpu) * 1000) / MESSAGES }
  } finally {
    await server.stop()
    await taker.stop()
    rmSync(dir, { recursive: true, force: true })
  }
}

/** As fast as they are taken; settles when all of them were. */
export async function send(
  senders: readonly BenchClient[],
  first: number,
  n: number,
  sleepers = SLEEPERS,
): Promise<void> {
  const taken = (sender: BenchClient | undefined, id: string) =>
    sender?.ask(`<iq type='get' id='${id}' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>`, id)
  for (let sent = first; sent < first + n; sent += CHUNK) {
    for (let i = sent; i < sent + CHUNK; i++)
      senders[i % SENDERS]?.send(
        `<message to='sleeper${1 + ((i * 7919) % sleepers)}@localhost' type='chat' id='p${i}'><body>But, soft! what ` +
          `light through yonder window breaks?</body></message>`,
      )
    await taken(senders[(sent / CHUNK) % SENDERS], `s${sent}`)
  }
  for (const [i, sender] of senders.entries()) await taken(sender, `e${first}-${i}`)
}

/** Every push has its answer on disk: the queue is empty and as many were sent. */
export async function recorded(server: ServerUnderTest, pushes: number): Promise<void> {
  const until = performance.now() + PATIENCE_MS
  for (;;) {
    const metrics = await server.metrics()
    const sent = /^belfry_push_total\{[^}]*result="sent"[^}]*\} (\d+)/m.exec(metrics)?.[1]
    const waiting = /^belfry_push_queue (\d+)/m.exec(metrics)?.[1]
    if (Number(sent ?? 0) >= pushes && waiting === '0') return
    if (performance.now() > until) throw new Error(`only ${sent ?? 0} of ${pushes} pushes were answered`)
    // A scrape costs the server some milliseconds.
    await Bun.sleep(200)
  }
}
