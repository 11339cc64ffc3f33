/** What a room costs: a message to all who are in it, and coming in where many are. */
import type { Database } from 'bun:sqlite'
import { defaults } from '../../src/config/config.ts'
import { newSettings } from '../../src/rooms/settings.ts'
import type { RoomSettings } from '../../src/store/rooms.ts'
import { BenchClient, counter } from './client.ts'
import type { Bench } from './bench.ts'
import { startServerUnderTest, type ServerUnderTest } from './server.ts'

export const ROOM = 'hall@conference.localhost'
const MUC = 'http://jabber.org/protocol/muc'
const OWNER = `${MUC}#owner`
/** Messages on the way at a time. */
const BUSY = 16

/** Clients in one room, the first of whom has made it. */
export async function fill(server: Pick<ServerUnderTest, 'c2s'>, n: number): Promise<BenchClient[]> {
  const clients: BenchClient[] = []
  for (let i = 0; i < n; i++) {
    const client = await BenchClient.login(server.c2s, `u${i}`)
    await client.ask(enter(i), '<subject')
    if (i === 0)
      await client.ask(
        `<iq type='set' id='open' to='${ROOM}'><query xmlns='${OWNER}'><x xmlns='jabber:x:data' type='submit'/></query></iq>`,
        // Peers quote attributes otherwise.
        'open',
      )
    clients.push(client)
  }
  return clients
}

/** Coming in, without history. */
export const enter = (i: number): string =>
  `<presence to='${ROOM}/nick${i}'><x xmlns='${MUC}'><history maxstanzas='0'/></x></presence>`

/** One says `messages`, some on the way at a time; resolves when all have heard all of them. */
export async function talk(
  clients: readonly BenchClient[],
  messages: number,
  inFlight: number,
): Promise<void> {
  const [speaker] = clients
  const body = 'It is the east, and Juliet is the sun. Arise, fair sun, and kill the envious moon.'
  let sent = 0
  const say = (n: number): void => {
    let text = ''
    for (let k = 0; k < n && sent < messages; k++)
      text += `<message to='${ROOM}' type='groupchat' id='m${sent++}'><body>${body}</body></message>`
    if (text) speaker?.send(text)
  }
  await Promise.all(
    clients.map(
      (client, i) =>
        new Promise<void>((resolve) => {
          let heard = 0
          client.onText = counter('</message>', (n) => {
            heard += n
            if (i === 0) say(n)
            if (heard >= messages) resolve()
          })
          if (i === 0) say(inFlight)
        }),
    ),
  )
}

export const roomBench: Bench = {
  name: 'room',
  what: 'server CPU per delivery of a message in a room of 100 TLS clients, archived once',
  async run() {
    const [occupants, messages] = [100, 400]
    const server = await startServerUnderTest({ accounts: occupants })
    try {
      const clients = await fill(server, occupants)
      await talk(clients, messages, BUSY)
      const measured = async (inFlight: number) => {
        const samples: number[] = []
        const rates: number[] = []
        for (let round = 0; round < 5; round++) {
          const before = server.cpuMs()
          const from = performance.now()
          await talk(clients, messages, inFlight)
          samples.push(((server.cpuMs() - before) * 1000) / (occupants * messages))
          rates.push((occupants * messages * 1000) / (performance.now() - from))
        }
        return { samples, rates }
      }
      const busy = await measured(BUSY)
      // Then each delivery is a TLS record and a system call of its own.
      const alone = await measured(1)
      return [
        { figure: 'room CPU per delivery', unit: 'µs', samples: busy.samples, limit: 12 },
        { figure: 'room rate', unit: 'deliveries/s', samples: busy.rates },
        { figure: 'room CPU per delivery, one message at a time', unit: 'µs', samples: alone.samples },
      ]
    } finally {
      await server.stop()
    }
  },
}

