/** Puts the road together: one world, one router, the features in their order. */
import { type AuthBackend, InternalAuth } from '../auth/backend.ts'
import type { Config } from '../config/config.ts'
import { getLogger } from '../log.ts'
import { Networks } from '../net/address.ts'
import type { Clock, Random } from '../store/clock.ts'
import type { Account } from '../store/accounts.ts'
import type { Store } from '../store/store.ts'
import { StanzaError } from '../xmpp/errors.ts'
import { confirm } from './delivery.ts'
import { DomainTable } from './domains.ts'
import { deleteAccount } from './lifetime.ts'
import type { Feature } from './feature.ts'
import { insist } from './run.ts'
import type { Publication, VcardChange } from './outcome.ts'
import { Outbound } from './outbound.ts'
import { queued } from './redelivery.ts'
import { RegistrationLimiter } from '../limits/registration-limiter.ts'
import { Router } from './router.ts'
import { Sessions } from './session.ts'
import type { Command, DeliveryEvents, DiscoIndex, Trip, World } from './transit.ts'

const log = getLogger('router')
const CAPS_NODE = 'https://belfry.invalid/caps'

export interface WorldOptions {
  readonly config: Config
  readonly store: Store
  readonly features: readonly Feature[]
  readonly clock: Clock
  readonly random: Random
  /** The backend that knows passwords, if not the server itself. */
  readonly auth?: AuthBackend | undefined
}

export function createWorld(options: WorldOptions): { world: World; router: Router } {
  const { config, store, features, clock, random } = options
  const started = clock.monotonic()
  const domains = new DomainTable(config, features)
  const { ip_access, timeout } = config.registration
  const world: World = {
    config,
    store,
    auth: options.auth ?? new InternalAuth(store, random, () => config.auth.scram_iterations),
    sessions: new Sessions(),
    random,
    clock,
    registrations: new RegistrationLimiter(clock, new Networks(ip_access), timeout),
    domains,
    homes: {
      of: ({ domain }) => (domains.hosts.has(domain) ? 'here' : 'elsewhere'),
      // There is no federation yet.
      send() {
        throw new StanzaError('remote-server-not-found')
      },
    },
    answerAsHost: (t) => router.answerAsHost(t),
    tell: (t, news, takers) => router.tell(t, news, takers),
    uptime: () => clock.monotonic() - started,
    now: () => clock.now(),
    outbound: new Outbound(store.turn, features, () => world),
    soon(f) {
      router.run(f).catch((error: unknown) => log.error('work put off to a later turn failed', { error }))
    },
    insist: (f, givenUp) => insist(world, (work) => router.run(work), f, givenUp),
    end: (session) => router.close(session),
    resumed(session) {
      for (const feature of features) feature.resumed?.(session, world)
    },
    ...hooksOf(features),
    delivery: deliveryOf(features),
    disco: indexDisco(features),
    commands: commandTable(features),
    deleteAccount: (t, account) => deleteAccount(t, features, account),
  }
  // Looked up at each use: a reload puts another webhook in its place.
  store.events.terms = () => ({
    names: config.webhook.url === undefined ? [] : config.webhook.events,
    keep: config.push.expiration,
    most: config.limits.webhook_events,
  })
  const router = new Router(world, features)
  return { world, router }
}

/** The index of all advertised features; two that advertise the same are a mistake worth a failed start. */
function indexDisco(features: readonly Feature[]): DiscoIndex {
  const server = features.flatMap(({ disco }) => disco?.server ?? [])
  const account = features.flatMap(({ disco }) => disco?.account ?? [])
  const forms = features.flatMap(({ disco }) => disco?.forms ?? [])
  const identities = features.flatMap(({ disco }) => disco?.identities ?? [])
  const nodes = features.flatMap(({ disco }) => disco?.nodes ?? [])
  const serverNodes = features.flatMap(({ disco }) => disco?.serverNodes ?? [])
  for (const list of [server, account]) {
    const twice = list.find((name, i) => list.indexOf(name) !== i)
    if (twice) throw new Error(`${twice} is advertised by two features`)
  }
  return { capsNode: CAPS_NODE, server, account, forms, identities, nodes, serverNodes }
}

/** Runs the hooks that are no part of the road itself. */
function hooksOf(features: readonly Feature[]): Pick<World, 'published' | 'vcardChanged'> {
  return {
    published(t: Trip, owner: Account, change: Publication) {
      for (const feature of features) feature.published?.(t, owner, change)
    },
    vcardChanged(t: Trip, owner: Account, change: VcardChange) {
      for (const feature of features) feature.vcardChanged?.(t, owner, change)
    },
  }
}

/** Tells each listener in the order of the features; the delivery itself takes note first. */
function deliveryOf(features: readonly Feature[]): DeliveryEvents {
  const listeners = features.flatMap(({ delivery }) => delivery ?? [])
  return {
    queued,
    acknowledged(t, session, els) {
      confirm(t, session, els)
      for (const listener of listeners) listener.acknowledged?.(t, session, els)
    },
    timedOut(t, session, messages) {
      for (const listener of listeners) listener.timedOut?.(t, session, messages)
    },
    acknowledgedLate(t, session, messages) {
      for (const listener of listeners) listener.acknowledgedLate?.(t, session, messages)
    },
    requeued(t, account, messages) {
      for (const listener of listeners) listener.requeued?.(t, account, messages)
    },
  }
}

/** Every command by its node; two of one node are a mistake worth a failed start. */
function commandTable(features: readonly Pick<Feature, 'name' | 'commands'>[]): ReadonlyMap<string, Command> {
  const table = new Map<string, Command>()
  for (const { name, commands } of features)
    for (const command of commands ?? []) {
      if (table.has(command.node)) throw new Error(`${name}: the command ${command.node} is there already`)
      table.set(command.node, command)
    }
  return table
}
