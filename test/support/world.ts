/** The real server in this process: memory store, in-memory transports, a recording of what would be pushed. */
import { copyFileSync } from 'node:fs'
import type { AuthBackend } from '../../src/auth/backend.ts'
import { type Config, parseConfig } from '../../src/config/config.ts'
import { features } from '../../src/features/index.ts'
import { AuthLimiter, neverBanned } from '../../src/limits/auth-limiter.ts'
import { sessions } from '../../src/metrics/metrics.ts'
import type { Feature } from '../../src/routing/feature.ts'
import type { Router } from '../../src/routing/router.ts'
import type { World } from '../../src/routing/transit.ts'
import { createWorld } from '../../src/routing/world.ts'
import type { Random } from '../../src/store/clock.ts'
import { deriveCredentials } from '../../src/store/credentials.ts'
import type { Job } from '../../src/store/push.ts'
import { openStore, Store } from '../../src/store/store.ts'
import type { DiskSync } from '../../src/store/wal-sync.ts'
import { ClientStreams } from '../../src/stream/listener.ts'
import { Batch } from '../../src/stream/transports/transport.ts'
import { Actor, PASSWORD } from './actor.ts'
import { FakeClock, seededRandom } from './clock.ts'
import { MemoryTransport, TEST_IDENTITY } from './memory-transport.ts'

/** What every play runs with unless it says otherwise: TLS is pretended, PLAIN makes logins quick. */
export const BASE = `
hosts = ["bix.org", "other.example"]
[auth]
plain = true
scram_iterations = 4096
[limits]
rates = false
[push]
simulator = true
`

export interface PlayOptions {
  /** TOML tables that are added to the base; one that is named there too replaces it. */
  readonly toml?: string
  readonly config?: string
  readonly file?: string
  /** Features beside the server's own. */
  readonly extra?: readonly Feature[]
  /** Where the time is another than at the start of every play. */
  readonly clock?: FakeClock
  /** Of what is random: a server that starts again does not give the same ids again. */
  readonly seed?: number
  /** A disk that says when it has synced; without one what is committed is on disk at once. */
  readonly disk?: DiskSync
  /** Who knows passwords, instead of the server itself. */
  readonly auth?: () => AuthBackend
}

export class Play {
  readonly random: Random
  readonly batch = new Batch()
  readonly store: Store
  readonly world: World
  readonly router: Router
  readonly streams: ClientStreams
  /** Rows that the push outbox handed over, after their commit. */
  readonly pushed: Job[] = []
  readonly fatal: unknown[] = []
  #stopped = false

  constructor(
    readonly config: Config,
    file = ':memory:',
    extra: readonly Feature[] = [],
    readonly clock = new FakeClock(),
    seed = 1,
    disk?: DiskSync,
    auth?: () => AuthBackend,
  ) {
    const random = seededRandom(seed)
    this.random = random
    // Of the process: what a play before this one has left would count as this one's.
    sessions.reset()
    this.store = openStore(
      file,
      { flushed: () => this.batch.flush(), fatal: (cause) => void this.fatal.push(cause) },
      clock,
      random,
      disk,
    )
    const list = [...features(config), ...extra]
    const { store } = this
    const backend = auth?.()
    const { world, router } = createWorld({ config, store, features: list, clock, random, auth: backend })
    this.world = world
    this.router = router
    this.store.push.queued = (job) => this.pushed.push(job)
    const context = {
      world,
      router,
      features: list,
      clock,
      auth: new AuthLimiter(clock, config.limits, neverBanned(config)),
      nobody: Buffer.alloc(32, 7),
      identity: () => TEST_IDENTITY,
    }
    this.streams = new ClientStreams(context, 10_000)
    router.start()
  }

  /** Makes an account with the password of all test accounts. */
  async account(jid: string): Promise<void> {
    const host = jid.slice(jid.indexOf('@') + 1)
    const keys = await deriveCredentials(PASSWORD, 4096, () => this.random.bytes(16))
    await this.router.run((t) => t.store.accounts.create(jid, host, keys, t.now))
  }

  /** A raw connection on which nothing was said yet; `secure: false` for one without TLS. */
  connect(options: { ip?: string; secure?: boolean; tls?: 'TLSv1.2' | 'TLSv1.3' } = {}): Actor {
    const transport = new MemoryTransport(
      this.batch,
      options.ip ?? '192.0.2.1',
      options.secure ?? true,
      options.tls,
    )
    const events = this.streams.accept(transport)
    if (events) transport.events = events
    else transport.destroy()
    return new Actor(transport)
  }

