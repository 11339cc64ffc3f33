/** Messages at a fixed rate between pairs, each carrying the moment at which it was due, so that a late sender shows. */
import { BenchClient } from './client.ts'

export interface Paced {
  readonly senders: readonly BenchClient[]
  readonly receivers: readonly BenchClient[]
  /** Messages per second in all, and for how long. */
  readonly rate: number
  readonly seconds: number
}

/** A server that cannot keep up beside other work is waited for. */
const PATIENCE_MS = 60_000

const MARK = /~(\d+\.\d\d)~/g

/** u0 → u1, u2 → u3 …; receivers are online unless `asleep`. */
export async function pairs(
  port: number,
  n: number,
  asleep = false,
): Promise<Pick<Paced, 'senders' | 'receivers'>> {
  const senders: BenchClient[] = []
  const receivers: BenchClient[] = []
  for (let i = 0; i < n; i++) {
    senders.push(await BenchClient.login(port, `u${2 * i}`))
    if (asleep) continue
    const receiver = await BenchClient.login(port, `u${2 * i + 1}`)
    await receiver.ask('<presence/>', '<presence')
    receivers.push(receiver)
  }
  return { senders, receivers }
}

/** Sends at the rate and returns the latency of every message that came, in ms. */
export async function paced({ senders, receivers, rate, seconds }: Paced): Promise<number[]> {
  const latencies: number[] = []
  const wanted = rate * seconds
  for (const receiver of receivers) {
    let tail = ''
    receiver.onText = (chunk) => {
      const now = performance.now()
      const text = tail + chunk
      let end = 0
      for (const match of text.matchAll(MARK)) {
        latencies.push(now - Number(match[1]))
        end = match.index + match[0].length
      }
      tail = text.slice(Math.max(end, text.length - 40))
    }
  }
  await sendPaced(senders, rate, seconds)
  const until = performance.now() + PATIENCE_MS
  while (receivers.length > 0 && latencies.length < wanted && performance.now() < until) await Bun.sleep(10)
  if (receivers.length > 0 && latencies.length < wanted) {
    throw new Error(`only ${latencies.length} of ${wanted} messages arrived`)
  }
  return latencies
}

/** The body's "~…~" is the due time by this process's clock. */
export async function sendPaced(
  senders: readonly BenchClient[],
  rate: number,
  seconds: number,
): Promise<void> {
  const from = performance.now()
  const wanted = rate * seconds
  let sent = 0
  while (sent < wanted) {
    // The first is due at once.
    const due = Math.min(wanted, 1 + Math.floor(((performance.now() - from) / 1000) * rate))
    for (; sent < due; sent++) {
      const i = sent % senders.length
      const at = (from + (sent / rate) * 1000).toFixed(2)
      senders[i]?.send(
        `<message to='u${2 * i + 1}@localhost' type='chat' id='p${sent}'><body>~${at}~ But, soft! what light through ` +
          `yonder window breaks?</body><origin-id xmlns='urn:xmpp:sid:0' id='${sent}-${at}'/></message>`,
      )
    }
    await Bun.sleep(1)
  }
}
