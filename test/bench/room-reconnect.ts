/** After a restart all clients of a room come back at once: how long they take, and whether they hold the loop. */
import type { Bench } from './bench.ts'
import { BenchClient } from './client.ts'
import { addRoom, enter, ROOM } from './room.ts'
import { startServerUnderTest } from './server.ts'

const CLIENTS = 1_000
const ROUNDS = 5
/** Logins under way at a time. */
const AT_ONCE = 50

export const roomReconnectBench: Bench = {
  name: 'room-reconnect',
  what: `${CLIENTS} clients come back into one room after kill -9 and a start: how long the loop is held`,
  async run() {
    const server = await startServerUnderTest({
      accounts: CLIENTS,
      probed: true,
      seed: (db) => addRoom(db, ROOM),
      limits: 'room_occupants = 2000\nconnections_per_ip = 0\nrates = false',
    })
    let clients: BenchClient[] = []
    try {
      const longest: number[] = []
      const busiest: number[] = []
      const whole: number[] = []
      const logins: number[] = []
      for (let round = 0; round < ROUNDS; round++) {
        for (const client of clients) client.cut()
        clients = []
        await server.restart()
        // What a start compiles is no client's.
        await (await BenchClient.login(server.c2s, 'u0', 'first')).ask(enter(CLIENTS), '<subject')
        await server.held()
        let next = 0
        const from = performance.now()
        const logIn = async () => {
          while (next < CLIENTS) clients.push(await BenchClient.login(server.c2s, `u${next++}`))
        }
        await Promise.all(Array.from({ length: AT_ONCE }, logIn))
        // Logins have a bench of their own; what they hold is told beside it.
        logins.push((await server.held()).longest)
        await Promise.all(clients.map((client, i) => client.ask(enter(i), '<subject')))
        whole.push(performance.now() - from)
        const held = await server.held()
        longest.push(held.longest)
        busiest.push(held.busiest)
      }
      return [
        { figure: 'loop held at most while they join', unit: 'ms', samples: longest, limit: 10 },
        { figure: '  of which CPU', unit: 'ms', samples: busiest },
        { figure: 'loop held at most while they log in', unit: 'ms', samples: logins },
        { figure: 'all are back', unit: 'ms', samples: whole },
      ]
    } finally {
      for (const client of clients) client.cut()
      await server.stop()
    }
  },
}