  /** The same connection again after login, with no resource yet. */
  async returns(jid: string, options: { ip?: string } = {}): Promise<Actor> {
    const [bare = ''] = jid.split('/')
    const at = bare.indexOf('@')
    const actor = this.connect(options)
    await actor.opens(bare.slice(at + 1))
    await actor.authenticates(bare.slice(0, at))
    await actor.opens(bare.slice(at + 1))
    return actor
  }

  /** A session of an account, bound and silent: "romeo@bix.org/orchard". The account is made when it is missing. */
  async bound(jid: string): Promise<Actor> {
    const [bare = '', resource = 'home'] = jid.split('/')
    if (!this.store.accounts.find(bare)) await this.account(bare)
    const actor = this.connect()
    await actor.logsIn(bare, PASSWORD, resource)
    return actor
  }

  /** A bound session that has sent initial presence and asked for its roster. */
  async online(jid: string): Promise<Actor> {
    const actor = await this.bound(jid)
    actor.sends(`<iq type='get' id='roster'><query xmlns='jabber:iq:roster'/></iq>`)
    await actor.answer('roster')
    actor.sends('<presence/>')
    await actor.settles()
    actor.forget()
    return actor
  }

  /** Lets every COMMIT that has written anything fail from now on; the result mends the disk. */
  commitsFail(): () => void {
    const { raw } = this.store.db
    this.store.turn.end()
    // A foreign key that is checked at COMMIT, broken by a trigger on each table.
    raw.run('CREATE TABLE whole (id INTEGER PRIMARY KEY)')
    raw.run('CREATE TABLE broken (x REFERENCES whole (id) DEFERRABLE INITIALLY DEFERRED)')
    const tables = raw
      .query<{ name: string }, []>(
        `SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT IN ('whole', 'broken')
         AND name NOT LIKE 'sqlite_%'`,
      )
      .all()
    const triggers = tables.flatMap(({ name }) =>
      ['INSERT', 'UPDATE', 'DELETE'].map((verb) => ({ name: `fail_${name}_${verb}`, table: name, verb })),
    )
    for (const { name, table, verb } of triggers) {
      raw.run(
        `CREATE TEMP TRIGGER ${name} AFTER ${verb} ON ${table} BEGIN INSERT INTO broken VALUES (1); END`,
      )
    }
    return () => {
      this.store.turn.end()
      for (const { name } of triggers) raw.run(`DROP TRIGGER ${name}`)
      raw.run('DROP TABLE broken')
      raw.run('DROP TABLE whole')
    }
  }

  /** The same rows with nothing remembered: what a restart would know. */
  reloaded(): Store {
    return new Store(this.store.db, this.clock, this.random)
  }

  /** What is on disk at this moment, as after a power cut: a copy of the database, to be opened by another play. */
  crash(): string {
    const { file } = this.store.db
    this.store.turn.end()
    for (const part of ['', '-wal']) copyFileSync(`${file}${part}`, `${file}.crashed${part}`)
    return `${file}.crashed`
  }

  /** Streams that are open, before their login too, as /metrics counts them. */
  async openStreams(): Promise<number> {
    const { values } = await sessions.get()
    return values.filter(({ labels }) => labels.state === 'open').reduce((sum, { value }) => sum + value, 0)
  }

  /** An orderly stop, as the server's. */
  stop(): void {
    this.streams.stop()
    this.#stopped = true
  }

  [Symbol.dispose](): void {
    if (!this.#stopped) this.streams.abort()
    this.store.close()
  }
}

/** Starts a play. `toml` replaces tables of the base by naming them again with all that they need. */
export function play(options: PlayOptions = {}): Play {
  const parsed = parseConfig(options.config ?? merged(options.toml ?? ''), 'play.toml')
  if (!parsed.config) throw new Error(parsed.errors.map((error) => error.message).join('\n'))
  const { file, extra, clock, seed, disk, auth } = options
  return new Play(parsed.config, file, extra, clock, seed, disk, auth)
}

/** The base without the tables that `toml` names itself. */
function merged(toml: string): string {
  const named = new Set(toml.match(/^\[\w+\]/gm))
  const tables = BASE.split(/^(?=\[)/m).filter((table) => !named.has(/^\[\w+\]/.exec(table)?.[0] ?? ''))
  return `${tables.join('')}\n${toml}`
}
