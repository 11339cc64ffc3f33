/** Server CPU per chat message between two TLS sessions, nothing stored. */
import { BenchClient, counter } from './client.ts'
import type { Bench } from './bench.ts'
import { startServerUnderTest } from './server.ts'

export interface Load {
  readonly pairs: number
  readonly inFlight: number
  readonly messages: number
  /** Number of the first account; 0 if left out. */
  readonly first?: number
}

/** Sends `messages` from each sender with `inFlight` on the way at a time; resolves when all have arrived. */
export async function relay(
  port: number,
  { pairs, inFlight, messages, first = 0 }: Load,
): Promise<() => Promise<number>> {
  const senders: BenchClient[] = []
  const receivers: BenchClient[] = []
  for (let i = 0; i < pairs; i++) {
    senders.push(await BenchClient.login(port, `u${first + 2 * i}`))
    const receiver = await BenchClient.login(port, `u${first + 2 * i + 1}`)
    await receiver.ask('<presence/>', '<presence')
    receivers.push(receiver)
  }
  return () => saturate(senders, receivers, { pairs, inFlight, messages, first })
}

/** Each sender has as many messages on the way as it may; returns the ms that all took. */
export async function saturate(
  senders: readonly BenchClient[],
  receivers: readonly BenchClient[],
  { inFlight, messages, first = 0 }: Load,
): Promise<number> {
  const from = performance.now()
  await Promise.all(
    senders.map((sender, i) => {
      const to = `u${first + 2 * i + 1}@localhost/bench`
      const body = 'It is the east, and Juliet is the sun. Arise, fair sun, and kill the envious moon.'
      const message = (n: number) =>
        `<message to='${to}' type='chat' id='m${n}'><body>${body}</body><active xmlns='http://jabber.org/protocol/chatstates'/></message>`
      return new Promise<void>((resolve) => {
        let sent = 0
        let got = 0
        const more = (n: number) => {
          let text = ''
          for (let k = 0; k < n && sent < messages; k++) text += message(sent++)
          if (text) sender.send(text)
        }
        const receiver = receivers[i]
        if (receiver) {
          receiver.onText = counter('</message>', (n) => {
            got += n
            if (got >= messages) resolve()
            else more(n)
          })
        }
        more(inFlight)
      })
    }),
  )
  return performance.now() - from
}

export const relayBench: Bench = {
  name: 'relay',
  what: 'server CPU per chat message between two TLS sessions (archive never, 20 pairs, 4 in flight each)',
  async run() {
    const load = { pairs: 20, inFlight: 4, messages: 5_000 }
    const server = await startServerUnderTest({
      accounts: 2 * load.pairs,
      toml: '[archive]\ndefault = "never"',
    })
    try {
      const go = await relay(server.c2s, load)
      await go()
      const samples: number[] = []
      const rates: number[] = []
      for (let round = 0; round < 5; round++) {
        const before = server.cpuMs()
        const ms = await go()
        samples.push(((server.cpuMs() - before) * 1000) / (load.pairs * load.messages))
        rates.push((load.pairs * load.messages * 1000) / ms)
      }
      return [
        { figure: 'relay CPU', unit: 'µs', samples, limit: 40 },
        { figure: 'relay rate', unit: 'messages/s', samples: rates },
      ]
    } finally {
      await server.stop()
    }
  },
}
