/** What a message in a room costs others, beside ours: the same clients, in alternating rounds on the same machine. */
import type { Bench, Figure } from './bench.ts'
import { ejabberd } from './peers/ejabberd.ts'
import type { PeerKind } from './peers/peer.ts'
import { prosody } from './peers/prosody.ts'
import { fill, talk } from './room.ts'
import { startServerUnderTest } from './server.ts'

const OCCUPANTS = 100
const MESSAGES = 200
const ROUNDS = 5
/** Messages on the way at a time. */
const BUSY = 16

/** Peers, and the part of their CPU that ours may need for a delivery. */
export const PEERS: Readonly<Record<string, { readonly kind: PeerKind; readonly part: number }>> = {
  ejabberd: { kind: ejabberd, part: 1 / 3 },
  prosody: { kind: prosody, part: 1 / 10 },
}

export const roomAgainst = (names: readonly string[]): Bench => ({
  name: 'room-against',
  what: `CPU per delivery of a message in a room of ${OCCUPANTS} TLS clients, archived once: ours and ${names.join(', ')}`,
  async run() {
    const servers = [{ name: 'belfry', server: await startServerUnderTest({ accounts: OCCUPANTS }) }]
    const all: { name: string; server: { c2s: number; cpuMs(): number; stop(): Promise<void> } }[] = servers
    try {
      for (const name of names) {
        const peer = PEERS[name]
        if (peer) all.push({ name, server: await peer.kind.start(OCCUPANTS) })
      }
      const rooms: { name: string; cpuMs: () => number; clients: Awaited<ReturnType<typeof fill>> }[] = []
      for (const { name, server } of all)
        rooms.push({ name, cpuMs: () => server.cpuMs(), clients: await fill(server, OCCUPANTS) })
      const costs = new Map<string, number[]>(names.map((name) => [name, []]))
      const ours: number[] = []
      // The first round finds code that was never run.
      for (let round = 0; round <= ROUNDS; round++)
        for (const { name, cpuMs, clients } of rooms) {
          const before = cpuMs()
          await talk(clients, MESSAGES, BUSY)
          if (round > 0) (costs.get(name) ?? ours).push(((cpuMs() - before) * 1000) / (OCCUPANTS * MESSAGES))
        }
      const figures: Figure[] = [{ figure: 'belfry', unit: 'µs', samples: ours }]
      for (const [name, samples] of costs) {
        const parts = samples.map((cost, i) => (ours[i] ?? Number.NaN) / cost)
        figures.push(
          { figure: name, unit: 'µs', samples },
          { figure: `belfry, as a part of ${name}`, unit: '', samples: parts, limit: PEERS[name]?.part ?? 1 },
        )
      }
      return figures
    } finally {
      for (const { server } of all) await server.stop()
    }
  },
})
