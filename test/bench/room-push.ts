/** A message in a room of thousands whose apps are closed: when the last phone is rung, and what the loop does meanwhile. */
import type { Database } from 'bun:sqlite'
import { generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startApnsSim } from '../../src/ops/apns-sim.ts'
import type { Bench } from './bench.ts'
import { BenchClient } from './client.ts'
import { addAccounts, addDevices } from './people.ts'
import { TOPIC } from './push.ts'
import { addRoom, enter, ROOM } from './room.ts'
import { startServerUnderTest } from './server.ts'

const MEMBERS = 5_000
const ROUNDS = 5
const PATIENCE_MS = 30_000

/** A private room, which rings for every message. */
function addMembers(db: Database): void {
  addAccounts(db, 'sleeper', MEMBERS)
  addDevices(db, 'sleeper', 1, TOPIC)
  addRoom(db, ROOM, { membersOnly: true, nonAnonymous: true })
  db.run(
    `INSERT INTO room_affiliations (room_id, user, affiliation)
     SELECT rooms.id, accounts.jid, 'member' FROM rooms, accounts WHERE accounts.jid GLOB 'sleeper*'`,
  )
}

export const roomPushBench: Bench = {
  name: 'room-push',
  what: `a message in a room of ${MEMBERS} members with closed apps: the last request at Apple’s end, and how long the loop was held`,
  async run() {
    const dir = mkdtempSync(join(tmpdir(), 'belfry-bench-room-push-'))
    const sim = await startApnsSim({})
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    writeFileSync(join(dir, 'key.p8'), privateKey.export({ type: 'pkcs8', format: 'pem' }))
    writeFileSync(join(dir, 'ca.pem'), sim.ca)
    const server = await startServerUnderTest({
      accounts: 1,
      seed: addMembers,
      probed: true,
      toml:
        `[[push.apps]]\ntopic = "${TOPIC}"\nteam_id = "TEAM123456"\nkey_id = "KEY1234567"\nkey_file = "${dir}/key.p8"\n` +
        `endpoint = "${sim.url}"\nca_file = "${dir}/ca.pem"\nbody = "full"\n`,
    })
    try {
      const speaker = await BenchClient.login(server.c2s, 'u0')
      await speaker.ask(enter(0), '<subject')
      const last: number[] = []
      const longest: number[] = []
      const busiest: number[] = []
      // The first opens the connection, and finds code that was never run.
      for (let round = 0; round <= ROUNDS; round++) {
        sim.received.length = 0
        await server.held()
        const from = Date.now()
        speaker.send(
          `<message to='${ROOM}' type='groupchat' id='m${round}'><body>Hear me, all! ${round}</body></message>`,
        )
        const until = performance.now() + PATIENCE_MS
        while (sim.received.length < MEMBERS && performance.now() < until) await Bun.sleep(5)
        if (sim.received.length !== MEMBERS) throw new Error(`${sim.received.length} pushes of ${MEMBERS}`)
        const held = await server.held()
        await Bun.sleep(500)
        if (sim.received.length !== MEMBERS) throw new Error('a phone was rung twice')
        if (round === 0) continue
        last.push(Math.max(...sim.received.map(({ at }) => at)) - from)
        longest.push(held.longest)
        busiest.push(held.busiest)
      }
      return [
        { figure: 'message to the last request', unit: 'ms', samples: last, limit: 2_000 },
        { figure: 'loop held at most', unit: 'ms', samples: longest, limit: 5 },
        { figure: '  of which CPU', unit: 'ms', samples: busiest },
      ]
    } finally {
      await server.stop()
      await sim.close()
      rmSync(dir, { recursive: true, force: true })
    }
  },
}
