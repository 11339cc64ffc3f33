/**
 * kill -9 in the midst of what rooms do: messages under way from all sides, and the members of a large room half told.
 * What was acknowledged is in the room's archive once, and each phone that is to ring has one push for each message.
 */
import { Database } from 'bun:sqlite'
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { join } from 'node:path'
import { sample } from '../bench/server.ts'
import { addAccounts, addDevices } from '../bench/people.ts'
import { WireClient } from '../wire/support.ts'
import { enter, type Sender, type Sign, slowDisk } from './senders.ts'
import { build, Home, type Push, type Running, Simulator, TOPIC } from './support.ts'

const PASSWORD = 'wherefore art thou'
const MUC = 'http://jabber.org/protocol/muc'
/** A few people say much in it; juliet and the nurse are to be rung. */
const VERONA = 'verona@conference.bix.org'
/** Tybalt says little in it, to many. */
const HALL = 'hall@conference.bix.org'
const MEMBERS = 100
/** `npm run test:killed` takes many more. */
const ROUNDS = Number(process.env.ROOM_KILL_ROUNDS ?? 6)
const HALL_MESSAGES = 3
/** Members of the hall that were told of a message before the kill, by round: the same each run. */
const killAt = (round: number): number => 1 + ((round * 7919) % (MEMBERS - 10))
/** Messages that are acknowledged before the hall hears anything. */
const talkFirst = (round: number): number => 40 * (round % 4)

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

const tokenOf = (name: string): string => Buffer.from(name).toString('hex').padEnd(64, 'f')
const joins = (room: string, nick: string): string =>
  `<presence to='${room}/${nick}'><x xmlns='${MUC}'><history maxstanzas='0'/></x></presence>`
const says = (room: string) => (body: string, id: string) =>
  `<message to='${room}' type='groupchat' id='${id}'><body>${body}</body></message>`

const openData = (home: Home) => new Database(join(home.cwd, 'data/belfry.db'), { readonly: true })

/** People, their phones, and both rooms. */
async function prepare(home: Home): Promise<void> {
  const people = ['romeo', 'mercutio', 'tybalt', 'benvolio', 'juliet', 'nurse']
  for (const name of people) home.run(`user add ${name}@bix.org --password-stdin`, PASSWORD)
  const server = await home.serve()
  for (const name of ['benvolio', 'juliet', 'nurse']) {
    const authorization = `Basic ${Buffer.from(`${name}@bix.org:${PASSWORD}`).toString('base64')}`
    const made = await fetch(`http://127.0.0.1:${server.http}/v1/me/devices`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization },
      body: JSON.stringify({ token: tokenOf(name) }),
    })
    expect(made.status).toBe(200)
  }
  const membersOf = { [VERONA]: people.filter((name) => name !== 'tybalt'), [HALL]: ['tybalt'] }
  for (const [jid, names] of Object.entries(membersOf)) {
    const members = names.map((name) => ({ jid: `${name}@bix.org` }))
    expect((await home.post('/v1/rooms', { jid, members })).status).toBe(201)
  }
  server.child.kill('SIGTERM')
  await server.child.exited
  using db = new Database(join(home.cwd, 'data/belfry.db'))
  addAccounts(db, 'sleeper', MEMBERS, 'bix.org')
  addDevices(db, 'sleeper', 1, TOPIC)
  db.run(
    `INSERT INTO room_affiliations (room_id, user, affiliation)
     SELECT rooms.id, accounts.jid, 'member' FROM rooms, accounts
     WHERE rooms.jid = '${HALL}' AND accounts.jid GLOB 'sleeper*'`,
  )
}

/** Logs in, comes into the room and is cut off: its session waits for it. */
async function hibernates({ c2s }: Running, name: string): Promise<void> {
  const client = await WireClient.tcp(c2s)
  await client.opens('bix.org')
  await client.startTls()
  await client.logsIn(`${name}@bix.org`)
  client.send(`<enable xmlns='urn:xmpp:sm:3' resume='true'/>${joins(VERONA, name)}`)
  await client.ping()
  client.close()
}

/** Members are told and phones rung of everything that came before. */
async function settled(home: Home): Promise<void> {
  using db = openData(home)
  // Behind all members a row waits for open clients to show that they have the message.
  const telling = db.query<{ n: number }, []>(
    'SELECT count(*) AS n FROM room_fanouts WHERE after < char(1114111, 1114111)',
  )
  // Each question takes the server some time: there is no hurry.
  for (let i = 0; i < 20_000; i++) {
    const answer = await fetch('http://localhost/metrics', { unix: join(home.cwd, 'data/admin.sock') })
    if (sample(await answer.text(), 'belfry_push_queue') === 0 && telling.get()?.n === 0) return
  }
  throw new Error('the members of a room are not told to the end')
}

/** Whether somebody was told of a message in the hall, and somebody else not yet; or all were, of all of them. */
function watch(home: Home): { db: Database; told: () => number; over: () => boolean } {
  const db = openData(home)
  const ofHall = `room_id = (SELECT id FROM rooms WHERE jid = '${HALL}')`
  const before = db.query<{ n: number }, []>(`SELECT count(*) AS n FROM room_archive WHERE ${ofHall}`)
  const telling = db.query<{ told: number }, []>(
    `SELECT (SELECT count(*) FROM room_affiliations a WHERE a.room_id = f.room_id AND a.user <= f.after) AS told
     FROM room_fanouts f WHERE ${ofHall} ORDER BY told DESC LIMIT 1`,
  )
  const first = before.get()?.n ?? 0
  return {
    db,
    told: () => telling.get()?.told ?? 0,
    over: () => (before.get()?.n ?? 0) - first >= HALL_MESSAGES && telling.get() === null,
  }
}

