/** kill -9 of an import in its midst, several times, and another run: the same rows as of an import that nobody disturbed. */
import { Database } from 'bun:sqlite'
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { randomInt } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { build } from './support.ts'

const ACCOUNTS = 200
const MESSAGES = 10_000
const KILLS = 3
/** µs; the first message, and the pause behind each, so that some seconds have several. */
const START = Date.UTC(2020, 0, 1) * 1000
const PAUSE = 234_567

let built: ReturnType<typeof build>
let dir: string
beforeAll(() => {
  built = build()
  dir = mkdtempSync(join(tmpdir(), 'belfry-import-killed-'))
})
afterAll(() => {
  rmSync(dir, { recursive: true })
  built.remove()
})

const key = (name: string): Buffer => new Bun.CryptoHasher('sha1').update(name).digest()
const user = (i: number): string => `user${i % ACCOUNTS}`
const other = (i: number): string => user(i * 7 + 1)

function sql(): string {
  const lines: string[] = []
  for (let i = 0; i < MESSAGES; i++) {
    const xml = `<message to=''${other(i)}@bix.org'' from=''${user(i)}@bix.org/phone'' type=''chat'' id=''m${i}'' xmlns=''jabber:client''><body>Message ${i} &amp; more</body></message>`
    lines.push(
      `INSERT INTO archive(username, timestamp, peer, bare_peer, xml, txt, kind, nick) VALUES ('${user(i)}', ${START + i * PAUSE}, '${other(i)}@bix.org', '${other(i)}@bix.org', '${xml}', '', 'chat', '');`,
    )
    if (i % 10 === 0)
      lines.push(
        `INSERT INTO spool(username, xml, created_at) VALUES ('${user(i)}', '${xml}', '2021-05-01 10:00:${String(i % 60).padStart(2, '0')}');`,
      )
  }
  for (let i = 0; i < ACCOUNTS; i++) {
    const [stored, server, salt] = ['a', 'b', 'c'].map((part) => key(`${part}${i}`).toString('base64'))
    lines.push(
      `INSERT INTO users(username, password, serverkey, salt, iterationcount, created_at) VALUES ('${user(i)}', '${stored}', '${server}', '${salt}', 4096, '2021-01-01 00:00:00');`,
      `INSERT INTO rosterusers(username, jid, nick, subscription, ask, askmessage) VALUES ('${user(i)}', '${other(i)}@bix.org', 'Friend', 'B', 'N', '');`,
      `INSERT INTO rostergroups(username, jid, grp) VALUES ('${user(i)}', '${other(i)}@bix.org', 'Friends');`,
    )
  }
  return lines.join('\n')
}

function prosody(path: string): void {
  const write = (store: string, file: string, text: string) => {
    mkdirSync(join(path, 'bix%2eorg', store), { recursive: true })
    writeFileSync(join(path, 'bix%2eorg', store, file), text)
  }
  const item = (i: number, stamp: number) =>
    `item({ ["attr"] = { ["to"] = "${other(i)}@bix.org"; ["from"] = "${user(i)}@bix.org/phone"; ["type"] = "chat"; ["id"] = "m${i}"; }; { ["attr"] = {}; ["name"] = "body"; "Message ${i}"; }; ["name"] = "message"; ["when"] = ${stamp}; ["with"] = "${other(i)}@bix.org"; ["key"] = "k${i}"; });\n`
  for (let i = 0; i < ACCOUNTS; i++) {
    const [stored, server] = ['a', 'b'].map((part) => key(`${part}${i}`).toString('hex'))
    write(
      'accounts',
      `${user(i)}.dat`,
      `return { ["stored_key"] = "${stored}"; ["server_key"] = "${server}"; ["salt"] = "salt${i}"; ["iteration_count"] = 4096; ["created"] = 1600000000; };`,
    )
    write(
      'roster',
      `${user(i)}.dat`,
      `return { ["${other(i)}@bix.org"] = { ["subscription"] = "both"; ["groups"] = { ["Friends"] = true; }; ["name"] = "Friend"; }; };`,
    )
    const items = Array.from({ length: MESSAGES / ACCOUNTS }, (_, n) => i + n * ACCOUNTS)
    write('archive', `${user(i)}.list`, items.map((n) => item(n, 1_577_836_800 + (n >> 2))).join('\n'))
    write('offline', `${user(i)}.list`, item(i, 1_600_000_000))
  }
}

/** A home with the source in it, and what an import of it has written. */
function homeOf(name: string, source: string, from: string) {
  const cwd = join(dir, name)
  mkdirSync(cwd)
  writeFileSync(join(cwd, 'belfry.toml'), 'hosts = ["bix.org"]\n[push]\nsimulator = true\n')
  const database = join(cwd, 'data/belfry.db')
  const start = () =>
    Bun.spawn([built.program, 'import', from, source, '-o', 'json'], {
      cwd,
      stdout: 'pipe',
      stderr: 'ignore',
    })
  return {
    start,
    /** Rows that are there by now, of whatever an import makes most of. */
    written(): number {
      if (!existsSync(database)) return 0
      using db = new Database(database, { readonly: true })
      // Whoever was killed may have left the log to be recovered.
      db.run('PRAGMA busy_timeout = 10000')
      return (
        db
          .query<{ n: number }, []>(
            'SELECT (SELECT count(*) FROM archive) + (SELECT count(*) FROM imported) AS n',
          )
          .get()?.n ?? 0
      )
    },
    async finish(): Promise<Record<string, number>> {
      const child = start()
      const out = await new Response(child.stdout).text()
      expect(await child.exited).toBe(0)
      return JSON.parse(out) as Record<string, number>
    },
    rows(): Record<string, unknown[]> {
      using db = new Database(database, { readonly: true })
      return Object.fromEntries(
        [
          'accounts',
          'credentials',
          'contacts',
          'archive',
          'archive_index',
          'offline',
          'offline_index',
          'imported',
        ].map((table) => [table, db.query(`SELECT * FROM ${table} ORDER BY 1, 2`).values().sort()]),
      )
    },
  }
}

for (const { form, from, write } of [
  { form: 'a dump of SQL', from: 'ejabberd', write: (path: string) => writeFileSync(path, sql()) },
  { form: 'a folder of Prosody', from: 'prosody', write: prosody },
])
  test(`an import of ${form}`, async () => {
    const source = join(dir, from)
    write(source)
    const undisturbed = homeOf(`${from}-undisturbed`, source, from)
    const figures = await undisturbed.finish()
    expect(figures).toMatchObject({ accounts: ACCOUNTS, archived_messages: MESSAGES, rejected: 0 })
    const all = undisturbed.written()
    const killed = homeOf(`${from}-killed`, source, from)
    for (let round = 0; round < KILLS; round++) {
      const child = killed.start()
      // Between what is there and the end, and not so near to it that it would be over.
      const before = killed.written()
      const target = before + randomInt(Math.ceil(0.6 * (all - before)))
      while (child.exitCode === null && killed.written() <= target) await new Promise(setImmediate)
      expect(child.exitCode).toBeNull()
      child.kill('SIGKILL')
      await child.exited
    }
    await killed.finish()
    expect(killed.rows()).toEqual(undisturbed.rows())
  })
