/**
 * Chat messages at the rates at which servers live (200 and 1,000 a second) and at saturation, relayed and archived:
 * CPU a message, beside a bare relay on the same runtime and, where asked for, other servers. Rounds alternate.
 */
import { loadavg } from 'node:os'
import type { Bench, Figure } from './bench.ts'
import { percentile } from './bench.ts'
import { paced, pairs, type Paced } from './paced.ts'
import { bare } from './peers/bare.ts'
import { startServerUnderTest } from './server.ts'

const PAIRS = 20
const RATES = (process.env.BENCH_RATES ?? '200,1000').split(',').map(Number)
const ROUNDS = Number(process.env.BENCH_ROUNDS ?? 3)
/** Messages of a round, at least this many seconds. */
const SECONDS = Number(process.env.BENCH_SECONDS ?? 10)
/** Load before the first round: the runtime compiles code that has run often. */
const WARM = { rate: 1_000, seconds: Number(process.env.BENCH_WARM ?? 12) }

interface Target {
  readonly name: string
  readonly server: { c2s: number; cpuMs(): number; stop(): Promise<void> }
  readonly clients: Pick<Paced, 'senders' | 'receivers'>
}

async function target(name: string): Promise<Target> {
  const server =
    name === 'bare'
      ? await bare.start(2 * PAIRS)
      : await startServerUnderTest({
          accounts: 2 * PAIRS,
          toml: name === 'relay' ? '[archive]\ndefault = "never"' : '',
        })
  return { name, server, clients: await pairs(server.c2s, PAIRS) }
}

export const messagesBench: Bench = {
  name: 'messages',
  what: `server CPU per chat message at fixed rates, ${PAIRS} pairs of TLS sessions, beside a bare relay`,
  async run() {
    const targets: Target[] = []
    const samples = new Map<string, number[]>()
    const note = (figure: string, value: number) =>
      samples.set(figure, [...(samples.get(figure) ?? []), value])
    try {
      for (const name of (process.env.BENCH_TARGETS ?? 'relay,archive,bare').split(','))
        targets.push(await target(name))
      for (const { clients } of targets) await paced({ ...clients, ...WARM })
      for (let round = 0; round < ROUNDS; round++)
        for (const rate of RATES)
          for (const { name, server, clients } of targets) {
            const before = server.cpuMs()
            const latencies = await paced({ ...clients, rate, seconds: SECONDS })
            note(`${name} at ${rate}/s`, ((server.cpuMs() - before) * 1000) / (rate * SECONDS))
            note(`${name} at ${rate}/s, p99 ms`, percentile(latencies, 0.99))
          }
      note('load average', loadavg()[0] ?? 0)
      return [...samples].map(([figure, values]): Figure => ({ figure, unit: 'µs', samples: values }))
    } finally {
      for (const { server } of targets) await server.stop()
    }
  },
}
