/**
 * What a client saw acknowledged is in the archive after kill -9, with the sockets full: several senders that ask at every
 * point and never wait, killed at the very moment an answer comes. Some rounds have a disk that takes 20 ms to sync.
 */
import { Database } from 'bun:sqlite'
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { join } from 'node:path'
import { enter, slowDisk } from './senders.ts'
import { build, Home, Simulator } from './support.ts'

const SENDERS = ['romeo', 'mercutio', 'benvolio', 'tybalt']
const JULIET = 'juliet@bix.org'
const PASSWORD = 'wherefore art thou'
/** `npm run test:killed` takes many more. */
const ROUNDS = Number(process.env.ACK_ROUNDS ?? 30)
/** Answers that are seen before the kill, by round: the same each run. */
const killAfter = (round: number): number => 1 + ((round * 7919) % 151)
/** Messages that a sender has under way at most. */
const UNDER_WAY = 300

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

/** Traffic until that many answers were seen, then kill -9 in the same breath; what is still in the sockets is heard. */
async function round(home: Home, n: number): Promise<string[]> {
  const server = await home.serve(slowDisk(n))
  let answers = 0
  let killed = false
  const answered = () => {
    if (++answers < killAfter(n) || killed) return
    killed = true
    server.child.kill('SIGKILL')
  }
  const saying = {
    round: n,
    sign: n % 3 !== 2 ? 'count' : 'answer',
    underWay: UNDER_WAY,
    message: (body: string) => `<message to='${JULIET}' type='chat'><body>${body}</body></message>`,
    answered,
  } as const
  const senders = await Promise.all(SENDERS.map((name) => enter(server.c2s, { ...saying, name })))
  while (!killed) {
    for (const sender of senders) sender.pump()
    await new Promise(setImmediate)
  }
  await Promise.all([server.child.exited, ...senders.map(({ closed }) => closed)])
  return senders.flatMap(({ bodies, acked }) => bodies.slice(0, acked))
}

test(`what was acknowledged is archived after each of ${ROUNDS} kills`, async () => {
  const home = new Home(built.home, 'acknowledged', built.program, simulator)
  for (const name of ['juliet', ...SENDERS]) home.run(`user add ${name}@bix.org --password-stdin`, PASSWORD)
  const acked: string[] = []
  for (let n = 0; n < ROUNDS; n++) acked.push(...(await round(home, n)))
  const server = await home.serve()
  server.child.kill('SIGTERM')
  expect(await server.child.exited).toBe(0)

  const [sent, kept] = archived(home)
  const lost = acked.filter((body) => !kept.has(body) || !sent.has(body))
  console.log(`${acked.length} acknowledged over ${ROUNDS} kills, ${kept.size} archived, ${lost.length} lost`)
  expect(lost).toEqual([])
  expect(acked.length).toBeGreaterThan(ROUNDS * 20)
})

/** Bodies in the archives of the senders and of juliet; each stands there once. */
function archived(home: Home): [Set<string>, Set<string>] {
  using db = new Database(join(home.cwd, 'data/belfry.db'), { readonly: true })
  const rows = db
    .query<{ xml: string; jid: string }, []>(
      'SELECT xml, accounts.jid FROM archive JOIN accounts ON accounts.id = account_id',
    )
    .all()
  const bodies = (mine: boolean) =>
    rows.flatMap(({ xml, jid }) =>
      (jid === JULIET) === mine ? (/<body>(.*?)<\/body>/.exec(xml)?.[1] ?? []) : [],
    )
  const [received, sent] = [bodies(true), bodies(false)]
  expect([new Set(received).size, new Set(sent).size]).toEqual([received.length, sent.length])
  return [new Set(sent), new Set(received)]
}
