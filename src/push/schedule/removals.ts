/** Notices that have gone from a phone, because what they tell of was read elsewhere or taken back: for apps that take them off. */
import type { Device } from '../../store/devices.ts'
import type { ShownNotice } from '../../store/notices.ts'
import type { Job, Removal } from '../../store/push.ts'
import type { World } from '../../routing/transit.ts'
import { appOf } from '../rules/app-of.ts'
import { isBrowsers } from '../webpush/endpoint.ts'

type Look = Pick<World, 'config' | 'store'>

/** Everything that a push has to say of it; undefined where its app takes no notices off. Reads alone. */
export function removalOf(world: Look, { device, messageId }: Job): Removal | undefined {
  if (!device || !takesOff(world, device)) return undefined
  return {
    ids: gone(world, device).map(({ collapseId }) => collapseId),
    counts: world.store.unread.has(Number(messageId)),
    most: world.config.limits.notices_per_device,
  }
}

/** Those of which no push that was taken has told yet: the phone may have been off, so that alerts go on telling of all. */
export const untold = (world: Look, device: Device): ShownNotice[] =>
  takesOff(world, device) ? gone(world, device).filter(({ told }) => !told) : []

/**
 * Whether a push may say it that says nothing else. A browser's has to show something, and Conversations reads no more than
 * that it was woken.
 */
export const mayWake = (world: Look, device: Device): boolean =>
  takesOff(world, device) &&
  device.options.accountName === undefined &&
  !(device.kind === 'webpush' && isBrowsers(hostOf(device.address)))

const takesOff = ({ config }: Look, device: Device): boolean => appOf(config, device)?.removals === true

/** Of all accounts that the app has on that phone, the oldest first. */
const gone = ({ store }: Look, device: Device): ShownNotice[] =>
  store.push.devices
    .sharing(device)
    .flatMap(({ id }) => store.push.notices.of(id))
    .filter(({ messageId }) => !store.unread.has(messageId))

const hostOf = (address: string): string => URL.parse(address)?.hostname ?? ''
