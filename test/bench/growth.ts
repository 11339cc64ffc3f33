/** What grows with the data and what does not: starts, logins, messages and pages of history beside ever more accounts and rows. */
import type { Database } from 'bun:sqlite'
import { statSync } from 'node:fs'
import { join } from 'node:path'
import { asks, max } from './archive.ts'
import type { Bench, Figure } from './bench.ts'
import { BenchClient } from './client.ts'
import { scramLogin } from './logins.ts'
import { addAccounts } from './people.ts'
import { relay } from './relay.ts'
import { PASSWORD, type ServerUnderTest, startServerUnderTest } from './server.ts'

const ACCOUNTS = [10_000, 100_000, 1_000_000]
const ROWS = [100_000, 1_000_000, 10_000_000]
/** Accounts among which the rows of the archive are shared. */
const OWNERS = 1_000
const PAIRS = 20
const LOGINS = 100
const MESSAGES = 500
const ROUNDS = 3
const REST_MS = 5_000

/** So many rows, one a second, of a thousand accounts in turn, each with ten peers; written by SQLite itself, ten million in two minutes. */
function addRows(db: Database, rows: number): void {
  addAccounts(db, 'owner', OWNERS)
  const first = (Date.now() - rows * 1000) * 1000
  const many = `WITH RECURSIVE c (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM c WHERE n < ${rows - 1})`
  const owner = `(SELECT min(id) FROM accounts WHERE jid GLOB 'owner*') + n % ${OWNERS}`
  const peer = `'p' || (n / ${OWNERS} % 10) || '@localhost'`
  const text = `'<message from="p@localhost/phone" to="owner@localhost" type="chat" id="m' || n || '"><body>It is the east, and Juliet is the sun.</body></message>'`
  db.run('PRAGMA synchronous = OFF')
  db.run(
    `${many} INSERT INTO archive (id, account_id, peer, xml) SELECT ${first} + n * 1000000, ${owner}, ${peer}, ${text} FROM c`,
  )
  // In the order of the index, which is how it grows in years of use by account.
  db.run(
    'INSERT INTO archive_index (account_id, peer, id) SELECT account_id, peer, id FROM archive ORDER BY account_id, peer, id',
  )
  // Else the start takes them for rows that a crash has left without their places.
  db.run(
    "INSERT OR REPLACE INTO settings (name, value) SELECT 'indexed-archive', CAST(max(id) AS BLOB) FROM archive",
  )
}

async function figuresOf(
  of: string,
  at: number,
  seed: (db: Database) => void,
  more?: (server: ServerUnderTest) => Promise<Figure[]>,
): Promise<Figure[]> {
  const server = await startServerUnderTest({ accounts: 2 * PAIRS + 1, seed })
  const row = (series: string, unit: string, samples: number[]): Figure => ({
    figure: `${series}, ${at.toLocaleString('en')} ${of}`,
    unit,
    samples,
    series: `${series} (${unit})`,
    at,
  })
  try {
    await Bun.sleep(REST_MS)
    const [rest, bytes] = [server.rssMiB(), statSync(join(server.dir, 'data', 'belfry.db')).size]
    const logins: number[] = []
    const messages: number[] = []
    const go = await relay(server.c2s, { pairs: PAIRS, inFlight: 16, messages: MESSAGES })
    await go()
    for (let round = 0; round <= ROUNDS; round++) {
      const before = server.cpuMs()
      for (let i = 0; i < LOGINS; i++) (await scramLogin(server.c2s, `u${2 * PAIRS}`)).cut()
      const between = server.cpuMs()
      await go()
      // The first round compiles.
      if (round > 0) logins.push((between - before) / LOGINS)
      if (round > 0) messages.push(((server.cpuMs() - between) * 1000) / (PAIRS * MESSAGES))
    }
    return [
      row('start', 'ms', [server.startMs]),
      row('memory at rest', 'MiB', [rest]),
      row('database', 'MB', [bytes / 1e6]),
      row('a login', 'ms', logins),
      row('an archived message', 'µs', messages),
      ...((await more?.(server)) ?? []).map((figure) => row(figure.figure, figure.unit, [...figure.samples])),
    ]
  } finally {
    await server.stop()
  }
}

/** The last page of an account that has its part of the rows. */
async function page(server: ServerUnderTest): Promise<Figure[]> {
  const answer = await server.operator('PUT', '/v1/users/owner1@localhost/password', { password: PASSWORD })
  if (!answer.ok) throw new Error(`password: ${answer.status} ${await answer.text()}`)
  const client = await BenchClient.login(server.c2s, 'owner1')
  await asks(client, () => max('<before/>'), 20)
  const samples = await asks(client, () => max('<before/>'), 100)
  client.close()
  return [{ figure: 'the last page of 50', unit: 'ms', samples }]
}

export const growthBench: Bench = {
  name: 'growth',
  what: `the same work beside up to ${ACCOUNTS.at(-1)?.toLocaleString('en')} accounts and ${ROWS.at(-1)?.toLocaleString('en')} archived messages`,
  async run() {
    const figures: Figure[] = []
    for (const n of ACCOUNTS)
      figures.push(...(await figuresOf('accounts', n, (db) => addAccounts(db, 'filler', n))))
    for (const n of ROWS)
      figures.push(...(await figuresOf('archived messages', n, (db) => addRows(db, n), page)))
    return figures
  },
}
