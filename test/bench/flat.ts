/** The same work while 100 sessions are there and while 10,000 are: what a message, a resume and a page of history cost. */
import { asks, max } from './archive.ts'
import type { Bench, Figure } from './bench.ts'
import { BenchClient } from './client.ts'
import { relay } from './relay.ts'
import { first, grow, type Kept, PER_ACCOUNT, resumes } from './sessions.ts'
import { startServerUnderTest } from './server.ts'

const CROWDS = [100, 10_000]
const PAIRS = 20
const MESSAGES = 2_000
const RESUMED = 100
const ROUNDS = 5

interface Costs {
  readonly message: number[]
  readonly resume: number[]
  readonly page: number[]
}

async function costs(crowd: number): Promise<Costs> {
  // The crowd has accounts of its own; behind them those of the pairs and of the sessions that are resumed.
  const pairs = Math.ceil(crowd / PER_ACCOUNT)
  const resumed = pairs + 2 * PAIRS
  const server = await startServerUnderTest({ accounts: resumed + RESUMED })
  const clients: BenchClient[] = []
  try {
    await grow(server, clients, crowd)
    const message: number[] = []
    const go = await relay(server.c2s, { pairs: PAIRS, inFlight: 16, messages: MESSAGES, first: pairs })
    await go()
    for (let round = 0; round < ROUNDS; round++) {
      const before = server.cpuMs()
      await go()
      message.push(((server.cpuMs() - before) * 1000) / (PAIRS * MESSAGES))
    }
    const reader = await BenchClient.login(server.c2s, `u${pairs}`, 'reader')
    await asks(reader, () => max('<before/>'), 20)
    const page = await asks(reader, () => max('<before/>'), 200)
    reader.close()
    const kept: Kept[] = []
    for (let i = 0; i < RESUMED; i++) kept.push(await first(server.c2s, resumed + i))
    const resume: number[] = []
    for (let round = 0; round < ROUNDS; round++) {
      const lines: BenchClient[] = []
      for (let i = 0; i < RESUMED; i++) lines.push(await BenchClient.secured(server.c2s))
      const before = server.cpuMs()
      for (const [i, session] of kept.entries()) {
        const line = lines[i]
        if (line) await resumes(line, resumed + i, session)
      }
      resume.push((server.cpuMs() - before) / RESUMED)
      for (const line of lines) line.cut()
      await Bun.sleep(500)
    }
    return { message, resume, page }
  } finally {
    for (const client of clients) client.cut()
    await server.stop()
  }
}

export const flatBench: Bench = {
  name: 'flat',
  what: `the same work beside ${CROWDS.join(' and ')} idle sessions with TLS and stream management`,
  async run() {
    const figures: Figure[] = []
    for (const crowd of CROWDS) {
      const { message, resume, page } = await costs(crowd)
      figures.push(
        { figure: `a message, both archives, beside ${crowd}`, unit: 'µs', samples: message },
        { figure: `a resume beside ${crowd}`, unit: 'ms', samples: resume, limit: 2 },
        { figure: `the last page of 50 beside ${crowd}`, unit: 'ms', samples: page, limit: 5 },
      )
    }
    return figures
  },
}
