/** Whether the running server can do its work: the checks of all its parts, and a line of the log where one turns. */
import type { CertificateDoor } from '../http/deps.ts'
import type { Backups } from '../ops/backups.ts'
import { databaseFile } from '../ops/data-dir.ts'
import { type Check, checkDisk, FileCheck, StoreCheck } from '../ops/readiness.ts'
import { ReadinessWatch, type ReloadWatch } from '../ops/watch.ts'
import type { Core } from './core.ts'
import type { Address } from './listeners.ts'
import type { LivePush } from './live-push.ts'

export interface ReadinessParts extends Pick<Core, 'config' | 'clock' | 'store' | 'router'> {
  readonly push: LivePush
  readonly backups: Backups
  readonly reloads: ReloadWatch
  readonly certificates: Pick<CertificateDoor, 'alarms'>
  /** Listeners that are open by now. */
  readonly addresses: () => readonly Address[]
}

export function readinessOf(parts: ReadinessParts): () => Promise<readonly Check[]> {
  const { config, clock, store, router, push, backups, certificates, reloads, addresses } = parts
  const writes = new StoreCheck(
    store,
    (f) => router.run(f),
    () => clock.monotonic(),
  )
  const database = new FileCheck(databaseFile(config.data_dir))
  const watch = new ReadinessWatch()
  return async () => {
    const checks: Check[] = [
      await writes.look(),
      database.look(),
      checkDisk(config.data_dir),
      { name: 'listeners', ok: true, detail: portsOf(addresses()) },
      { name: 'push', ok: true, degraded: push.degraded, detail: push.describe(config) },
    ]
    const alarms = {
      ...{ backup: backups.alarms(), certificates: certificates.alarms() },
      configuration: reloads.alarms(),
    }
    for (const [name, raised] of Object.entries(alarms))
      if (raised.length > 0) checks.push({ name, ok: true, degraded: true, detail: raised.join('; ') })
    watch.note(checks)
    return checks
  }
}

function portsOf(addresses: readonly Address[]): string {
  return addresses
    .filter(({ port }) => port > 0)
    .map(({ name, port }) => `${name} ${port}`)
    .join(', ')
}
