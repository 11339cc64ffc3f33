/** From exec to the first accepted connection, and memory at rest. */
import type { Bench } from './bench.ts'
import { startServerUnderTest } from './server.ts'

export const startBench: Bench = {
  name: 'start',
  what: 'start to listening, and resident memory of an idle server ten seconds later',
  async run() {
    const starts: number[] = []
    const rss: number[] = []
    for (let round = 0; round < 10; round++) {
      const server = await startServerUnderTest()
      starts.push(server.startMs)
      if (round < 3) {
        await Bun.sleep(10_000)
        rss.push(server.rssMiB())
      }
      await server.stop()
    }
    return [
      { figure: 'start to listening', unit: 'ms', samples: starts, limit: 150 },
      { figure: 'idle RSS', unit: 'MiB', samples: rss, limit: 80 },
    ]
  },
}
