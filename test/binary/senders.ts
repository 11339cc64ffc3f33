/** Clients that never wait: each says as much as may be under way, and knows how much of it was acknowledged. */
import { WireClient } from '../wire/support.ts'

/** How a server acknowledges: stream management counts, an answer to a request behind each message, or a room's copy. */
export type Sign = 'count' | 'answer' | 'copy'

const signOf = (sign: Sign, name: string): RegExp =>
  ({
    count: /<a\b[^>]*\bh=["'](\d+)["']/g,
    answer: /<iq\b[^>]*\bid=["']p(\d+)["']/g,
    // Others speak in the room as well.
    copy: new RegExp(`<message\\b[^>]*\\bid=["']${name}-(\\d+)["']`, 'g'),
  })[sign]

/** What is written behind the message of that number. */
const question = (sign: Sign, n: number): string =>
  ({
    count: `<r xmlns='urn:xmpp:sm:3'/>`,
    answer: `<iq type='get' id='p${n}'><ping xmlns='urn:xmpp:ping'/></iq>`,
    copy: '',
  })[sign]

export interface Sender {
  readonly bodies: string[]
  /** Messages that the server has acknowledged, from the first on. */
  acked: number
  readonly closed: Promise<unknown>
  /** Writes a few more messages, unless enough are under way. */
  pump(): void
}

export interface Saying {
  readonly name: string
  readonly round: number
  readonly sign: Sign
  /** Messages that may be under way. */
  readonly underWay: number
  /** The message of that body; `id` is what a room's copy is known by. */
  readonly message: (body: string, id: string) => string
  /** Called at each acknowledgement. */
  readonly answered: () => void
  /** Written after the login; it has arrived before the first message is said. */
  readonly first?: string
}

/** Its own XML: what it believes is what stands on the wire. */
export async function enter(port: number, saying: Saying): Promise<Sender> {
  const { name, round, sign, underWay, message, answered, first } = saying
  const client = await WireClient.tcp(port)
  await client.opens('bix.org')
  await client.startTls()
  await client.logsIn(`${name}@bix.org`)
  if (first !== undefined) {
    client.send(first)
    await client.ping()
  }
  if (sign === 'count') {
    client.send(`<enable xmlns='urn:xmpp:sm:3'/>`)
    await client.until((el) => el.name === 'enabled')
  }
  const { socket } = client
  socket.removeAllListeners('data')
  socket.on('error', () => undefined)
  const pattern = signOf(sign, name)
  let rest = ''
  const sender: Sender = {
    bodies: [],
    acked: 0,
    closed: new Promise((resolve) => socket.once('close', resolve)),
    pump() {
      if (socket.destroyed || sender.bodies.length - sender.acked > underWay) return
      const burst = 1 + ((sender.bodies.length * 31) % 4)
      for (let i = 0; i < burst; i++) {
        const n = sender.bodies.push(`${round} ${name} ${sender.bodies.length}`)
        socket.write(message(sender.bodies[n - 1] ?? '', `${name}-${n}`) + question(sign, n))
      }
    },
  }
  socket.on('data', (bytes: Buffer) => {
    rest += bytes.toString('latin1')
    const end = rest.lastIndexOf('>') + 1
    const text = rest.slice(0, end)
    rest = rest.slice(end)
    for (const [, count] of text.matchAll(pattern)) {
      sender.acked = Math.max(sender.acked, Number(count))
      answered()
    }
  })
  return sender
}

/** Every so many rounds the disk takes 20 ms to sync. */
const SLOW_EVERY = 5
const SLOW_DISK =
  'strace -D -f -qq --seccomp-bpf -o /dev/null -e trace=fdatasync,fsync -e inject=fdatasync,fsync:delay_enter=20000'

/** Words in front of the server's command in that round. */
export const slowDisk = (round: number): string[] =>
  round % SLOW_EVERY === SLOW_EVERY - 1 ? SLOW_DISK.split(' ') : []
