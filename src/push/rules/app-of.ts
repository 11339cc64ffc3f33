/** The app of a device in the configuration, whatever its kind: how much of a message it may be told. Pure. */
import type { Config } from '../../config/config.ts'
import type { Device } from '../../store/devices.ts'
import type { BodyPolicy } from './policy.ts'

interface OfApp {
  readonly body: BodyPolicy
  readonly attachments?: boolean
  readonly removals?: boolean
  readonly digest?: string | undefined
  readonly title?: 'name' | 'jid' | 'key'
}

/** Of a service that has no table of its own, that of the other holds: one key serves both. */
export function appOf(
  { push }: Config,
  { kind, topic, environment }: Pick<Device, 'kind' | 'topic' | 'environment'>,
): OfApp | undefined {
  if (kind === 'webpush') return push.webpush
  if (kind === 'fcm') return push.fcm.find((app) => app.topic === topic)
  const apps = push.apps.filter((app) => app.topic === topic)
  return apps.find((app) => app.environment === environment) ?? apps[0]
}