export const roomJoinBench: Bench = {
  name: 'room-join',
  what: 'coming into a room of 1,000, until the subject',
  async run() {
    const occupants = 1_000
    const server = await startServerUnderTest({
      accounts: occupants + 1,
      limits: 'room_occupants = 2000\nconnections_per_ip = 0\nrates = false',
    })
    try {
      const clients = await fill(server, occupants)
      const late = await BenchClient.login(server.c2s, `u${occupants}`)
      const samples: number[] = []
      for (let round = 0; round < 5; round++) {
        const from = performance.now()
        await late.ask(enter(occupants), '<subject')
        samples.push(performance.now() - from)
        await late.ask(`<presence type='unavailable' to='${ROOM}/nick${occupants}'/>`, '110')
      }
      for (const client of clients) client.close()
      return [{ figure: 'join of 1,000', unit: 'ms', samples, limit: 60 }]
    } finally {
      await server.stop()
    }
  },
}

const ROOMS = 100_000

/** A room that stays, of u0; `further` says what is unlike others. */
export function addRoom(db: Database, jid: string, further: Partial<RoomSettings> = {}): void {
  const settings = JSON.stringify({ ...newSettings(defaults()), persistent: true, ...further })
  const { lastInsertRowid } = db
    .query(
      `INSERT INTO rooms (jid, domain, public, settings, locked, created_at) VALUES (?, 'conference.localhost', 1, ?, 0, 0)`,
    )
    .run(jid, settings)
  db.query(
    `INSERT INTO room_affiliations (room_id, user, affiliation) VALUES (?, 'u0@localhost', 'owner')`,
  ).run(lastInsertRowid)
}

/** Rooms that nobody is in. */
function addRooms(db: Database, n: number): void {
  db.transaction(() => {
    for (let i = 0; i < n; i++) addRoom(db, `r${String(i).padStart(6, '0')}@conference.localhost`)
  })()
}

const ROOMS_AT_REST = 10_000
const REST_ROUNDS = 3

/** Memory of a server with so many rooms, in which nobody is. */
async function memoryWith(rooms: number): Promise<number> {
  const server = await startServerUnderTest({ accounts: 1, seed: (db) => addRooms(db, rooms) })
  try {
    const client = await BenchClient.login(server.c2s, 'u0')
    client.close()
    return server.rssMiB()
  } finally {
    await server.stop()
  }
}

export const roomsBench: Bench = {
  name: 'rooms',
  what: 'start with 100,000 rooms, a page of their list, and what 10,000 need at rest',
  async run() {
    const atRest: number[] = []
    for (let round = 0; round < REST_ROUNDS; round++)
      atRest.push((await memoryWith(ROOMS_AT_REST)) - (await memoryWith(0)))
    const server = await startServerUnderTest({ accounts: 1, seed: (db) => addRooms(db, ROOMS) })
    try {
      const client = await BenchClient.login(server.c2s, 'u0')
      const pages: number[] = []
      let after = ''
      for (let page = 0; page < 200; page++) {
        const from = performance.now()
        const answer = await client.ask(
          `<iq type='get' id='p${page}' to='conference.localhost'><query xmlns='http://jabber.org/protocol/disco#items'>` +
            `<set xmlns='http://jabber.org/protocol/rsm'><max>100</max>${after}</set></query></iq>`,
          '</iq>',
        )
        pages.push(performance.now() - from)
        after = `<after>${/<last>([^<]*)</.exec(answer)?.[1] ?? ''}</after>`
      }
      client.close()
      return [
        { figure: 'start with 100,000 rooms', unit: 'ms', samples: [server.startMs], limit: 300 },
        { figure: 'page of 100 rooms', unit: 'ms', samples: pages, limit: 5 },
        { figure: '10,000 rooms at rest, beside none', unit: 'MiB', samples: atRest, limit: 20 },
        { figure: 'memory with 100,000 rooms at rest', unit: 'MiB', samples: [server.rssMiB()] },
      ]
    } finally {
      await server.stop()
    }
  },
}
