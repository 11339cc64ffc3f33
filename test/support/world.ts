/** The real server in this process: memory store, in-memory transports, a recording of what would be pushed. */
import { type Config, parseConfig } from '../../src/config.ts'
import { features } from '../../src/features/index.ts'
import { AuthLimiter } from '../../src/routing/auth-limiter.ts'
import type { Router } from '../../src/routing/router.ts'
import type { World } from '../../src/routing/transit.ts'
import { createWorld } from '../../src/routing/world.ts'
import { deriveCredentials } from '../../src/store/credentials.ts'
import type { Job } from '../../src/store/push.ts'
import { openStore, type Store } from '../../src/store/store.ts'
import { ClientStreams } from '../../src/stream/listener.ts'
import { Batch } from '../../src/stream/transport.ts'
import { Actor } from './actor.ts'
import { FakeClock, seededRandom } from './clock.ts'
import { MemoryTransport, TEST_IDENTITY } from './memory-transport.ts'

export const PASSWORD = 'wherefore art thou'

/** What every play runs with unless it says otherwise: TLS is pretended, PLAIN makes logins quick. */
const BASE = `
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
  /** TOML that is added to the base; a table named there must not be named in the base. */
  readonly toml?: string
  readonly config?: string
  readonly file?: string
}

export class Play {
  readonly clock = new FakeClock()
  readonly random = seededRandom(1)
  readonly batch = new Batch()
  readonly store: Store
  readonly world: World
  readonly router: Router
  readonly streams: ClientStreams
  /** Rows that the push outbox handed over, after their commit. */
  readonly pushed: Job[] = []
  readonly fatal: unknown[] = []

  constructor(
    readonly config: Config,
    file = ':memory:',
  ) {
    const { clock, random } = this
    this.store = openStore(
      file,
      { flushed: () => this.batch.flush(), fatal: (cause) => void this.fatal.push(cause) },
      clock,
      random,
    )
    const list = features(config)
    const { world, router } = createWorld({ config, store: this.store, features: list, clock, random })
    this.world = world
    this.router = router
    this.store.push.queued = (job) => this.pushed.push(job)
    const context = {
      world,
      router,
      features: list,
      clock,
      auth: new AuthLimiter(clock, config.limits),
      nobody: Buffer.alloc(32, 7),
      identity: () => TEST_IDENTITY,
    }
    this.streams = new ClientStreams(context, 10_000)
  }

  /** Makes an account with the password of all test accounts. */
  async account(jid: string): Promise<void> {
    const host = jid.slice(jid.indexOf('@') + 1)
    const keys = await deriveCredentials(PASSWORD, 4096, () => this.random.bytes(16))
    await this.router.run((t) => t.store.accounts.create(jid, host, keys, t.now))
  }

  /** A raw connection on which nothing was said yet; `secure: false` for one without TLS. */
  connect(options: { ip?: string; secure?: boolean } = {}): Actor {
    const transport = new MemoryTransport(this.batch, options.ip ?? '192.0.2.1', options.secure ?? true)
    const events = this.streams.accept(transport)
    if (events) transport.events = events
    else transport.destroy()
    return new Actor(transport)
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

  [Symbol.dispose](): void {
    this.streams.abort()
    this.store.close()
  }
}

/** Starts a play. `toml` replaces tables of the base by naming them again with all that they need. */
export function play(options: PlayOptions = {}): Play {
  const parsed = parseConfig(options.config ?? BASE + (options.toml ?? ''), 'play.toml')
  if (!parsed.config) throw new Error(parsed.errors.map((error) => error.message).join('\n'))
  return new Play(parsed.config, options.file)
}
