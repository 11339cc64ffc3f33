/** The data of a stopped server behind the very application that a running one answers with. */
import type { Config } from '../config/config.ts'
import { createApp } from '../http/app.ts'
import { Backups } from '../ops/backups.ts'
import { Jobs } from '../ops/jobs.ts'
import type { ProbeResult } from '../push/apns/probe.ts'
import type { Core } from '../server/core.ts'
import { VERSION } from '../version.ts'
import { openData } from './data.ts'

export interface Offline {
  readonly request: (path: string, init: RequestInit) => Promise<Response>
  readonly close: () => Promise<void>
}

export async function openOffline(config: Config): Promise<Offline> {
  const { core, close } = await openData(config)
  try {
    const { world, router, logins, clock } = core
    const jobs = new Jobs(clock)
    const backups = new Backups({ config, clock, jobs, run: (f) => router.run(f), version: VERSION })
    // Features run although nobody is connected, so that contacts learn of an account that goes.
    const app = createApp({
      world,
      router,
      logins,
      clock,
      pushTarget: () => 'off: the server is stopped',
      online: false,
      backups,
      jobs,
      push: { ...NOTHING_RUNS, check: () => checkApps(core) },
      readiness: async () => [{ name: 'server', ok: false, detail: 'stopped' }],
    })
    return {
      async request(path, init) {
        return app.fetch(new Request(`http://localhost${path}`, init), { peer: { kind: 'socket' } })
      },
      close,
    }
  } catch (error) {
    await close()
    throw error
  }
}

/** Nothing is sent by a command but probes. */
const NOTHING_RUNS = { lanes: () => [], apps: () => [], alarms: () => [] }

/** With the provider token of the last run, since Apple punishes those who sign anew at every start. */
async function checkApps({ config, store, router, clock, random }: Core): Promise<ProbeResult[]> {
  const [{ PushService }, { probeApps }] = await Promise.all([
    import('../push/service.ts'),
    import('../push/apns/probe.ts'),
  ])
  const { apps, proxy } = config.push
  const service = new PushService({
    push: store.push,
    badges: store.badges,
    run: (f) => router.run(f),
    clock,
    random,
    apps,
    proxy,
    // The webhook is not asked, and what is wrong with its secret says nothing of the apps.
    webhook: { format: 'json', allow_private: false },
  })
  try {
    return await probeApps(service.apns, { clock, random })
  } finally {
    await service.apns?.stop(0)
  }
}