interface Killed {
  readonly acked: string[]
  /** Members of the hall that had been told of a message when the server died; 0: none of any. */
  readonly told: number
}

async function round(home: Home, n: number): Promise<Killed> {
  const server = await home.serve(slowDisk(n))
  // The answers come late, so that some pushes are on the wire and unanswered when the server dies.
  await simulator.script([{ times: 40, delayMs: 5 * (n % 4) }])
  // In the other rounds the members are still being told of what came before the last kill.
  if (n % 2 === 1) {
    await settled(home)
    await hibernates(server, 'juliet')
  }
  // The members are told so far; then the server dies in the same breath as it answers somebody.
  let due = false
  let killed = false
  const saying = (name: string, room: string, sign: Sign, underWay: number) =>
    enter(server.c2s, {
      name,
      round: n,
      sign,
      underWay,
      first: joins(room, name),
      message: says(room),
      answered() {
        if (!due || killed) return
        killed = true
        server.child.kill('SIGKILL')
      },
    })
  const signs = ['count', 'answer', 'copy'] as const
  const signOf = (i: number): Sign => signs[(n + i) % 3] ?? 'count'
  const crowd = await Promise.all([
    saying('romeo', VERONA, signOf(0), 40),
    saying('mercutio', VERONA, signOf(1), 40),
    // Is there, and hears it all.
    saying('benvolio', VERONA, signOf(2), -1),
  ])
  const tybalt = await saying('tybalt', HALL, signOf(0), 0)
  const { db, told, over } = watch(home)
  using _ = db
  while (!killed) {
    for (const sender of crowd) sender.pump()
    const heard = crowd.reduce((sum, { acked }) => sum + acked, 0)
    if (heard >= talkFirst(n) && tybalt.bodies.length < HALL_MESSAGES) tybalt.pump()
    await new Promise(setImmediate)
    due ||= told() >= killAt(n) || over()
  }
  const senders: Sender[] = [...crowd, tybalt]
  await Promise.all([server.child.exited, ...senders.map(({ closed }) => closed)])
  return { acked: senders.flatMap(({ bodies, acked }) => bodies.slice(0, acked)), told: told() }
}

/** Bodies in a room's archive. */
function kept(home: Home, room: string): string[] {
  using db = openData(home)
  const rows = db
    .query<{ xml: string }, [string]>(
      'SELECT xml FROM room_archive WHERE room_id = (SELECT id FROM rooms WHERE jid = ?)',
    )
    .all(room)
  return rows.flatMap(({ xml }) => /<body>(.*?)<\/body>/.exec(xml)?.[1] ?? [])
}

/** By phone and body: the ids under which it was rung. */
function rings(pushes: readonly Push[]): Map<string, Set<string>> {
  const all = new Map<string, Set<string>>()
  for (const { token, apnsId, payload } of pushes) {
    const key = `${token} ${payload.aps.alert.body}`
    all.set(key, (all.get(key) ?? new Set()).add(apnsId))
  }
  return all
}

test(`${ROUNDS} kills amid rooms: archived once, each phone rung once`, async () => {
  const home = new Home(built.home, 'rooms', built.program, simulator)
  await prepare(home)
  const acked: string[] = []
  const told: number[] = []
  for (let n = 0; n < ROUNDS; n++) {
    const killed = await round(home, n)
    acked.push(...killed.acked)
    told.push(killed.told)
  }
  const server = await home.serve()
  await settled(home)
  const pushes = await simulator.received()
  server.child.kill('SIGTERM')
  expect(await server.child.exited).toBe(0)

  const verona = kept(home, VERONA)
  const hall = kept(home, HALL)
  const all = [...verona, ...hall]
  const rung = rings(pushes)
  const requests = pushes.length
  const midst = told.filter((members) => members > 0 && members < MEMBERS).length
  console.log(
    `${acked.length} acknowledged over ${ROUNDS} kills, ${midst} of them with the hall half told; ${all.length} archived; ` +
      `${rung.size} rings by ${requests} requests`,
  )
  expect(new Set(all).size).toBe(all.length)
  expect(acked.filter((body) => !all.includes(body))).toEqual([])
  expect(midst).toBeGreaterThan(0)

  using db = openData(home)
  const sleepers = db
    .query<{ address: string }, []>(
      `SELECT address FROM devices JOIN accounts ON accounts.id = account_id WHERE jid GLOB 'sleeper*'`,
    )
    .all()
    .map(({ address }) => address)
  expect(sleepers).toHaveLength(MEMBERS)
  const wanted = [
    ...hall.flatMap((body) => sleepers.map((token) => `${token} ${body}`)),
    ...verona.flatMap((body) => ['juliet', 'nurse'].map((name) => `${tokenOf(name)} ${body}`)),
  ]
  expect(wanted.filter((key) => !rung.has(key))).toEqual([])
  expect([...rung].filter(([, ids]) => ids.size !== 1)).toEqual([])
  // Nothing rings that is not there.
  const spoken = [...rung.keys()].map((key) => key.slice(65)).filter((body) => /^\d+ \w+ \d+$/.test(body))
  expect(spoken.filter((body) => !all.includes(body))).toEqual([])
})
