/** Alarms, which an operator must hear about without asking: raised once in the log, shown on the dashboard until it is over. */
import { getLogger } from '../../log.ts'
import type { AppState } from '../apns/apns.ts'
import type { LaneState } from '../outbox/queue.ts'
import { offBy, withDetail } from '../apns/probe.ts'
import { rests } from './paused.ts'
import { reasonInWords } from '../rules/reasons-text.ts'

const log = getLogger('push')

export interface Alarm {
  /** The same for as long as it lasts. */
  readonly name: string
  /** One sentence. */
  readonly text: string
}

export interface AlarmFacts {
  readonly now: number
  /** Time at which the push was queued that waits longest (ms). */
  readonly oldest: number | undefined
  readonly lanes: readonly LaneState[]
  readonly apps: readonly Pick<AppState, 'topic' | 'environment' | 'expires'>[]
  /** Of Apple ahead of ours (ms). */
  readonly clockOffset: number | undefined
  /** Webhook rows that were given up. */
  readonly dead: number
  /** Devices by topic whose token is another app's. */
  readonly misfits?: readonly { readonly topic: string; readonly n: number }[]
  /** [push] alarm_after and certificate_alarm, ms. */
  readonly alarmAfter: number
  readonly certificateAlarm: number
}

const DAY = 86_400_000

export function alarmsOf(facts: AlarmFacts): Alarm[] {
  const { now, oldest, lanes, apps, clockOffset, dead } = facts
  const found: Alarm[] = []
  const age = oldest === undefined ? 0 : now - oldest
  if (age > facts.alarmAfter)
    found.push({ name: 'outbox-age', text: `A push waits since ${minutes(age)}: see belfry push queue.` })
  for (const { name, lane, reason, detail } of rests(lanes)) {
    if (reason === 'retry') continue
    // A bad clock is why Apple refuses good keys, so it is named where keys are refused.
    const clock = reason.endsWith('ProviderToken') ? offBy(clockOffset) : ''
    const text = `Push rests at ${lane}: ${reason}, ${withDetail(reasonInWords(reason), detail)}${clock}.`
    found.push({ name: `paused ${name}`, text })
  }
  for (const { topic, environment, expires } of apps) {
    if (expires === undefined || expires - now > facts.certificateAlarm) continue
    const left = Math.ceil((expires - now) / DAY)
    const text =
      left > 0
        ? `The push certificate of ${topic} (${environment}) ends in ${left} days.`
        : `The push certificate of ${topic} (${environment}) has ended: no phone rings.`
    found.push({ name: `certificate ${environment} ${topic}`, text })
  }
  for (const { topic, n } of facts.misfits ?? [])
    found.push({
      name: `misfit ${topic}`,
      text: `Apple says that ${n === 1 ? 'a device' : `${n} devices`} of ${topic} belong${n === 1 ? 's' : ''} to another app: compare topic with the app’s bundle id. Nothing was removed.`,
    })
  if (dead > 0)
    found.push({
      name: 'dead-letters',
      text: `The webhook refused ${dead} messages or events: send them again with belfry webhook replay.`,
    })
  return found
}

function minutes(ms: number): string {
  const whole = Math.floor(ms / 60_000)
  return whole >= 120 ? `${Math.floor(whole / 60)} hours` : `${whole} minutes`
}

/** Remembers what was said, so that each alarm is one line at its beginning and one at its end. */
export class AlarmLog {
  #raised = new Map<string, string>()

  update(alarms: readonly Alarm[]): void {
    const next = new Map(alarms.map(({ name, text }) => [name, text]))
    for (const [alarm, text] of next) if (!this.#raised.has(alarm)) log.error('alarm', { alarm, text })
    for (const alarm of this.#raised.keys()) if (!next.has(alarm)) log.info('alarm is over', { alarm })
    this.#raised = next
  }
}
