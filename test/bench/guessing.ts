/** Honest logins by SCRAM while strangers try passwords as fast as they can. */
import { createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto'
import { type Bench, type Figure, percentile } from './bench.ts'
import { BenchClient } from './client.ts'
import { PASSWORD, startServerUnderTest } from './server.ts'

const GUESSERS = 300
const ACCOUNTS = 20
const LOGINS = 100
/** Source addresses of the guessers, 127.0.1.1 and up. To the server they are strangers', as those of other machines. */
const SOURCES = 30
/** Of the guessers until they are at work, and of the honest logins: whatever the machine, the whole ends within a minute. */
const WARM_UP_MS = 10_000
const MEASURED_MS = 30_000
/** Honest logins before those that count: the code is compiled, and every account has been asked for. */
const WARM_UP = 10
/** For a login that is under way when the time is over. */
const MOMENT_MS = 2_000
/** Tries on one connection before the server closes it. */
const TRIES = 4
/** Between two honest logins. */
const PAUSE_MS = 50

const base64 = (text: string | Buffer): string => Buffer.from(text).toString('base64')
const auth = (mechanism: string, text: string): string =>
  `<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='${mechanism}'>${base64(text)}</auth>`
const response = (text: string): string =>
  `<response xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>${base64(text)}</response>`

/** The server's first message and its parts. */
async function challenged(client: BenchClient, first: string) {
  const answer = await client.ask(auth('SCRAM-SHA-256', `n,,${first}`), '</challenge>')
  const server = Buffer.from(/<challenge[^>]*>([^<]*)</.exec(answer)?.[1] ?? '', 'base64').toString()
  const parts = Object.fromEntries(server.split(',').map((part) => [part.slice(0, 1), part.slice(2)]))
  return { server, r: parts.r ?? '', s: parts.s ?? '', i: Number(parts.i) }
}

async function scram(client: BenchClient, user: string): Promise<void> {
  const first = `n=${user},r=${randomBytes(12).toString('hex')}`
  const { server, r, s, i } = await challenged(client, first)
  const hmac = (key: Buffer, text: string) => createHmac('sha256', key).update(text).digest()
  const clientKey = hmac(pbkdf2Sync(PASSWORD, Buffer.from(s, 'base64'), i, 32, 'sha256'), 'Client Key')
  const signature = hmac(createHash('sha256').update(clientKey).digest(), `${first},${server},c=biws,r=${r}`)
  const proof = base64(Buffer.from(clientKey.map((byte, at) => byte ^ (signature[at] ?? 0))))
  await client.ask(response(`c=biws,r=${r},p=${proof}`), '<success')
}

let tries = 0

/** Half of them by PLAIN, for which the server must derive keys; half by SCRAM, with proofs of nothing. */
async function guess(port: number, who: number): Promise<void> {
  const source = `127.0.1.${1 + (who % SOURCES)}`
  for (;;) {
    const client = await BenchClient.secured(port, source)
    for (let n = 0; n < TRIES; n++, tries++) {
      const user = `u${(who + n) % ACCOUNTS}`
      if (who % 2 === 0) await client.ask(auth('PLAIN', `\0${user}\0wrong ${who} ${n}`), '</failure>')
      else {
        const { r } = await challenged(client, `n=${user},r=${randomBytes(12).toString('hex')}`)
        await client.ask(response(`c=biws,r=${r},p=${base64(randomBytes(32))}`), '</failure>')
      }
    }
    client.close()
  }
}

/** Milliseconds of each part of an honest login. */
type Parts = Record<string, number[]>

/** From connect to success, in ms. */
async function login(port: number, n: number, parts: Parts = {}): Promise<number> {
  const start = performance.now()
  let last = start
  const over = (part: string) => {
    const now = performance.now()
    ;(parts[part] ??= []).push(now - last)
    last = now
  }
  const client = await BenchClient.secured(port, undefined, over)
  const user = `u${n % ACCOUNTS}`
  if (isByPlain(n)) await client.ask(auth('PLAIN', `\0${user}\0${PASSWORD}`), '>')
  else await scram(client, user)
  over(isByPlain(n) ? 'PLAIN' : 'SCRAM')
  client.close()
  return last - start
}

const isByPlain = (n: number): boolean => n % 4 === 0

/** Limits under which guessers are met: those of every server, and none but their place behind everybody else. */
const CASES = [
  { name: 'with bans', limits: '' },
  { name: 'without', limits: 'auth_ban = "0s"\nauth_failures = 0' },
]

export const guessingBench: Bench = {
  name: 'guessing',
  what: `a login by SCRAM, from connect to success, beside ${GUESSERS} connections that guess passwords`,
  async run() {
    const figures: Figure[] = []
    for (const { name, limits } of CASES)
      for (const figure of await measured(limits))
        figures.push({ ...figure, figure: `${name}: ${figure.figure}` })
    return figures
  },
}

async function measured(limits: string): Promise<Figure[]> {
  const server = await startServerUnderTest({ accounts: ACCOUNTS, auth: 'never_ban = []', limits })
  for (let n = 0; n < WARM_UP; n++) await login(server.c2s, n)
  const guessers = Bun.spawn([process.execPath, import.meta.path, String(server.c2s)], { stdout: 'pipe' })
  const said = guessers.stdout.getReader()
  try {
    // They are at work.
    await said.read()
    const from = server.cpuMs()
    const end = performance.now() + MEASURED_MS
    let refused = 0
    const times = { scram: [] as number[], plain: [] as number[] }
    const parts: Parts = {}
    for (let n = 0; n < LOGINS && performance.now() < end; n++) {
      try {
        times[isByPlain(n) ? 'plain' : 'scram'].push(await within(login(server.c2s, n, parts), end))
      } catch {
        refused++
      }
      await Bun.sleep(PAUSE_MS)
    }
    const cpu = server.cpuMs() - from
    guessers.kill('SIGTERM')
    const made = Number(new TextDecoder().decode((await said.read()).value))
    return [
      { figure: 'SCRAM, half of the logins within', unit: 'ms', samples: [percentile(times.scram, 0.5)] },
      { figure: 'SCRAM, 99 of 100 within', unit: 'ms', samples: [percentile(times.scram, 0.99)], limit: 500 },
      { figure: 'PLAIN, half of the logins within', unit: 'ms', samples: [percentile(times.plain, 0.5)] },
      { figure: 'PLAIN, 99 of 100 within', unit: 'ms', samples: [percentile(times.plain, 0.99)] },
      ...Object.entries(parts).map(([part, samples]) => ({
        figure: `of that, 99 of 100: ${part}`,
        unit: 'ms',
        samples: [percentile(samples, 0.99)],
      })),
      { figure: 'honest logins', unit: '', samples: [times.scram.length + times.plain.length] },
      { figure: 'connections that the server closed instead', unit: '', samples: [refused], limit: 0 },
      { figure: 'guesses meanwhile', unit: '', samples: [made] },
      { figure: 'CPU of the server', unit: 'ms', samples: [cpu] },
    ]
  } finally {
    guessers.kill('SIGKILL')
    await server.stop()
  }
}

/** What has not come by `end` (and a moment more, so that a short wait at the end counts as it is) took as long as that. */
async function within(ms: Promise<number>, end: number): Promise<number> {
  const start = performance.now()
  const gone = Bun.sleep(end - start + MOMENT_MS).then(() => performance.now() - start)
  return Promise.race([ms, gone])
}

if (import.meta.main) {
  const port = Number(process.argv[2])
  process.once('SIGTERM', () => {
    process.stdout.write(String(tries))
    process.exit(0)
  })
  // One whose connection is refused begins again; all of them at once would be a queue of handshakes and no guesses.
  const guessing = async (who: number): Promise<never> => {
    for (;;) await guess(port, who).catch(() => Bun.sleep(PAUSE_MS))
  }
  const end = performance.now() + WARM_UP_MS
  for (let who = 0; who < GUESSERS; who++) {
    void guessing(who)
    if (who % 10 === 9) await Bun.sleep(10)
  }
  while (tries < 2 * GUESSERS && performance.now() < end) await Bun.sleep(10)
  tries = 0
  process.stdout.write('at work\n')
}
