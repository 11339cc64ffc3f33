/** The write-ahead log under a steady load of stored messages. */
import { statSync } from 'node:fs'
import { join } from 'node:path'
import { type Bench, percentile } from './bench.ts'
import { paced, pairs } from './paced.ts'
import { startServerUnderTest } from './server.ts'

const RATE = 4_000
const SECONDS = 60

export const walBench: Bench = {
  name: 'wal',
  what: `size of the WAL over ${SECONDS} s at ${RATE} stored messages/s (both archives, synced)`,
  async run() {
    const server = await startServerUnderTest({ accounts: 40 })
    const sizes: number[] = []
    const timer = setInterval(() => {
      sizes.push(
        (statSync(join(server.dir, 'data', 'belfry.db-wal'), { throwIfNoEntry: false })?.size ?? 0) /
          1024 ** 2,
      )
    }, 250)
    try {
      const before = server.cpuMs()
      const latencies = await paced({ ...(await pairs(server.c2s, 20)), rate: RATE, seconds: SECONDS })
      const cpu = ((server.cpuMs() - before) * 1000) / (RATE * SECONDS)
      return [
        { figure: 'largest WAL', unit: 'MiB', samples: [Math.max(...sizes)], limit: 100 },
        { figure: 'latency p50', unit: 'ms', samples: [percentile(latencies, 0.5)] },
        { figure: 'latency p99', unit: 'ms', samples: [percentile(latencies, 0.99)] },
        { figure: 'CPU per stored message', unit: 'µs', samples: [cpu] },
      ]
    } finally {
      clearInterval(timer)
      await server.stop()
    }
  },
}
