/** What the archive costs when it is written, and how fast a page of it is read, empty and with a million messages. */
import type { Database } from 'bun:sqlite'
import { type Bench, type Figure, median, percentile } from './bench.ts'
import { BenchClient } from './client.ts'
import { relay } from './relay.ts'
import { startServerUnderTest } from './server.ts'

const MANY = 1_000_000
const PEERS = 100
const PAIRS = 20
const ROUNDS = 5

/** So many messages of the first account, one a second, with a hundred people in turn. */
function fill(db: Database): void {
  const account = db.query<{ id: number }, []>(`SELECT id FROM accounts WHERE jid = 'u0@localhost'`).get()
  if (!account) throw new Error('there is no u0')
  const insert = db.prepare('INSERT INTO archive (id, account_id, peer, xml) VALUES (?, ?, ?, ?)')
  const place = db.prepare('INSERT INTO archive_index (account_id, peer, id) VALUES (?, ?, ?)')
  const body = 'It is the east, and Juliet is the sun. Arise, fair sun, and kill the envious moon.'
  const first = (Date.now() - MANY * 1000) * 1000
  db.transaction(() => {
    for (let i = 0; i < MANY; i++) {
      const peer = `p${i % PEERS}@localhost`
      const xml = `<message from="${peer}/phone" to="u0@localhost" type="chat" id="m${i}"><body>${body}</body></message>`
      insert.run(first + i * 1_000_000, account.id, peer, xml)
      place.run(account.id, peer, first + i * 1_000_000)
    }
  })()
}

/** Server CPU of a message in µs, round by round. */
async function costs(archive: 'always' | 'never', inFlight: number, full = false): Promise<number[]> {
  const load = { pairs: PAIRS, inFlight, messages: inFlight === 1 ? 1_000 : 3_000 }
  const toml = `[archive]\ndefault = "${archive}"`
  const server = await startServerUnderTest({ accounts: 2 * PAIRS, toml, ...(full ? { seed: fill } : {}) })
  try {
    const go = await relay(server.c2s, load)
    await go()
    const samples: number[] = []
    for (let round = 0; round < ROUNDS; round++) {
      const before = server.cpuMs()
      await go()
      samples.push(((server.cpuMs() - before) * 1000) / (load.pairs * load.messages))
    }
    return samples
  } finally {
    await server.stop()
  }
}

export const archiveBench: Bench = {
  name: 'archive',
  what: `server CPU that archiving adds to a chat message (both archives, synced, ${PAIRS} pairs)`,
  async run() {
    const figures: Figure[] = []
    for (const [inFlight, limit] of [
      [16, 30],
      [1, 90],
    ] as const) {
      const without = await costs('never', inFlight)
      const plain = median(without)
      const added = (samples: number[]) => samples.map((sample) => sample - plain)
      figures.push(
        {
          figure: `archiving, ${inFlight} in flight`,
          unit: 'µs',
          samples: added(await costs('always', inFlight)),
          limit,
        },
        {
          figure: `the same with ${MANY} messages archived`,
          unit: 'µs',
          samples: added(await costs('always', inFlight, true)),
          limit,
        },
        { figure: `a message without, ${inFlight} in flight`, unit: 'µs', samples: without },
      )
    }
    return figures
  },
}

const MAM = 'urn:xmpp:mam:2'
const RSM = 'http://jabber.org/protocol/rsm'
const value = (name: string, text: string) => `<field var='${name}'><value>${text}</value></field>`
const form = (fields: string) =>
  `<x xmlns='jabber:x:data' type='submit'>${value('FORM_TYPE', MAM)}${fields}</x>`
export const max = (more = '') => `<set xmlns='${RSM}'><max>50</max>${more}</set>`

/** From the question to the last byte of the answer, in ms. */
export async function asks(client: BenchClient, query: () => string, times: number): Promise<number[]> {
  const samples: number[] = []
  for (let i = 0; i < times; i++) {
    const text = `<iq type='set' id='q${i}'><query xmlns='${MAM}'>${query()}</query></iq>`
    const from = performance.now()
    await client.ask(text, `id="q${i}"`)
    samples.push(performance.now() - from)
  }
  return samples
}

export const mamBench: Bench = {
  name: 'mam',
  what: `a page of 50 from ${MANY} archived messages, question to answer`,
  async run() {
    const server = await startServerUnderTest({ accounts: 2, seed: fill })
    try {
      const client = await BenchClient.login(server.c2s, 'u0')
      // Spread over all of it, the same in every run.
      let n = 0
      const next = () => (n = (n * 7919 + 104_729) % MANY)
      const anyTime = () => new Date(Date.now() - next() * 1000).toISOString()
      const anyone = () => `p${next() % PEERS}@localhost`
      const kinds: [what: string, query: () => string][] = [
        ['the last page', () => max('<before/>')],
        ['a page from some day', () => form(value('start', anyTime())) + max()],
        ['the last page with one person', () => form(value('with', anyone())) + max('<before/>')],
        [
          'one with a person from some day',
          () => form(value('with', anyone()) + value('start', anyTime())) + max(),
        ],
      ]
      const figures: Figure[] = []
      for (const [what, query] of kinds) {
        await asks(client, query, 20)
        const samples = await asks(client, query, 200)
        figures.push({ figure: what, unit: 'ms', samples, limit: 5 })
        figures.push({ figure: `${what}, p99`, unit: 'ms', samples: [percentile(samples, 0.99)] })
      }
      client.close()
      return figures
    } finally {
      await server.stop()
    }
  },
}
