/**
 * Chat messages at the rates at which servers live (200 and 1,000 a second) and at saturation, relayed alone and archived:
 * CPU a message beside a bare relay on the same runtime and, where asked for, other servers. All run at the same time, and
 * rounds alternate, so that what else the machine does falls on each alike.
 */
import { loadavg } from 'node:os'
import { type Bench, type Figure, median, percentile } from './bench.ts'
import { paced, pairs, type Paced } from './paced.ts'
import { bare } from './peers/bare.ts'
import { ejabberd } from './peers/ejabberd.ts'
import type { PeerKind } from './peers/peer.ts'
import { prosody } from './peers/prosody.ts'
import { saturate } from './relay.ts'
import { startServerUnderTest } from './server.ts'

const PAIRS = 20
const RATES = [200, 1_000] as const
const ROUNDS = 3
const SECONDS = 10
/** Messages of each sender in a saturated round, and how many of them are on the way at a time. */
const [EACH, IN_FLIGHT] = [500, 16]
/** Seconds at its highest rate before the first round: the runtime compiles what has run often. */
const WARM_SECONDS = 12

/** Part of a peer's CPU that ours may need: relayed alone, archived, and archived beside a peer that only relays. */
const PEERS: Readonly<Record<string, PeerKind>> = { ejabberd, prosody }
const PART = { relay: 1 / 4, archive: 1 / 5, archiveOfRelay: 1 / 2 }

type Way = 'relay' | 'archive'

interface Target {
  readonly name: string
  readonly way: Way
  readonly server: { c2s: number; cpuMs(): number; stop(): Promise<void> }
  readonly clients: Pick<Paced, 'senders' | 'receivers'>
}

/** Peers with archives cannot keep up with more on a small machine. */
const ratesOf = ({ name, way }: Target): readonly number[] =>
  name in PEERS && way === 'archive' ? RATES.slice(0, 1) : RATES

const keyOf = (name: string, way: Way, at: string) => `${name}, ${way}, ${at}`

class Rounds {
  readonly targets: Target[] = []
  readonly costs = new Map<string, number[]>()
  readonly p99 = new Map<string, number[]>()
  readonly load: number[] = []

  async add(name: string, way: Way): Promise<void> {
    const toml = way === 'relay' ? '[archive]\ndefault = "never"' : ''
    const kind = name === 'bare relay' ? bare : PEERS[name]
    const server = kind
      ? await kind.start(2 * PAIRS, way === 'archive')
      : await startServerUnderTest({ accounts: 2 * PAIRS, toml })
    this.targets.push({ name, way, server, clients: await pairs(server.c2s, PAIRS) })
  }

  async warm(): Promise<void> {
    for (const target of this.targets) {
      console.log(`  warming ${target.name}, ${target.way}`)
      await paced({ ...target.clients, rate: ratesOf(target).at(-1) ?? 200, seconds: WARM_SECONDS })
    }
  }

  async round(): Promise<void> {
    for (const rate of RATES)
      for (const target of this.targets.filter((each) => ratesOf(each).includes(rate)))
        await this.#measured(target, `${rate}/s`, rate * SECONDS, async () => {
          const late = await paced({ ...target.clients, rate, seconds: SECONDS })
          note(this.p99, keyOf(target.name, target.way, `${rate}/s`), percentile(late, 0.99))
        })
    for (const target of this.targets) {
      const { senders, receivers } = target.clients
      await this.#measured(target, 'saturated', EACH * PAIRS, () =>
        saturate(senders, receivers, { pairs: PAIRS, inFlight: IN_FLIGHT, messages: EACH }),
      )
    }
    this.load.push(loadavg()[0] ?? 0)
  }

  async #measured(
    { name, way, server }: Target,
    at: string,
    messages: number,
    work: () => Promise<unknown>,
  ): Promise<void> {
    const before = server.cpuMs()
    await work()
    note(this.costs, keyOf(name, way, at), ((server.cpuMs() - before) * 1000) / messages)
  }
}

function note(into: Map<string, number[]>, key: string, value: number): void {
  into.set(key, [...(into.get(key) ?? []), value])
}

/** Medians by medians: parts of single rounds would mix the noise of two servers. */
function part(rounds: Rounds, ours: string, theirs: string, limit: number): Figure {
  const of = (key: string) => median(rounds.costs.get(key) ?? [])
  return { figure: `${ours}, as a part of ${theirs}`, unit: '', samples: [of(ours) / of(theirs)], limit }
}

function partsOf(rounds: Rounds, peers: readonly string[]): Figure[] {
  const at = RATES.map((rate) => `${rate}/s`)
  const relay = (name: string, rate: string) => keyOf(name, 'relay', rate)
  const archive = (name: string, rate: string) => keyOf(name, 'archive', rate)
  return [
    ...at.map((rate) => part(rounds, relay('belfry', rate), relay('bare relay', rate), 2)),
    ...at.map((rate) => part(rounds, archive('belfry', rate), relay('belfry', rate), 2)),
    ...peers.flatMap((peer) =>
      at.flatMap((rate) => [
        part(rounds, relay('belfry', rate), relay(peer, rate), PART.relay),
        ...(rounds.costs.has(archive(peer, rate))
          ? [part(rounds, archive('belfry', rate), archive(peer, rate), PART.archive)]
          : []),
        part(rounds, archive('belfry', rate), relay(peer, rate), PART.archiveOfRelay),
      ]),
    ),
  ]
}

export const messagesBench = (peers: readonly string[] = []): Bench => ({
  name: 'messages',
  what:
    `server CPU per chat message at fixed rates and saturated, ${PAIRS} pairs of TLS sessions, warm,` +
    ` beside ${['a bare relay', ...peers].join(', ')}`,
  async run() {
    const rounds = new Rounds()
    try {
      for (const name of ['belfry', 'bare relay', ...peers]) await rounds.add(name, 'relay')
      for (const name of ['belfry', ...peers]) await rounds.add(name, 'archive')
      await rounds.warm()
      for (let i = 0; i < ROUNDS; i++) {
        console.log(`  round ${i + 1} of ${ROUNDS}`)
        await rounds.round()
      }
      const costs = [...rounds.costs].map(([figure, samples]): Figure => ({ figure, unit: 'µs', samples }))
      const late = [...rounds.p99].map(([figure, samples]): Figure => ({
        figure: `${figure}, 99 of 100 within`,
        unit: 'ms',
        samples,
      }))
      return [
        ...costs,
        ...late,
        ...partsOf(rounds, peers),
        { figure: 'load average', unit: '', samples: rounds.load },
      ]
    } finally {
      for (const { server } of rounds.targets) await server.stop()
    }
  },
})
