/** Messages at a fixed rate while a backup of a large database is made, against the same without one. */
import type { Database } from 'bun:sqlite'
import { statSync } from 'node:fs'
import { join } from 'node:path'
import { type Bench, percentile } from './bench.ts'
import { paced, pairs } from './paced.ts'
import { type ServerUnderTest, startServerUnderTest } from './server.ts'

const RATE = 500
/** Seconds without a backup, and of each look whether it is done. */
const ALONE = 15
const LOOK = 3
const ROUNDS = 3
const ROWS = 250_000
/** Bytes of a row, which fill a gigabyte. */
const BYTES = 4_000

export const backupBench: Bench = {
  name: 'backup',
  what: `latency at ${RATE} stored messages/s while a backup of 1 GB is made, against that without one`,
  async run() {
    const server = await startServerUnderTest({ accounts: 40, seed: fill })
    const logSize = (): number => {
      const stat = statSync(join(server.dir, 'data', 'belfry.db-wal'), { throwIfNoEntry: false })
      return (stat?.size ?? 0) / 1024 ** 2
    }
    let largest = 0
    const timer = setInterval(() => (largest = Math.max(largest, logSize())), 250)
    const times: number[] = []
    const alone: number[] = []
    const beside: number[] = []
    const took: number[] = []
    const grown: number[] = []
    try {
      const clients = await pairs(server.c2s, 20)
      await paced({ ...clients, rate: RATE, seconds: LOOK })
      for (let round = 0; round < ROUNDS; round++) {
        const without = percentile(await paced({ ...clients, rate: RATE, seconds: ALONE }), 0.99)
        const [before, from] = [logSize(), performance.now()]
        largest = 0
        const job = await started(server)
        const latencies: number[] = []
        do {
          latencies.push(...(await paced({ ...clients, rate: RATE, seconds: LOOK })))
        } while (await isRunning(server, job))
        const during = percentile(latencies, 0.99)
        alone.push(without)
        beside.push(during)
        times.push(during / without)
        took.push((performance.now() - from) / 1000)
        grown.push(Math.max(0, largest - before))
      }
    } finally {
      clearInterval(timer)
      await server.stop()
    }
    return [
      { figure: 'latency p99 with a backup ÷ without', unit: '×', samples: times, limit: 3 },
      { figure: 'latency p99 without', unit: 'ms', samples: alone },
      { figure: 'latency p99 with', unit: 'ms', samples: beside },
      { figure: 'growth of the write-ahead log', unit: 'MiB', samples: grown },
      { figure: 'the backup', unit: 's', samples: took },
    ]
  },
}

function fill(db: Database): void {
  const insert = db.prepare('INSERT INTO archive (id, account_id, peer, xml) VALUES (?, 1, ?, ?)')
  const first = (Date.now() - 2 * ROWS * 1000) * 1000
  const xml = `<message type="chat"><body>${'x'.repeat(BYTES)}</body></message>`
  db.transaction(() => {
    for (let i = 0; i < ROWS; i++) insert.run(first + i * 1_000_000, 'p@localhost', xml)
  })()
}

interface Job {
  readonly id: number
  readonly state: string
  readonly error: string | null
}

async function started(server: ServerUnderTest): Promise<number> {
  const answer = await server.operator('POST', '/v1/backups', {})
  return ((await answer.json()) as Job).id
}

async function isRunning(server: ServerUnderTest, id: number): Promise<boolean> {
  const { state, error } = (await (await server.operator('GET', `/v1/jobs/${id}`)).json()) as Job
  if (state === 'failed') throw new Error(error ?? state)
  return state === 'running'
}
