/**
 * The part that a running server and a command on the data of a stopped one have in common: the data directory, its
 * lock, the store and the road above it. Nobody is connected to it yet, and nothing listens.
 */
import type { Config } from '../config/config.ts'
import { features } from '../features/index.ts'
import { AuthLimiter, neverBanned } from '../limits/auth-limiter.ts'
import { databaseFile, prepareDataDir, refuseUnfinished } from '../ops/data-dir.ts'
import type { Feature } from '../routing/feature.ts'
import type { Router } from '../routing/router.ts'
import type { World } from '../routing/transit.ts'
import { createWorld } from '../routing/world.ts'
import { type Clock, type Random, systemRandom } from '../store/clock.ts'
import { takeLock } from '../store/lock.ts'
import { openStore, type Store } from '../store/store.ts'
import type { TurnHost } from '../store/turn-host.ts'

export interface Core {
  readonly config: Config
  readonly clock: Clock
  readonly random: Random
  readonly store: Store
  readonly features: readonly Feature[]
  readonly world: World
  readonly router: Router
  /** Failed logins, for SASL, Basic and the web alike. */
  readonly logins: AuthLimiter
}

export interface CoreHost {
  readonly clock: Clock
  /** Flushes, failed commits and figures of the store. */
  readonly turn: TurnHost
  readonly warn: (warning: string) => void
}

/** The data directory is this process's alone until `opened` is closed. Throws Locked. */
export function lockData(
  dataDir: string,
  warn: (warning: string) => void,
  opened: AsyncDisposableStack,
): void {
  prepareDataDir(dataDir).forEach(warn)
  const lock = takeLock(dataDir)
  opened.defer(() => lock.release())
}

/**
 * Puts what has to be closed on `opened`, so that it is closed too where a later step throws. Throws one sentence for
 * the operator.
 */
export function openCore(config: Config, host: CoreHost, opened: AsyncDisposableStack): Core {
  const { clock } = host
  const random = systemRandom
  lockData(config.data_dir, host.warn, opened)
  refuseUnfinished(config.data_dir)
  const store = openStore(databaseFile(config.data_dir), host.turn)
  opened.defer(() => store.close())
  store.turn.lock.block(config.limits.write_lock_wait)
  const list = features(config)
  const { world, router } = createWorld({ config, store, features: list, clock, random })
  const logins = new AuthLimiter(clock, config.limits, neverBanned(config))
  return { config, clock, random, store, features: list, world, router, logins }
}
