/**
 * A process to be killed, starved of disk or robbed of its fsync by the tests beside it.
 * child.ts prepare FILE makes the database and ends
 * child.ts turns FILE   five turns of three trips; prints what was answered, then tries to go on after a fatal error
 * child.ts lock DIR     takes the lock of a data directory, says so and holds it until its end
 * child.ts pace FILE    twenty turns, one after the other; prints what each took and how often the loop went round
 */
import { writeSync } from 'node:fs'
import { type Clock, systemClock } from '../../src/store/clock.ts'
import { takeLock } from '../../src/store/lock.ts'
import { openStore } from '../../src/store/store.ts'

// Synchronous: what was printed was printed before whatever comes next.
const say = (line: string): void => void writeSync(1, `${line}\n`)

// However slow the machine is, a turn is never over by its 5 ms: what is said in one go stays together.
const STANDING: Clock = { ...systemClock, monotonic: () => 0 }

async function turns(file: string): Promise<void> {
  let fatals = 0
  const host = {
    flushed() {},
    fatal() {
      fatals++
      say('fatal')
    },
  }
  const store = openStore(file, host, STANDING)
  const { turn } = store
  say('begin')
  for (let t = 0; t < 5 && fatals === 0; t++) {
    for (let i = 0; i < 3; i++) {
      const name = `t${t}-${i}`
      const refuse = (): void => turn.after(() => say(`refused ${name}`))
      try {
        turn.trip(() => {
          store.settings.set(name, Buffer.alloc(2_000))
          turn.after(() => say(`answered ${name}`))
        }, refuse)
      } catch {
        refuse()
      }
    }
    await new Promise((resolve) => setImmediate(resolve))
    while (turn.isOpen) await new Promise((resolve) => setTimeout(resolve, 1))
  }
  if (fatals > 0) {
    // A server ends here; this one goes on, to show that nothing can be said or stored any more.
    try {
      turn.trip(() => store.settings.set('late', Buffer.alloc(1)))
      say('answered late')
    } catch {
      // Refused, as it should be.
    }
    turn.after(() => say('answered after'))
    await new Promise((resolve) => setImmediate(resolve))
    turn.end()
  }
  store.close()
  say(`fatals ${fatals}`)
  process.exit(fatals > 0 ? 1 : 0)
}

function lock(dir: string): void {
  try {
    takeLock(dir)
    say('locked')
    setInterval(() => {}, 60_000)
  } catch (error) {
    say(String(error))
    process.exit(1)
  }
}

async function pace(file: string): Promise<void> {
  let rounds = 0
  const store = openStore(file, {
    flushed() {},
    fatal() {},
    committed: (ms) => say(`commit ${ms} ${rounds}`),
  })
  for (let i = 0; i < 20; i++) {
    rounds = 0
    store.turn.trip(() => store.settings.set(`n${i}`, Buffer.alloc(10)))
    while (store.turn.isOpen) {
      rounds++
      await new Promise((resolve) => setImmediate(resolve))
    }
  }
  process.exit(0)
}

const [verb, path = ''] = process.argv.slice(2)
if (verb === 'prepare') openStore(path, { flushed() {}, fatal() {} }).close()
else if (verb === 'turns') await turns(path)
else if (verb === 'lock') lock(path)
else if (verb === 'pace') await pace(path)
else throw new Error(`no such part: ${verb}`)
