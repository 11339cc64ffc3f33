/** Wishes of a person for one device of his: muted, its own quiet hours, and what rings through quiet hours. Pure. */
import type { DeviceWishes } from '../../store/device-table.ts'
import type { Quiet } from '../../store/unread.ts'
import { isQuiet } from './quiet.ts'

/** Kinds of what may ring through quiet hours. */
export const THROUGH = ['calls', 'mentions'] as const

export interface Ringing {
  /** Rule of classify.ts that proposed it. */
  readonly kind: string
  /** A message of a room that names the account. */
  readonly mention: boolean
}

/** State of one device's wishes for one push. */
export interface Stillness {
  readonly muted: boolean
  /** The device's own quiet hours. */
  readonly quiet: boolean
  /** It rings through quiet hours, the device's and the account's. */
  readonly passes: boolean
}

export function stillness(
  wishes: DeviceWishes | undefined,
  { kind, mention }: Ringing,
  now: number,
): Stillness {
  const { muted, quiet = null, through = [] } = wishes ?? {}
  const isCall = kind === 'call' || kind === 'call-invite' || kind === 'direct-voip'
  return {
    muted: muted !== undefined && (muted.until === null || now < muted.until),
    quiet: isQuiet(quiet, now),
    passes: (isCall && through.includes('calls')) || (mention && through.includes('mentions')),
  }
}

/** Rule of decide.ts that keeps a push from ringing; `quiet`: the account's quiet hours. */
export function stilled(
  wishes: DeviceWishes | undefined,
  ringing: Ringing,
  quiet: Quiet | null,
  now: number,
): 'device-muted' | 'quiet-hours' | 'device-quiet-hours' | undefined {
  const device = stillness(wishes, ringing, now)
  if (device.muted) return 'device-muted'
  if (device.passes) return undefined
  if (isQuiet(quiet, now)) return 'quiet-hours'
  return device.quiet ? 'device-quiet-hours' : undefined
}
