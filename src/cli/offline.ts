/** The data of a stopped server behind the very application that a running one answers with. */
import { existsSync, statSync } from 'node:fs'
import type { Config } from '../config/config.ts'
import { features } from '../features/index.ts'
import { createApp } from '../http/app.ts'
import { databaseFile, prepareDataDir } from '../ops/data-dir.ts'
import type { ProbeResult } from '../push/apns/probe.ts'
import { AuthLimiter, neverBanned } from '../limits/auth-limiter.ts'
import type { Router } from '../routing/router.ts'
import { createWorld } from '../routing/world.ts'
import { type Clock, systemClock, systemRandom } from '../store/clock.ts'
import { takeLock } from '../store/lock.ts'
import { openStore, type Store } from '../store/store.ts'
import { CliError } from './exit.ts'

export interface Offline {
  readonly request: (path: string, init: RequestInit) => Promise<Response>
  readonly close: () => Promise<void>
}

export async function openOffline(config: Config): Promise<Offline> {
  becomeOwner(config.data_dir)
  for (const warning of prepareDataDir(config.data_dir)) process.stderr.write(`warning: ${warning}\n`)
  const lock = takeLock(config.data_dir)
  const fatal = (cause: unknown): void => {
    process.stderr.write(`error: ${config.data_dir} cannot be written: ${String(cause)}\n`)
    process.exit(1)
  }
  const store = openStore(databaseFile(config.data_dir), { flushed() {}, fatal })
  store.turn.lock.block(config.limits.write_lock_wait)
  const clock = systemClock
  const random = systemRandom
  // Nobody is connected here; the features still run, so that contacts learn of an account that goes.
  const { world, router } = createWorld({ config, store, features: features(config), clock, random })
  const app = createApp({
    world,
    router,
    logins: new AuthLimiter(clock, config.limits, neverBanned(config)),
    clock,
    pushTarget: () => 'off: the server is stopped',
    online: false,
    push: { ...NOTHING_RUNS, check: () => checkApps(config, store, router, clock) },
    readiness: async () => [{ name: 'server', ok: false, detail: 'stopped' }],
  })
  return {
    async request(path, init) {
      return app.fetch(new Request(`http://localhost${path}`, init), { peer: { kind: 'socket' } })
    },
    async close() {
      store.close()
      lock.release()
    },
  }
}

/** Nothing is sent by a command but probes. */
const NOTHING_RUNS = { lanes: () => [], apps: () => [], alarms: () => [] }

/** With the provider token of the last run, since Apple punishes those who sign anew at every start. */
async function checkApps(
  config: Config,
  store: Store,
  router: Pick<Router, 'run'>,
  clock: Clock,
): Promise<ProbeResult[]> {
  const [{ PushService }, { probeApps }] = await Promise.all([
    import('../push/service.ts'),
    import('../push/apns/probe.ts'),
  ])
  const random = systemRandom
  const run = <T>(f: () => T): Promise<T> => router.run(f)
  const { apps, proxy } = config.push
  const service = new PushService({
    push: store.push,
    badges: store.badges,
    run,
    clock,
    random,
    apps,
    proxy,
    // It is not asked, and what is wrong with its secret says nothing of the apps.
    webhook: { format: 'json', allow_private: false },
  })
  try {
    return await probeApps(service.apns, { clock, random })
  } finally {
    await service.apns?.stop(0)
  }
}

/** Files that root makes could not be opened by the service afterwards. */
function becomeOwner(dataDir: string): void {
  if (process.getuid?.() !== 0 || !existsSync(dataDir)) return
  const { uid, gid } = statSync(dataDir)
  if (uid === 0) return
  try {
    process.setgroups?.([gid])
    process.setgid?.(gid)
    process.setuid?.(uid)
  } catch (error) {
    throw new CliError(`cannot act as the owner of ${dataDir} (uid ${uid}): ${String(error)}`)
  }
}
