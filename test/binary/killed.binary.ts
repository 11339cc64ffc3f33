/**
 * kill -9 at many points between a message's arrival and the answer to its push: whatever was acknowledged is stored
 * once and is rung at least once, always under the same ids, so that the phone shows it once.
 */
import { Database } from 'bun:sqlite'
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { join } from 'node:path'
import { WireClient } from '../wire/support.ts'
import { build, Home, type Push, type Running, Simulator, TOKEN } from './support.ts'

const ROMEO = 'romeo@bix.org'
const JULIET = 'juliet@bix.org'
const PASSWORD = 'wherefore art thou'
/** `npm run test:killed` takes many more. */
const ROUNDS = Number(process.env.KILL_ROUNDS ?? 12)
/** Passes of the loop between the last message and the kill, by round: spread over the whole way, the same each run. */
const pointOf = (round: number): number => (round * 7919) % 480

let built: ReturnType<typeof build>
let simulator: Simulator
beforeAll(async () => {
  built = build()
  simulator = await Simulator.start(built.program, built.home)
})
afterAll(async () => {
  await simulator.stop()
  built.remove()
})

/** Rounds of the loop: how far apart the points are, without a clock. */
async function passes(n: number): Promise<void> {
  for (let i = 0; i < n; i++) await new Promise(setImmediate)
}

async function kill({ child }: Running): Promise<void> {
  child.kill('SIGKILL')
  await child.exited
}

/** By body: what was stored for Juliet. */
function stored(home: Home): string[] {
  using db = new Database(join(home.cwd, 'data/belfry.db'), { readonly: true })
  const rows = db.query<{ xml: string }, []>('SELECT xml FROM offline ORDER BY id').all()
  return rows.map(({ xml }) => /<body>(.*?)<\/body>/.exec(xml)?.[1] ?? '?')
}

/** Rows that their late index does not know, after an orderly end. */
function unplaced(home: Home): Record<string, number> {
  using db = new Database(join(home.cwd, 'data/belfry.db'), { readonly: true })
  const missing = (table: string) =>
    db
      .query<{ n: number }, []>(
        `SELECT count(*) AS n FROM ${table} r WHERE NOT EXISTS
         (SELECT 1 FROM ${table}_index WHERE account_id = r.account_id AND id = r.id)`,
      )
      .get()?.n ?? -1
  return Object.fromEntries(['archive', 'offline', 'unread', 'verdicts'].map((name) => [name, missing(name)]))
}

test('nothing acknowledged is lost, and each push keeps its ids', async () => {
  const home = new Home(built.home, 'killed', built.program, simulator)
  for (const jid of [ROMEO, JULIET]) home.run(`user add ${jid} --password-stdin`, PASSWORD)
  const acked: string[] = []
  for (let round = 0; round < ROUNDS; round++) {
    const server = await home.serve()
    if (round === 0) await register(server)
    // The answers come late, so that some pushes are on the wire and unanswered when the server dies.
    await simulator.script([{ times: 40, delayMs: 5 * (round % 4) }])
    for (let i = 0; i < 3; i++) await byHttp(home, `${round} http ${i}`, acked)
    if (round % 2 === 0) await byStream(server, `${round} stream`, acked)
    // One more is somewhere on its way: in the socket, in the turn, committed, or at the phone.
    const last = byHttp(home, `${round} last`, acked)
    await passes(pointOf(round))
    await kill(server)
    await last
  }
  const server = await home.serve()
  const rung = await simulator.until((pushes) => acked.every((body) => bodies(pushes).includes(body)))
  server.child.kill('SIGTERM')
  expect(await server.child.exited).toBe(0)

  const kept = stored(home)
  expect(new Set(kept).size).toBe(kept.length)
  expect(acked.filter((body) => !kept.includes(body))).toEqual([])
  expect(acked.length).toBeGreaterThanOrEqual(ROUNDS * 3 + ROUNDS / 2)
  expect(unplaced(home)).toEqual({ archive: 0, offline: 0, unread: 0, verdicts: 0 })
  // Whatever was rung is stored, and was rung under one pair of ids however often it was.
  for (const body of new Set(bodies(rung))) {
    const ids = rung
      .filter((push) => bodies([push])[0] === body)
      .map((push) => `${push.apnsId} ${push.collapseId}`)
    expect(`${body}: ${new Set(ids).size} pair of ids, stored ${kept.includes(body)}`).toBe(
      `${body}: 1 pair of ids, stored true`,
    )
  }
  expect(new Set(rung.map(({ apnsId }) => apnsId)).size).toBe(new Set(bodies(rung)).size)
})

const bodies = (pushes: readonly Push[]): string[] => pushes.map(({ payload }) => payload.aps.alert.body)

async function register({ http }: Running): Promise<void> {
  const authorization = `Basic ${Buffer.from(`${JULIET}:${PASSWORD}`).toString('base64')}`
  const made = await fetch(`http://127.0.0.1:${http}/v1/me/devices`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization },
    body: JSON.stringify({ token: TOKEN }),
  })
  expect(made.status).toBe(200)
}

/** Acknowledged by 202; a server that dies answers nothing. */
async function byHttp(home: Home, body: string, acked: string[]): Promise<void> {
  const answer = await home
    .post('/v1/messages', { from: ROMEO, to: JULIET, body, id: body })
    .catch(() => undefined)
  if (answer?.status === 202) acked.push(body)
}

/** Acknowledged by the answer to a ping behind it on the same stream. */
async function byStream({ c2s }: Running, body: string, acked: string[]): Promise<void> {
  const romeo = await WireClient.tcp(c2s)
  await romeo.opens('bix.org')
  await romeo.startTls()
  await romeo.logsIn(ROMEO)
  romeo.send(`<message to='${JULIET}' type='chat'><body>${body}</body></message>`)
  await romeo.ping()
  acked.push(body)
  romeo.close()
}
