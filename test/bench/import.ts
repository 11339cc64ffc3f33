/** An import of ejabberd's SQL into an empty server, as the operator runs it: a process of its own. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Bench } from './bench.ts'
import { COMMAND } from './server.ts'

const ACCOUNTS = 20_000
const MESSAGES = 200_000
/** µs; the first message, and the pause behind each. */
const START = Date.UTC(2020, 0, 1) * 1000
const PAUSE = 1_234_567
const ROUNDS = 3

export const importBench: Bench = {
  name: 'import',
  what: `${ACCOUNTS} accounts with keys, and ${MESSAGES} archived messages, by belfry import ejabberd`,
  async run() {
    const accounts: number[] = []
    const messages: number[] = []
    const memory: number[] = []
    for (let round = 0; round < ROUNDS; round++) {
      const dir = mkdtempSync(join(tmpdir(), 'belfry-bench-'))
      try {
        writeFileSync(join(dir, 'belfry.toml'), 'hosts = ["bix.org"]\n[push]\nsimulator = true\n')
        writeFileSync(join(dir, 'users.sql'), users())
        writeFileSync(join(dir, 'archive.sql'), archive())
        const first = await run(dir, 'users.sql')
        // The accounts are here: what is left is the archive.
        const second = await run(dir, 'archive.sql')
        accounts.push(ACCOUNTS / first.seconds)
        messages.push(MESSAGES / second.seconds)
        memory.push(Math.max(first.mib, second.mib))
      } finally {
        rmSync(dir, { recursive: true })
      }
    }
    return [
      { figure: 'accounts', unit: '1/s', samples: accounts, least: 2_000 },
      { figure: 'archived messages', unit: '1/s', samples: messages, least: 20_000 },
      { figure: 'highest RSS', unit: 'MiB', samples: memory, limit: 200 },
    ]
  },
}

async function run(cwd: string, file: string): Promise<{ seconds: number; mib: number }> {
  const start = performance.now()
  const child = Bun.spawn([...COMMAND, 'import', 'ejabberd', file, '-o', 'json'], { cwd, stdout: 'pipe' })
  const out = await new Response(child.stdout).text()
  if ((await child.exited) !== 0) throw new Error(out)
  const { rejected } = JSON.parse(out) as { rejected: number }
  if (rejected !== 0) throw new Error(out.slice(0, 2_000))
  const bytes = child.resourceUsage()?.maxRSS ?? Number.NaN
  return { seconds: (performance.now() - start) / 1000, mib: bytes / 1024 / 1024 }
}

const key = (name: string, length: number): string =>
  new Bun.CryptoHasher('sha256').update(name).digest().subarray(0, length).toString('base64')

function users(): string {
  const lines: string[] = []
  for (let i = 0; i < ACCOUNTS; i++) {
    const [stored, server, salt] = ['a', 'b', 'c'].map((part) => key(`${part}${i}`, 20))
    lines.push(
      `INSERT INTO users(username, password, serverkey, salt, iterationcount) VALUES ('user${i}', '${stored}', '${server}', '${salt}', 4096);`,
    )
  }
  return lines.join('\n')
}

function archive(): string {
  const lines: string[] = []
  for (let i = 0; i < MESSAGES; i++) {
    const [from, to] = [`user${i % ACCOUNTS}`, `user${(i * 7 + 1) % ACCOUNTS}`]
    const text = `Message ${i}, about as long as people write them, with an &amp; and it''s quotes.`
    const xml = `<message xml:lang=''en'' to=''${to}@bix.org'' from=''${from}@bix.org/phone'' type=''chat'' id=''m${i}'' xmlns=''jabber:client''><body>${text}</body></message>`
    lines.push(
      `INSERT INTO archive(username, timestamp, peer, bare_peer, xml, txt, kind, nick) VALUES ('${from}', ${START + i * PAUSE}, '${to}@bix.org', '${to}@bix.org', '${xml}', '', 'chat', '');`,
    )
  }
  return lines.join('\n')
}
