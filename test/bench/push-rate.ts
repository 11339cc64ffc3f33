/** Pushes per second through the whole server, and what each costs it; Apple is played by another process. */
import { generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Bench, Figure } from './bench.ts'
import { pairs } from './paced.ts'
import { register, TOPIC } from './push.ts'
import { COMMAND, type ServerUnderTest, startServerUnderTest } from './server.ts'

const PAIRS = 40
const MESSAGES = 20_000
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
  what: `${MESSAGES} messages for sleeping phones, as fast as the server takes them, on one connection to Apple`,
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
      { figure: 'CPU per push, message to record', unit: 'µs', samples: cpu(at0), limit: 150 },
      { figure: '  of which taking and storing the message', unit: 'µs', samples: cpu(accept) },
      { figure: '  of which writing the outbox', unit: 'µs', samples: minus(queue, accept) },
      { figure: '  of which sending and recording', unit: 'µs', samples: minus(at0, queue) },
    ]
    return figures
  },
}

async function several(apple: Apple): Promise<Run[]> {
  const runs: Run[] = []
  for (let i = 0; i < RUNS; i++) runs.push(await once(apple))
  return runs
}

async function once(apple: Apple): Promise<Run> {
  const dir = mkdtempSync(join(tmpdir(), 'belfry-bench-rate-'))
  const sim = await startSimulator(dir, typeof apple === 'number' ? apple : 0)
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  writeFileSync(join(dir, 'key.p8'), privateKey.export({ type: 'pkcs8', format: 'pem' }))
  const server = await startServerUnderTest({
    accounts: 2 * PAIRS,
    toml:
      `[[push.apps]]\ntopic = "${TOPIC}"\nteam_id = "TEAM123456"\nkey_id = "KEY1234567"\nkey_file = "${dir}/key.p8"\n` +
      `endpoint = "${apple === 'nowhere' ? 'https://127.0.0.1:1' : sim.url}"\nca_file = "${dir}/ca.pem"\nbody = "full"\n`,
  })
  try {
    if (apple !== 'nobody') for (let i = 0; i < PAIRS; i++) await register(server.c2s, 2 * i + 1)
    const { senders } = await pairs(server.c2s, PAIRS, true)
    const cpu = server.cpuMs()
    const from = performance.now()
    for (let sent = 0; sent < MESSAGES; sent += CHUNK) {
      for (let i = sent; i < sent + CHUNK; i++) {
        const pair = i % PAIRS
        senders[pair]?.send(
          `<message to='u${2 * pair + 1}@localhost' type='chat' id='p${i}'><body>But, soft! what light through ` +
            `yonder window breaks?</body></message>`,
        )
      }
      await senders[sent % PAIRS]?.ask(
        `<iq type='get' id='s${sent}' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>`,
        `s${sent}`,
      )
    }
    for (const [i, sender] of senders.entries())
      await sender.ask(`<iq type='get' id='e${i}' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>`, `e${i}`)
    if (typeof apple === 'number') await recorded(server)
    const seconds = (performance.now() - from) / 1000
    return { perSecond: MESSAGES / seconds, cpuUs: ((server.cpuMs() - cpu) * 1000) / MESSAGES }
  } finally {
    await server.stop()
    sim.stop()
    rmSync(dir, { recursive: true, force: true })
  }
}

/** Every push has its answer on disk: the queue is empty and as many were sent. */
async function recorded(server: ServerUnderTest): Promise<void> {
  const until = performance.now() + PATIENCE_MS
  for (;;) {
    const metrics = await server.metrics()
    const sent = /^belfry_push_total\{[^}]*result="sent"[^}]*\} (\d+)/m.exec(metrics)?.[1]
    const waiting = /^belfry_push_queue (\d+)/m.exec(metrics)?.[1]
    if (Number(sent ?? 0) >= MESSAGES && waiting === '0') return
    if (performance.now() > until) throw new Error(`only ${sent ?? 0} pushes were answered`)
    await Bun.sleep(50)
  }
}

/** The built-in one, as a process of its own. */
async function startSimulator(dir: string, delay: number): Promise<{ url: string; stop(): void }> {
  const args = [
    'apns-sim',
    '--port',
    '0',
    '--quiet',
    '--delay',
    String(delay),
    '--ca-file',
    join(dir, 'ca.pem'),
  ]
  const child = Bun.spawn([...COMMAND, ...args], { stdout: 'ignore', stderr: 'pipe' })
  let text = ''
  for await (const chunk of child.stderr) {
    text += Buffer.from(chunk).toString()
    if (text.includes('no phone rings')) break
  }
  const url = /https:\S+?(?=;)/.exec(text)?.[0]
  if (url === undefined) throw new Error(`the simulator does not start: ${text}`)
  return { url, stop: () => child.kill('SIGTERM') }
}
