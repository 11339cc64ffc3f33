/** A disk on which every fsync takes 10 ms, as on a cheap VPS. */
import { existsSync } from 'node:fs'
import { type Bench, percentile } from './bench.ts'
import { paced, pairs } from './paced.ts'
import { startServerUnderTest } from './server.ts'

const DELAY = ['strace', '-f', '-qq', '--seccomp-bpf', '-o', '/dev/null', '-e', 'trace=fsync,fdatasync']
const INJECT = ['-e', 'inject=fsync,fdatasync:delay_enter=10000']

export const slowDiskBench: Bench = {
  name: 'slow-disk',
  what: 'stored messages at 300/s while each fsync is delayed by 10 ms',
  async run() {
    if (!existsSync('/usr/bin/strace')) throw new Error('this benchmark needs strace')
    const server = await startServerUnderTest({ accounts: 40, wrap: [...DELAY, ...INJECT] })
    try {
      const clients = await pairs(server.c2s, 20)
      await paced({ ...clients, rate: 300, seconds: 3 })
      const before = await server.metrics()
      const latencies = await paced({ ...clients, rate: 300, seconds: 20 })
      const lag = quantile(before, await server.metrics(), 'belfry_loop_lag_seconds', 0.99) * 1000
      return [
        { figure: 'latency p99', unit: 'ms', samples: [percentile(latencies, 0.99)], limit: 60 },
        { figure: 'latency p50', unit: 'ms', samples: [percentile(latencies, 0.5)] },
        { figure: 'loop lag p99', unit: 'ms', samples: [lag], limit: 15 },
      ]
    } finally {
      await server.stop()
    }
  },
}

/** The upper bound of the bucket in which the quantile of what happened between two scrapes lies. */
export function quantile(before: string, after: string, name: string, q: number): number {
  const old = buckets(before, name)
  const grown = buckets(after, name).map(([le, n]): [number, number] => [
    le,
    n - (old.find(([other]) => other === le)?.[1] ?? 0),
  ])
  const total = grown.at(-1)?.[1] ?? 0
  return grown.find(([, n]) => n >= total * q)?.[0] ?? Number.NaN
}

function buckets(metrics: string, name: string): [number, number][] {
  const line = new RegExp(`^${name}_bucket\\{le="([^"]+)"\\} (\\d+)$`, 'gm')
  return [...metrics.matchAll(line)].map(([, le, n]) => [
    le === '+Inf' ? Number.POSITIVE_INFINITY : Number(le),
    Number(n),
  ])
}
