/** The moment at which a push goes on the wire: whether it still may. */
import { BoundedMap } from '../../bounded-map.ts'
import type { Device } from '../../store/devices.ts'
import type { Job, Removal } from '../../store/push.ts'
import type { ReadPush, ReadStore } from '../../store/tx.ts'
import { isUncounted, isUpdate } from '../rules/classify.ts'
import type { Result } from './provider.ts'
import { renew } from './refresh.ts'

export interface Look {
  readonly push: ReadPush
  readonly badges: ReadStore['badges']
  /** Name of the rule that has made a push needless since it was queued. `counts`: it is about an unread message. */
  readonly outdated?: ((job: Job, counts: boolean) => string | undefined) | undefined
  /** Notices that a push takes off its phone; undefined where the app takes none off. */
  readonly removal?: ((job: Job) => Removal | undefined) | undefined
}

/**
 * `stale`: it waited for so long, or was sent before, that what it rests on is looked up again. What came about since it
 * was queued has taken it back as far as that was told (Push.recall); what only time brings about has not.
 */
export function lastLook(job: Job, look: Look, stale: boolean): Result | undefined {
  const { push, badges, outdated, removal } = look
  job.removal = removal?.(job)
  if (!stale || !job.device) return undefined
  if (!renew(job, push, badges)) return { is: 'drop', reason: 'DeviceGone', unsent: true }
  const rule = outdated?.(job, !isUpdate(job.kind) && !isUncounted(job.kind))
  return rule === undefined ? undefined : { is: 'withdrawn', rule }
}

/** Phones that are kept in mind; the one that asked last longest ago is forgotten. */
const PHONES = 10_000

/** Phones that asked for fewer pushes, and until when; whichever account's registration it was. */
export class Pacing {
  readonly #until = new BoundedMap<string, number>(PHONES)

  wait(device: Device, until: number): void {
    this.#until.set(placeOf(device), until)
  }

  look(device: Device, now: number): Result | undefined {
    if (this.#until.size === 0) return undefined
    const until = this.#until.get(placeOf(device)) ?? 0
    return until > now
      ? { is: 'retry', reason: 'TooManyRequests', afterMs: until - now, untouched: true, whole: true }
      : undefined
  }
}

const placeOf = ({ kind, topic, address }: Device): string => `${kind} ${topic} ${address}`

/** Whether a provider has said it, about the push itself. */
export const isAnswer = (result: Result): boolean =>
  result.is === 'sent' || result.is === 'forget' || (result.is === 'drop' && result.unsent !== true)
