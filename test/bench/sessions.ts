/** What idle sessions cost in memory, and what it costs to resume one. */
import type { Bench } from './bench.ts'
import { BenchClient } from './client.ts'
import { PASSWORD, type ServerUnderTest, startServerUnderTest } from './server.ts'

const SESSIONS = 10_000
/** Below limits.sessions_per_user. */
export const PER_ACCOUNT = 20
const SM = 'urn:xmpp:sm:3'

/** Opens sessions until there are `n`, thirty logins at a time. */
export async function grow(server: ServerUnderTest, clients: BenchClient[], n: number): Promise<void> {
  let next = clients.length
  const one = async () => {
    while (next < n) {
      const i = next++
      const client = await BenchClient.login(
        server.c2s,
        `u${Math.floor(i / PER_ACCOUNT)}`,
        `r${i % PER_ACCOUNT}`,
      )
      await client.ask(`<enable xmlns='${SM}' resume='true'/>`, '<enabled')
      client.send('<presence/>')
      clients.push(client)
    }
  }
  await Promise.all(Array.from({ length: 30 }, one))
}

/** Resident memory once the server has come to rest, in KiB. */
async function restingKiB(server: ServerUnderTest): Promise<number> {
  await Bun.sleep(15_000)
  return server.rssMiB() * 1024
}

export const sessionsBench: Bench = {
  name: 'sessions',
  what: `server memory per idle session with TLS and stream management, up to ${SESSIONS}`,
  async run() {
    const server = await startServerUnderTest({ accounts: SESSIONS / PER_ACCOUNT })
    const clients: BenchClient[] = []
    try {
      // What the first logins need once is no session's.
      await grow(server, clients, 100)
      const base = await restingKiB(server)
      await grow(server, clients, 1_000)
      const few = await restingKiB(server)
      await grow(server, clients, SESSIONS)
      const many = await restingKiB(server)
      return [
        {
          figure: `memory of each of ${SESSIONS}`,
          unit: 'KiB',
          samples: [(many - base) / (SESSIONS - 100)],
          limit: 20,
        },
        { figure: 'memory of each of the first 1,000', unit: 'KiB', samples: [(few - base) / 900] },
        { figure: 'memory of each of the rest', unit: 'KiB', samples: [(many - few) / (SESSIONS - 1_000)] },
        { figure: 'memory of the server in all', unit: 'MiB', samples: [many / 1024] },
      ]
    } finally {
      for (const client of clients) client.cut()
      await server.stop()
    }
  },
}

const AGENT = (i: number) => `<user-agent id='00000000-0000-4000-8000-${String(i).padStart(12, '0')}'/>`
const FAST = 'urn:xmpp:fast:0'
const login = (i: number, mechanism: string, initial: Buffer, more: string) =>
  `<authenticate xmlns='urn:xmpp:sasl:2' mechanism='${mechanism}'><initial-response>${initial.toString('base64')}` +
  `</initial-response>${AGENT(i)}${more}</authenticate>`

export interface Kept {
  readonly token: string
  readonly id: string
}

/** A first login by password that ends with a token and a session that can be resumed; then the line is cut. */
export async function first(port: number, i: number): Promise<Kept> {
  const client = await BenchClient.secured(port)
  const more =
    `<bind xmlns='urn:xmpp:bind:0'><tag>b</tag><enable xmlns='${SM}' resume='true'/></bind>` +
    `<request-token xmlns='${FAST}' mechanism='HT-SHA-256-NONE'/>`
  const text = await client.ask(
    login(i, 'PLAIN', Buffer.from(`\0u${i}\0${PASSWORD}`), more),
    '</stream:features>',
  )
  const token = / token="([^"]+)"/.exec(text)?.[1]
  const id = /<enabled [^>]*\bid="([^"]+)"/.exec(text)?.[1]
  if (token === undefined || id === undefined) throw new Error(`no token or no session: ${text}`)
  client.cut()
  return { token, id }
}

/** A token of u`i`, for `fastLogin`. */
export async function firstToken(port: number, i: number): Promise<string> {
  return (await first(port, i)).token
}

const proofOf = (i: number, token: string): Buffer => {
  const proof = new Bun.CryptoHasher('sha256', token).update('Initiator').digest()
  return Buffer.concat([Buffer.from(`u${i}\0`), proof])
}

/** One round trip from the handshake to a bound resource (XEP-0388, XEP-0484, XEP-0386). */
export async function fastLogin(port: number, i: number, token: string): Promise<BenchClient> {
  const client = await BenchClient.secured(port)
  const more = `<fast xmlns='${FAST}'/><bind xmlns='urn:xmpp:bind:0'><tag>b</tag></bind>`
  await client.ask(login(i, 'HT-SHA-256-NONE', proofOf(i, token), more), '</stream:features>')
  return client
}

export function resumes(client: BenchClient, i: number, { token, id }: Kept): Promise<string> {
  const more = `<fast xmlns='${FAST}'/><resume xmlns='${SM}' h='0' previd='${id}'/>`
  return client.ask(login(i, 'HT-SHA-256-NONE', proofOf(i, token), more), '<resumed')
}

export const resumeBench: Bench = {
  name: 'resume',
  what: 'server CPU of a login by token that resumes a session (XEP-0388, XEP-0484, XEP-0198), without the handshake',
  async run() {
    const count = 500
    const server = await startServerUnderTest({ accounts: count })
    try {
      const kept: Kept[] = []
      for (let i = 0; i < count; i++) kept.push(await first(server.c2s, i))
      const samples: number[] = []
      const handshakes: number[] = []
      for (let round = 0; round < 5; round++) {
        const idle = server.cpuMs()
        const clients: BenchClient[] = []
        for (let i = 0; i < count; i++) clients.push(await BenchClient.secured(server.c2s))
        const before = server.cpuMs()
        handshakes.push((before - idle) / count)
        for (const [i, client] of clients.entries()) {
          const session = kept[i]
          if (session) await resumes(client, i, session)
        }
        samples.push((server.cpuMs() - before) / count)
        for (const client of clients) client.cut()
        await Bun.sleep(500)
      }
      return [
        { figure: 'a resume', unit: 'ms', samples, limit: 2 },
        { figure: 'connect and TLS handshake before it', unit: 'ms', samples: handshakes },
      ]
    } finally {
      await server.stop()
    }
  },
}
