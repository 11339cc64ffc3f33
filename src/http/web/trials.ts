/** Trials: two accounts that are made for somebody who wants to see chat and push at work, and removed afterwards. */
import { SIMULATOR_TOPIC } from '../../config/app.ts'
import { BoundedMap } from '../../bounded-map.ts'
import { Jid } from '../../xmpp/jid.ts'
import { createUser, deleteUser } from '../accounts.ts'
import type { HttpDeps } from '../deps.ts'

export interface Side {
  readonly jid: string
  readonly password: string
  /** Device token of its phone. */
  readonly token: string
}

export interface Trial {
  readonly id: string
  readonly topic: string
  readonly sides: readonly [Side, Side]
}

/** Milliseconds after which a trial that nobody has ended is over. */
const LONGEST = 3_600_000
const MOST = 5
/** Setting that names the accounts of trials under way: those of a server that was killed are removed by the next. */
const LEFT = 'trials'

export class Trials {
  readonly #deps: HttpDeps
  readonly #trials = new BoundedMap<string, Trial>(MOST + 1)

  constructor(deps: HttpDeps) {
    this.#deps = deps
  }

  find(id: string): Trial | undefined {
    return this.#trials.get(id)
  }

  /** Beyond MOST the oldest ends. */
  async start(): Promise<Trial> {
    const { world, clock } = this.#deps
    await this.#removeLeft()
    const name = world.random.bytes(4).toString('hex')
    const topic = world.config.push.apps[0]?.topic ?? SIMULATOR_TOPIC
    const sides: [Side, Side] = [this.#side(`try-one-${name}`), this.#side(`try-two-${name}`)]
    const trial = { id: world.random.bytes(12).toString('base64url'), topic, sides }
    const [oldest] = this.#trials.values()
    if (this.#trials.size >= MOST && oldest) await this.end(oldest.id)
    this.#trials.set(trial.id, trial)
    await this.#note()
    for (const { jid, password } of sides)
      await createUser(this.#deps, {
        jid: Jid.parse(jid),
        password,
        by: { kind: 'operator', allowLookalike: true },
      })
    clock.after(LONGEST, () => void this.end(trial.id))
    return trial
  }

  /** Removes both accounts, and what they have written with them. */
  async end(id: string): Promise<void> {
    const trial = this.#trials.get(id)
    if (!trial) return
    this.#trials.delete(id)
    for (const { jid, token } of trial.sides) {
      await this.#remove(jid)
      this.#deps.push?.phones?.forget(trial.topic, token)
    }
    await this.#note()
  }

  /** Accounts of trials that were under way when the server was killed. */
  async #removeLeft(): Promise<void> {
    const text = this.#deps.world.store.settings.get(LEFT)?.toString()
    const left: unknown = text === undefined || text === '' ? [] : JSON.parse(text)
    const own = new Set([...this.#trials.values()].flatMap(({ sides }) => sides.map(({ jid }) => jid)))
    if (Array.isArray(left))
      for (const jid of left) if (typeof jid === 'string' && !own.has(jid)) await this.#remove(jid)
  }

  async #remove(jid: string): Promise<void> {
    if (this.#deps.world.store.accounts.find(jid)) await deleteUser(this.#deps, jid)
  }

  async #note(): Promise<void> {
    const jids = [...this.#trials.values()].flatMap(({ sides }) => sides.map(({ jid }) => jid))
    await this.#deps.router.run((t) => t.store.settings.set(LEFT, Buffer.from(JSON.stringify(jids))))
  }

  #side(name: string): Side {
    const { random, config } = this.#deps.world
    const jid = `${name}@${config.hosts[0]}`
    return { jid, password: random.bytes(18).toString('base64url'), token: random.bytes(32).toString('hex') }
  }
}
